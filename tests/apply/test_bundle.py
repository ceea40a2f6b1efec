"""What a bundle holds: plays in order, roles, the collection, and no secret."""

from __future__ import annotations

import io
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from crowbar.apply.bundle import Bundles, extra_variables, render_play
from crowbar.apply.model import Job
from crowbar.store.model import StepKind


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    role = tmp_path / "roles" / "demo_role"
    (role / "tasks").mkdir(parents=True)
    (role / "tasks" / "main.yml").write_text("[]")
    (role / "tasks" / "remove.yml").write_text("[]")
    gate = tmp_path / "gate.yml"
    gate.write_text("[]")
    secret = {"secrets": {"password": "correct-horse"}}
    return [
        Job("demo/demo-role@n1", StepKind.APPLY, role, "demo-role", ("tree", 'odd"name'), variables=secret),
        Job("demo/gate@n1", StepKind.GATE, gate, "demo-role"),
        Job("demo/old@n1", StepKind.REMOVE, role, "demo-role", units=("demo.service",)),
    ]


def test_the_play_is_yaml_with_one_play_a_job_named_by_its_key(jobs: list[Job]) -> None:
    apply, gate, remove = yaml.safe_load(render_play(jobs))
    assert [play["name"] for play in (apply, gate, remove)] == [job.key for job in jobs]
    assert apply["tasks"][0]["crowbar.node.packages"]["names"] == ["tree", 'odd"name']
    assert apply["tasks"][1]["ansible.builtin.import_role"] == {"name": "demo_role"}
    assert apply["vars"]["crowbar"] == "{{ crowbar_steps[0] }}"
    assert gate["tasks"][0]["ansible.builtin.import_tasks"] == "gates/1.yml"
    assert remove["tasks"][0]["ansible.builtin.import_role"]["tasks_from"] == "remove"
    assert remove["tasks"][1]["crowbar.node.units"]["units"] == [
        {"name": "demo.service", "state": "stopped", "enabled": False}
    ]


def test_a_role_without_units_and_tasks_of_its_own_leaves_by_itself(tmp_path: Path) -> None:
    """As one that only lets a unit of another role do more."""
    (bare,) = yaml.safe_load(render_play([Job("demo/old@n1", StepKind.REMOVE, tmp_path, "demo-role")]))
    assert bare["tasks"] == []


def unpacked(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


def test_the_bundle_has_all_that_its_play_names_and_no_secret(jobs: list[Job]) -> None:
    (jobs[0].source / "tests").mkdir()
    (jobs[0].source / "tests" / "case.yml").write_text("[]")
    found = unpacked(Bundles().archive("n1", jobs))
    files, texts = set(found), list(found.values())
    assert not any("/tests/" in name or name.endswith(".pyc") for name in files)
    assert {"project/play.yml", "project/roles/demo_role/tasks/main.yml", "project/gates/1.yml"} <= files
    assert "inventory/hosts.json" in files
    assert any("collections/ansible_collections/crowbar/node" in name for name in files)
    assert not any(b"correct-horse" in text for text in texts)
    injected = Job("a/b@n", StepKind.APPLY, Path("/"), variables={"facts": {"x": ["{{ lookup('pipe', 'id') }}"]}})
    assert extra_variables([injected])["crowbar_steps"][0]["facts"]["x"] == [
        {"__ansible_unsafe": "{{ lookup('pipe', 'id') }}"}
    ]
    assert extra_variables(jobs)["crowbar_steps"][0] == {"secrets": {"password": "correct-horse"}}


def test_bundles_of_nodes_share_what_is_the_same_and_nothing_else(jobs: list[Job]) -> None:
    program = jobs[0].source / "library" / "ask"
    program.parent.mkdir()
    program.write_text("#!/bin/sh")
    program.chmod(0o755)
    os.utime(program, (0, 0))  # older than what a zip file knows
    bundles = Bundles()
    first = unpacked(bundles.archive("n1", jobs))
    program.write_text("#!/bin/sh\nexit 1")  # one who edits a role meanwhile: all nodes get what the first one got
    second = unpacked(bundles.archive("n2", jobs))
    assert "n1" in first["inventory/hosts.json"].decode()
    assert {name for name in first if first[name] != second[name]} == {"inventory/hosts.json"}
    other = unpacked(bundles.archive("n1", [replace(jobs[0], key="demo/other@n1"), jobs[2]]))
    assert b"demo/other@n1" in other["project/play.yml"] and "project/gates/1.yml" not in other
    with zipfile.ZipFile(io.BytesIO(bundles.archive("n1", jobs))) as archive:
        assert archive.getinfo("project/roles/demo_role/library/ask").external_attr >> 16 & 0o111
