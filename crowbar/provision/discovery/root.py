"""Takes out of a whole Debian root what the discovery system runs: programs, their libraries, Python, little else.

What is kept is named, as that can be checked: each program is there, with all its libraries. What a Debian root has
beside is four times as much, and changes from release to release.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from crowbar.errors import EnvironmentFault

# Everything else that a shell wants is busybox's.
PROGRAMS = (
    *("blkdiscard", "blockdev", "busybox", "dash", "dmidecode", "e2fsck", "ethtool", "ip", "ipmitool", "kmod"),
    *("lldpcli", "lldpd", "lsblk", "lscpu", "lspci", "mke2fs", "mkfs.vfat", "mount", "partx", "python3"),
    *("resize2fs", "sfdisk", "smartctl", "umount", "wipefs", "zstd"),
)
_LINKS = {"usr/bin/sh": "dash", "usr/sbin/modprobe": "kmod"}  # the kernel itself calls the second
_APPLETS = [
    "cat",
    "chmod",
    "cp",
    "dmesg",
    "df",
    "free",
    "find",
    "grep",
    "head",
    "kill",
    "ls",
    "mkdir",
    "mknod",
    "more",
    "ping",
    "poweroff",
    "ps",
    "reboot",
    "rm",
    "sed",
    "sleep",
    "sort",
    "stat",
    "tail",
    "top",
    "tr",
    "udhcpc",
    "vi",
    "xargs",
]
_KEPT = (
    "bin",
    "etc/ethertypes",
    "etc/group",
    "etc/lldpd.*",
    "etc/mke2fs.conf",
    "etc/nsswitch.conf",
    "etc/os-release",
    "etc/passwd",
    "etc/protocols",
    "etc/services",
    "lib",
    "lib64",
    "sbin",
    "usr/lib/firmware",
    "usr/lib/os-release",
    "usr/lib/python3.*",
    "usr/lib64",
    "usr/share/misc/pci.ids",
)
# Of Python: what the agent, or what it imports, never imports. (ssl: the admin node speaks HTTP.)
_LEFT_OUT = re.compile(
    r"/python3\.\d+/(_pyrepl|asyncio|curses|dbm|ensurepip|idlelib|lib2to3|multiprocessing|pydoc_data|sqlite3|test"
    r"|tkinter|turtledemo|unittest|venv|wsgiref|xmlrpc|encodings/(?!__|aliases|ascii|cp437|idna|latin|punycode|utf_8)"
    r"|encodings/__pycache__/(?!__|aliases|ascii|cp437|idna|latin|punycode|utf_8)|lib-dynload/_(asyncio|codecs_|ctypes_test|curses"
    r"|dbm|gdbm|sqlite3|ssl|test|tkinter|xx)|__pycache__/(_pydecimal|pdb|pydoc|turtle)|(_pydecimal|pdb|pydoc|turtle)\.py)"
)
_FOLDERS = ("dev", "etc/crowbar", "proc", "root", "run", "sys", "tmp", "usr/bin", "usr/lib/crowbar", "usr/sbin",
            "var/lib", "var/run")  # fmt: skip
_LOADED = re.compile(r"(?:=> )?(/\S+) \(0x")


def reduce(whole: Path, root: Path) -> None:
    """Fill ``root`` with what is kept of ``whole``, on the same file system.

    Raises EnvironmentFault if a program, or a library that it loads, is not there.
    """
    for folder in _FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for pattern in _KEPT:
        for path in sorted(whole.glob(pattern)):
            _keep(whole, root, path)
    programs = [_program(whole, name) for name in PROGRAMS]
    extensions = [_within(root, path) for path in root.glob("usr/lib/python3*/lib-dynload/*.so")]
    libraries = _libraries(whole, [*programs, *extensions])
    for name in (*programs, *libraries):
        _keep(whole, root, whole / name.lstrip("/"))
    for link, goal in (*_LINKS.items(), *((f"usr/bin/{applet}", "busybox") for applet in _APPLETS)):
        (root / link).symlink_to(_program(whole, goal))


def _within(root: Path, path: Path) -> str:
    """The path as it is called within the root."""
    return f"/{path.relative_to(root)}"


def _program(whole: Path, name: str) -> str:
    for folder in ("usr/sbin", "usr/bin"):
        path = whole / folder / name
        if path.exists() or path.is_symlink():
            return _within(whole, path)
    raise EnvironmentFault(f"The discovery system has no {name}: none of its packages brought it.")


def _libraries(whole: Path, files: Iterable[str]) -> list[str]:
    """All libraries that the files load, and theirs, as the dynamic loader finds them in there."""
    script = 'for file; do /lib64/ld-linux-x86-64.so.2 --list "$file" || echo "$file"; done'
    done = subprocess.run(
        ["chroot", str(whole), "sh", "-c", script, "sh", *files], capture_output=True, text=True, check=False
    )
    lost = sorted({line.strip() for line in done.stdout.splitlines() if "not found" in line})
    if done.returncode != 0 or lost:
        raise EnvironmentFault(
            f"Libraries of the discovery system are missing: {'; '.join(lost) or done.stderr.strip()}"
        )
    return sorted(set(_LOADED.findall(done.stdout)))


def _keep(whole: Path, root: Path, path: Path) -> None:
    """Keep a file, a folder and all in it, or a link and the file that it leads to."""
    # Its parents may be links, as /lib is: it is kept where they lead to.
    found = path.parent.resolve() / path.name
    name = _within(whole.resolve(), found)
    target = root / name.lstrip("/")
    if _LEFT_OUT.search(name):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if found.is_symlink():
        _keep_link(whole, root, found, target)
    elif found.is_dir():
        target.mkdir(exist_ok=True)
        for below in sorted(found.iterdir()):
            _keep(whole, root, below)
    elif found.is_file() and not target.exists():
        os.link(found, target)


def _keep_link(whole: Path, root: Path, found: Path, target: Path) -> None:
    if os.path.lexists(target):
        return
    goal = found.readlink()
    target.symlink_to(goal)
    leads = whole / str(goal).lstrip("/") if goal.is_absolute() else found.parent / goal
    if leads.is_symlink() or leads.is_file():
        _keep(whole, root, leads)
