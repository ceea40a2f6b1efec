"""Deploying again: cost follows change."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import yaml

from crowbar.paths import data_dir
from tests.cloud.conftest import Cloud

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(3000)]
CLUSTER = data_dir() / "playbooks" / "clusters" / "single-node.yml"


def test_deploying_again_runs_no_step(cloud: Cloud) -> None:
    begun = time.monotonic()
    steps = cloud.crowbar.deploy()
    seconds = time.monotonic() - begun
    assert Counter(step["status"] for step in steps) == {"unchanged": len(steps)}
    assert seconds < 30  # the aim is 10 s on an idle host; the benchmark gives the figure, this the order


def test_a_plan_of_the_unchanged_cloud_has_nothing_to_run(cloud: Cloud) -> None:
    steps = cloud.crowbar.json("plan", "--single-node")["steps"]
    assert not any(step["will_run"] for step in steps)


def test_reapplying_every_role_changes_nothing(cloud: Cloud) -> None:
    steps = cloud.crowbar.deploy("--reapply")
    assert {step["status"] for step in steps if step["kind"] != "gate"} <= {"succeeded", "unchanged"}
    with cloud.context() as context:
        rows = context.store.deployments.steps(context.store.deployments.last().id)
    assert {row.key: row.changed for row in rows if row.changed} == {}
    assert len([row for row in rows if row.status == "succeeded"]) > 10


def test_one_attribute_changed_runs_its_barclamp_and_no_other(cloud: Cloud, tmp_path: Path) -> None:
    document = yaml.safe_load(CLUSTER.read_text())
    proposal = next(one for one in document["proposals"] if one["barclamp"] == "memcached")
    proposal.setdefault("attributes", {})["memory_mib"] = 96
    changed = tmp_path / "cluster.yml"
    changed.write_text(yaml.safe_dump(document))
    planned = cloud.crowbar.json("plan", str(changed), "--single-node")["steps"]
    steps = cloud.crowbar.deploy(str(changed))
    ran = {(step["barclamp"], step["role"]) for step in steps if step["status"] != "unchanged"}
    assert {barclamp for barclamp, _ in ran} == {"memcached"}
    assert ran == {(step["barclamp"], step["role"]) for step in planned if step["will_run"]}
    [reason] = {step["reason"] for step in planned if step["will_run"] and step["kind"] == "apply"}
    assert "attributes.memory_mib" in reason
    del proposal["attributes"]
    proposal["wipe_attributes"] = ["memory_mib"]  # what a file leaves out stays as it is
    changed.write_text(yaml.safe_dump(document))
    back = cloud.crowbar.deploy(str(changed))
    assert {step["barclamp"] for step in back if step["status"] != "unchanged"} == {"memcached"}


def test_the_export_is_an_ansible_project_that_changes_nothing_on_the_cloud(cloud: Cloud, tmp_path: Path) -> None:
    project = tmp_path / "project"
    cloud.crowbar.run("export", str(project))
    names = {path.name for path in project.iterdir()}
    assert {"site.yml", "roles", "collections"} <= names
    text = b"".join(path.read_bytes() for path in project.rglob("*") if path.is_file() and "vault" not in path.name)
    with cloud.context() as context:
        assert [value for value in context.store.secrets.values() if value.encode() in text] == []
    recap = _played(project).partition("PLAY RECAP")[2]
    assert recap.count("changed=0 ") == 1, recap
    assert recap.count("failed=0 ") == recap.count("unreachable=0 ") == 1


def _played(project: Path) -> str:
    """What `ansible-playbook` says, run from the project's folder as somebody without Crowbar would."""
    ours = ("ANSIBLE", "PYTHONPATH", "CROWBAR", "COVERAGE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment = {**kept, "ANSIBLE_NOCOLOR": "1", "LANG": "C.UTF-8", "ANSIBLE_HOME": str(project.parent / "ansible")}
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    done = subprocess.run(
        [program, "site.yml"], cwd=project, env=environment, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    return done.stdout
