"""What holds for every barclamp that Crowbar ships, and for the cluster file of the single node."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crowbar.catalog.batch import dump_batch, parse_batch, read_batch
from crowbar.catalog.lint import lint
from crowbar.catalog.load import load_catalog
from crowbar.catalog.model import AccessKind, Catalog, NodeView
from crowbar.catalog.routes import routes
from crowbar.catalog.source import parse_yaml
from crowbar.catalog.variables import Deployed, identity, in_order, inputs, published, variables
from crowbar.paths import data_dir

FOLDERS = sorted(path for path in (data_dir() / "barclamps").iterdir() if path.is_dir())
SINGLE_NODE = data_dir() / "playbooks" / "clusters" / "single-node.yml"
RACK = SINGLE_NODE.with_name("rack.yml")
ADDRESSES = dict.fromkeys(("admin", "public", "storage", "tenant"), "10.0.0.10")
FACTS: dict[str, Any] = {"cpus": 2, "memory_mib": 8192, "capabilities": ["tun"], "virtualization": "systemd-nspawn"}
NODE = NodeView("node1", "node1.crowbar.internal", ADDRESSES, ("node",), FACTS)


@functools.cache
def catalog() -> Catalog:
    return load_catalog([data_dir() / "barclamps"])[0]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_barclamp_lints_clean(folder: Path) -> None:
    assert [str(fault) for fault in lint(folder, catalog())] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_barclamp_can_be_checked_and_understood(folder: Path) -> None:
    barclamp = catalog().get(folder.name)
    assert barclamp.gate is not None
    assert barclamp.name == "system" or _stands_on(catalog(), barclamp.name, "system")
    assert any(role.units or role.packages for role in barclamp.roles.values())
    for name, sub in _leaves(barclamp.schema):
        assert sub["title"].strip() and sub["description"].strip(), name
        assert _bounded(sub), f"{name} has no bounds"


def test_the_catalog_is_whole() -> None:
    known, faults = load_catalog([data_dir() / "barclamps"])
    assert faults == []
    assert set(known.barclamps) == {folder.name for folder in FOLDERS}
    aliases = {alias: known.get(alias).name for alias in ("neutron", "horizon", "nova_dashboard")}
    assert aliases == {"neutron": "quantum", "horizon": "dashboard", "nova_dashboard": "dashboard"}


def test_the_single_node_has_all_roles_but_those_that_serve_other_nodes() -> None:
    known = catalog()
    proposals = read_batch(SINGLE_NODE, known, {NODE.name: NODE})
    named = _roles_by_barclamp(known)
    assert named.pop("dns") == {"dns-server", "dns-client"}
    assert named.pop("network") == {"network"}
    named["ntp"].remove("ntp-server")
    assert {one.barclamp: set(one.elements) for one in proposals} == named
    again = parse_batch(parse_yaml(dump_batch(proposals, known), "again"), known, {NODE.name: NODE})
    assert again == proposals


def test_the_rack_has_every_barclamp_and_every_role() -> None:
    proposals = parse_yaml(RACK.read_text(), str(RACK)).data["proposals"]
    found = {one["barclamp"]: set(one["deployment"]["elements"]) for one in proposals}
    assert found == _roles_by_barclamp(catalog())


def _roles_by_barclamp(known: Catalog) -> dict[str, set[str]]:
    return {one.name: {role.name for role in one.roles.values() if not role.beside} for one in known}


def test_every_step_of_the_single_node_has_variables_and_an_identity_of_its_own() -> None:
    known = catalog()
    proposals = {one.barclamp: one for one in read_batch(SINGLE_NODE, known, {NODE.name: NODE})}
    wanted = Deployed({NODE.name: NODE}, proposals)
    values = published(known, wanted)
    identities = {}
    for barclamp in in_order(known, proposals):
        for role in barclamp.roles.values():
            seen = variables(known, wanted, barclamp.name, role.name, NODE.name, values)
            identities[role.name] = identity(inputs(seen, role, known))
    assert len(set(identities.values())) == len(identities) == sum(len(known.get(name).roles) for name in proposals)


# What is called like a barclamp and means something else.
NO_BARCLAMP = {
    ("crowbar/verify/model.py", "dashboard"),  # the name of a check
    ("crowbar/services/machines/acting.py", "dns"),  # an order's name servers, here and at the agent
    ("inventory/crowbar_inventory/agent/files.py", "dns"),
}
WORDS = {"network"}  # a column's, a key's: whoever would mean the barclamp cannot be told by this word alone


def test_nothing_but_its_folder_names_a_barclamp() -> None:
    ours = [*catalog(), *(role for one in catalog() for role in one.roles.values())]
    names = {one.name for one in ours} | {alias for one in catalog() for alias in one.aliases}
    assert {"quantum", "neutron", "quantum-network"} <= names
    root = data_dir()
    files = [file for room in ("crowbar", "cli", "inventory") for file in (root / room).rglob("*.py")]
    assert root / "cli" / "crowbar_cli" / "single_node.py" in files
    found = {
        (str(file.relative_to(root)), text)
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(text := node.value, str)
        if text.partition("/")[0] in names and text not in WORDS  # "keystone/admin_password" names it, too
    }
    assert found == NO_BARCLAMP


def test_the_network_of_floating_ips_is_behind_the_gateway() -> None:
    proposals = {one.barclamp: one for one in read_batch(SINGLE_NODE, catalog(), {NODE.name: NODE})}
    assert routes(catalog(), proposals, NODE.name) == ("172.24.4.0/24",)
    assert routes(catalog(), proposals, "another") == ()


def test_one_address_is_the_web_page_that_verify_signs_in_to() -> None:
    pages = [one.name for one in catalog() for access in one.access if access.kind is AccessKind.WEB_DASHBOARD]
    assert pages == ["dashboard"]


def _stands_on(catalog: Catalog, name: str, ground: str) -> bool:
    return any(one == ground or _stands_on(catalog, one, ground) for one in catalog.get(name).requires)


def _leaves(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for name, sub in schema.get("properties", {}).items():
        if "properties" in sub:
            yield from _leaves(sub, f"{path}{name}.")
        else:
            yield f"{path}{name}", sub


def _bounded(schema: Any) -> bool:
    """Nothing endless: numbers from and to, texts and lists that end."""
    ways = schema.get("anyOf", schema.get("oneOf"))
    if ways:
        return all(_bounded(one) for one in ways)
    bounds = {"integer": {"minimum", "maximum"}, "number": {"minimum", "maximum"}, "array": {"maxItems", "items"}}
    if schema.get("type") == "string":
        return bool({"enum", "const", "maxLength", "pattern"} & set(schema))
    return "enum" in schema or "const" in schema or bounds.get(schema["type"], set()) <= set(schema)


def test_a_role_is_made_of_those_holders_that_it_reads() -> None:
    """So a compute that is added is no reason to apply what has nothing to do with computes."""
    swift, nova = catalog().get("swift").roles, catalog().get("nova").roles
    assert swift["swift-proxy"].reads_roles == ("swift-proxy",)
    assert nova["nova-compute"].reads_roles == ("nova-controller",)
    assert nova["nova-registrar"].reads_roles == ("nova-compute",)
    assert catalog().get("dashboard").roles["dashboard-server"].reads_roles == ()
    assert not catalog().get("glance").roles["glance-server"].reads_published("swift.object_ring")
