"""The tables of discovery. What belongs to a machine goes with its node: the database itself sees to that."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, UniqueConstraint

from crowbar.store.columns import Json, RowId, UtcTime, Words
from crowbar.store.tables import metadata


def _machine(*, primary_key: bool = False) -> Column[str]:
    goes = ForeignKey("machines.name", ondelete="CASCADE")
    return Column("machine", goes, primary_key=primary_key, nullable=False)


machines = Table(
    "machines",
    metadata,
    Column("name", ForeignKey("nodes.name", ondelete="CASCADE"), primary_key=True),
    Column("bmc", String, nullable=False),
    Column("identity_uuid", String, nullable=False, index=True),
    Column("identity_serial", String, nullable=False, index=True),
    Column("power", String, nullable=False),
    Column("boot_mode", String, nullable=False),
    Column("target", String, nullable=False),
    Column("approved", Boolean, nullable=False),
    Column("allocated", Boolean, nullable=False),
    Column("group", String, nullable=False),
    Column("intended_role", String, nullable=False),
    Column("install_disk", String, nullable=False),
    Column("rack_position", String, nullable=False),
    Column("last_seen", UtcTime),
    Column("last_words", Words, nullable=False),
    Column("boot_device", String),
    Column("boot_ordered", UtcTime),
    Column("boots_unanswered", Integer, nullable=False),
    Column("since", UtcTime, nullable=False),  # when its node came into its state
)

# Apart from their machine, so that whose a MAC is can be asked for each DHCP request and boot script.
machine_macs = Table(
    "machine_macs",
    metadata,
    _machine(primary_key=True),
    Column("mac", String, primary_key=True, index=True),
    Column("position", Integer, nullable=False),
)

bmc_credentials = Table(
    "bmc_credentials",
    metadata,
    _machine(primary_key=True),
    Column("value", LargeBinary, nullable=False),  # user and password, encrypted
)

hardware = Table(
    "hardware",
    metadata,
    _machine(primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("taken", UtcTime, nullable=False),
    Column("facts", Json, nullable=False),
    Column("raw", LargeBinary, nullable=False),  # what the agent sent, compressed
)

boots = Table(
    "boots",
    metadata,
    Column("id", RowId, primary_key=True),
    _machine(),
    Column("token_digest", String, nullable=False, index=True),
    Column("boot_digest", String, nullable=False),
    Column("session_digest", String, nullable=False, index=True),
    Column("issued", UtcTime, nullable=False),
    Column("used", UtcTime),
    Column("outdated", Boolean, nullable=False),  # a newer token was issued before this one was used
    Index(None, "machine", "id"),
)

orders = Table(
    "orders",
    metadata,
    Column("id", RowId, primary_key=True),
    _machine(),
    Column("kind", String, nullable=False),
    Column("params", Json, nullable=False),
    Column("status", String, nullable=False, index=True),
    Column("message", Words, nullable=False),
    Column("progress", Integer, nullable=False),
    Column("created", UtcTime, nullable=False),
    Column("updated", UtcTime, nullable=False),
    Index(None, "machine", "id"),
)

# Not bound to a machine's row: what a MAC did before anyone knew whose it is belongs to the timeline, too.
machine_events = Table(
    "machine_events",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("machine", String, nullable=False),
    Column("mac", String, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("kind", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("message", Words, nullable=False),
    Column("data", Json, nullable=False),
    Index(None, "machine", "id"),
    Index(None, "mac", "id"),
)

networks = Table(
    "networks",
    metadata,
    Column("name", String, primary_key=True),
    Column("subnet", String, nullable=False),
    Column("gateway", String, nullable=False),
    Column("vlan", Integer, nullable=False),
    Column("mtu", Integer, nullable=False),
    Column("ranges", Json, nullable=False),
    Column("auto_approve", Boolean, nullable=False),
    Column("last_given", Integer, nullable=False, server_default="-1"),  # a position; none is -1
)

allocations = Table(
    "allocations",
    metadata,
    Column("network", ForeignKey("networks.name"), primary_key=True),
    Column("node", ForeignKey("nodes.name", ondelete="CASCADE"), primary_key=True, index=True),
    Column("position", Integer, nullable=False),  # the address, counted from the subnet's first: gaps are found in SQL
    Column("mac", String, nullable=False),
    UniqueConstraint("network", "position"),
)
