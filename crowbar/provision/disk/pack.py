"""Packs node images as disks: one compressed file each, named by its digest, complete or absent."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from crowbar.errors import EnvironmentFault
from crowbar.provision.disk import grub
from crowbar.provision.disk.additions import write_additions
from crowbar.provision.disk.bios import write_loader
from crowbar.provision.disk.layout import Layout, layout_for, rounded
from crowbar.provision.disk.process import check_host, run
from crowbar.provision.image import Image, shelf

_STEPS = Path(__file__).parent / "steps"
_PIECE = 4 * 2**20
_LEVEL = "-3"
# All of it dies with us, by whatever signal, and its mounts are in nobody else's namespace.
_CONFINED = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")

Progress = Callable[[str], None]


@dataclass(frozen=True)
class DiskImage:
    """A node's disk as the installer writes it; ``digest`` names it by what it is made of.

    ``path`` is compressed by zstd. ``size`` and ``sha256`` are of the raw disk, ``compressed_*`` of the file.
    ``built`` says if it is new.
    """

    path: Path
    digest: str
    size: int
    sha256: str
    compressed_size: int
    compressed_sha256: str
    kernel: str
    built: bool = False


def pack_disk(image: Image, disks_dir: Path, progress: Progress) -> DiskImage:
    """The image as a disk that boots by BIOS and UEFI; packed only if it is not there.

    The image must have DISK_PACKAGES. ``progress`` is told lines for people. Raises EnvironmentFault: not root, no
    kernel in the image, no space, a program missing or failing. Nothing incomplete is ever under a disk's name.
    """
    check_host()
    disks_dir.mkdir(parents=True, exist_ok=True)
    with shelf.only_one(disks_dir, progress):
        shelf.remove_partial(disks_dir)
        digest = disk_digest(image)
        found = find_disk(disks_dir, digest)
        if found is not None:
            return found
        partial = shelf.partial(disks_dir / digest)
        partial.mkdir(mode=0o700)
        try:
            return _pack(image, partial, disks_dir / digest, progress)
        finally:
            shelf.remove_partial(disks_dir)


def find_disk(disks_dir: Path, digest: str) -> DiskImage | None:
    """The disk of that digest, if it was packed."""
    path = disks_dir / f"{digest}.raw.zst"
    try:
        values = json.loads((disks_dir / f"{digest}.json").read_text(encoding="utf-8"))
        found = DiskImage(path=path, digest=digest, **values)
    except (FileNotFoundError, ValueError, TypeError):  # none, or another Crowbar's, which knew other things of it
        return None
    return found if path.is_file() else None


def disk_digest(image: Image) -> str:
    """The disk's name: it is packed anew when the image, the packing or GRUB is another."""
    return _digest([image.digest, _packer_digest(), grub.version()])


def _pack(image: Image, partial: Path, target: Path, progress: Progress) -> DiskImage:
    kernel = _kernel(image.path)
    layout = layout_for(*_measure(image.path))
    free = shutil.disk_usage(partial).free
    if free < layout.size * 3 // 2:
        raise EnvironmentFault(
            f"{partial.parent} has {free / 2**30:.1f} GiB free; the disk needs {layout.size * 1.5 / 2**30:.1f} GiB.",
            hint="Delete old images, or set CROWBAR_STATE_DIR to a folder with more space.",
        )
    progress(f"packing the node image as a disk of {layout.size / 2**30:.1f} GiB, with Linux {kernel}")
    raw = _make(image.path, layout, partial)
    progress("compressing the disk")
    compressed = partial / "disk.raw.zst"
    sha256 = _compress(raw, compressed)
    raw.unlink()
    values = {
        "size": layout.size,
        "sha256": sha256,
        "compressed_size": compressed.stat().st_size,
        "compressed_sha256": _file_digest(compressed),
        "kernel": kernel,
    }
    manifest = partial / "disk.json"
    manifest.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    for path in (compressed, manifest):  # before the name says that it is complete
        _flush(path)
    compressed.replace(target.with_name(f"{target.name}.raw.zst"))
    manifest.replace(target.with_name(f"{target.name}.json"))
    disk = find_disk(target.parent, target.name)
    if disk is None:
        raise EnvironmentFault(f"{target}.raw.zst was deleted while it was made.")
    return DiskImage(**{**asdict(disk), "built": True})


def _make(root: Path, layout: Layout, folder: Path) -> Path:
    """The raw disk."""
    raw = folder / "disk.raw"
    with raw.open("wb") as made:
        made.truncate(layout.size)
    run("sfdisk", "--quiet", str(raw), stdin=layout.sfdisk())
    boot_image, core_image = grub.bios_images(folder)
    esp = grub.esp_image(folder, layout)
    with raw.open("r+b") as disk:
        write_loader(disk, layout, boot_image, core_image)
        disk.seek(layout.esp.start)
        with esp.open("rb") as source:
            shutil.copyfileobj(source, disk, _PIECE)
    upper, work, merged = folder / "upper", folder / "work", folder / "merged"
    write_additions(upper)
    work.mkdir()
    merged.mkdir()
    place = (str(layout.root.start), str(layout.root.size // 1024))
    argv = ["sh", str(_STEPS / "root.sh"), str(root), str(upper), str(work), str(merged), str(raw), *place]
    run(*_CONFINED, *argv)
    return raw


def _measure(root: Path) -> tuple[int, int]:
    """The bytes of all blocks, and the number of files and folders."""
    content = files = 0
    folders = [root]
    while folders:
        for entry in os.scandir(folders.pop()):
            files += 1
            if entry.is_dir(follow_symlinks=False):
                folders.append(Path(entry.path))
                content += rounded(1)
            elif entry.is_file(follow_symlinks=False):
                content += rounded(entry.stat(follow_symlinks=False).st_size)
    return content, files


def _kernel(root: Path) -> str:
    kernels = sorted((root / "boot").glob("vmlinuz-*"), key=lambda path: path.stat().st_mtime)
    if not kernels or not (root / "vmlinuz").is_symlink() or not (root / "usr/sbin/mkinitramfs").is_file():
        raise EnvironmentFault(
            f"The image {root.parent.name} has no kernel: it was built for containers only.",
            hint="Build it with DISK_PACKAGES, too.",
        )
    return (root / "vmlinuz").readlink().name.removeprefix("vmlinuz-")


def _compress(raw: Path, target: Path) -> str:
    """Compress the disk; the digest of what it was (SHA-256, hexadecimal)."""
    digest = hashlib.sha256()
    argv = ["zstd", "-q", "-T0", _LEVEL, "-f", "-o", str(target)]
    with raw.open("rb") as disk, subprocess.Popen(argv, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        if process.stdin is None or process.stderr is None:
            raise RuntimeError("pipes were asked for")
        try:
            while piece := disk.read(_PIECE):
                digest.update(piece)
                process.stdin.write(piece)
            process.stdin.close()
        except BrokenPipeError:  # its status and words say why
            pass
        except BaseException:
            process.kill()
            raise
        said = process.stderr.read().decode(errors="replace").strip()
    if process.returncode != 0:
        raise EnvironmentFault(f"The disk image could not be compressed: {said or process.returncode}")
    return digest.hexdigest()


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


@cache
def _packer_digest() -> str:
    files = sorted(path for path in Path(__file__).parent.rglob("*") if path.suffix in (".py", ".sh"))
    return _digest([[path.name, _file_digest(path)] for path in files])
