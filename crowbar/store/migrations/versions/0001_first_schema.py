"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# Plain types on purpose: a migration must go on meaning what it meant, whatever the program's own types become.
ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make all tables."""
    _nodes()
    _proposals()
    _deployments()
    _encrypted()


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _word(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False)


def _nodes() -> None:
    op.create_table(
        "nodes",
        *(_word(name) for name in ("name", "kind", "ssh_user", "ssh_key", "host_key", "state", "health")),
        *(_text(name) for name in ("addresses", "facts", "last_error")),
        _number("ssh_port"),
        sa.PrimaryKeyConstraint("name", name="pk_nodes"),
    )
    op.create_table(
        "node_aliases",
        _word("alias"),
        _word("node"),
        _number("position"),
        sa.PrimaryKeyConstraint("alias", name="pk_node_aliases"),
        sa.ForeignKeyConstraint(["node"], ["nodes.name"], name="fk_node_aliases_node", ondelete="CASCADE"),
    )
    op.create_index("ix_node_aliases_node", "node_aliases", ["node"])


def _proposals() -> None:
    op.create_table(
        "proposals",
        _word("barclamp"),
        _word("name"),
        _number("revision"),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("barclamp", "name", name="pk_proposals"),
    )
    op.create_table(
        "proposal_revisions",
        _word("barclamp"),
        _word("name"),
        _number("revision"),
        _text("attributes"),
        _text("elements"),
        sa.Column("saved", TIME, nullable=False),
        sa.PrimaryKeyConstraint("barclamp", "name", "revision", name="pk_proposal_revisions"),
    )


def _deployments() -> None:
    op.create_table(
        "deployments",
        sa.Column("id", ROW_ID),
        sa.PrimaryKeyConstraint("id", name="pk_deployments"),
        _word("status"),
        sa.Column("started", TIME, nullable=False),
        sa.Column("finished", TIME),
        _text("summary"),
    )
    op.create_index("ix_deployments_status", "deployments", ["status"])
    op.create_table(
        "steps",
        sa.Column("id", ROW_ID),
        sa.PrimaryKeyConstraint("id", name="pk_steps"),
        sa.Column("deployment", ROW_ID, nullable=False),
        *(_word(name) for name in ("key", "kind", "barclamp", "role", "node", "status", "identity")),
        *(_text(name) for name in ("reason", "error")),
        *(_number(name) for name in ("position", "changed")),
        *(sa.Column(name, TIME) for name in ("started", "finished")),
        sa.ForeignKeyConstraint(["deployment"], ["deployments.id"], name="fk_steps_deployment"),
        sa.UniqueConstraint("deployment", "key", name="uq_steps_deployment_key"),
    )
    op.create_index("ix_steps_key_status_id", "steps", ["key", "status", "id"])
    _events()


def _events() -> None:
    op.create_table(
        "applied",
        *(_word(name) for name in ("key", "barclamp", "role", "node", "identity")),
        _text("inputs"),
        sa.PrimaryKeyConstraint("key", name="pk_applied"),
    )
    op.create_index("ix_applied_node", "applied", ["node"])
    op.create_table(
        "events",
        sa.Column("id", ROW_ID),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.Column("deployment", ROW_ID, nullable=False),
        sa.Column("step", ROW_ID),
        sa.Column("at", TIME, nullable=False),
        _word("kind"),
        _text("message"),
        _text("data"),
        sa.ForeignKeyConstraint(["deployment"], ["deployments.id"], name="fk_events_deployment"),
        sa.ForeignKeyConstraint(["step"], ["steps.id"], name="fk_events_step"),
    )
    op.create_index("ix_events_deployment_id", "events", ["deployment", "id"])
    op.create_index("ix_events_step_id", "events", ["step", "id"])


def _encrypted() -> None:
    op.create_table(
        "published",
        _word("barclamp"),
        _word("name"),
        sa.Column("value", sa.LargeBinary, nullable=False),
        _word("digest"),
        sa.PrimaryKeyConstraint("barclamp", "name", name="pk_published"),
    )
    op.create_table(
        "secrets",
        _word("owner"),
        _word("name"),
        _number("version"),
        _word("kind"),
        _number("length"),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.PrimaryKeyConstraint("owner", "name", "version", name="pk_secrets"),
    )
    op.create_table(
        "key_check",
        sa.Column("id", sa.Integer, autoincrement=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_key_check"),
    )
