"""What the module network does to a node: all of it, or nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.crowbar.node.plugins.module_utils import cards, networkd_change, process, reach
from ansible_collections.crowbar.node.plugins.module_utils.conduits import Card
from ansible_collections.crowbar.node.plugins.module_utils.process import Finished

from crowbar.paths import data_dir
from tests.collection.conftest import Run

ADMIN = {"name": "admin", "conduit": "intf0", "address": "10.0.0.5/24"}
STORAGE = {"name": "storage", "conduit": "intf1", "address": "10.1.0.5/24"}
CONDUITS = {"intf0": {"interfaces": ["1g1"]}, "intf1": {"interfaces": ["1g2"], "bond": {"mode": "none"}}}
GATEWAY = "10.0.0.1"
SCRIPT = data_dir() / "barclamps" / "network" / "roles" / "network" / "files" / "network-rollback"


class Node:
    """A node with two cards, whose addresses follow its files once networkd is told; only eth0 leads to the others."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ran: list[str] = []
        self.deaf = False
        self.addresses = {"eth0": "10.0.0.5/24", "eth1": ""}

    def run(self, argv: list[str], **_: object) -> Finished:
        words = " ".join(argv)
        self.ran.append(words)
        if words == "networkctl reload":
            self.follow()
        if words == "systemctl start crowbar-network-rollback.service":
            self.roll_back()
        return Finished(0, "")

    def follow(self) -> None:
        found = {
            file.stem.removeprefix("05-crowbar-"): file.read_text()
            for file in (self.folder / "network").glob("*.network")
        }
        self.addresses = {name: text.partition("Address=")[2].partition("\n")[0] for name, text in found.items()}

    def roll_back(self) -> None:
        for file in (self.folder / "network").iterdir():
            file.unlink()
        for file in (self.folder / "kept" / "before").iterdir():
            (self.folder / "network" / file.name).write_text(file.read_text())
        self.follow()

    def places(self) -> dict[str, reach.Place]:
        return {
            name: reach.Place(frozenset([one] if one else []), 1500, carrier=True)
            for name, one in self.addresses.items()
        }

    def answers(self, _address: str) -> bool:
        return not self.deaf and self.addresses.get("eth0") == "10.0.0.5/24"

    @property
    def files(self) -> list[str]:
        return sorted(file.name for file in (self.folder / "network").iterdir())


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    made = Node(tmp_path)
    (tmp_path / "network").mkdir()
    monkeypatch.setattr(networkd_change, "FOLDER", tmp_path / "network")
    monkeypatch.setattr(networkd_change, "_KEPT", tmp_path / "kept")
    monkeypatch.setattr(process, "run", made.run)
    monkeypatch.setattr(cards, "cards", lambda: [Card("eth0", "52:54:00:00:00:01"), Card("eth1", "52:54:00:00:00:02")])
    monkeypatch.setattr(reach, "peers", lambda: [reach.Peer(GATEWAY, "10.0.0.5")])
    monkeypatch.setattr(reach, "places", made.places)
    monkeypatch.setattr(reach, "answers", made.answers)
    return made


def lay_out(run_module: Run, *networks: dict[str, Any], check_mode: bool = False) -> dict[str, Any]:
    arguments = {"conduits": CONDUITS, "networks": list(networks), "patience": 0}
    return run_module("network", arguments, check_mode, diff=check_mode)


def test_all_is_laid_out_and_a_second_time_changes_nothing(node: Node, run_module: Run) -> None:
    done = lay_out(run_module, ADMIN, STORAGE)
    assert done["changed"]
    assert done["devices"] == {"admin": "eth0", "storage": "eth1"}
    assert node.files == ["05-crowbar-eth0.network", "05-crowbar-eth1.network"]
    assert [Path(path).name for path in done["paths"]] == node.files
    assert "systemctl --no-pager restart crowbar-network-rollback.timer" in node.ran
    assert node.ran.index("networkctl reload") < node.ran.index("systemctl stop crowbar-network-rollback.timer")
    assert not (node.folder / "kept" / "before").exists(), "nothing is put back any more"
    node.ran.clear()
    assert not lay_out(run_module, ADMIN, STORAGE)["changed"]
    assert node.ran == []


def test_in_check_mode_it_only_says_what_it_would_do(node: Node, run_module: Run) -> None:
    done = lay_out(run_module, ADMIN, check_mode=True)
    assert "+Address=10.0.0.5/24" in done["diff"][0]["prepared"]
    assert (node.files, node.ran) == ([], [])


def test_what_cuts_the_node_off_is_put_back(node: Node, run_module: Run) -> None:
    lay_out(run_module, ADMIN, STORAGE)
    before = {name: (node.folder / "network" / name).read_text() for name in node.files}
    swapped = [{**ADMIN, "conduit": "intf1"}, {**STORAGE, "conduit": "intf0"}]
    done = lay_out(run_module, *swapped)
    assert done["failed"]
    assert done["msg"].splitlines() == [
        "10.0.0.1, which reached this node before, does not answer any more",
        "So the node has put back what it had.",
    ]
    assert {name: (node.folder / "network" / name).read_text() for name in node.files} == before
    assert node.addresses["eth0"] == "10.0.0.5/24"


def test_a_card_by_which_the_node_is_reached_is_not_taken_without_its_network(node: Node, run_module: Run) -> None:
    done = lay_out(run_module, {**STORAGE, "conduit": "intf0"})
    assert done["failed"]
    assert done["msg"] == (
        "conduit intf0 takes eth0, which has 10.0.0.5: 10.0.0.1 reaches this node by it. Name its network (admin) too."
    )
    assert (node.files, node.ran) == ([], [])


def test_without_anybody_who_could_tell_nothing_is_changed(node: Node, run_module: Run) -> None:
    node.deaf = True
    done = lay_out(run_module, ADMIN)
    assert done["failed"]
    assert done["msg"].startswith("Nothing was changed: none of 10.0.0.1 answers")
    assert (node.files, node.ran) == ([], [])


def test_none_takes_away_all_that_was_laid_out(node: Node, run_module: Run) -> None:
    lay_out(run_module, ADMIN, {**STORAGE, "bridge": True})
    made = [name for name in node.files if name.endswith(".netdev")]
    assert made == ["05-crowbar-br-storage.netdev"]
    node.ran.clear()
    node.follow = lambda: None  # type: ignore[method-assign]  # the installer's own file gives it its address
    done = lay_out(run_module)
    assert done["changed"] and not done.get("failed")
    assert node.files == []
    assert "ip link delete br-storage" in node.ran


def test_the_script_puts_back_what_was_kept_and_does_so_once(tmp_path: Path) -> None:
    network, before, tools = tmp_path / "network", tmp_path / "before", tmp_path / "tools"
    for folder in (network, before, tools):
        folder.mkdir()
    for name in ("ip", "networkctl", "systemctl"):
        (tools / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/ran\n')
        (tools / name).chmod(0o755)
    (network / "10-crowbar-525400000001.network").write_text("the installer's")
    (network / "05-crowbar-intf1.netdev").write_text("[NetDev]\nName=intf1\nKind=bond\n")
    (network / "05-crowbar-br-a.netdev").write_text("[NetDev]\nName=br-a\nKind=bridge\n")
    (before / "05-crowbar-br-a.netdev").write_text("[NetDev]\nName=br-a\nKind=bridge\n")
    (before / "05-crowbar-eth0.network").write_text("as it was")
    text = SCRIPT.read_text().replace("/var/lib/crowbar/network/before", str(before))
    text = text.replace("/etc/systemd/network", str(network))
    for _ in range(2):
        environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
        subprocess.run(["sh", "-c", text], check=True, env=environment)
    assert sorted(file.name for file in network.iterdir()) == [
        *("05-crowbar-br-a.netdev", "05-crowbar-eth0.network", "10-crowbar-525400000001.network")
    ]
    assert (network / "05-crowbar-eth0.network").read_text() == "as it was"
    assert (tmp_path / "ran").read_text().splitlines() == [
        *("ip link delete intf1", "systemctl --quiet is-active systemd-networkd.service", "networkctl reload")
    ]
    assert not before.exists()
