"""What the registrars have the services forget, and what they leave: played by clouds that are not there."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from openstack.compute.v2.server import Server

from crowbar.paths import data_dir


def program(barclamp: str, role: str, name: str) -> ModuleType:
    path = data_dir() / "barclamps" / barclamp / "roles" / role / "files" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def thing(**values: Any) -> SimpleNamespace:
    return SimpleNamespace(**values)


@dataclass
class Compute:
    """Nova with a compute service on each host, and instances on some."""

    hosts: list[str]
    instances: dict[str, list[str]] = field(default_factory=dict)

    def services(self, *, binary: str) -> list[SimpleNamespace]:
        assert binary == "nova-compute"
        return [thing(host=host) for host in self.hosts]

    def servers(self, *, all_projects: bool, **query: str) -> list[SimpleNamespace]:
        assert all_projects
        assert set(query) <= set(Server._query_mapping._mapping), "the client would filter by itself, by nothing"
        return [thing(name=name) for name in self.instances.get(query["compute_host"], [])]

    def delete_service(self, service: SimpleNamespace) -> None:
        self.hosts.remove(service.host)


def run(module: ModuleType, cloud: Any, monkeypatch: pytest.MonkeyPatch, *stay: str) -> int:
    monkeypatch.setattr(module.openstack, "connect", lambda: cloud)
    monkeypatch.setattr(sys, "argv", ["program", *stay])
    return int(module.main())


def test_computes_that_left_are_forgotten_unless_they_have_instances(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compute = Compute(["n1", "n2", "n3"], {"n2": ["web", "db"]})
    forget = program("nova", "nova_registrar", "forget_computes")
    assert run(forget, thing(compute=compute), monkeypatch, "n1") == 1
    assert compute.hosts == ["n1", "n2"]
    assert "n2 is no compute any more, and Nova has instances there: web, db." in capsys.readouterr().err
    compute.instances.clear()
    assert run(forget, thing(compute=compute), monkeypatch, "n1") == 0
    assert compute.hosts == ["n1"]
    assert run(forget, thing(compute=compute), monkeypatch, "n1") == 0  # and again


def test_back_ends_that_left_are_forgotten_unless_they_have_volumes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    removed: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", lambda argv, **_: removed.append(argv))
    services = [
        thing(binary="cinder-volume", host="n1@local"),
        thing(binary="cinder-volume", host="n2@local"),
        thing(binary="cinder-volume", host="n3@local"),
        thing(binary="cinder-scheduler", host="n2"),
    ]
    volumes = [thing(name="data", id="1", host="n2@local#local"), thing(name="", id="2", host=None)]
    storage = thing(services=lambda: services, volumes=lambda *, all_projects: volumes)
    forget = program("cinder", "cinder_registrar", "forget_volume_services")
    assert run(forget, thing(block_storage=storage), monkeypatch, "n1") == 1
    assert removed == [["cinder-manage", "service", "remove", "cinder-volume", "n3@local"]]
    assert "n2@local has left, and Cinder has volumes there: data." in capsys.readouterr().err


def test_agents_that_left_are_forgotten_and_the_api_that_remembers_them_restarted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    agents = [thing(host="n1", id="a"), thing(host="n2", id="b"), thing(host="n2", id="c")]
    restarted: list[list[str]] = []
    forget = program("quantum", "quantum_registrar", "forget_agents")
    monkeypatch.setattr(subprocess, "run", lambda argv, **_: restarted.append(argv))
    monkeypatch.setattr(forget, "EVERY", 0.01)
    network = thing(agents=agents.copy, delete_agent=agents.remove)
    assert run(forget, thing(network=network), monkeypatch, "n1") == 0
    assert [one.id for one in agents] == ["a"]
    assert restarted == [["systemctl", "restart", "neutron-api.service"]]
    assert run(forget, thing(network=network), monkeypatch, "n1") == 0
    assert len(restarted) == 1  # without an agent to forget, nothing is restarted


def test_agents_that_are_still_told_of_are_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    forget = program("quantum", "quantum_registrar", "forget_agents")
    monkeypatch.setattr(subprocess, "run", lambda argv, *, check: None)
    monkeypatch.setattr(forget, "EVERY", 0.01)
    monkeypatch.setattr(forget, "SECONDS", 0.05)
    network = thing(agents=lambda: [thing(host="n2", id="b")], delete_agent=lambda one: None)
    assert run(forget, thing(network=network), monkeypatch, "n1") == 1
