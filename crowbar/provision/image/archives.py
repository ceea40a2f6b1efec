"""Which archives of the wanted release the mirror really has, and what is in them: a digest of their indexes."""

from __future__ import annotations

import hashlib
import re
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from crowbar.errors import EnvironmentFault
from crowbar.provision.image.sources import Source

_FETCH = "/usr/lib/apt/apt-helper"
# A mirror that does not answer is reported soon: APT's own defaults would take minutes.
_PATIENCE = ("-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=15", "-o", "Acquire::https::Timeout=15")
_ABSENT = re.compile(r"\b404\b|\b550\b|File not found|No such file", re.IGNORECASE)


@dataclass(frozen=True)
class Archive:
    """A source that exists. ``digest`` changes when the packages it offers do, not when it is signed anew."""

    source: Source
    origin: str
    digest: str


def find_archives(candidates: Sequence[Source], release: str) -> list[Archive]:
    """Those of the candidates that exist and are Debian's own.

    Each archive's index is fetched by APT itself, with the host's settings, proxies and logins. Raises
    EnvironmentFault if one cannot be reached or none has the release.
    """
    present = [archive for archive in map(_probe, candidates) if archive is not None]
    # A third party that calls its suite after Debian's is known by its origin; a private mirror may have another.
    debian = [archive for archive in present if archive.origin == "Debian"] or present
    if not any(archive.source.suite == release for archive in debian):
        tried = ", ".join(sorted({source.uri for source in candidates})) or "none is configured"
        raise EnvironmentFault(
            f"No package archive of this host has Debian {release} (tried: {tried}).",
            hint="Add a Debian archive to /etc/apt/sources.list.d: the nodes' packages come from the same mirror.",
        )
    return debian


def _probe(source: Source) -> Archive | None:
    with tempfile.TemporaryDirectory(prefix="crowbar-") as folder:
        target = Path(folder) / "InRelease"
        argv = [_FETCH, *_PATIENCE, "download-file", source.release_url, str(target)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode == 0 and target.is_file():
            return _describe(source, target.read_text(encoding="utf-8", errors="replace"))
    said = _errors(done.stderr + done.stdout)
    if _ABSENT.search(said):
        return None
    raise EnvironmentFault(
        f"The package mirror cannot be reached: {said or f'apt-helper ended with {done.returncode}'}",
        hint=f"Check the network and the proxy in /etc/apt: APT must be able to fetch {source.release_url}.",
    )


def _errors(output: str) -> str:
    lines = [line[2:].strip() for line in output.splitlines() if line.startswith(("E:", "W:", "Err:"))]
    told = [line for line in lines if line != "Download Failed" and "sandboxed" not in line]
    return "; ".join(dict.fromkeys(told))


def _describe(source: Source, release: str) -> Archive:
    origin = re.search(r"^Origin: *(.+)$", release, re.MULTILINE)
    return Archive(source, origin[1].strip() if origin else "", index_digest(release, source.components))


def index_digest(release: str, components: Iterable[str]) -> str:
    """A digest of the package indexes of the components that a Release file lists (SHA-256, hexadecimal).

    Falls back to the whole file where it lists none: then each new signature counts as a new release.
    """
    wanted = {f"{component}/binary-" for component in components}
    rows = re.findall(r"^ ([0-9a-f]{64}) +\d+ (\S+/Packages)$", release, re.MULTILINE)
    kept = sorted(f"{name} {digest}" for digest, name in rows if any(name.startswith(prefix) for prefix in wanted))
    return hashlib.sha256(("\n".join(kept) or release).encode()).hexdigest()
