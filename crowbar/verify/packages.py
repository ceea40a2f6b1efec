"""Debian packages of the admin host's own apt, unpacked into a private folder; nothing is installed."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from crowbar.errors import EnvironmentFault
from crowbar.verify.process import run

KERNEL = "linux-image-cloud-amd64"  # a metapackage: it depends on the kernel of the day
_URI_LINE = re.compile(r"^'[^']+' (?P<file>\S+) (?P<size>\d+) (?P<digest>\S+)$")
_APT_HINT = "Run `apt-get update`, and see that the host's apt sources have Debian's main section."


@dataclass(frozen=True, order=True)
class Package:
    """One package file as apt knows it: ``file`` is its name, ``digest`` its checksum (``SHA256:…``)."""

    file: str
    digest: str


def parse_uris(text: str) -> tuple[Package, ...]:
    """The packages in the output of `apt-get download --print-uris`, sorted."""
    found = (_URI_LINE.match(line) for line in text.splitlines())
    return tuple(sorted(Package(match["file"], match["digest"]) for match in found if match))


def parse_depends(text: str) -> tuple[str, ...]:
    """The real packages that `apt-cache depends` named in ``Depends:`` and ``PreDepends:`` lines."""
    found = re.findall(r"^[ |]*(?:Pre)?Depends: ([a-z0-9][a-z0-9+.-]*)", text, flags=re.MULTILINE)
    return tuple(dict.fromkeys(found))


def guest_packages() -> tuple[str, ...]:
    """What the tiny image is made of: the cloud kernel, busybox, dropbear and the libraries it needs.

    Raises EnvironmentFault if the host's apt does not know one of them.
    """
    kernels = [name for name in parse_depends(_apt("apt-cache", "depends", KERNEL)) if name.startswith("linux-image-")]
    if not kernels:
        raise EnvironmentFault(f"The host's apt knows no kernel behind {KERNEL}.", hint=_APT_HINT)
    only = [f"--no-{kind}" for kind in ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")]
    libraries = parse_depends(_apt("apt-cache", "depends", "--recurse", *only, "dropbear-bin"))
    return (kernels[0], "busybox-static", "dropbear-bin", *libraries)


def resolve(names: Iterable[str]) -> tuple[Package, ...]:
    """The versions of ``names`` that apt would download now. Needs apt's lists, but no network."""
    return parse_uris(_apt("apt-get", "download", "--print-uris", *names))


def unpack(names: Sequence[str], packages: Sequence[Package], folder: Path) -> Path:
    """Download ``names``, check them against ``packages``, and return the folder that their files are in."""
    downloads, root = folder / "debs", folder / "root"
    downloads.mkdir(parents=True)
    # apt would drop to its user _apt, which cannot write in a private folder.
    _apt("apt-get", "-o", "APT::Sandbox::User=root", "-qq", "download", *names, cwd=downloads)
    for package in packages:
        file = downloads / package.file
        _check(file, package.digest)
        run(["dpkg-deb", "-x", file, root], why="unpack a package of the tiny image")
    return root


def _check(file: Path, digest: str) -> None:
    kind, _, wanted = digest.partition(":")
    if not file.is_file():
        raise EnvironmentFault(f"apt did not download {file.name}, which it had promised.", hint=_APT_HINT)
    if hashlib.new(kind.lower(), file.read_bytes()).hexdigest() != wanted:
        raise EnvironmentFault(f"{file.name} is not the file that apt promised ({digest}).", hint=_APT_HINT)


def _apt(*argv: str, cwd: Path | None = None) -> str:
    try:
        return run(argv, why="get the packages of the tiny image", cwd=cwd, timeout=300)
    except EnvironmentFault as fault:
        raise EnvironmentFault(fault.message, hint=fault.hint or f"{_APT_HINT} ({shlex.join(argv)})") from fault
