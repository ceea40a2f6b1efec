"""The nodes for plain Ansible: what the store has of them, and the file in which their host keys are pinned."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crowbar.store.model import Node, NodeKind, StepKind
from crowbar_inventory import ansible
from crowbar_inventory.ansible import Host

if TYPE_CHECKING:
    from crowbar.services.context import Context
    from crowbar.store.machine_model import MachineView


def read(context: Context) -> dict[str, Any]:
    """The inventory in the form of Ansible's inventory scripts. The file of pinned host keys is brought up to date."""
    hosts = read_hosts(context)
    _write(context.state.known_hosts, ansible.pins(hosts))
    return ansible.inventory(hosts, context.state.known_hosts.absolute())


def read_hosts(context: Context) -> list[Host]:
    """All nodes, by name."""
    store = context.store
    nodes = store.nodes.list()
    machines = {view.machine.name: view for view in store.machines.list()}
    names = {name: node.name for node in nodes for name in (node.name, *node.aliases)}
    wanted = _grouped(
        (names.get(given, given), role)
        for proposal in store.proposals.list()
        for role, elements in proposal.elements.items()
        for given in elements
    )
    applied = _grouped(
        (one.node, one.role) for one in store.applied.list() if one.holds and one.role != StepKind.GATE.value
    )
    return [_host(node, machines.get(node.name), wanted[node.name], applied[node.name]) for node in nodes]


def _host(node: Node, view: MachineView | None, wanted: set[str], applied: set[str]) -> Host:
    hardware = view.hardware if view else None
    return Host(
        node.name,
        node.state.value,
        node.health.value,
        node.addresses.get("admin", ""),
        node.ssh_port,
        node.ssh_user,
        node.ssh_key,
        node.host_key,
        node.kind is NodeKind.HOST,
        node.aliases,
        view.machine.group if view else "",
        view.machine.intended_role if view else "",
        frozenset(wanted),
        frozenset(applied),
        hardware.cpu.threads or 0 if hardware else 0,
        hardware.memory_mib or 0 if hardware else 0,
    )


def _grouped(pairs: Iterable[tuple[str, str]]) -> defaultdict[str, set[str]]:
    of: defaultdict[str, set[str]] = defaultdict(set)
    for owner, value in pairs:
        of[owner].add(value)
    return of


def _write(path: Path, text: str) -> None:
    """At once whole: Ansible's forks may be reading the one before. Nothing in it is secret."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}-", delete=False
    ) as file:
        file.write(text)
    Path(file.name).replace(path)
