"""Brings a database to the schema of this program, by the migrations inside the package."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from crowbar.errors import EnvironmentFault
from crowbar.store.database import Database

HEAD = "0003"  # the newest migration; a test holds it to the folder
_LOCK = 0x63726F77  # PostgreSQL's advisory lock of whoever migrates: "crow"


def migrate(database: Database) -> None:
    """Make or upgrade the tables. Several processes may do so at once; one does it, the others wait.

    Raises EnvironmentFault if the database was made by a newer Crowbar.
    """
    with database.read() as connection:
        if _revision(connection) == HEAD:
            return
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        if (revision := _revision(connection)) != HEAD:
            _upgrade(connection, revision, database.name)


def _revision(connection: Connection) -> str:
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")


def _upgrade(connection: Connection, revision: str, name: str) -> None:
    # Alembic takes a quarter of a second to import, and nearly every command finds the schema up to date.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision and revision not in known:
        raise EnvironmentFault(
            f"The database {name} was made by a newer Crowbar (schema {revision}; this one knows {HEAD}).",
            hint="Install that version or a newer one; a database is never taken back.",
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
