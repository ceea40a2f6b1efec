"""A folder put in a site directory adds a barclamp with no change elsewhere: `motd`, which is not ours."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from crowbar.catalog.batch import parse_batch
from crowbar.catalog.lint import lint
from crowbar.catalog.load import load_catalog
from crowbar.catalog.model import Catalog, NodeView, SecretRef
from crowbar.catalog.source import parse_yaml
from crowbar.catalog.variables import Deployed, in_order, inputs, published, reveal, variables
from crowbar.paths import data_dir

OURS = data_dir() / "barclamps"
MOTD = Path(__file__).parents[1] / "fixtures" / "barclamps" / "motd"
ADDRESSES = dict.fromkeys(("admin", "public", "storage", "tenant"), "10.0.0.10")
NODE = NodeView("node1", "node1.test", ADDRESSES, ("node",), {"cpus": 2, "memory_mib": 8, "capabilities": []})
FILE = "proposals:\n- barclamp: message_of_the_day\n  deployment: {elements: {motd-node: ['@@node@@']}}\n"


def cloud(catalog: Catalog, **keystone: Any) -> Deployed:
    """The single node's own cluster file, and one more proposal."""
    text = (data_dir() / "playbooks" / "clusters" / "single-node.yml").read_text()
    both = text + FILE.removeprefix("proposals:\n").replace("\n  ", "\n    ").replace("- barclamp", "  - barclamp")
    proposals = parse_batch(parse_yaml(both, "both.yml"), catalog, {"node1": NODE})
    return Deployed({"node1": NODE}, {one.barclamp: one for one in proposals})


def test_a_folder_in_a_site_directory_is_a_barclamp_like_ours(tmp_path: Path) -> None:
    before, _ = load_catalog([OURS, tmp_path])
    shutil.copytree(MOTD, tmp_path / "motd")
    catalog, faults = load_catalog([OURS, tmp_path])
    assert faults == []
    assert set(catalog.barclamps) - set(before.barclamps) == {"motd"}
    assert lint(tmp_path / "motd", catalog) == []

    wanted = cloud(catalog)
    order = [one.name for one in in_order(catalog, wanted.proposals)]
    assert order.index("motd") > max(order.index("keystone"), order.index("dashboard"))
    values = published(catalog, wanted)
    seen = variables(catalog, wanted, "motd", "motd-node", "node1", values)
    assert seen["published"]["keystone"]["url"] == values["keystone"]["url"]
    assert seen["secrets"] == {"door_code": SecretRef("motd", "door_code")}
    assert values["motd"]["readers"] == ["node1"]
    assert reveal(seen, lambda _: "1234", lambda _: None)["secrets"]["door_code"] == "1234"
    role = catalog.get("motd").roles["motd-node"]
    assert "published.keystone.url" in inputs(seen, role, catalog)
