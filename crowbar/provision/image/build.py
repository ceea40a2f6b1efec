"""Builds node images: one folder each, named by its digest, complete or absent."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from crowbar.errors import EnvironmentFault
from crowbar.provision.image import shelf
from crowbar.provision.image.debootstrap import Inputs, Progress, command, run
from crowbar.provision.image.inputs import write_inputs
from crowbar.provision.image.spec import QUIESCE, ImageSpec, Supply, host_supply, image_digest

SPACE_NEEDED = 6 * 2**30  # a root with all of OpenStack is 2.7 GiB, its packages 0.5 GiB; the rest is the node's
_MANIFEST = "image.json"
_TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "/usr/lib/apt/apt-helper": "apt",
    "unshare": "util-linux",
    "chroot": "coreutils",
    "dpkg-architecture": "dpkg-dev",
}


@dataclass(frozen=True)
class Image:
    """A node's operating system. ``path`` is its root folder (never written to); ``built`` says if it is new."""

    path: Path
    digest: str
    built: bool


def build_image(spec: ImageSpec, images_dir: Path, progress: Progress) -> Image:
    """The image of the wished packages, as the mirror offers them now; built only if it is not there.

    ``progress`` is told lines for people. When the mirror is away, an image that was built for the same wish is
    taken. Raises EnvironmentFault: not root, no space, a program missing, the mirror unreachable, a package that
    cannot be installed. Nothing that is not complete is ever under an image's name.
    """
    _check_host()
    images_dir.mkdir(parents=True, exist_ok=True)
    with shelf.only_one(images_dir, progress):
        shelf.remove_partial(images_dir)
        try:
            supply = host_supply(spec.release)
        except EnvironmentFault as error:
            image = _built_for(spec, images_dir)
            if image is None:
                raise
            progress(f"{error.message} The image that was built before is used.")
            return image
        digest = image_digest(spec, supply)
        folder = images_dir / digest
        if (folder / _MANIFEST).is_file():
            return Image(folder / "root", digest, built=False)
        _check_space(images_dir)
        return _build(spec, supply, folder, progress)


def _build(spec: ImageSpec, supply: Supply, folder: Path, progress: Progress) -> Image:
    partial = shelf.partial(folder)
    try:
        inputs = write_inputs(partial, folder.parent.parent / "packages", supply)
        log = folder.with_name("build.log")
        log.touch(mode=0o600)
        progress(f"building the node image of Debian {spec.release} with {len(spec.all_packages)} chosen packages")
        _install(spec, inputs, log, progress)
        masked = _quiesce(inputs.root)
        progress(f"masked {masked} units: a node runs only those of its roles")
        shutil.rmtree(partial / "inputs")
        manifest = {"spec": spec.digest, "packages": spec.all_packages, "release": spec.release}
        (partial / _MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        os.sync()  # before the name says that it is complete
        partial.rename(folder)
    finally:
        shelf.remove_partial(folder.parent)
    return Image(folder / "root", folder.name, built=True)


def _install(spec: ImageSpec, inputs: Inputs, log: Path, progress: Progress) -> None:
    try:
        run(command(spec.all_packages, spec.release, inputs), log, progress)
    except EnvironmentFault as error:
        if "dpkg-deb" in error.message:  # a damaged file in the cache, which the next try must not meet again
            shutil.rmtree(inputs.cache)
        raise


def _quiesce(root: Path) -> int:
    installed = subprocess.run(
        ["dpkg-query", f"--admindir={root}/var/lib/dpkg", "-W", "-f", "${Package}\\n"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    done = subprocess.run(
        [sys.executable, str(QUIESCE), "--root", str(root), "--mask-only", *installed],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise EnvironmentFault(f"The units of the node image could not be masked: {done.stderr.strip()}")
    return len(done.stdout.splitlines())


def _built_for(spec: ImageSpec, images_dir: Path) -> Image | None:
    manifests = sorted(images_dir.glob(f"*/{_MANIFEST}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in manifests:
        if json.loads(path.read_text(encoding="utf-8"))["spec"] == spec.digest:
            return Image(path.parent / "root", path.parent.name, built=False)
    return None


def _check_host() -> None:
    if os.geteuid() != 0:
        raise EnvironmentFault("Building a node image needs root.", hint="Run the command with sudo.")
    shelf.check_programs(_TOOLS, "build the node image")


def _check_space(images_dir: Path) -> None:
    free = shutil.disk_usage(images_dir).free
    if free < SPACE_NEEDED:
        raise EnvironmentFault(
            f"{images_dir} has {free / 2**30:.1f} GiB free; an image and its node need {SPACE_NEEDED / 2**30:.0f} GiB.",
            hint=f"Delete old images below {images_dir}, or set CROWBAR_STATE_DIR to a folder with more space.",
        )
