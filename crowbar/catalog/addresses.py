"""In which networks nodes are to have addresses, as proposals say it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

from crowbar.catalog.attributes import complete
from crowbar.catalog.model import Catalog, WantedProposal


def addressed(catalog: Catalog, proposals: Mapping[str, WantedProposal]) -> dict[str, tuple[str, ...]]:
    """Network -> the nodes that are to have an address in it, by name; ``proposals`` are by barclamp.

    Networks are the keys of the attributes that manifests name under `addresses`.
    """
    found: dict[str, set[str]] = {}
    for name, proposal in proposals.items():
        barclamp = catalog.get(name)
        if not barclamp.addresses:
            continue
        attributes = complete(barclamp, proposal.attributes)
        for one in barclamp.addresses:
            value: Any = reduce(lambda inside, key: inside[key], one.attribute.split("."), attributes)
            for network in value:
                found.setdefault(network, set()).update(proposal.elements.get(one.role, ()))
    return {network: tuple(sorted(nodes)) for network, nodes in sorted(found.items())}
