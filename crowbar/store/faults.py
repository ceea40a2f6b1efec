"""What a database error means to an operator, and what to do about it."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

from crowbar.errors import EnvironmentFault

_SPACE = "Make room on the disk that holds it, and run the same command again: it goes on from there."
_SERVER = "See that the PostgreSQL server runs and that the database's URL is right."
_RESTORE = "Restore the file from a backup, or move it away to start anew."

# The beginning of SQLite's error name -> (what is wrong, what to do). The first that fits.
_SQLITE: tuple[tuple[str, str, str], ...] = (
    ("SQLITE_BUSY", "is locked by another process", "Wait for the other crowbar command to end, then try again."),
    ("SQLITE_LOCKED", "is locked by another process", "Wait for the other crowbar command to end, then try again."),
    ("SQLITE_FULL", "cannot grow: the disk is full", _SPACE),
    ("SQLITE_READONLY", "is read-only for this user", "Run as root, or as the user who owns the state folder."),
    ("SQLITE_PERM", "may not be used by this user", "Run as root, or as the user who owns the state folder."),
    ("SQLITE_CANTOPEN", "cannot be opened", "Run as root, and see that the state folder exists and is writable."),
    ("SQLITE_IOERR", "could not be read or written", "Look for disk errors in `dmesg`, and check the free space."),
    ("SQLITE_CORRUPT", "is damaged", _RESTORE),
    ("SQLITE_NOTADB", "is not an SQLite database", _RESTORE),
)
# The beginning of PostgreSQL's SQLSTATE -> the same. No state at all: the server was not reached.
_POSTGRESQL: tuple[tuple[str, str, str], ...] = (
    ("53100", "cannot grow: the server's disk is full", _SPACE),
    ("53", "has run out of resources", "Raise the server's limits (max_connections, memory)."),
    ("55P03", "is locked by another session", "Wait for the other crowbar command to end, then try again."),
    ("40", "rolled back because of concurrent work", "Run the same command again."),
    ("57", "was shut down while it was used", _SERVER),
    ("08", "lost its connection", _SERVER),
    ("28", "refused the login", "Check the user and the password in the database's URL."),
    ("3D000", "does not exist", "Create it: createdb --encoding=UTF8 crowbar."),
    ("42501", "does not let this user do that", "Make the user the owner of the database."),
    ("25006", "is read-only", "Use the URL of the primary server."),
)


def translate(error: DBAPIError, database: str) -> EnvironmentFault | None:
    """The fault to show for ``error`` of ``database`` (its URL without the password).

    None where the cause lies in Crowbar itself, such as a violated constraint.
    """
    name = str(getattr(error.orig, "sqlite_errorname", ""))
    state = getattr(error.orig, "sqlstate", None)
    if name:
        code, table = name, _SQLITE
    elif state:
        code, table = str(state), _POSTGRESQL
    elif type(error.orig).__name__ == "OperationalError":
        return EnvironmentFault(f"The database {database} cannot be reached: {_cause(error)}.", hint=_SERVER)
    else:
        return None
    for start, what, hint in table:
        if code.startswith(start):
            return EnvironmentFault(f"The database {database} {what} ({_cause(error)}).", hint=hint)
    return None


def _cause(error: DBAPIError) -> str:
    lines = str(error.orig).strip().splitlines()
    return lines[0].rstrip(".") if lines else "no reason given"
