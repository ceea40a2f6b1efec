#!/usr/bin/python3
"""Make Nova's tables, its cells, and the records of its compute nodes; run again, bring them up to date.

    nova-databases [--default-flavors] NODE...

What five nova-manage commands do, each importing Nova for two seconds, is done here after one import, the three sets
of tables at the same time.

The nodes are recorded (their service, and the cell that they are in) before nova-compute first starts there. So nobody
has to wait for their discovery; and a nova-compute that finds no record of itself opens libvirt before it handles
libvirt's events, gets none until it is restarted, and waits for ever when a device is detached.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import uuid
from collections.abc import Callable
from urllib.parse import urlsplit

from nova import config, context, exception, objects
from nova.conf import CONF
from nova.db import migration

CELL = "cell1"
NO_MESSAGES = "none:///"  # cell0 holds instances that found no node: nothing listens there
# name, id, MiB of memory, virtual processors, GiB of disk
FLAVORS = [
    ("m1.nano", "42", 192, 1, 1),
    ("m1.tiny", "1", 512, 1, 1),
    ("m1.small", "2", 2048, 1, 20),
    ("m1.medium", "3", 4096, 2, 40),
    ("m1.large", "4", 8192, 4, 80),
]


def in_parallel(*works: Callable[[], object]) -> None:
    """Do each in a process of its own; end this one if any of them failed."""
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=work) for work in works]
    for child in children:
        child.start()
    for child in children:
        child.join()
    if any(child.exitcode for child in children):
        sys.exit("The tables of Nova's databases could not be made.")


def cell0() -> objects.CellMapping:
    """The cell of instances without a node, as it should be recorded. Its database is beside the other's."""
    url = urlsplit(CONF.database.connection)
    return objects.CellMapping(
        uuid=objects.CellMapping.CELL0_UUID,
        name="cell0",
        database_connection=url._replace(path=f"{url.path}_cell0").geturl(),
        transport_url=NO_MESSAGES,
    )


def cell1() -> objects.CellMapping:
    """The cell that has the nodes, as it should be recorded."""
    return objects.CellMapping(
        uuid=str(uuid.uuid4()),
        name=CELL,
        database_connection=CONF.database.connection,
        transport_url=CONF.transport_url,
    )


def make_tables() -> None:
    """Create or upgrade the tables of the three databases."""

    def of_cell0() -> None:
        with context.target_cell(context.get_admin_context(), cell0()) as in_cell:
            migration.db_sync(context=in_cell)

    in_parallel(lambda: migration.db_sync(database="api"), migration.db_sync, of_cell0)


def recorded(ctxt: context.RequestContext, wanted: objects.CellMapping) -> objects.CellMapping:
    """The cell's record, made, or given the addresses and passwords of today."""
    for known in objects.CellMappingList.get_all(ctxt):
        if known.name == wanted.name:
            known.database_connection, known.transport_url = wanted.database_connection, wanted.transport_url
            known.save()
            return known
    new = objects.CellMapping(ctxt, **{field: getattr(wanted, field) for field in wanted.obj_what_changed()})
    new.create()
    return new


def record_nodes(ctxt: context.RequestContext, cell: objects.CellMapping, nodes: list[str]) -> None:
    """Have each node's compute service recorded in the cell, and the node mapped to it."""
    with context.target_cell(ctxt, cell) as in_cell:
        for node in nodes:
            if objects.Service.get_by_host_and_binary(in_cell, node, "nova-compute") is None:
                objects.Service(in_cell, host=node, binary="nova-compute", topic="compute", report_count=0).create()
    for node in nodes:
        try:
            objects.HostMapping.get_by_host(ctxt, node)
        except exception.HostMappingNotFound:
            objects.HostMapping(ctxt, host=node, cell_mapping=cell).create()


def record_flavors(ctxt: context.RequestContext) -> None:
    """Have the usual flavors, unless there are flavors already."""
    if objects.FlavorList.get_all(ctxt):
        return
    for name, identity, memory, processors, disk in FLAVORS:
        objects.Flavor(
            ctxt,
            name=name,
            flavorid=identity,
            memory_mb=memory,
            vcpus=processors,
            root_gb=disk,
            ephemeral_gb=0,
            swap=0,
            rxtx_factor=1.0,
            is_public=True,
            disabled=False,
        ).create()


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description="Make Nova's tables, cells, and records of compute nodes.")
    parser.add_argument("--default-flavors", action="store_true")
    parser.add_argument("nodes", nargs="*")
    wanted = parser.parse_args()
    config.parse_args(["nova-databases"], default_config_files=["/etc/nova/nova.conf"])
    objects.register_all()
    make_tables()
    ctxt = context.get_admin_context()
    recorded(ctxt, cell0())
    record_nodes(ctxt, recorded(ctxt, cell1()), wanted.nodes)
    if wanted.default_flavors:
        record_flavors(ctxt)


if __name__ == "__main__":
    main()
