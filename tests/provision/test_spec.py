from __future__ import annotations

from dataclasses import replace

from crowbar.provision.image.archives import Archive
from crowbar.provision.image.sources import Source
from crowbar.provision.image.spec import BASE_PACKAGES, ImageSpec, Supply, image_digest

ARCHIVE = Archive(Source("http://mirror.example/debian", "trixie", ("main",)), "Debian", "d1")
SUPPLY = Supply((ARCHIVE,), (("Acquire::Check-Valid-Until", "false"),), "machine a login b password c\n")
SPEC = ImageSpec(("keystone", "glance-api"))


def test_the_order_and_number_of_mentions_do_not_count() -> None:
    assert ImageSpec(("glance-api", "keystone", "keystone")).digest == SPEC.digest
    assert set(BASE_PACKAGES) < set(SPEC.all_packages)


def test_another_package_or_release_is_another_image() -> None:
    others = [ImageSpec(("keystone",)), replace(SPEC, release="forky")]
    assert len({image_digest(spec, SUPPLY) for spec in [SPEC, *others]}) == 3


def test_new_packages_on_the_mirror_are_another_image() -> None:
    newer = replace(SUPPLY, archives=(replace(ARCHIVE, digest="d2"),))
    assert image_digest(SPEC, newer) != image_digest(SPEC, SUPPLY)


def test_another_mirror_with_the_same_packages_is_the_same_image() -> None:
    elsewhere = replace(ARCHIVE, source=replace(ARCHIVE.source, uri="http://other.example/debian"))
    assert image_digest(SPEC, replace(SUPPLY, archives=(elsewhere,))) == image_digest(SPEC, SUPPLY)


def test_the_hosts_passwords_are_no_part_of_the_name() -> None:
    assert image_digest(SPEC, replace(SUPPLY, logins="")) == image_digest(SPEC, SUPPLY)
