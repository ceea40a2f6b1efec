"""The playbook, inventory and hosts' variables of an exported project. Pure: from what is wanted to plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crowbar.catalog.model import Catalog, FactRef, WantedProposal
from crowbar.catalog.variables import Deployed, published, variables
from crowbar.engine.graph import Vertex, build_graph
from crowbar.services.export.values import portable
from crowbar.store.model import Node, NodeKind, StepKind


@dataclass(frozen=True)
class Project:
    """``plays`` is the content of site.yml; ``host_vars`` has the variables of each host by its name."""

    plays: list[dict[str, Any]]
    inventory: dict[str, Any]
    host_vars: dict[str, dict[str, Any]]


def compose(catalog: Catalog, wanted: Deployed, nodes: Mapping[str, Node]) -> Project:
    """The project that makes what is wanted, with the steps in the engine's order.

    Raises InputError if what the barclamps publish cannot be made.
    """
    elements = {name: proposal.elements for name, proposal in wanted.proposals.items()}
    steps = build_graph(catalog, elements)
    used = {step.node: nodes[step.node] for step in steps}
    return Project(_plays(catalog, steps), _inventory(steps, used), _host_vars(catalog, wanted, steps))


def _plays(catalog: Catalog, steps: Sequence[Vertex]) -> list[dict[str, Any]]:
    plays: dict[str, dict[str, Any]] = {}
    for step in steps:
        if step.kind is StepKind.GATE:
            plays[step.key] = _gate_play(step)
        else:
            plays.setdefault(f"{step.barclamp}/{step.role}", _role_play(catalog, step))
    return list(plays.values())


def _role_play(catalog: Catalog, step: Vertex) -> dict[str, Any]:
    role = catalog.get(step.barclamp).roles[step.role]
    tasks: list[dict[str, Any]] = []
    if role.packages:
        tasks.append({"name": "Packages", "crowbar.node.packages": {"names": list(role.packages)}})
    tasks.append({"name": "Role", "ansible.builtin.import_role": {"name": role.ansible_name}})
    return _play(f"Apply {step.barclamp}/{step.role}", role.ansible_name, step, tasks)


def _gate_play(step: Vertex) -> dict[str, Any]:
    tasks = [{"name": "Gate", "ansible.builtin.import_tasks": f"gates/{step.barclamp}.yml"}]
    return _play(f"Check the gate of {step.barclamp}", step.node, step, tasks)


def _play(name: str, hosts: str, step: Vertex, tasks: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": name,
        "hosts": hosts,
        "gather_facts": False,
        # What requires a barclamp must not run where it failed, on whatever host that was.
        "any_errors_fatal": True,
        "vars": {"crowbar": f"{{{{ crowbar_roles['{step.barclamp}/{step.role}'] }}}}"},
        "tasks": tasks,
    }


def _inventory(steps: Sequence[Vertex], nodes: Mapping[str, Node]) -> dict[str, Any]:
    groups: dict[str, dict[str, Any]] = {}
    for step in steps:
        if step.kind is StepKind.APPLY:
            groups.setdefault(step.role.replace("-", "_"), {"hosts": {}})["hosts"][step.node] = {}
    return {"all": {"hosts": {name: _host(node) for name, node in nodes.items()}, "children": groups}}


def _host(node: Node) -> dict[str, Any]:
    python = {"ansible_python_interpreter": "/usr/bin/python3"}
    if node.kind is NodeKind.HOST:
        return {"ansible_connection": "local", **python}
    reached = {"ansible_host": node.address, "ansible_port": node.ssh_port, "ansible_user": node.ssh_user}
    key = {"ansible_ssh_private_key_file": node.ssh_key} if node.ssh_key else {}
    return {**reached, **key, **python}


def _host_vars(catalog: Catalog, wanted: Deployed, steps: Sequence[Vertex]) -> dict[str, dict[str, Any]]:
    values = published(catalog, wanted)
    found: dict[str, dict[str, Any]] = {}
    for step in steps:
        if step.kind is StepKind.APPLY:
            seen = variables(catalog, wanted, step.barclamp, step.role, step.node, values)
            roles = found.setdefault(step.node, {"crowbar_roles": {}})["crowbar_roles"]
            roles[f"{step.barclamp}/{step.role}"] = portable(seen, lambda ref: _publisher(wanted.proposals, ref))
    return found


def _publisher(proposals: Mapping[str, WantedProposal], ref: FactRef) -> str:
    return proposals[ref.owner].elements[ref.role][0]
