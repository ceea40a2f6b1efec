"""Builds the discovery system: a base that changes with the packages, and the agent on it, which is packed at once."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from crowbar.errors import EnvironmentFault
from crowbar.provision.discovery import spec
from crowbar.provision.discovery.archive import compiled
from crowbar.provision.discovery.kernel import take_kernel
from crowbar.provision.discovery.pack import pack, unpack_deb
from crowbar.provision.discovery.root import reduce
from crowbar.provision.image import shelf
from crowbar.provision.image.debootstrap import Progress, command, run
from crowbar.provision.image.inputs import write_inputs
from crowbar.provision.image.spec import Supply, host_supply
from crowbar.provision.prune import prune_discovery

SPACE_NEEDED = 2 * 2**30  # while it is built; a tenth of it stays
_MANIFEST = "discovery.json"
_KERNEL, _BASE, _INITRD, _ROOT = "vmlinuz", "base.cpio.zst", "initrd", "root"
_PACKAGES = {
    "mmdebstrap": "mmdebstrap",
    "/usr/lib/apt/apt-helper": "apt",
    "unshare": "util-linux",
    "chroot": "coreutils",
    "dpkg-deb": "dpkg",
    "cpio": "cpio",
    "zstd": "zstd",
    "depmod": "kmod",
}


@dataclass(frozen=True)
class DiscoverySystem:
    """What is booted: a kernel with an initrd, or ``root`` (never written to) in a container."""

    kernel: Path
    initrd: Path
    root: Path
    digest: str


def build_discovery(images_dir: Path, progress: Progress) -> DiscoverySystem:
    """The discovery system of the packages that the mirror offers now; only what is not there is built.

    ``progress`` is told lines for people. When the mirror is away, a base that was built for the same wish is taken.
    Raises EnvironmentFault: not root, no space, a program missing, the mirror unreachable, a package that cannot be
    installed. What is not complete is never under its name.
    """
    if os.geteuid() != 0:
        raise EnvironmentFault("Building the discovery system needs root.", hint="Run the command with sudo.")
    shelf.check_programs(_PACKAGES, "build the discovery system")
    images_dir.mkdir(parents=True, exist_ok=True)
    with shelf.only_one(images_dir, progress):
        shelf.remove_partial(images_dir)
        try:
            found = _complete(_base(images_dir, progress))
            prune_discovery(images_dir, progress)
            return found
        finally:
            shelf.remove_partial(images_dir)


def _base(images_dir: Path, progress: Progress) -> Path:
    try:
        supply = host_supply(spec.RELEASE)
    except EnvironmentFault as error:
        base = _built_for(spec.wish_digest(), images_dir)
        if base is None:
            raise
        progress(f"{error.message} The discovery system that was built before is used.")
        return base
    base = images_dir / f"base-{spec.base_digest(supply)}"
    if not (base / _MANIFEST).is_file():
        free = shutil.disk_usage(images_dir).free
        if free < SPACE_NEEDED:
            raise EnvironmentFault(
                f"{images_dir} has {free / 2**30:.1f} GiB free; building the discovery system needs "
                f"{SPACE_NEEDED / 2**30:.0f} GiB.",
                hint=f"Delete old images below {images_dir}, or set CROWBAR_STATE_DIR to a folder with more space.",
            )
        _build_base(base, supply, progress)
    return base


def _build_base(base: Path, supply: Supply, progress: Progress) -> None:
    packages = spec.packages(supply)
    progress(f"building the discovery system of Debian {spec.RELEASE} with {len(packages)} chosen packages")
    work = shelf.partial(base)
    inputs = write_inputs(work, base.parent.parent / "packages", supply)
    fetch = f"sh {shlex.join([str(spec.FILES / 'kernel.sh'), spec.KERNEL, str(work.resolve())])}"
    log = base.with_name("build-discovery.log")
    log.touch(mode=0o600)
    run(command(packages, spec.RELEASE, inputs, customize=[fetch]), log, progress, what="discovery system")
    whole = inputs.root.rename(work / "whole")
    root = work / _ROOT
    reduce(whole, root)
    unpack_deb(next(work.glob("linux-image-*.deb")), work / "kernel")
    take_kernel(work / "kernel", root, work / _KERNEL)
    progress("packing the discovery system")
    pack(root, work / _BASE)
    for rest in (whole, work / "kernel", work / "inputs"):
        shutil.rmtree(rest)
    next(work.glob("linux-image-*.deb")).unlink()
    _finish(work, base, {"wish": spec.wish_digest(), "packages": packages, "release": spec.RELEASE})


def _complete(base: Path) -> DiscoverySystem:
    """The base with our own files: hard links, and a small archive behind the large one."""
    digest = spec.system_digest(base.name)
    folder = base.with_name(digest)
    if not (folder / _MANIFEST).is_file():
        work = shelf.partial(folder)
        own, root = work / "own", work / _ROOT
        shutil.copytree(base / _ROOT, root, symlinks=True, copy_function=os.link)
        for target in (own, root):
            _place_own_files(target)
        agent = compiled((root / spec.AGENT).read_bytes(), root)
        for target in (own, root):
            (target / spec.AGENT).write_bytes(agent)
        pack(own, work / "own.cpio.zst")
        with (work / _INITRD).open("wb") as initrd:
            for part in (base / _BASE, work / "own.cpio.zst"):
                with part.open("rb") as packed:
                    shutil.copyfileobj(packed, initrd)
        os.link(base / _KERNEL, work / _KERNEL)
        shutil.rmtree(own)
        (work / "own.cpio.zst").unlink()
        _finish(work, folder, {"base": base.name})
    for used in (base, folder):
        os.utime(used / _MANIFEST)
    return DiscoverySystem(folder / _KERNEL, folder / _INITRD, folder / _ROOT, digest)


def _place_own_files(root: Path) -> None:
    for name, (content, mode) in spec.OWN_FILES.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content())
        target.chmod(mode)


def _finish(work: Path, folder: Path, manifest: dict[str, object]) -> None:
    (work / _MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    work.chmod(0o755)
    os.sync()  # before the name says that it is complete
    work.rename(folder)


def _built_for(wish: str, images_dir: Path) -> Path | None:
    manifests = sorted(images_dir.glob(f"base-*/{_MANIFEST}"), key=lambda path: path.stat().st_mtime, reverse=True)
    fitting = (path.parent for path in manifests if json.loads(path.read_text(encoding="utf-8"))["wish"] == wish)
    return next(fitting, None)
