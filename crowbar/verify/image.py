"""The tiny image: Debian's cloud kernel, busybox and dropbear on one FAT volume, built with no mounts and cached."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from crowbar.errors import EnvironmentFault
from crowbar.verify import initramfs, packages
from crowbar.verify.process import run

_GUEST = Path(__file__).parent / "guest"
_MODULES = ("virtio_pci", "virtio_net", "virtio_blk", "virtio_rng", "af_packet", "evdev", "button")
_PROGRAMS = ("usr/sbin/dropbear", "usr/bin/dropbearkey")
_SCRIPTS = {"etc/rc": 0o755, "etc/udhcpc": 0o755, "etc/inittab": 0o644}
# Each word saves time under emulation, where the guest's every instruction costs twenty.
_COMMAND_LINE = (
    "console=ttyS0 quiet panic=5 mitigations=off nokaslr audit=0 apparmor=0 selinux=0 nowatchdog raid=noautodetect "
    "cryptomgr.notests no_timer_check tsc=reliable rcupdate.rcu_expedited=1 net.ifnames=0 i8042.noaux"
)
_SYSLINUX = f"DEFAULT tiny\nPROMPT 0\nLABEL tiny\nKERNEL vmlinuz\nINITRD initrd\nAPPEND {_COMMAND_LINE}\n"
_SPARE = 1 << 20  # bytes of the volume for the boot loader and FAT's own tables


@dataclass(frozen=True)
class TinyImage:
    """A raw disk image that boots by BIOS; ``digest`` names what it was made of."""

    path: Path
    digest: str


def build_image(cache: Path) -> TinyImage:
    """The tiny image, from ``cache`` if it is there, else built (some seconds, 30 MB of download).

    Its console on ttyS0 says what it does, with its SSH host key; root logs in with the key from the metadata.
    Raises EnvironmentFault if the admin host lacks a program or a package.
    """
    names = packages.guest_packages()
    wanted = packages.resolve(names)
    digest = _digest(wanted)
    done = cache / digest / "tiny.img"
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / "lock"):
        if not done.is_file():
            _build(names, wanted, done)
    return TinyImage(done, digest)


def _digest(wanted: Sequence[packages.Package]) -> str:
    """What the image is a function of: the packages, the guest's scripts, and the code that puts them together."""
    state = hashlib.sha256(repr(sorted(wanted)).encode())
    for source in (Path(__file__), Path(initramfs.__file__), *sorted(_GUEST.iterdir())):
        if source.is_file():
            state.update(source.read_bytes())
    return state.hexdigest()[:16]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _build(names: Sequence[str], wanted: Sequence[packages.Package], target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        work = Path(folder)
        root = packages.unpack(names, wanted, work)
        kernel = work / "vmlinuz"
        shutil.copyfile(_only(root, "boot/vmlinuz-*"), kernel)
        initrd = work / "initrd"
        initrd.write_bytes(gzip.compress(initramfs.archive(_entries(root)), 6, mtime=0))
        volume = _volume(work, [kernel, initrd])
        volume.rename(target)  # whole or not at all: an interrupted build leaves nothing that looks done


def _only(root: Path, pattern: str) -> Path:
    found = sorted(root.glob(pattern))
    if len(found) != 1:
        raise EnvironmentFault(f"The packages of the tiny image have {len(found)} files {pattern!r}, not one.")
    return found[0]


def _entries(root: Path) -> Iterator[initramfs.Entry]:
    busybox = _only(root, "*bin/busybox") if (root / "bin/busybox").exists() else root / "usr/bin/busybox"
    yield initramfs.console()
    yield initramfs.file("bin/busybox", busybox.read_bytes(), 0o755)
    for applet in run([busybox, "--list"], why="ask busybox for its programs").split():
        if applet != "busybox":
            yield initramfs.link(f"bin/{applet}", "busybox")
    yield initramfs.link("init", "bin/busybox")
    for path, mode in _SCRIPTS.items():
        yield initramfs.file(path, (_GUEST / Path(path).name).read_bytes(), mode)
    yield initramfs.file("etc/acpi/PWRF/00000080", (_GUEST / "power").read_bytes(), 0o755)
    yield from _accounts()
    yield from _dropbear(root)
    names = []
    for name, content in initramfs.modules(root, _MODULES):
        names.append(name)
        yield initramfs.file(f"lib/modules/{name}.ko", content)
    yield initramfs.file("etc/modules", "".join(f"{name}\n" for name in names).encode())


def _accounts() -> Iterator[initramfs.Entry]:
    yield initramfs.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
    yield initramfs.file("etc/group", b"root:x:0:\n")
    yield initramfs.file("etc/shadow", b"root:*:1::::::\n", 0o600)
    yield initramfs.directory("root", 0o700)
    yield initramfs.directory("root/.ssh", 0o700)
    yield initramfs.file("root/.ssh/authorized_keys", b"", 0o600)
    for path in ("dev", "proc", "sys", "run", "etc/dropbear"):
        yield initramfs.directory(path)
    yield initramfs.directory("tmp", 0o1777)


def _dropbear(root: Path) -> Iterator[initramfs.Entry]:
    loader = next(path for path in sorted(root.rglob("ld-linux-x86-64.so.2")) if not path.is_dir())
    folders = ":".join(str(path) for path in sorted(root.glob("**/x86_64-linux-gnu")))
    libraries: dict[str, Path] = {}
    for program in _PROGRAMS:
        yield initramfs.file(program, (root / program).read_bytes(), 0o755)
        argv: list[str | Path] = [loader, "--library-path", folders, "--list", root / program]
        libraries |= initramfs.shared_libraries(run(argv, why="find dropbear's libraries"))
    for name, path in libraries.items():
        if "/" not in name:
            yield initramfs.file(f"lib/{name}", path.read_bytes(), 0o755)
    yield initramfs.file("lib64/ld-linux-x86-64.so.2", loader.read_bytes(), 0o755)


def _volume(work: Path, files: Sequence[Path]) -> Path:
    """A FAT volume without a partition table that the BIOS boots by syslinux, with ``files`` in it."""
    volume, menu = work / "tiny.img", work / "syslinux.cfg"
    menu.write_text(_SYSLINUX)
    heads, track, cluster = 64, 32, 32  # sectors of 512 bytes; large clusters: fewer reads through the BIOS
    cylinder = heads * track * 512
    cylinders = -(-(sum(path.stat().st_size for path in files) + _SPARE) // cylinder)
    why = "write the tiny image"
    shape = ["-t", str(cylinders), "-h", str(heads), "-s", str(track), "-c", str(cluster)]
    # As a fixed disk (0xf8): Nova takes a floppy's boot sector for a broken partition table, and refuses the image.
    run(["mformat", "-C", "-i", volume, "-m", "0xf8", *shape, "-v", "TINY", "::"], why=why)
    run(["syslinux", "--install", volume], why=why)
    run(["mcopy", "-i", volume, menu, *files, "::"], why=why)
    return volume
