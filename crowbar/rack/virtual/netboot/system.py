"""The discovery system, as it comes over the network: fetched once for all machines of a rack, and unpacked."""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

_PIECE = 1 << 20
_MOST = 1 << 30
_PATIENCE = 30.0
# The initrd is some archives, one behind the other, each compressed by itself; cpio reads one at a time.
_CPIO = "cpio --extract --quiet --unconditional --make-directories --no-absolute-filenames"
_UNPACK = f'zstd -dcq "$1" | {{ while {_CPIO}; do :; done; }}'


def fetch(url: str, target: Path) -> None:
    """The body there, into a file. Raises OSError if it cannot be had whole."""
    if not url.startswith("http://"):
        raise OSError(f"{url[:200]} is no HTTP address")
    try:
        with urllib.request.urlopen(url, timeout=_PATIENCE) as answer, target.open("wb") as file:  # noqa: S310 # http
            expected = int(answer.headers.get("Content-Length") or -1)
            size = 0
            while piece := answer.read(_PIECE):
                size += len(piece)
                if size > _MOST:
                    raise OSError(f"{url} is longer than {_MOST} bytes")
                file.write(piece)
    except (http.client.HTTPException, ValueError) as error:
        raise OSError(f"{url}: {error!r}") from error
    if expected not in (-1, size):
        raise OSError(f"{url} broke off after {size} of {expected} bytes")


def fetch_text(url: str, longest: int = 64 << 10) -> str:
    """A short text. Raises OSError."""
    try:
        with urllib.request.urlopen(url, timeout=_PATIENCE) as answer:  # noqa: S310 - checked by whoever asks
            return str(answer.read(longest).decode("utf-8", "replace"))
    except urllib.error.HTTPError as error:
        raise OSError(f"{error.code} {error.reason}") from error
    except (http.client.HTTPException, ValueError) as error:
        raise OSError(repr(error)) from error


def root_of(systems: Path, initrd: Path) -> Path:
    """The root folder that the initrd unpacks to; unpacked if no machine has had it yet. Raises OSError."""
    systems.mkdir(exist_ok=True)
    with initrd.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    folder = systems / digest
    with (systems / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _unpack(initrd, systems / "partial", folder)
    return folder


def _unpack(initrd: Path, partial: Path, folder: Path) -> None:
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    argv = ["sh", "-c", _UNPACK, "sh", str(initrd.resolve())]
    done = subprocess.run(argv, cwd=partial, capture_output=True, text=True, check=False)
    if not (partial / "init").exists():
        raise OSError(f"the initrd is none: {done.stderr.strip()[:300]}")
    partial.rename(folder)
