"""A cloud around one barclamp under test: what its roles would see, secrets and facts with values that show."""

from __future__ import annotations

import base64
from typing import Any

from crowbar.catalog.attributes import complete
from crowbar.catalog.cases import Case
from crowbar.catalog.model import Barclamp, Catalog, FactRef, NodeView, SecretRef, WantedProposal
from crowbar.catalog.variables import Deployed, published, reveal, variables

NETWORKS = ("admin", "public", "storage", "tenant")
NETWORK = {"subnet": "10.0.0.0/24", "prefix": 24, "gateway": "", "vlan": 0, "mtu": 1500}
FACTS = {"cpus": 2, "memory_mib": 8192, "capabilities": [], "virtualization": "systemd-nspawn"}


def crowbar_variables(catalog: Catalog, barclamp: Barclamp, case: Case, role: str) -> dict[str, Any]:
    """The `crowbar` mapping of ``role`` on the first node that holds it in this case."""
    wanted = _cloud(catalog, barclamp, case)
    node = wanted.proposals[barclamp.name].elements[role][0]
    seen = variables(catalog, wanted, barclamp.name, role, node, published(catalog, wanted))
    return reveal(seen, _secret, lambda ref: case.facts.get(ref.name, _fact(ref)))


def _cloud(catalog: Catalog, barclamp: Barclamp, case: Case) -> Deployed:
    names = sorted({name for holders in case.elements.values() for name in holders} | set(case.nodes)) or ["node1"]
    nodes = {
        name: NodeView(
            name,
            f"{name}.crowbar.internal",
            dict.fromkeys(NETWORKS, f"10.0.0.{number}"),
            facts={**FACTS, **case.nodes.get(name, {})},
        )
        for number, name in enumerate(names, start=10)
    }
    proposals = {}
    for one in _needed(catalog, barclamp.name, *case.deployed):
        mine = one is barclamp
        elements = dict.fromkeys(one.roles, (names[0],))
        given = {role: tuple(holders) for role, holders in case.elements.items()} if mine else {}
        attributes = complete(one, case.attributes if mine else {})
        proposals[one.name] = WantedProposal(one.name, "default", attributes, {**elements, **given})
    facts = [
        FactRef(one.name, value.fact_of, value.name, "digest")
        for one in map(catalog.get, proposals)
        for value in one.publishes.values()
        if value.fact_of
    ]
    return Deployed(nodes, proposals, facts=facts, networks=dict.fromkeys(NETWORKS, NETWORK))


def _needed(catalog: Catalog, *names: str) -> list[Barclamp]:
    """These barclamps and all that they require."""
    found: dict[str, Barclamp] = {}
    waiting = list(names)
    while waiting:
        one = catalog.get(waiting.pop())
        if one.name not in found:
            found[one.name] = one
            waiting.extend(one.requires)
    return list(found.values())


def _secret(ref: SecretRef) -> str:
    return f"the-{ref.owner}-{ref.name}"


def _fact(ref: FactRef) -> str:
    return base64.b64encode(f"the {ref.name} of {ref.owner}".encode()).decode()
