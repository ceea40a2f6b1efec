"""The node's operating system: a Debian root with the chosen barclamps' packages, built once, content-addressed."""

from crowbar.provision.image.build import Image, build_image
from crowbar.provision.image.spec import BASE_PACKAGES, ImageSpec

__all__ = ["BASE_PACKAGES", "Image", "ImageSpec", "build_image"]
