"""Filters for RabbitMQ's configuration."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable


def rabbitmq_hash(password: str) -> str:
    """The hash of ``password`` as RabbitMQ's definitions file takes it (rabbit_password_hashing_sha256).

    The salt comes from the password, so that the same password always gives the same file; our passwords are random,
    so equal ones do not occur.
    """
    salt = hashlib.sha256(b"crowbar salt" + password.encode()).digest()[:4]
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


class FilterModule:
    """What Ansible asks for the filters."""

    def filters(self) -> dict[str, Callable[[str], str]]:
        """Name -> filter."""
        return {"rabbitmq_hash": rabbitmq_hash}
