"""The tables as the program sees them; `migrations/` makes them, and a test holds the two together."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from crowbar.store.columns import Json, RowId, UtcTime, Words

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

nodes = Table(
    "nodes",
    metadata,
    Column("name", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("addresses", Json, nullable=False),
    Column("ssh_user", String, nullable=False),
    Column("ssh_port", Integer, nullable=False),
    Column("ssh_key", String, nullable=False),
    Column("host_key", String, nullable=False),
    Column("facts", Json, nullable=False),
    Column("state", String, nullable=False),
    Column("health", String, nullable=False),
    Column("last_error", Words, nullable=False),
)

node_aliases = Table(
    "node_aliases",
    metadata,
    Column("alias", String, primary_key=True),
    Column("node", ForeignKey("nodes.name", ondelete="CASCADE"), nullable=False, index=True),
    Column("position", Integer, nullable=False),
)

# The head of each proposal: which revision holds. Revisions themselves are never changed nor removed.
proposals = Table(
    "proposals",
    metadata,
    Column("barclamp", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("deleted", Boolean, nullable=False),
)

proposal_revisions = Table(
    "proposal_revisions",
    metadata,
    Column("barclamp", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("attributes", Json, nullable=False),
    Column("elements", Json, nullable=False),
    Column("saved", UtcTime, nullable=False),
)

deployments = Table(
    "deployments",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("status", String, nullable=False, index=True),
    Column("started", UtcTime, nullable=False),
    Column("finished", UtcTime),
    Column("summary", Words, nullable=False),
)

steps = Table(
    "steps",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("deployment", ForeignKey("deployments.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("key", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("barclamp", String, nullable=False),
    Column("role", String, nullable=False),
    Column("node", String, nullable=False),
    Column("status", String, nullable=False),
    Column("reason", Words, nullable=False),
    Column("identity", String, nullable=False),
    Column("started", UtcTime),
    Column("finished", UtcTime),
    Column("changed", Integer, nullable=False),
    Column("error", Words, nullable=False),
    UniqueConstraint("deployment", "key"),
    Index(None, "key", "status", "id"),
)

applied = Table(
    "applied",
    metadata,
    Column("key", String, primary_key=True),
    Column("barclamp", String, nullable=False),
    Column("role", String, nullable=False),
    Column("node", String, nullable=False, index=True),
    Column("identity", String, nullable=False),
    Column("inputs", Json, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("deployment", ForeignKey("deployments.id"), nullable=False),
    Column("step", ForeignKey("steps.id")),
    Column("at", UtcTime, nullable=False),
    Column("kind", String, nullable=False),
    Column("message", Words, nullable=False),
    Column("data", Json, nullable=False),
    Index(None, "deployment", "id"),
    Index(None, "step", "id"),
)

published = Table(
    "published",
    metadata,
    Column("barclamp", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("value", LargeBinary, nullable=False),  # encrypted
    Column("digest", String, nullable=False),
)

secrets = Table(
    "secrets",
    metadata,
    Column("owner", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("kind", String, nullable=False),
    Column("length", Integer, nullable=False),
    Column("value", LargeBinary, nullable=False),  # encrypted
    Column("created", UtcTime, nullable=False),
)

# One row that only the right key decrypts: a wrong key is found when the store opens, not halfway through a deployment.
key_check = Table(
    "key_check",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("value", LargeBinary, nullable=False),
)
