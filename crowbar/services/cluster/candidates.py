"""The nodes that a role can be given to, with what a choice may look at: of machines, their inventory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from crowbar.catalog.cluster import Cluster, FileMachine
from crowbar.catalog.placement import Candidate

if TYPE_CHECKING:
    from crowbar.services.context import Context
    from crowbar.store.machine_model import MachineView


def candidates(context: Context, cluster: Cluster) -> list[Candidate]:
    """All nodes in the file's order, then by name.

    In a file with machines, roles are given to its machines alone: another machine that happens to be discovered has
    not been asked for.
    """
    views = {view.machine.name: view for view in context.store.machines.list()}
    named = {alias: view.machine.name for view in views.values() for alias in (*view.aliases, view.machine.name)}
    listed = {named.get(one.name, one.name): one for one in cluster.machines}
    nodes = [node.name for node in context.store.nodes.list()]
    found = {name: _candidate(name, views.get(name), listed.get(name)) for name in [*listed, *nodes]}
    if not cluster.has_machines:
        return list(found.values())
    others = [one for one in found.values() if one.name not in listed]
    matched = [
        one
        for wanted in cluster.matched
        for one in [two for two in others if _means(wanted.group, wanted.intended_role, two)][: wanted.count]
    ]
    return list(dict.fromkeys([*(found[name] for name in listed), *matched]))


def matching(views: Mapping[str, MachineView], group: str, intended_role: str) -> list[str]:
    """The machines that matching rules, or an operator, put into the group and mean for the role."""
    return [name for name, view in views.items() if _means(group, intended_role, _candidate(name, view, None))]


def _means(group: str, intended_role: str, one: Candidate) -> bool:
    return group in ("", one.group) and intended_role in ("", one.intended_role)


def _candidate(name: str, view: MachineView | None, listed: FileMachine | None) -> Candidate:
    """What the file says goes before what a rule said."""
    machine = view.machine if view else None
    hardware = view.hardware if view else None
    disks = [disk for disk in hardware.disks if not disk.removable] if hardware else []
    return Candidate(
        name,
        group=(listed.group if listed else "") or (machine.group if machine else ""),
        intended_role=(listed.intended_role if listed else "") or (machine.intended_role if machine else ""),
        rack_position=(listed.rack_position if listed else "") or (machine.rack_position if machine else ""),
        disks=max(len(disks) - 1, 0) if hardware else None,
        memory_mib=hardware.memory_mib if hardware else None,
        virtualization=hardware.cpu.virtualization if hardware else None,
    )
