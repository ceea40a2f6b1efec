"""What a plan tells people beside its steps: what was chosen for them, and what they may not expect."""

from __future__ import annotations

from collections.abc import Mapping

from crowbar.catalog.attributes import complete
from crowbar.catalog.choose import resolve
from crowbar.catalog.model import Catalog, WantedProposal
from crowbar.catalog.variables import Deployed
from crowbar.catalog.words import first_of

_ADMIN = "admin"
_SHOWN = 3  # nodes that a note names


def choices_made(catalog: Catalog, wanted: Deployed) -> list[str]:
    """What was chosen where an attribute says `auto`: "web on n1, n2: backend = local: ..."."""
    made: dict[tuple[str, str], list[str]] = {}
    for name, proposal in wanted.proposals.items():
        barclamp = catalog.get(name)
        attributes = complete(barclamp, proposal.attributes)
        for node in dict.fromkeys(node for nodes in proposal.elements.values() for node in nodes):
            for note in resolve(barclamp, attributes, wanted.nodes[node].capabilities)[1]:
                made.setdefault((name, note), []).append(node)
    return [f"{name} on {first_of(nodes, _SHOWN)}: {note}" for (name, note), nodes in made.items()]


def mixed(
    catalog: Catalog, proposals: Mapping[str, WantedProposal], addresses: Mapping[str, Mapping[str, str]]
) -> list[str]:
    """What to tell of barclamps of which some nodes have an address in a network and others have not.

    These are served in it by their admin addresses, which the others may not reach. ``addresses``: by node and network.
    """
    notes = []
    for name, proposal in proposals.items():
        nodes = dict.fromkeys(node for holders in proposal.elements.values() for node in holders if node in addresses)
        for network in sorted({*catalog.get(name).networks} - {_ADMIN}):
            without = [node for node in nodes if network not in addresses[node]]
            if without and len(without) < len(nodes):
                notes.append(
                    f"{name}: {first_of(without, _SHOWN)} have no address in the network {network!r} and use their "
                    f"admin addresses, which the nodes that have one must reach"
                )
    return notes
