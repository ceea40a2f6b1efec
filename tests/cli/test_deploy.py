"""`plan` and `deploy`: what they show, what they change, and how they end."""

from __future__ import annotations

import threading
from pathlib import Path

from crowbar.services.lock import deployment_lock
from crowbar.store.model import DeploymentStatus

from .conftest import CLUSTER, Cli

KEYS = [
    "base/base-node@n1",
    "base/gate@n1",
    "maker/maker-ring@n1",
    "maker/maker-store@n1",
    "maker/maker-store@n2",
    "front/front-server@n2",
]


def test_a_plan_shows_every_step_with_its_reason_and_changes_nothing(cli: Cli, cluster: Path) -> None:
    document = cli.json("plan", cluster)
    assert [step["key"] for step in document["steps"]] == KEYS
    assert {(step["status"], step["will_run"]) for step in document["steps"]} == {("pending", True)}
    assert document["steps"][0] | {"requires": []} == {
        "key": "base/base-node@n1",
        "kind": "apply",
        "barclamp": "base",
        "role": "base-node",
        "node": "n1",
        "status": "pending",
        "will_run": True,
        "reason": "new",
        "requires": [],
    }
    shown = cli.ok("plan", cluster)
    assert "base/base-node@n1      runs    new" in shown
    assert "base/gate@n1           checks  after its barclamp's steps" in shown
    assert "5 steps would run, 1 gate would be checked, 0 unchanged. Nothing was changed." in shown
    with cli.context() as context:
        assert context.store.proposals.list() == []
        assert context.store.deployments.last() is None


def test_a_deployment_runs_every_step_and_says_so(cli: Cli, cluster: Path) -> None:
    shown = cli.ok("deploy", cluster)
    assert "5 steps to run, 1 gate to check, 0 unchanged" in shown
    assert "[1/6] base/base-node@n1 succeeded in " in shown
    assert "(changed 1)" in shown
    assert "Front: http://192.0.2.2/front (user smith)" in shown
    assert "crowbar credentials --show" in shown
    assert sorted(cli.applier.applied) == sorted(KEYS)


def test_json_is_one_document_on_stdout_and_progress_is_on_stderr(cli: Cli, cluster: Path) -> None:
    result = cli("deploy", cluster, "--output", "json")
    assert "5 steps to run" in result.stderr
    document = cli.json("deploy", cluster)
    assert document["deployment"]["status"] == "succeeded"
    assert [step["key"] for step in document["steps"]] == KEYS
    assert {step["status"] for step in document["steps"]} == {"unchanged"}
    assert {"barclamp", "role", "node", "status", "reason"} <= set(document["steps"][0])
    assert document["access"][0]["url"] == "http://192.0.2.2/front"


def test_deploying_again_runs_the_gates_alone(cli: Cli, cluster: Path) -> None:
    cli.ok("deploy", cluster)
    cli.applier.applied.clear()
    assert "unchanged" in cli.ok("deploy")
    assert cli.applier.applied == ["base/gate@n1"]


def test_one_changed_attribute_runs_what_uses_it(cli: Cli, cluster: Path) -> None:
    cli.ok("deploy", cluster)
    cli.ok("proposals", "edit", "maker", "--set", "motto=one to bind them")
    steps = {step["key"]: step for step in cli.json("plan")["steps"]}
    assert {key for key, step in steps.items() if step["will_run"]} == {key for key in KEYS if key.startswith("maker/")}
    assert steps["maker/maker-ring@n1"]["reason"] == "changed: attributes.motto"
    cli.applier.applied.clear()
    cli.ok("deploy")
    assert "base/base-node@n1" not in cli.applier.applied


def test_reapply_runs_all(cli: Cli, cluster: Path) -> None:
    cli.ok("deploy", cluster)
    assert {step["reason"] for step in cli.json("plan", "--reapply")["steps"]} >= {"forced"}
    cli.applier.applied.clear()
    cli.ok("deploy", "--reapply")
    assert sorted(cli.applier.applied) == sorted(KEYS)


def test_a_failed_step_ends_with_1_and_resume_goes_on(cli: Cli, cluster: Path) -> None:
    cli.applier.failing = {"maker/maker-ring@n1": "no gold"}
    document = cli.json("deploy", cluster, code=1)
    status = {step["key"]: (step["status"], step["reason"]) for step in document["steps"]}
    assert status["maker/maker-ring@n1"] == ("failed", "no gold")
    assert status["base/base-node@n1"] == ("succeeded", "new")
    assert status["front/front-server@n2"][0] == "cancelled"
    assert "which did not succeed" in status["front/front-server@n2"][1]
    cli.applier.failing = {}
    cli.applier.applied.clear()
    cli.ok("deploy", "--resume")
    assert "base/base-node@n1" not in cli.applier.applied
    assert "front/front-server@n2" in cli.applier.applied


def test_a_failure_is_told_with_its_last_lines_and_what_to_do(cli: Cli, cluster: Path) -> None:
    cli.applier.failing = {"maker/maker-ring@n1": "no gold"}
    result = cli("deploy", cluster)
    assert result.exit_code == 1
    assert "maker/maker-ring@n1 failed in" in result.stdout
    assert "    TASK fake\n    no gold" in result.stdout
    assert "crowbar logs --step maker/maker-ring@n1" in result.stderr
    assert "crowbar deploy --resume" in result.stderr


def test_nothing_to_resume(cli: Cli) -> None:
    result = cli("deploy", "--resume")
    assert result.exit_code == 2
    assert "There is no deployment to resume" in result.stderr


def test_nothing_to_deploy(cli: Cli) -> None:
    for command in ("deploy", "plan"):
        result = cli(command)
        assert result.exit_code == 2
        assert "nothing to deploy yet" in result.stderr


def test_another_deployment_that_runs_is_named_and_left_alone(cli: Cli, cluster: Path) -> None:
    refused = []

    def other() -> None:
        refused.append(cli("deploy", cluster))

    with deployment_lock(cli.state):
        thread = threading.Thread(target=other)  # a context of its own, as another process has
        thread.start()
        thread.join()
    assert refused[0].exit_code == 2
    assert "Another deployment is running (process " in refused[0].output
    with cli.context() as context:
        assert context.store.proposals.list() == []


def test_a_file_is_merged_over_what_was_saved(cli: Cli, cluster: Path) -> None:
    cli.ok("deploy", cluster)
    cli.ok("proposals", "edit", "base", "--set", "limits.files=20")
    cli.ok("deploy", cluster)
    with cli.context() as context:
        proposal = context.store.proposals.get("base", "default")
    assert proposal is not None
    assert proposal.attributes == {"folder": "/srv/things", "limits": {"files": 20}}


def test_wiped_attributes_return_to_their_defaults(cli: Cli, cluster: Path) -> None:
    cli.ok("batch", "import", cluster)
    wiping = CLUSTER.replace("attributes: {folder: /srv/things}", "wipe_attributes: [folder]")
    cli.ok("batch", "import", cli.file(wiping, "wiping.yml"))
    with cli.context() as context:
        proposal = context.store.proposals.get("base", "default")
    assert proposal is not None
    assert proposal.attributes == {}


def test_a_role_that_is_no_longer_wanted_is_removed(cli: Cli, cluster: Path) -> None:
    cli.ok("deploy", cluster)
    cli.ok("proposals", "edit", "maker", "--role", "maker-store=n1")
    step = next(step for step in cli.json("plan")["steps"] if step["kind"] == "remove")
    assert (step["key"], step["reason"]) == ("maker/maker-store@n2", "no longer wanted there")
    cli.ok("deploy")
    assert all(step["kind"] != "remove" for step in cli.json("plan")["steps"])


def test_the_two_places_exclude_each_other(cli: Cli) -> None:
    result = cli("plan", "--single-node", "--on-this-host")
    assert result.exit_code == 2
    assert "exclude each other" in result.stderr
    assert "crowbar plan --help" in result.stderr


def test_an_interrupted_deployment_is_closed_and_continued(cli: Cli, cluster: Path) -> None:
    cli.ok("batch", "import", cluster)
    with cli.context() as context:
        context.store.deployments.create("killed", [])
    assert "Deployment 1 was interrupted" in cli.ok("deploy")
    with cli.context() as context:
        deployment = context.store.deployments.get(1)
    assert deployment is not None
    assert deployment.status is DeploymentStatus.INTERRUPTED
