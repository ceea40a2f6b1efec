"""A machine's SSH keys, made by the host before it boots: there is no first contact to trust."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat


@dataclass(frozen=True)
class KeyPair:
    """An ed25519 key. ``public`` is one line, "ssh-ed25519 AAAA…", without a comment."""

    private: bytes
    public: str

    @classmethod
    def make(cls) -> KeyPair:
        """A new one."""
        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        return cls(private, public.decode())

    def write(self, path: Path) -> None:
        """Write the private key (0600), and the public one beside it, with ``.pub``."""
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(self.private)
        path.with_name(f"{path.name}.pub").write_text(f"{self.public}\n", encoding="utf-8")
