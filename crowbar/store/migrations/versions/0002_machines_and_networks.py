"""Machines: BMCs, hardware, boots, orders, their events; and networks with the addresses that nodes have in them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables of discovery."""
    _machines()
    _of_machines()
    _boots_and_orders()
    _events()
    _networks()


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _word(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False)


def _bytes(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary, nullable=False)


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, TIME, nullable=False)


def _of_machine(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["machine"], ["machines.name"], name=f"fk_{table}_machine", ondelete="CASCADE")


def _machines() -> None:
    op.create_table(
        "machines",
        *(_word(name) for name in ("name", "bmc", "identity_uuid", "identity_serial", "power", "boot_mode", "target")),
        *(_flag(name) for name in ("approved", "allocated")),
        *(_word(name) for name in ("group", "intended_role", "install_disk", "rack_position")),
        sa.Column("last_seen", TIME),
        _text("last_words"),
        sa.Column("boot_device", sa.String),
        sa.Column("boot_ordered", TIME),
        _number("boots_unanswered"),
        _time("since"),
        sa.PrimaryKeyConstraint("name", name="pk_machines"),
        sa.ForeignKeyConstraint(["name"], ["nodes.name"], name="fk_machines_name", ondelete="CASCADE"),
    )
    op.create_index("ix_machines_identity_uuid", "machines", ["identity_uuid"])
    op.create_index("ix_machines_identity_serial", "machines", ["identity_serial"])
    op.create_table(
        "machine_macs",
        *(_word(name) for name in ("machine", "mac")),
        _number("position"),
        sa.PrimaryKeyConstraint("machine", "mac", name="pk_machine_macs"),
        _of_machine("machine_macs"),
    )
    op.create_index("ix_machine_macs_mac", "machine_macs", ["mac"])


def _of_machines() -> None:
    op.create_table(
        "bmc_credentials",
        _word("machine"),
        _bytes("value"),
        sa.PrimaryKeyConstraint("machine", name="pk_bmc_credentials"),
        _of_machine("bmc_credentials"),
    )
    op.create_table(
        "hardware",
        _word("machine"),
        _number("revision"),
        _time("taken"),
        _text("facts"),
        _bytes("raw"),
        sa.PrimaryKeyConstraint("machine", "revision", name="pk_hardware"),
        _of_machine("hardware"),
    )


def _boots_and_orders() -> None:
    op.create_table(
        "boots",
        sa.Column("id", ROW_ID),
        sa.PrimaryKeyConstraint("id", name="pk_boots"),
        *(_word(name) for name in ("machine", "token_digest", "boot_digest", "session_digest")),
        _time("issued"),
        sa.Column("used", TIME),
        _flag("outdated"),
        _of_machine("boots"),
    )
    op.create_index("ix_boots_token_digest", "boots", ["token_digest"])
    op.create_index("ix_boots_session_digest", "boots", ["session_digest"])
    op.create_index("ix_boots_machine_id", "boots", ["machine", "id"])
    op.create_table(
        "orders",
        sa.Column("id", ROW_ID),
        sa.PrimaryKeyConstraint("id", name="pk_orders"),
        *(_word(name) for name in ("machine", "kind", "status")),
        *(_text(name) for name in ("params", "message")),
        _number("progress"),
        *(_time(name) for name in ("created", "updated")),
        _of_machine("orders"),
    )
    op.create_index("ix_orders_machine_id", "orders", ["machine", "id"])
    op.create_index("ix_orders_status", "orders", ["status"])


def _events() -> None:
    op.create_table(
        "machine_events",
        sa.Column("id", ROW_ID),
        sa.PrimaryKeyConstraint("id", name="pk_machine_events"),
        *(_word(name) for name in ("machine", "mac", "kind", "actor")),
        _time("at"),
        *(_text(name) for name in ("message", "data")),
    )
    op.create_index("ix_machine_events_machine_id", "machine_events", ["machine", "id"])
    op.create_index("ix_machine_events_mac_id", "machine_events", ["mac", "id"])


def _networks() -> None:
    op.create_table(
        "networks",
        *(_word(name) for name in ("name", "subnet", "gateway")),
        *(_number(name) for name in ("vlan", "mtu")),
        _text("ranges"),
        _flag("auto_approve"),
        sa.PrimaryKeyConstraint("name", name="pk_networks"),
    )
    op.create_table(
        "allocations",
        *(_word(name) for name in ("network", "node", "mac")),
        _number("position"),
        sa.PrimaryKeyConstraint("network", "node", name="pk_allocations"),
        sa.ForeignKeyConstraint(["network"], ["networks.name"], name="fk_allocations_network"),
        sa.ForeignKeyConstraint(["node"], ["nodes.name"], name="fk_allocations_node", ondelete="CASCADE"),
        sa.UniqueConstraint("network", "position", name="uq_allocations_network_position"),
    )
    op.create_index("ix_allocations_node", "allocations", ["node"])
