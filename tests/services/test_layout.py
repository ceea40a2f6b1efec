"""Which addresses nodes are to have in the networks of proposals: the same in the plan as after the deployment."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crowbar.apply.fake import FakeApplier
from crowbar.catalog.model import WantedProposal
from crowbar.errors import InputError
from crowbar.paths import StateDir
from crowbar.services.context import Context, open_context
from crowbar.services.deploy import deploy, make_plan
from crowbar.services.rehearsal import with_nodes
from crowbar.services.wanted import deployed, merged
from crowbar.store.machine_model import Machine, Network
from crowbar.store.model import Node, NodeKind, NodeState
from crowbar_cli.progress.board import Board

ADMIN = Network("admin", "192.0.2.0/24", ranges={"host": ("192.0.2.10", "192.0.2.20")})
STORAGE = Network("storage", "198.51.100.0/24", vlan=7, ranges={"host": ("198.51.100.10", "198.51.100.12")})
MANIFEST = """
name: wires
summary: Wires
addresses: [{role: wired, attribute: networks}]
roles:
  wired: {summary: Has networks, sees_networks: true}
  watcher: {summary: Sees who has them, sees_nodes: true}
"""
OTHER = """
name: other
summary: Something else
networks: [admin, storage]
roles:
  another: {summary: Another role}
"""
ATTRIBUTE = {"type": "object", "title": "Networks", "description": "By name.", "default": {}}


def barclamps(folder: Path) -> Path:
    clamp = folder / "wires"
    for role in ("wired", "watcher"):
        (clamp / "roles" / role / "tasks").mkdir(parents=True)
        (clamp / "roles" / role / "tasks" / "main.yml").write_text("[]\n")
    (clamp / "barclamp.yml").write_text(MANIFEST)
    tasks = folder / "other" / "roles" / "another" / "tasks"
    tasks.mkdir(parents=True)
    (tasks / "main.yml").write_text("[]\n")
    (folder / "other" / "barclamp.yml").write_text(OTHER)
    schema = {"type": "object", "additionalProperties": False, "properties": {"networks": ATTRIBUTE}}
    (clamp / "schema.json").write_text(json.dumps(schema))
    return folder


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    """Three machines that are installed, and a network with room for them and no more."""
    folder = barclamps(tmp_path / "barclamps")
    monkeypatch.delenv("CROWBAR_DATABASE", raising=False)
    monkeypatch.setattr("crowbar.catalog.load.barclamp_dirs", lambda: [folder])
    with open_context(StateDir(tmp_path / "state")) as context:
        for network in (ADMIN, STORAGE):
            context.store.networks.save(network)
        for name in ("m1", "m2", "m3"):
            context.store.machines.save(Machine(name))
            context.store.networks.allocate("admin", name)
            context.store.machines.move(name, NodeState.INSTALLED, actor="test", reason="a test")
        yield context


def wires(*nodes: str, networks: tuple[str, ...] = ("admin", "storage")) -> list[WantedProposal]:
    attributes: dict[str, Any] = {"networks": {name: {} for name in networks}}
    return [WantedProposal("wires", "default", attributes, {"wired": nodes, "watcher": ("m1", "m2", "m3")})]


def addresses(context: Context, proposals: list[WantedProposal], network: str = "storage") -> dict[str, str]:
    seen = deployed(context, merged(context, proposals)).nodes
    return {name: node.addresses[network] for name, node in seen.items()}


def run(context: Context, proposals: list[WantedProposal]) -> None:
    deploy(context, proposals, Board(), cancel=threading.Event(), applier=FakeApplier())


def test_a_deployment_gives_the_addresses_that_the_plan_foresaw(context: Context) -> None:
    wanted = wires("m3", "m1")
    foreseen = addresses(context, wanted)
    assert foreseen == {"m1": "198.51.100.10", "m2": "192.0.2.11", "m3": "198.51.100.11"}
    assert context.store.networks.hosts("storage") == [], "a plan writes nothing"
    run(context, wanted)
    assert {h.node: h.address for h in context.store.networks.hosts("storage")} == {
        "m1": "198.51.100.10",
        "m3": "198.51.100.11",
    }
    assert addresses(context, []) == foreseen
    assert not make_plan(context).to_run, "what was foreseen is what was applied"


def test_a_role_sees_the_networks_of_its_node(context: Context) -> None:
    from crowbar.catalog.variables import variables

    run(context, wires("m1"))
    seen = deployed(context, merged(context, []))
    mine = variables(context.catalog, seen, "wires", "wired", "m1", {})
    assert mine["networks"]["storage"] == {
        "subnet": "198.51.100.0/24",
        "prefix": 24,
        "gateway": "",
        "vlan": 7,
        "mtu": 1500,
    }
    assert "networks" not in variables(context.catalog, seen, "wires", "watcher", "m1", {})


def test_a_network_s_change_is_a_reason_to_apply_the_role_again(context: Context) -> None:
    run(context, wires("m1"))
    context.store.networks.save(Network("storage", STORAGE.subnet, vlan=7, mtu=9000, ranges=STORAGE.ranges))
    again = make_plan(context).to_run
    assert [step.key for step in again] == ["wires/wired@m1"]
    assert "networks.storage.mtu" in again[0].reason


def test_a_node_that_is_no_longer_to_have_it_gives_its_address_back(context: Context) -> None:
    run(context, wires("m1", "m2"))
    assert addresses(context, wires("m2"))["m1"] == "192.0.2.10", "the plan sees it gone"
    run(context, wires("m2"))
    assert [h.node for h in context.store.networks.hosts("storage")] == ["m2"]
    assert [h.node for h in context.store.networks.hosts("admin")] == ["m1", "m2", "m3"], "that one is not ours to free"
    run(context, wires("m2", networks=()))
    assert context.store.networks.hosts("storage") == []


def test_with_the_whole_proposal_go_the_addresses_too(context: Context) -> None:
    other = WantedProposal("other", "default", {}, {"another": ("m1",)})
    run(context, [*wires("m1"), other])
    assert addresses(context, [])["m1"] == "198.51.100.10"
    context.store.proposals.delete("wires", "default")
    assert addresses(context, [])["m1"] == "192.0.2.10"
    run(context, [])
    assert context.store.networks.hosts("storage") == []


def test_networks_that_there_are_not_or_that_are_full_are_all_refused_before_anything_changes(context: Context) -> None:
    context.store.machines.save(Machine("m4"))
    context.store.networks.save(Network("bare", "203.0.113.0/24"))
    wanted = wires("m1", "m2", "m3", "m4", networks=("storage", "bare", "storag"))
    for attempt in (make_plan, run):
        with pytest.raises(InputError) as caught:
            attempt(context, wanted)
        assert sorted(str(fault) for fault in caught.value.faults) == [
            "network bare: 4 more nodes are to have an address in it, and its range 'host' has 0 left",
            "network storag: there is none (did you mean 'storage'?)",
            "network storage: 4 more nodes are to have an address in it, and its range 'host' has 3 left",
        ]
    assert context.store.networks.hosts("storage") == []
    assert context.store.proposals.list() == []


def test_nodes_with_a_network_beside_nodes_without_are_told(context: Context) -> None:
    other = WantedProposal("other", "default", {}, {"another": ("m1", "m2", "m3")})
    assert make_plan(context, [other]).notes == ()
    assert make_plan(context, [*wires("m1", "m2", "m3"), other]).notes == ()
    [note] = make_plan(context, [*wires("m2"), other]).notes
    assert note.startswith("other: m1, m3 have no address in the network 'storage' and use their admin addresses")
    alone = WantedProposal("other", "default", {}, {"another": ("m1",)})
    assert make_plan(context, [*wires("m2"), alone]).notes == ()


def test_a_plan_foresees_networks_and_nodes_that_are_only_in_a_file(context: Context) -> None:
    tenant = Network("tenant", "203.0.113.0/24", ranges={"host": ("203.0.113.7", "203.0.113.9")})
    coming = with_nodes(context, [Node("m9", NodeKind.MACHINE, {"admin": "192.0.2.1"})], [tenant])
    assert addresses(coming, wires("m9", "m1", networks=("tenant",)), "tenant")["m9"] == "203.0.113.8"
    assert context.store.networks.get("tenant") is None
