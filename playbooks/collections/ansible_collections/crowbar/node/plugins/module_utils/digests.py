"""What things were made from, as a digest, and where it is kept."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from ansible_collections.crowbar.node.plugins.module_utils import atomic


def of_files(patterns: Iterable[str]) -> str:
    """One digest of the names and contents of all regular files that match ``patterns``."""
    digest = hashlib.sha256()
    for path in matching(patterns):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path}\0{content}\0".encode())
    return digest.hexdigest()


def matching(patterns: Iterable[str]) -> list[Path]:
    """The regular files that match ``patterns`` (absolute; ``**`` crosses folders), each once, by name."""
    paths = {path for pattern in patterns for path in Path("/").glob(pattern.lstrip("/"))}
    return sorted(path for path in paths if path.is_file())


def of_inputs(argv: Iterable[str], inputs: Iterable[str]) -> str:
    """One digest of a command and what it depends on. An absolute path in ``inputs`` stands for the file's content."""
    digest = hashlib.sha256()
    for part in argv:
        digest.update(f"argv\0{part}\0".encode())
    for part in inputs:
        value = of_files([part]) if part.startswith("/") else part
        digest.update(f"input\0{part if part.startswith('/') else ''}\0{value}\0".encode())
    return digest.hexdigest()


ONCE = Path("/var/lib/crowbar/once")


class Stamps:
    """A folder of small files: name -> the digest with which something last succeeded."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> str:
        """The digest kept for ``name``, or an empty string."""
        try:
            return self._path(name).read_text()
        except FileNotFoundError:
            return ""

    def write(self, name: str, digest: str) -> None:
        """Keep ``digest`` for ``name``."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        atomic.write(self._path(name), digest.encode(), mode=0o600)

    def begin(self, name: str) -> None:
        """Note that what ``name`` stands for begins; until `finish`, `begun` is true."""
        self.write(f"{name}.begun", "")

    def begun(self, name: str) -> bool:
        """Whether it began and has not succeeded since."""
        return self._path(f"{name}.begun").exists()

    def finish(self, name: str, digest: str) -> None:
        """Keep ``digest`` for ``name``, which succeeded."""
        self.write(name, digest)
        self._path(f"{name}.begun").unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / re.sub(r"[^\w@.:-]", "_", name)
