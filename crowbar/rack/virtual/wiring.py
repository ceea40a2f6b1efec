"""A rack's network: a namespace with a bridge for its machines and an address for each BMC, cabled to the host.

The host's two ends are in its own namespace, so that the admin node's services run on the host and bind to them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from crowbar.rack.host import run, tried
from crowbar.rack.network import close_way, open_way
from crowbar.rack.subnet import free_subnet, host_networks
from crowbar.rack.virtual.record import Kind, LinkRecord, MachineRecord, RackRecord

ADMIN_BRIDGE = "admin"
SECOND_BRIDGE = "data"  # the second network interfaces of the machines: they see each other, and nobody else
_BMC = "bmc"
_NAMESPACES = Path("/run/netns")


def plan_networks(tag: str) -> RackRecord:
    """An empty rack with subnets that the host does not use. Raises EnvironmentFault if it has none free."""
    used = host_networks()
    admin = free_subnet(used)
    bmc = free_subnet(used, [admin])
    prefix6 = f"fd77:{tag[:4]}:{tag[4:]}::/64"
    return RackRecord(
        f"crowbar-{tag}",
        LinkRecord(str(admin), _host_end(tag, "a"), prefix6),
        LinkRecord(str(bmc), _host_end(tag, "b")),
    )


def _host_end(tag: str, side: str) -> str:
    return f"cr{side}-{tag}"


def _table(tag: str) -> str:
    return f"crowbar_{tag}"


def namespace_path(namespace: str) -> Path:
    """The file that holds the namespace."""
    return _NAMESPACES / namespace


def port(machine: MachineRecord, nic: int) -> str:
    """What the switch's end of a machine's cable is called in the rack's namespace."""
    return f"m{machine.number}n{nic}"


def up(record: RackRecord, tag: str) -> None:
    """Make what is missing of the rack's network; a second time changes nothing. Raises EnvironmentFault."""
    if not namespace_path(record.namespace).exists():
        run("ip", "netns", "add", record.namespace)
    there = _links(record.namespace)
    _batch(["-n", record.namespace], _inside(record, there))
    for link, far in ((record.admin, "uplink"), (record.bmc, _BMC)):
        if far not in there:
            run(*("ip", "link", "add", link.interface, "type", "veth", "peer"), far, "netns", record.namespace)
    _batch(["-n", record.namespace], _cabled(record))
    _batch([], _outside(record))
    open_way(_table(tag), record.admin.interface, record.admin.subnet)


def namespaces(namespace: str) -> list[str]:
    """The network namespaces that there are: those of container machines that are on, and the rack's."""
    paths = [*_NAMESPACES.glob(f"{namespace}-m*"), namespace_path(namespace)]
    return [path.name for path in paths if path.exists()]


def down(namespace: str, tag: str) -> None:
    """Take it away, whatever there is of it. No process may be left in the namespaces."""
    for side in ("a", "b"):
        tried("ip", "link", "delete", _host_end(tag, side))
    for name in namespaces(namespace):
        run("ip", "netns", "delete", name)
    close_way(_table(tag))


def machine_namespace(namespace: str, machine: MachineRecord) -> str:
    """A container machine's own."""
    return f"{namespace}-m{machine.number}"


def plug(rack: RackRecord, machine: MachineRecord) -> None:
    """Make a container machine's own namespace, with its network interfaces cabled to the rack's bridges.

    Raises EnvironmentFault.
    """
    own = machine_namespace(rack.namespace, machine)
    run("ip", "netns", "add", own)
    run("ip", "-n", own, "link", "set", "lo", "up")
    for nic, mac in enumerate(machine.macs):
        name, bridge = port(machine, nic), SECOND_BRIDGE if nic else ADMIN_BRIDGE
        far = ("peer", "name", f"eth{nic}", "address", mac, "netns", own)
        run("ip", "-n", rack.namespace, "link", "add", name, "type", "veth", *far)
        run("ip", "-n", rack.namespace, "link", "set", name, "addrgenmode", "none", "master", bridge, "up")


def unplug(namespace: str, machine: MachineRecord) -> None:
    """Undo `plug`, whatever there is of it; the interfaces go with the namespace."""
    own = machine_namespace(namespace, machine)
    if namespace_path(own).exists():
        run("ip", "netns", "delete", own)
    for nic in range(len(machine.macs)):  # the kernel takes a namespace's away in its own time
        tried("ip", "-n", namespace, "link", "delete", port(machine, nic))


def set_port(namespace: str, machine: MachineRecord, *, up: bool) -> None:
    """Pull a container machine's first cable at the switch, or plug it in; nothing while the machine is off."""
    tried("ip", "-n", namespace, "link", "set", port(machine, 0), "up" if up else "down")


def _links(namespace: str) -> set[str]:
    return {row["ifname"] for row in json.loads(run("ip", "-n", namespace, "-json", "link"))}


def _batch(options: list[str], lines: Iterable[str]) -> None:
    run("ip", *options, "-batch", "-", stdin="\n".join(lines) + "\n")


def _inside(record: RackRecord, there: set[str]) -> Iterator[str]:
    """The bridges, and a tap for each network interface of a virtual machine."""
    yield "link set lo up"
    for bridge in (ADMIN_BRIDGE, SECOND_BRIDGE):
        if bridge not in there:
            # No learning delay, and no filter that swallows router advertisements and neighbours' questions.
            yield f"link add {bridge} type bridge forward_delay 0 mcast_snooping 0"
            yield f"link set {bridge} addrgenmode none up"
    for machine in record.machines:
        for nic in range(len(machine.macs)):
            name = port(machine, nic)
            if machine.kind is Kind.VM and name not in there:
                yield f"tuntap add {name} mode tap"
                yield f"link set {name} addrgenmode none master {SECOND_BRIDGE if nic else ADMIN_BRIDGE} up"


def _cabled(record: RackRecord) -> Iterator[str]:
    """Both cables plugged in; each BMC's address; the way that BMCs answer the machines' own questions by."""
    yield f"link set uplink addrgenmode none master {ADMIN_BRIDGE} up"
    yield f"link set {_BMC} up"
    for machine in record.machines:
        yield f"address replace {machine.bmc.address}/{record.bmc.network.prefixlen} dev {_BMC}"
    if record.machines:
        yield f"route replace default via {record.bmc.address}"


def _outside(record: RackRecord) -> Iterator[str]:
    for link in (record.admin, record.bmc):
        yield f"link set {link.interface} up"
        yield f"address replace {link.address}/{link.network.prefixlen} dev {link.interface}"
    # Nobody else has it: a check for that would keep services from binding to it for two seconds.
    yield f"address replace {record.admin.prefix6.replace('/64', '1/64')} dev {record.admin.interface} nodad"
