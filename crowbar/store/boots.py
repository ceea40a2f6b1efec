"""Who an agent is: the one-time token of a boot, and the session that it was exchanged for.

Both are random and long, and only their digests are kept: a copy of the database lets nobody in.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from crowbar.store.columns import now
from crowbar.store.database import Database
from crowbar.store.machine_model import Redeemed, TokenFault
from crowbar.store.machine_tables import boots, machines

KEPT = 10  # boots of a machine; of these a replayed token is recognised
_BYTES = 32


class Boots:
    """The boots for which a token was issued, and those that were let in without."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def issue(self, machine: str) -> str:
        """A token for the boot that now begins. Older ones of that machine that nobody used are void.

        Raises LookupError if there is no such machine.
        """
        token = secrets.token_urlsafe(_BYTES)
        with self._database.write() as connection:
            _lock(connection, machine)
            _add(connection, machine, token_digest=_digest(token))
        return token

    def owner(self, token: str) -> str | None:
        """The machine that the token was issued for, used or not; None for a token of nobody."""
        query = select(boots.c.machine).where(boots.c.token_digest == _digest(token))
        with self._database.read() as connection:
            machine: str | None = connection.scalar(query) if token else None
        return machine

    def void(self, token: str) -> None:
        """Have the token let nobody in any more. A session that it was exchanged for already goes on."""
        unused = (boots.c.token_digest == _digest(token), boots.c.used.is_(None))
        with self._database.write() as connection:
            connection.execute(update(boots).where(*unused).values(outdated=True))

    def redeem(self, token: str, boot_id: str = "") -> Redeemed:
        """Exchange a token for a session, once.

        An agent that never got the answer asks again with the same token: if it also sends the ``boot_id`` of then,
        which is random and its own, it gets a new session in place of that one. Anyone else who comes with a used
        token is refused, with the machine whose token it was.
        """
        c = boots.c
        digest, session = _digest(token), secrets.token_urlsafe(_BYTES)
        with self._database.write() as connection:
            query = select(boots).where(c.token_digest == digest).with_for_update()
            row = connection.execute(query).one_or_none() if token else None
            if row is None:
                return Redeemed(None, fault=TokenFault.UNKNOWN)
            if (why := _fault(connection, row, boot_id)) is not None:
                return Redeemed(row.machine, fault=why)
            values = {"used": now(), "boot_digest": _digest(boot_id), "session_digest": _digest(session)}
            connection.execute(update(boots).where(c.id == row.id).values(values))
        return Redeemed(row.machine, session)

    def admit(self, machine: str) -> str:
        """A session without a token, for a machine that an operator or its network's rule lets in; tokens are void.

        Raises LookupError if there is no such machine.
        """
        session = secrets.token_urlsafe(_BYTES)
        with self._database.write() as connection:
            _lock(connection, machine)
            _add(connection, machine, session_digest=_digest(session), used=now())
        return session

    def by_session(self, session: str) -> str | None:
        """The machine whose session it is; None when another boot of it was let in since, or it never was one."""
        c = boots.c
        with self._database.read() as connection:
            row = connection.execute(select(boots).where(c.session_digest == _digest(session))).one_or_none()
            if row is None or _newest_used(connection, row.machine) != row.id:
                return None
        machine: str = row.machine
        return machine

    def ever(self, machine: str) -> bool:
        """Whether the machine was ever let in."""
        with self._database.read() as connection:
            return _newest_used(connection, machine) is not None

    def revoke(self, machine: str) -> None:
        """End the machine's session and void its tokens: it is to boot anew."""
        with self._database.write() as connection:
            values = {"outdated": True, "session_digest": ""}
            connection.execute(update(boots).where(boots.c.machine == machine).values(values))


def _fault(connection: Connection, row: Row[Any], boot_id: str) -> TokenFault | None:
    if row.outdated:
        return TokenFault.OUTDATED if row.used is None else TokenFault.REPLAYED
    if row.used is None:
        return None
    again = bool(boot_id) and secrets.compare_digest(row.boot_digest, _digest(boot_id))
    return None if again and _newest_used(connection, row.machine) == row.id else TokenFault.REPLAYED


def _newest_used(connection: Connection, machine: str) -> int | None:
    c = boots.c
    query = select(c.id).where(c.machine == machine, c.used.is_not(None)).order_by(c.id.desc()).limit(1)
    newest: int | None = connection.scalar(query)
    return newest


def _lock(connection: Connection, machine: str) -> None:
    # One after another for each machine, or two that issue at once on PostgreSQL would leave two good tokens.
    if connection.scalar(select(machines.c.name).where(machines.c.name == machine).with_for_update()) is None:
        raise LookupError(f"there is no machine {machine!r}")


def _add(connection: Connection, machine: str, **values: Any) -> None:
    c = boots.c
    empty = {"token_digest": "", "boot_digest": "", "session_digest": "", "issued": now(), "outdated": False}
    unused = (c.machine == machine, c.used.is_(None))
    connection.execute(update(boots).where(*unused).values(outdated=True))
    connection.execute(insert(boots).values({"machine": machine, **empty, **values}))
    oldest = select(c.id).where(c.machine == machine).order_by(c.id.desc()).offset(KEPT).limit(1)
    held = _newest_used(connection, machine) or 0  # its session stays, however many boot scripts somebody fetches
    connection.execute(delete(boots).where(c.machine == machine, c.id <= oldest.scalar_subquery(), c.id != held))


def _digest(text: str) -> str:
    # Plain SHA-256 will do: nobody guesses 256 random bits.
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
