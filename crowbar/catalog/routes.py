"""The networks behind a node: what the admin host reaches only through it, such as the cloud's floating addresses."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from ipaddress import IPv4Network
from typing import Any

from crowbar.catalog.attributes import complete
from crowbar.catalog.model import Catalog, WantedProposal
from crowbar.errors import Fault, InputError


def routes(catalog: Catalog, proposals: Mapping[str, WantedProposal], node: str) -> tuple[str, ...]:
    """The networks (address/prefix) that the proposals, by barclamp, put behind ``node``.

    A network is behind the first node of the role that the manifest names; an empty attribute is none. Raises
    InputError with a fault for each attribute that holds something else.
    """
    found: list[str] = []
    faults: list[Fault] = []
    for name, proposal in proposals.items():
        barclamp = catalog.get(name)
        attributes = complete(barclamp, proposal.attributes)
        for route in barclamp.routes:
            if node not in proposal.elements.get(route.role, ())[:1]:
                continue
            value: Any = reduce(lambda inside, key: inside[key], route.attribute.split("."), attributes)
            try:
                found += [str(IPv4Network(value))] if value != "" else []
            except ValueError as error:
                place = f"proposal {name}/{proposal.name} {route.attribute}"
                faults.append(Fault(place, f"{value!r} is no IPv4 network: {error}"))
    if faults:
        raise InputError(
            "The networks behind the node cannot be reached; nothing was changed.",
            hint="Write a network by its first address: 192.0.2.0/24.",
            faults=faults,
        )
    return tuple(dict.fromkeys(found))
