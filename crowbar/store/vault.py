"""The key that encrypts secrets at rest, and what is done with it."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from crowbar.errors import EnvironmentFault

_RESTORE = "Restore it from a backup. Without it the secrets are lost: move the database away, too, to start anew."


class Vault:
    """Encrypts and decrypts with one Fernet key."""

    def __init__(self, key: bytes, source: Path) -> None:
        """``source`` is the key's file, for messages.

        Raises EnvironmentFault if ``key`` is no Fernet key.
        """
        try:
            self._fernet = Fernet(key)
        except ValueError as error:
            raise EnvironmentFault(f"{source} does not hold a Fernet key.", hint=_RESTORE) from error
        self._source = source
        self._digest_key = hashlib.sha256(b"crowbar digest\0" + key).digest()

    def encrypt(self, value: bytes) -> bytes:
        """``value``, encrypted and signed."""
        return self._fernet.encrypt(value)

    def decrypt(self, token: bytes) -> bytes:
        """What was encrypted.

        Raises EnvironmentFault if it was with another key.
        """
        try:
            return self._fernet.decrypt(token)
        except InvalidToken as error:
            raise EnvironmentFault(f"{self._source} is not the key of this database.", hint=_RESTORE) from error

    def digest(self, value: bytes) -> str:
        """A digest that is the same for the same value, and tells nothing to who does not hold the key.

        A plain hash would let a reader of the database try guesses.
        """
        return hmac.new(self._digest_key, value, hashlib.sha256).hexdigest()


def create_key(path: Path) -> None:
    """Make a key in ``path`` (mode 0600, its folder 0700) unless there is one; safe with others doing so, too.

    Raises EnvironmentFault if it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists():
            return
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
                file.write(Fernet.generate_key() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):  # another process was first: its key counts
                os.link(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise EnvironmentFault(
            f"The key file {path} cannot be written: {error.strerror}.", hint="Run as root, and check the free space."
        ) from error


def load_key(path: Path) -> Vault:
    """The vault of the key in ``path``.

    Raises EnvironmentFault if the file is missing, readable by others, or no key.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            key = file.read(1024).strip()
    except FileNotFoundError as error:
        raise EnvironmentFault(f"The key file {path} is missing.", hint=_RESTORE) from error
    except OSError as error:
        raise EnvironmentFault(f"The key file {path} cannot be read: {error.strerror}.", hint="Run as root.") from error
    if mode & 0o077:
        raise EnvironmentFault(f"The key file {path} is open to other users.", hint=f"chmod 600 {path}")
    return Vault(key, path)
