"""Parts of a deployment, and nodes in quarantine, by the command."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import CLUSTER, Cli


def steps(document: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    return {step["key"]: step["status"] for step in document["steps"]}


def test_only_and_skip_by_barclamp_and_node(cli: Cli) -> None:
    file = cli.file(CLUSTER)
    found = steps(cli.json("deploy", file, "--only", "base"))
    assert {key for key, status in found.items() if status == "succeeded"} == {"base/base-node@n1", "base/gate@n1"}
    assert found["front/front-server@n2"] == "skipped"
    found = steps(cli.json("deploy", file, "--skip", "n2"))
    assert found["base/base-node@n1"] == "unchanged"
    assert found["maker/maker-store@n1"] == "succeeded"
    assert found["maker/maker-store@n2"] == found["front/front-server@n2"] == "skipped"
    planned = cli.json("plan", "--only", "maker")
    by_key = {step["key"]: step for step in planned["steps"]}
    assert by_key["front/front-server@n2"]["reason"] == "left out: --only maker"
    assert by_key["maker/maker-store@n2"]["will_run"]
    assert "1 step would run, 0 gates would be checked, 2 unchanged, 3 left out." in cli.ok("plan", "--only", "maker")


def test_words_that_are_neither_are_told_and_nothing_is_saved(cli: Cli) -> None:
    result = cli("deploy", cli.file(CLUSTER), "--only", "bass", "--skip", "n7", "--max-failures", "1%")
    assert result.exit_code == 2
    assert "--only bass: is neither" in result.stderr
    assert "--skip n7: is neither" in result.stderr
    assert cli.json("proposals", "list")["proposals"] == []


def test_a_node_in_quarantine_is_left_out_until_it_is_released(cli: Cli) -> None:
    file = cli.file(CLUSTER)
    cli.ok("nodes", "quarantine", "n2", "--reason", "its fan is loud")
    listed = {node["name"]: node for node in cli.json("nodes", "list")["nodes"]}
    assert (listed["n2"]["health"], listed["n2"]["remark"]) == ("maintenance", "its fan is loud")
    document = cli.json("deploy", file)
    by_key = {step["key"]: step for step in document["steps"]}
    assert by_key["maker/maker-store@n1"]["status"] == "succeeded"
    assert by_key["maker/maker-store@n2"]["status"] == "skipped"
    assert "n2 is quarantined: its fan is loud" in by_key["maker/maker-store@n2"]["reason"]
    listed = {node["name"]: node for node in cli.json("nodes", "list")["nodes"]}
    assert listed["n2"]["remark"] == "its fan is loud"
    assert listed["n1"]["roles"] == ["base-node", "maker-ring", "maker-store"]
    cli.ok("nodes", "release", "n2")
    assert set(steps(cli.json("deploy")).values()) <= {"succeeded", "unchanged"}
    assert cli("nodes", "release", "n2").exit_code == 2


def test_a_quarantine_has_a_reason_and_a_node(cli: Cli) -> None:
    assert cli("nodes", "quarantine", "n2", "--reason", " ").exit_code == 2
    result = cli("nodes", "quarantine", "n2", "n8", "--reason", "x")
    assert result.exit_code == 2
    assert "node n8: is not known" in result.stderr
    assert {node["health"] for node in cli.json("nodes", "list")["nodes"]} == {"ok"}


def test_too_many_failing_nodes_end_it(cli: Cli) -> None:
    cli.applier.failing = {"base/base-node@n1": "broken"}
    result = cli("deploy", cli.file(CLUSTER), "--max-failures", "0")
    assert result.exit_code == 1
    assert "more than 0 nodes have failed (n1)" in result.output
    assert cli("deploy", "--max-failures", "some").exit_code == 2


def test_words_are_refused_before_machines_are_brought_up_for_them(cli: Cli) -> None:
    file = cli.file(
        "machines: [{name: m1, virtual: {kind: container}}]\nproposals:\n  - barclamp: base\n"
        "    attributes: {folder: /srv}\n    deployment: {elements: {base-node: [m1]}}\n"
    )
    for words in (("--only", "bass"), ("--max-failures", "some")):
        assert cli("deploy", file, *words).exit_code == 2
    assert not cli.state.rack.exists()
    assert cli.json("machines", "list")["machines"] == []


def test_a_part_by_force_stands_on_what_was_done_before(cli: Cli, cluster: Path) -> None:
    cli.ok("deploy", cluster, "--no-verify")
    found = steps(cli.json("deploy", "--no-verify", "--reapply", "--only", "front"))
    assert {status for key, status in found.items() if key.startswith("front/")} == {"succeeded"}
    assert {status for key, status in found.items() if not key.startswith("front/")} == {"unchanged"}
