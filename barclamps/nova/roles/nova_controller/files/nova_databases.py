#!/usr/bin/python3
"""Make Nova's tables, its cells, and the records of its compute nodes; run again, bring them up to date.

    nova-databases [--default-flavors] NODE...

Every nova-manage command imports Nova for two seconds. Here it is imported once, and each command is a forked child.

The nodes are recorded (their service, and the cell that they are in) before nova-compute first starts there. So nobody
has to wait for their discovery; and a nova-compute that finds no record of itself opens libvirt before it handles
libvirt's events, gets none until it is restarted, and waits for ever when a device is detached.
"""

from __future__ import annotations

import argparse
import os
import sys
import uuid
from urllib.parse import urlsplit

from nova import config, context, exception, objects
from nova.cmd import manage
from nova.conf import CONF

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


def start(*words: str) -> int:
    """Start a nova-manage command in a child; its process id."""
    pid = os.fork()
    if pid == 0:
        sys.argv = ["nova-manage", *words]
        status = manage.main() or 0
        sys.stdout.flush()
        os._exit(status)
    return pid


def finish(*pids: int) -> None:
    """Wait for all children; end this process if one of them failed."""
    if any([os.waitpid(pid, 0)[1] for pid in pids]):
        sys.exit("nova-manage failed")


def record_cells(ctxt: context.RequestContext) -> objects.CellMapping:
    """Have the two cells recorded with the addresses and passwords of nova.conf; the one that has the nodes."""
    database, messages = CONF.database.connection, CONF.transport_url
    url = urlsplit(database)
    known = {cell.uuid: cell for cell in objects.CellMappingList.get_all(ctxt)}
    cell0 = known.get(objects.CellMapping.CELL0_UUID) or objects.CellMapping(
        ctxt, uuid=objects.CellMapping.CELL0_UUID, name="cell0"
    )
    cell1 = next((cell for cell in known.values() if cell.name == CELL), None) or objects.CellMapping(
        ctxt, uuid=str(uuid.uuid4()), name=CELL
    )
    for cell, connection, transport in (
        (cell0, url._replace(path=f"{url.path}_cell0").geturl(), NO_MESSAGES),
        (cell1, database, messages),
    ):
        cell.database_connection, cell.transport_url = connection, transport
        if cell.uuid in known:
            cell.save()
        else:
            cell.create()
    return cell1


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
            ctxt, name=name, flavorid=identity, memory_mb=memory, vcpus=processors, root_gb=disk,
            ephemeral_gb=0, swap=0, rxtx_factor=1.0, is_public=True, disabled=False,
        ).create()  # fmt: skip


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description="Make Nova's tables, cells, and records of compute nodes.")
    parser.add_argument("--default-flavors", action="store_true")
    parser.add_argument("nodes", nargs="*")
    wanted = parser.parse_args()
    finish(start("api_db", "sync"), start("db", "sync", "--local_cell"))
    config.parse_args(["nova-manage"])
    objects.register_all()
    ctxt = context.get_admin_context()
    cell = record_cells(ctxt)
    finish(start("db", "sync"))  # that of cell0, now that it is known
    record_nodes(ctxt, cell, wanted.nodes)
    if wanted.default_flavors:
        record_flavors(ctxt)


if __name__ == "__main__":
    main()
