"""The key that opens the machines that Crowbar installed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from crowbar.apply.keys import KeyPair


@dataclass(frozen=True)
class AdminKey:
    """Where the private key is (0600), and the line that machines get."""

    path: Path
    public: str


def admin_key(path: Path) -> AdminKey:
    """The key in that file, made now if there is none."""
    if not path.exists():
        KeyPair.make().write(path)
    return AdminKey(path, path.with_name(f"{path.name}.pub").read_text(encoding="utf-8").strip())
