"""The networks that proposals put behind a node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crowbar.catalog.model import Catalog, WantedProposal
from crowbar.catalog.routes import routes
from crowbar.errors import InputError

from .barclamps import attribute, load, schema, write


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    outside = attribute("object", {}, **schema(cidr=attribute("string", "198.51.100.0/24")))
    write(
        tmp_path,
        "net",
        roles={"net-server": {"summary": "s"}, "net-gateway": {"summary": "s"}},
        attributes=schema(outside=outside, more=attribute("string", "")),
        routes=[{"role": "net-gateway", "attribute": "outside.cidr"}, {"role": "net-server", "attribute": "more"}],
    )
    write(tmp_path, "web")
    return load(tmp_path)


def wanted(**attributes: Any) -> dict[str, WantedProposal]:
    elements = {"net-server": ("n2",), "net-gateway": ("n1", "n2")}
    return {
        "net": WantedProposal("net", "default", attributes, elements),
        "web": WantedProposal("web", "default", {}, {"web-server": ("n1",)}),
    }


def test_a_network_is_behind_the_first_node_of_its_role(catalog: Catalog) -> None:
    assert routes(catalog, wanted(), "n1") == ("198.51.100.0/24",)
    assert routes(catalog, wanted(), "n2") == ()
    assert routes(catalog, wanted(more="203.0.113.0/24"), "n2") == ("203.0.113.0/24",)
    assert routes(catalog, {}, "n1") == ()


def test_what_is_no_network_is_told_with_its_place(catalog: Catalog) -> None:
    proposals = wanted(outside={"cidr": "198.51.100.1/24"}, more="2001:db8::/64")
    with pytest.raises(InputError) as caught:
        routes(catalog, proposals, "n1")
    assert [str(fault) for fault in caught.value.faults] == [
        "proposal net/default outside.cidr: '198.51.100.1/24' is no IPv4 network: 198.51.100.1/24 has host bits set"
    ]
    with pytest.raises(InputError, match="more: '2001:db8::/64' is no IPv4 network"):
        routes(catalog, proposals, "n2")
