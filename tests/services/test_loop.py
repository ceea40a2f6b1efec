"""The loop that brings machines on."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from crowbar.engine.lifecycle import Action, ActionKind
from crowbar.errors import EnvironmentFault
from crowbar.services.machines import loop
from crowbar.services.machines.access import admin_key
from crowbar.services.machines.acting import Actor
from crowbar.services.machines.images import DiskImages
from crowbar.store.machine_model import Machine, MachineView
from crowbar.store.store import open_store


def test_a_defect_with_one_machine_ends_no_others_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it shows while it is decided what to do, or while it is done."""
    reached: set[str] = set()
    early, both = threading.Event(), threading.Event()

    def decide(view: MachineView, *_: object, **__: object) -> Action:
        if view.machine.name == "m1":
            raise KeyError("a defect of the decision")
        return Action(ActionKind.GIVE_WIPE, "It shall be installed.")

    def do(_self: Actor, view: MachineView, _action: Action) -> bool:
        if view.machine.name == "m2":
            raise KeyError("a defect of the action")
        reached.add(view.machine.name)
        (both if reached == {"m3", "m4"} else early).set()
        return False

    monkeypatch.setattr(loop, "decide", decide)
    monkeypatch.setattr(Actor, "do", do)
    with open_store(f"sqlite:///{tmp_path}/crowbar.db", tmp_path / "secret.key") as store:
        for name in ("m1", "m2", "m3"):
            store.machines.save(Machine(name, approved=True))
        with loop.running(Actor(store, DiskImages(tmp_path), admin_key(tmp_path / "id")), every=0.05):
            assert early.wait(20)
            store.machines.save(Machine("m4", approved=True))  # a later round is not lost either
            assert both.wait(20)


def test_a_round_that_fails_is_not_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = 0
    third = threading.Event()

    def failing(*_: object) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            raise EnvironmentFault("the database is away")
        if rounds == 2:
            raise KeyError("a defect of ours")
        third.set()

    monkeypatch.setattr(loop.Loop, "round", failing)
    with (
        open_store(f"sqlite:///{tmp_path}/crowbar.db", tmp_path / "secret.key") as store,
        loop.running(Actor(store, DiskImages(tmp_path), admin_key(tmp_path / "id")), every=0.01),
    ):
        assert third.wait(20)
