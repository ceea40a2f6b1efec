"""A store with so many installed machines, their hardware, and the proposals of the simulated barclamps."""

from __future__ import annotations

from crowbar.services.context import Context
from crowbar.store.machine_model import Machine
from crowbar.store.model import Node, NodeKind, NodeState, Proposal
from crowbar_inventory.hardware import BootMode, Cpu, Disk, Hardware, Identity, Nic

_SERVERS = 3  # nodes that hold a barclamp's server role


def fill(context: Context, barclamps: list[str], nodes: int) -> None:
    names = [f"node{number:04}" for number in range(nodes)]
    for number, name in enumerate(names):
        mac = f"52:54:00:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
        context.store.machines.save(Machine(name, macs=(mac,), approved=True, group="compute"))
        context.store.hardware.add(name, _hardware(number, mac), {})
        address = f"10.{number >> 14 & 255}.{number >> 7 & 127}.{number & 127}"
        context.store.nodes.save(
            Node(
                name,
                NodeKind.MACHINE,
                dict.fromkeys(("admin", "public", "storage", "tenant"), address),
                facts={"cpus": 64, "memory_mib": 262144, "capabilities": ["kvm", "openvswitch"]},
                state=NodeState.READY,
            )
        )
    for number, name in enumerate(barclamps):
        servers = tuple(names[(number * 7 + one) % nodes] for one in range(_SERVERS))
        roles = context.catalog.get(name).roles
        elements = {role: servers if role.endswith("-server") else tuple(names) for role in roles}
        context.store.proposals.save(Proposal(name, "default", {}, elements))


def _hardware(number: int, mac: str) -> Hardware:
    disks = tuple(Disk(f"sd{letter}", 4 * 10**12, "HDD", f"S{number:04}{letter}") for letter in "abcdefgh")
    nics = tuple(Nic(f"eth{one}", mac, "ice", f"0000:{one:02x}:00.0", 25000, link=True) for one in range(4))
    return Hardware(
        Identity(f"00000000-0000-4000-8000-{number:012}", f"SN{number:06}", frozenset({mac})),
        "Vendor",
        "Model",
        boot_mode=BootMode.UEFI,
        cpu=Cpu("CPU", "x86_64", 2, 32, 64, 2400, frozenset({"vmx", "ssse3"}), virtualization=True),
        memory_mib=262144,
        disks=disks,
        nics=nics,
    )
