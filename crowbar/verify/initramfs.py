"""The tiny image's root file system: a cpio archive in the kernel's ``newc`` format, made without root's devices."""

from __future__ import annotations

import lzma
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_MAGIC = b"070701"
_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")


@dataclass(frozen=True)
class Entry:
    """One file of the archive. ``mode`` holds type and permissions; ``data`` is content or a link's target."""

    path: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def directory(path: str, mode: int = 0o755) -> Entry:
    """A directory at ``path`` (no leading slash)."""
    return Entry(path, stat.S_IFDIR | mode)


def file(path: str, data: bytes, mode: int = 0o644) -> Entry:
    """A regular file with the content ``data``."""
    return Entry(path, stat.S_IFREG | mode, data)


def link(path: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(path, stat.S_IFLNK | 0o777, target.encode())


def console() -> Entry:
    """/dev/console, which the kernel opens for init before anything is mounted."""
    return Entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))


def archive(entries: Iterable[Entry]) -> bytes:
    """The ``newc`` archive of ``entries``, parents before children; equal entries give equal bytes."""
    parts = [_record(number, entry) for number, entry in enumerate(_with_parents(entries), start=1)]
    return b"".join([*parts, _record(0, Entry("TRAILER!!!", 0))])


def _with_parents(entries: Iterable[Entry]) -> list[Entry]:
    by_path = {entry.path: entry for entry in entries}
    for path in list(by_path):
        for parent in Path(path).parents:
            if parent != Path():
                by_path.setdefault(str(parent), directory(str(parent)))
    return [by_path[path] for path in sorted(by_path)]


def _record(number: int, entry: Entry) -> bytes:
    name = entry.path.encode() + b"\0"
    fields = (number, entry.mode, 0, 0, 1, 0, len(entry.data), 0, 0, *entry.device, len(name), 0)
    head = _MAGIC + b"".join(b"%08X" % value for value in fields) + name
    return _padded(head) + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def modules(root: Path, wanted: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """The kernel modules ``wanted`` and what they depend on: (name, content), each after its dependencies.

    ``root`` is where the kernel's package was unpacked. A name that has no file is taken to be built in.
    """
    files = {_module_name(path): path for path in sorted(root.rglob("*.ko*"))}
    done: set[str] = set()

    def walk(name: str) -> Iterator[tuple[str, bytes]]:
        if name in done or name not in files:
            return
        done.add(name)
        content = _module_content(files[name])
        for dependency in depends(content):
            yield from walk(dependency)
        yield name, content

    for name in wanted:
        yield from walk(name)


def depends(module: bytes) -> tuple[str, ...]:
    """The modules that a module's own ``.modinfo`` names: a package has no modules.dep before it is installed."""
    found = _DEPENDS.search(module)
    return tuple(name for name in found[1].decode().split(",") if name) if found else ()


def _module_name(path: Path) -> str:
    return path.name.split(".ko", 1)[0].replace("-", "_")


def _module_content(path: Path) -> bytes:
    # busybox's insmod would have to unpack them in the guest, where every cycle is emulated.
    return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()


def shared_libraries(listing: str) -> Mapping[str, Path]:
    """What `ld.so --list PROGRAM` printed, as: the name a program asks for -> the file that answers it."""
    found = re.findall(r"^\s*(\S+)(?: => (\S+))? \(0x[0-9a-f]+\)$", listing, flags=re.MULTILINE)
    return {name: Path(path or name) for name, path in found if "/" in (path or name)}
