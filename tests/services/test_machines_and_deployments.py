"""What becomes of a machine, and what deployments take for granted of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crowbar.apply.fake import FakeApplier
from crowbar.catalog.model import WantedProposal
from crowbar.errors import InputError
from crowbar.paths import StateDir
from crowbar.services.context import Context, open_context
from crowbar.services.deploy import deploy, make_plan
from crowbar.services.machines import wishes
from crowbar.services.proposals import forget_orphans
from crowbar.store.machine_model import Machine, Network
from crowbar.store.model import DeploymentStatus, NodeState
from crowbar.store.store import Store
from crowbar_cli.progress.board import Board

BARCLAMPS = Path(__file__).parents[1] / "fixtures" / "workshop"
ADMIN = Network("admin", "192.0.2.0/24", ranges={"host": ("192.0.2.10", "192.0.2.20")})
ROLE = "base/base-node@m1"


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    """Three machines that are installed."""
    monkeypatch.delenv("CROWBAR_DATABASE", raising=False)
    monkeypatch.setattr("crowbar.catalog.load.barclamp_dirs", lambda: [BARCLAMPS])
    with open_context(StateDir(tmp_path / "state")) as context:
        context.store.networks.save(ADMIN)
        for name in ("m1", "m2", "m3"):
            installed(context, name)
        yield context


def installed(context: Context, name: str) -> None:
    context.store.machines.save(Machine(name))
    context.store.networks.allocate("admin", name)
    move(context, name, NodeState.INSTALLED)


def move(context: Context, name: str, state: NodeState) -> None:
    context.store.machines.move(name, state, actor="test", reason="a test")


def wanted(*nodes: str) -> list[WantedProposal]:
    return [WantedProposal("base", "default", {"folder": "/srv"}, {"base-node": nodes})]


def run(context: Context, *nodes: str) -> DeploymentStatus:
    return deploy(context, wanted(*nodes), Board(), cancel=threading.Event(), applier=FakeApplier()).status


def reinstall(store: Store, names: list[str]) -> None:
    wishes.reset(store, names, reinstall=True)


@pytest.mark.parametrize("wish", [wishes.reset, reinstall, wishes.delete])
def test_of_a_machine_that_is_wiped_or_gone_nothing_counts_as_applied(
    context: Context, wish: Callable[[Store, list[str]], None]
) -> None:
    assert run(context, "m1", "m2") is DeploymentStatus.SUCCEEDED
    assert not [step for step in make_plan(context).to_run if step.key == ROLE]
    wish(context.store, ["m1"])
    assert {applied.node for applied in context.store.applied.list()} == {"m2"}
    installed(context, "m1")
    assert [step.key for step in make_plan(context).to_run if step.key == ROLE] == [ROLE]


def test_what_is_not_installed_gets_nothing_and_all_of_it_is_told_at_once(context: Context) -> None:
    move(context, "m2", NodeState.INSTALLING)
    move(context, "m3", NodeState.DISCOVERED)
    for refused in (lambda: make_plan(context, wanted("m1", "m2", "m3")), lambda: run(context, "m1", "m2", "m3")):
        with pytest.raises(InputError) as caught:
            refused()
        assert [str(fault) for fault in caught.value.faults] == [
            "node m2: is installing: it cannot be given base-node yet",
            "node m3: is discovered: it cannot be given base-node yet",
        ]
        assert "crowbar machines list" in caught.value.hint
    assert context.store.proposals.list() == []  # nothing was saved
    assert make_plan(context, wanted("m1")).to_run


def test_proposals_of_nodes_that_are_all_gone_are_forgotten(context: Context) -> None:
    """Else the next rack would get what differed from the defaults on this one."""
    assert run(context, "m1", "m2") is DeploymentStatus.SUCCEEDED
    context.store.machines.delete("m1")
    assert forget_orphans(context) == []
    context.store.machines.delete("m2")
    assert forget_orphans(context) == ["base"]
    assert context.store.proposals.list() == []
