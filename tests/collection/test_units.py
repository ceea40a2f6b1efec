"""Units and their configuration, with a systemctl that only keeps books."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.crowbar.node.plugins.module_utils import process, systemd
from ansible_collections.crowbar.node.plugins.modules import units

from . import fake_systemctl
from .conftest import Run


class Machine:
    """The node that the fake systemctl is about."""

    def __init__(self, folder: Path) -> None:
        self._state = folder / "units.json"
        self.set()

    def set(self, **units: dict[str, Any]) -> None:
        self._state.write_text(json.dumps({f"{name}.service": unit for name, unit in units.items()}))

    def __getitem__(self, name: str) -> dict[str, Any]:
        unit: dict[str, Any] = json.loads(self._state.read_text())[f"{name}.service"]
        return unit


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stamps: Path) -> Machine:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, script in {
        "systemctl": f'exec {sys.executable} -S {fake_systemctl.__file__} {tmp_path}/units.json "$@"\n',
        "journalctl": 'for unit; do :; done; echo "last words of $unit"\n',
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setattr(process, "_PATH", f"{programs}:/usr/bin:/bin")
    return Machine(tmp_path)


def test_a_masked_unit_is_unmasked_enabled_and_started_once(machine: Machine, run_module: Run) -> None:
    machine.set(api={"load": "masked"})
    first = run_module("units", {"units": [{"name": "api"}]})
    assert first["actions"] == ["unmask api.service", "enable api.service", "start api.service"]
    second = run_module("units", {"units": [{"name": "api.service"}]})
    assert (second["changed"], second["actions"]) == (False, [])


def test_a_changed_file_restarts_the_unit_that_reads_it_and_no_other(
    tmp_path: Path, machine: Machine, run_module: Run
) -> None:
    machine.set(api={"file": "enabled"}, worker={"file": "enabled"})
    config = tmp_path / "api.conf"
    config.write_text("1")
    wanted = [{"name": "api", "config": [f"{tmp_path}/*.conf"]}, {"name": "worker"}]
    run_module("units", {"units": wanted})
    config.write_text("2")
    assert run_module("units", {"units": wanted})["actions"] == ["restart api.service"]
    config.write_text("2")
    assert run_module("units", {"units": wanted})["actions"] == []


def test_a_unit_that_the_machine_started_is_restarted_only_if_its_files_are_newer(
    tmp_path: Path, machine: Machine, run_module: Run
) -> None:
    config = tmp_path / "api.conf"
    config.write_text("1")
    unit = {"name": "api", "config": [str(config)]}
    begun = time.monotonic() * 1e6
    machine.set(api={"active": "active", "file": "enabled", "begun": begun})
    os.utime(config, (time.time() - 60, time.time() - 60))
    assert run_module("units", {"units": [unit]})["actions"] == []
    (tmp_path / "stamps" / "api.service").unlink()
    os.utime(config, (time.time() + 60, time.time() + 60))
    assert run_module("units", {"units": [unit]})["actions"] == ["restart api.service"]


def test_a_change_of_the_unit_s_own_file_counts(tmp_path: Path, machine: Machine, run_module: Run) -> None:
    fragment = tmp_path / "api.service"
    fragment.write_text("[Service]")
    machine.set(api={"file": "enabled", "fragment": str(fragment)})
    run_module("units", {"units": [{"name": "api"}]})
    fragment.write_text("[Service]\nNice=5")
    machine.set(api={**machine["api"], "stale": True})
    assert run_module("units", {"units": [{"name": "api"}]})["actions"] == ["restart api.service"]
    assert machine["api"]["stale"] is False


def test_systemd_reads_its_files_when_one_changed_that_no_unit_here_is_defined_by(
    tmp_path: Path, machine: Machine, run_module: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "_OWN_UNITS", f"{tmp_path}/etc/")
    (tmp_path / "etc").mkdir()
    machine.set(look={"file": "enabled"}, work={})
    run_module("units", {"units": [{"name": "look"}]})
    for text, reloaded in (("1", True), ("1", False), ("2", True)):
        (tmp_path / "etc" / "work.service").write_text(text)
        machine.set(look=machine["look"], work={"stale": True})
        run_module("units", {"units": [{"name": "look"}]})
        assert machine["work"]["stale"] is not reloaded


def test_a_stopped_unit_is_masked_so_that_no_other_starts_it(machine: Machine, run_module: Run) -> None:
    machine.set(api={"active": "active", "file": "enabled"})
    wanted = {"units": [{"name": "api", "state": "stopped"}]}
    assert run_module("units", wanted)["actions"] == ["stop api.service", "disable api.service", "mask api.service"]
    assert run_module("units", wanted)["actions"] == []
    gone = {"units": [{"name": "gone", "state": "stopped"}]}
    assert run_module("units", gone)["changed"] is False


def test_a_unit_of_our_own_making_is_disabled_but_cannot_be_masked(machine: Machine, run_module: Run) -> None:
    machine.set(own={"active": "active", "file": "enabled", "fragment": "/etc/systemd/system/own.service"})
    answer = run_module("units", {"units": [{"name": "own", "state": "stopped"}]})
    assert answer["actions"] == ["stop own.service", "disable own.service"]


def test_a_unit_may_run_without_being_enabled(machine: Machine, run_module: Run) -> None:
    machine.set(api={"file": "enabled"})
    answer = run_module("units", {"units": [{"name": "api", "enabled": False}]})
    assert answer["actions"] == ["disable api.service", "start api.service"]


def test_a_unit_that_fails_is_told_with_its_last_words(machine: Machine, run_module: Run) -> None:
    machine.set(api={"file": "enabled", "breaks": True})
    for _ in range(2):
        answer = run_module("units", {"units": [{"name": "api"}]})
        assert answer["failed"]
        assert "last words of api.service" in answer["msg"]
    machine.set(api={"file": "enabled", "active": "failed"})
    assert run_module("units", {"units": [{"name": "api"}]})["actions"] == ["start api.service"]


def test_a_unit_that_is_not_there_is_named(machine: Machine, run_module: Run) -> None:
    answer = run_module("units", {"units": [{"name": "missing"}]})
    assert answer["msg"] == "There is no unit missing.service on this node."


def test_check_mode_does_nothing(machine: Machine, run_module: Run) -> None:
    machine.set(api={"load": "masked"})
    answer = run_module("units", {"units": [{"name": "api"}], "wait": [{"port": 1}]}, check_mode=True)
    assert answer["actions"] == ["unmask api.service", "enable api.service", "start api.service"]
    assert machine["api"] == {"load": "masked"}


def test_check_mode_says_whose_change_would_restart_a_unit(machine: Machine, tmp_path: Path, run_module: Run) -> None:
    config = tmp_path / "api.conf"
    config.touch()
    machine.set(api={"file": "enabled"})
    wanted = {"units": [{"name": "api", "config": [str(config)]}]}
    assert "watched" not in run_module("units", wanted)
    answer = run_module("units", wanted, check_mode=True)
    assert answer["actions"] == []
    own = {f"/etc/systemd/system/{rest}" for rest in ("api.service", "api.service.d/*")}
    assert {str(config)} | own <= set(answer["watched"]["api.service"])


def test_drop_ins_of_a_names_beginning_hold_for_a_unit_too() -> None:
    assert systemd.drop_ins("nova-api-metadata.service") == [
        "nova-api-metadata.service.d",
        "nova-api-.service.d",
        "nova-.service.d",
    ]
    assert systemd.drop_ins("api.timer") == ["api.timer.d"]


def test_it_waits_for_ports_and_says_which_did_not_answer(machine: Machine, run_module: Run) -> None:
    machine.set(api={"file": "enabled"})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert run_module("units", {"units": [{"name": "api"}], "wait": [{"port": port}]})["changed"]
    answer = run_module("units", {"units": [{"name": "api"}], "wait": [{"port": port, "timeout": 0}]})
    assert f"port {port} of 127.0.0.1 did not answer within 0 s" in answer["msg"]
    assert "last words of api.service" in answer["msg"]


def test_a_port_that_is_waited_for_is_told_once(machine: Machine, run_module: Run, heard: list[str]) -> None:
    machine.set(api={"file": "enabled"})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    run_module("units", {"units": [{"name": "api"}], "wait": [{"port": port, "timeout": 1}]})
    assert heard == [f"waits for port {port} of 127.0.0.1: [Errno 111] Connection refused"]


def test_it_stops_waiting_when_the_unit_has_failed(machine: Machine, run_module: Run) -> None:
    machine.set(api={"file": "enabled", "active": "activating", "sub": "auto-restart", "breaks": False})
    machine.set(api={**machine["api"]})
    unit = systemd.show(["api.service"])["api.service"]
    assert unit.broken
    assert not unit.runs


UP = systemd.Unit("x", "loaded", "active", "running", "enabled", False, 100.0, ())


@pytest.mark.parametrize(
    ("unit", "digest", "started_with", "newest", "wanted"),
    [
        (UP, "a", "a", 200.0, systemd.Do.NOTHING),
        (UP, "b", "a", 50.0, systemd.Do.RESTART),
        (UP, "a", "", 50.0, systemd.Do.NOTHING),
        (UP, "a", "", 150.0, systemd.Do.RESTART),
        (dataclasses.replace(UP, active="inactive"), "a", "a", 50.0, systemd.Do.START),
        (dataclasses.replace(UP, active="failed"), "a", "a", 50.0, systemd.Do.START),
        (dataclasses.replace(UP, active="activating", sub="auto-restart"), "a", "a", 50.0, systemd.Do.START),
        (dataclasses.replace(UP, active="activating", sub="start"), "a", "a", 50.0, systemd.Do.NOTHING),
    ],
)
def test_what_a_unit_needs(
    unit: systemd.Unit, digest: str, started_with: str, newest: float, wanted: systemd.Do
) -> None:
    assert systemd.decide(unit, digest, started_with, newest) is wanted
