"""`--single-node`, `--on-this-host` and `destroy`, with machines that are fakes."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from crowbar.apply.transport import Completed
from crowbar.errors import EnvironmentFault
from crowbar.rack import Status
from crowbar.store.model import Node, NodeKind
from crowbar_cli import single_node, this_host

from .conftest import Cli

FACTS: dict[str, Any] = {
    "hostname": "node1",
    "distribution": {"id": "debian", "version": "13", "codename": "trixie"},
    "kernel": "6.12",
    "architecture": "x86_64",
    "cpus": 2,
    "memory_mib": 8192,
    "disk_free_mib": 40000,
    "virtualization": "systemd-nspawn",
    "systemd": True,
    "capabilities": ["tun"],
    "listening": [22],
}
ONE_NODE = """\
proposals:
  - {barclamp: base, deployment: {elements: {base-node: ["@@node@@"]}}}
  - {barclamp: maker, deployment: {elements: {maker-ring: ["@@node@@"], maker-store: ["@@node@@"]}}}
"""


@dataclass
class FakeMachine:
    """A container machine that is a file: what it was made of, and whether it runs."""

    folder: Path
    name = "node1"
    made: ClassVar[list[dict[str, Any]]] = []

    @classmethod
    def create(cls, folder: Path, image: Path, **wishes: Any) -> FakeMachine:
        folder.mkdir(parents=True)
        cls.made.append({"image": image, **wishes})
        machine = cls(folder)
        machine.set(Status.STOPPED)
        return machine

    @classmethod
    def load(cls, folder: Path) -> FakeMachine:
        if cls(folder).status() is Status.ABSENT:
            raise EnvironmentFault(f"There is no machine in {folder}.")
        return cls(folder)

    @property
    def record(self) -> Any:
        return SimpleNamespace(image=str(self.made[-1]["image"]))

    def set(self, status: Status) -> None:
        (self.folder / "status").write_text(status)

    def status(self) -> Status:
        file = self.folder / "status"
        return Status(file.read_text()) if file.exists() else Status.ABSENT

    def reroute(self, routes: Sequence[str]) -> bool:
        different = tuple(routes) != tuple(self.made[-1]["routes"])
        self.made[-1]["routes"] = routes
        return different

    def start(self) -> None:
        self.set(Status.RUNNING)

    def destroy(self) -> None:
        (self.folder / "status").unlink(missing_ok=True)
        self.folder.rmdir()

    def node(self) -> Node:
        return Node("node1", NodeKind.CONTAINER, {"admin": "192.0.2.7"}, ssh_key="/k", host_key="ssh-ed25519 AAAA")


@dataclass
class FakeTransport:
    """What a node answers to the probe."""

    answer: str

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 60) -> Completed:
        assert list(argv) == ["python3", "-I", "-S", "-"]
        assert b"capabilities" in stdin
        return Completed(0, self.answer, "")

    def close(self) -> None:
        """It has no connection."""


@pytest.fixture
def rack(bare: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    """The command on a host whose machines and images are fakes."""
    images: list[tuple[str, ...]] = []

    def build_image(spec: Any, images_dir: Path, progress: Any) -> Any:
        progress("building the node image")
        images.append(spec.packages)
        folder = images_dir / f"image{len(images)}"
        (folder / "root").mkdir(parents=True)
        (folder / "image.json").write_text("{}")
        return SimpleNamespace(path=folder / "root", built=True)

    FakeMachine.made.clear()
    monkeypatch.setattr("crowbar.rack.ContainerMachine", FakeMachine)
    monkeypatch.setattr("crowbar.provision.image.build.build_image", build_image)
    monkeypatch.setattr("crowbar.apply.facts.transport_to", lambda _node, patience: FakeTransport(json.dumps(FACTS)))
    monkeypatch.setattr("crowbar_inventory.probe.facts", lambda: {**FACTS, "capabilities": ["loop", "tun"]})
    monkeypatch.setattr(single_node, "_devices", lambda: ["/dev/kvm"])
    bare.applier.publishing = {"maker/maker-ring@node1": {"ring": b"cmluZw=="}}
    return bare


def test_a_plan_for_a_machine_that_is_not_there_says_what_is_estimated_and_makes_nothing(rack: Cli) -> None:
    document = rack.json("plan", rack.file(ONE_NODE), "--single-node")
    assert [step["node"] for step in document["steps"]] == ["node1"] * 4
    assert "estimated from what this host can do" in document["notes"][0]
    assert "estimated" in rack.ok("plan", rack.file(ONE_NODE), "--single-node")
    assert FakeMachine.made == []
    with rack.context() as context:
        assert context.store.nodes.list() == []


def test_the_estimate_leaves_out_what_a_container_cannot_do(rack: Cli) -> None:
    assert single_node.estimated().facts["capabilities"] == ["tun"]


def test_the_machine_is_made_started_probed_and_deployed_to(rack: Cli) -> None:
    shown = rack.ok("deploy", rack.file(ONE_NODE), "--single-node")
    assert shown.index("building the node image") < shown.index("making the container machine")
    assert shown.index("starting the container machine node1") < shown.index("base/base-node@node1 succeeded")
    assert FakeMachine.made == [
        {"image": FakeMachine.made[0]["image"], "routes": ("198.51.100.0/24",), "devices": ["/dev/kvm"]}
    ]
    with rack.context() as context:
        node = context.store.nodes.get("node")
        assert node is not None
        assert (node.name, node.facts["capabilities"], node.host_key) == ("node1", ["tun"], "ssh-ed25519 AAAA")


def test_a_machine_that_is_there_is_only_powered_on(rack: Cli) -> None:
    rack.ok("deploy", rack.file(ONE_NODE), "--single-node")
    FakeMachine(rack.state.machines / "node1").set(Status.STOPPED)
    for words in (("--single-node",), ("--resume",)):
        rack.applier.applied.clear()
        rack.ok("deploy", rack.file(ONE_NODE), *words)
        assert FakeMachine(rack.state.machines / "node1").status() is Status.RUNNING
        assert rack.applier.applied == ["base/gate@node1"]
    assert len(FakeMachine.made) == 1


@pytest.mark.parametrize("words", [("--single-node",), ()])
def test_the_routes_through_a_machine_follow_the_attribute(rack: Cli, words: tuple[str, ...]) -> None:
    rack.ok("deploy", rack.file(ONE_NODE), "--single-node")
    rack.ok("proposals", "edit", "maker", "--set", "yard=203.0.113.0/24")
    shown = rack.ok("deploy", rack.file(ONE_NODE), *words)
    assert "through the container machine node1 this host reaches 203.0.113.0/24" in shown
    assert FakeMachine.made[-1]["routes"] == ("203.0.113.0/24",)
    assert "this host reaches" not in rack.ok("deploy", rack.file(ONE_NODE), *words)
    rack.ok("proposals", "edit", "maker", "--set", "yard=203.0.113.1/24")
    result = rack("deploy", rack.file(ONE_NODE), *words)
    assert result.exit_code == 2
    assert "proposal maker/default yard: '203.0.113.1/24' is no IPv4 network" in result.stderr


def test_faulty_proposals_are_refused_before_a_machine_is_made(rack: Cli) -> None:
    result = rack("deploy", rack.file(ONE_NODE.replace("maker-ring", "maker-king")), "--single-node")
    assert result.exit_code == 2
    assert "maker has no role 'maker-king'" in result.stderr
    assert FakeMachine.made == []


def test_what_the_host_cannot_do_is_told_and_nothing_is_saved(rack: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_words: Any) -> None:
        raise EnvironmentFault("Building a node image needs root.", hint="Run the command with sudo.")

    monkeypatch.setattr("crowbar.provision.image.build.build_image", refuse)
    result = rack("deploy", rack.file(ONE_NODE), "--single-node")
    assert result.exit_code == 2
    assert "needs root" in result.stderr
    with rack.context() as context:
        assert context.store.proposals.list() == []


def test_a_machine_that_talks_nonsense_is_no_node(rack: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crowbar.apply.facts.transport_to", lambda _node, patience: FakeTransport("hello"))
    result = rack("deploy", rack.file(ONE_NODE), "--single-node")
    assert result.exit_code == 1
    assert "Node node1 did not tell what it can do" in result.stderr
    with rack.context() as context:
        assert context.store.nodes.list() == []


def test_destroy_takes_the_machine_away_and_the_next_deployment_starts_anew(rack: Cli) -> None:
    rack.ok("deploy", rack.file(ONE_NODE), "--single-node")
    assert rack("destroy", stdin="n\n").exit_code == 1
    assert "--yes" in rack("destroy", stdin="").stderr
    assert FakeMachine(rack.state.machines / "node1").status() is Status.RUNNING
    assert rack.json("destroy", "--yes") == {"removed": ["node1"]}
    assert not (rack.state.machines / "node1").exists()
    assert rack.state.images.is_dir()
    with rack.context() as context:
        assert context.store.nodes.list() == []
        assert context.store.applied.list() == []
    assert rack.json("destroy", "--yes") == {"removed": []}
    rack.ok("destroy", "--yes", "--images")
    assert not rack.state.images.exists()
    rack.applier.applied.clear()
    rack.ok("deploy", "--single-node", rack.file(ONE_NODE))
    assert "base/base-node@node1" in rack.applier.applied


def test_the_two_images_that_were_used_last_stay(rack: Cli) -> None:
    for _ in range(4):
        rack.ok("deploy", rack.file(ONE_NODE), "--single-node")
        rack.ok("destroy", "--yes")
    assert {path.name for path in rack.state.images.iterdir()} == {"image3", "image4"}
    assert "deleted the node image image3" in rack.ok("deploy", rack.file(ONE_NODE), "--single-node")


@pytest.fixture
def host(bare: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    """The command on a Debian 13 machine, as root; it has what applies roles, and its packages stay as they are."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, script in (("dpkg-query", "echo installed; echo installed; echo installed"), ("apt-get", "exit 99")):
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setattr("crowbar_inventory.probe.facts", lambda: {**FACTS, "virtualization": "none"})
    monkeypatch.setattr(this_host, "_address", lambda: "192.0.2.8")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("socket.gethostname", lambda: "atlas")
    monkeypatch.setattr("shutil.disk_usage", lambda _path: SimpleNamespace(free=2**40))
    bare.applier.publishing = {"maker/maker-ring@atlas": {"ring": b"cmluZw=="}}
    return bare


def test_on_this_host_says_what_it_changes_and_asks(host: Cli) -> None:
    file = host.file(ONE_NODE)
    refused = host("deploy", file, "--on-this-host", stdin="n\n")
    assert refused.exit_code == 1
    assert "listen on the TCP ports 48213" in refused.stderr
    assert "run 1 units" in refused.stderr
    with host.context() as context:
        assert context.store.nodes.list() == []
    host.ok("deploy", file, "--on-this-host", stdin="y\n")
    with host.context() as context:
        node = context.store.nodes.get("node")
    assert node is not None
    assert (node.name, node.kind, node.address) == ("atlas", NodeKind.HOST, "192.0.2.8")
    host.ok("deploy", file, "--on-this-host", "--yes")


def test_on_this_host_brings_what_applies_roles(host: Cli, tmp_path: Path) -> None:
    told = tmp_path / "told"
    (tmp_path / "programs" / "dpkg-query").write_text("#!/bin/sh\necho installed\n")
    (tmp_path / "programs" / "apt-get").write_text(f'#!/bin/sh\necho "$@" >>{told}\n')
    host.ok("deploy", host.file(ONE_NODE), "--on-this-host", "--yes")
    assert told.read_text().splitlines() == [
        "-q update",
        "-q install -y --no-install-recommends ansible-core python3-ansible-runner python3-apt",
    ]


def test_on_this_host_says_what_apt_said_when_it_failed(host: Cli, tmp_path: Path) -> None:
    (tmp_path / "programs" / "dpkg-query").write_text("#!/bin/sh\n")
    (tmp_path / "programs" / "apt-get").write_text("#!/bin/sh\necho E: no route to the mirror >&2\nexit 100\n")
    result = host("deploy", host.file(ONE_NODE), "--on-this-host", "--yes")
    assert result.exit_code == 2
    assert "E: no route to the mirror" in result.stderr
    with host.context() as context:
        assert context.store.nodes.list() == []


def test_on_this_host_plans_without_asking(host: Cli) -> None:
    assert "This host is not a node yet" in host.ok("plan", host.file(ONE_NODE), "--on-this-host")


def test_all_obstacles_are_told_at_once() -> None:
    facts = {**FACTS, "distribution": {"id": "debian", "version": "12"}, "systemd": False, "listening": [22, 5000]}
    faults = this_host.obstacles(facts, {5000: "keystone-server", 9292: "glance-server"}, root=False, free=2**30)
    assert [fault.place for fault in faults] == ["user", "/etc/os-release", "/run/systemd/system", "/", "port 5000"]
    assert "keystone-server needs it" in faults[-1].message
    assert this_host.obstacles(FACTS, {5000: "keystone-server"}, root=True, free=2**40) == []


def test_a_taken_port_is_refused_and_our_own_is_not(host: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = {**FACTS, "listening": [48213]}
    monkeypatch.setattr("crowbar_inventory.probe.facts", lambda: taken)
    file = host.file(ONE_NODE)
    result = host("deploy", file, "--on-this-host", "--yes")
    assert result.exit_code == 2
    assert "port 48213: maker-store needs it" in result.stderr
    monkeypatch.setattr("crowbar_inventory.probe.facts", lambda: FACTS)
    host.ok("deploy", file, "--on-this-host", "--yes")
    monkeypatch.setattr("crowbar_inventory.probe.facts", lambda: taken)
    host.ok("deploy", file, "--on-this-host", "--yes")
