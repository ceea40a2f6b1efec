"""`crowbar explain`, and the short cards at the end of a failed deployment."""

from __future__ import annotations

from tests.cli.conftest import CLUSTER, Cli

FULL = "Task 'Configuration' failed.\nOSError: [Errno 28] No space left on device: '/srv/things'"


def test_a_failed_step_has_a_card(cli: Cli) -> None:
    cli.applier.failing = {"base/base-node@n1": FULL}
    result = cli("deploy", cli.file(CLUSTER))
    assert result.exit_code == 1
    assert "base/base-node@n1 failed" in result.stderr
    assert "likely cause: A file system of the node is full." in result.stderr
    assert "next: See which (crowbar shell --node n1 -- df -h)" in result.stderr
    assert "all of it: crowbar explain base/base-node@n1" in result.stderr
    [card] = cli.json("explain")["cards"]
    assert (card["step"], card["node"], card["rule"]) == ("base/base-node@n1", "n1", "disk-full")
    assert card["error"] == FULL.splitlines()
    assert cli.json("explain", "base/base-node@n1")["cards"] == [card]


def test_the_services_journal_tells_what_the_step_does_not(cli: Cli) -> None:
    cli.ok("deploy", cli.file(CLUSTER), "--only", "base")
    with cli.context() as context:
        [unit, *_] = context.catalog.get("front").roles["front-server"].units or ("none",)
        secret = next(iter(context.store.secrets.values()), "")
    cli.applier.journals = {
        unit: f"2026 n2 front[1]: starting\n2026 n2 front[1]: ERROR Address already in use {secret}\n"
    }
    cli.applier.failing = {"front/front-server@n2": "Task 'Services' failed.\nfront.service did not start."}
    assert cli("deploy").exit_code == 1
    [card] = cli.json("explain", "front/front-server@n2")["cards"]
    if unit != "none":
        assert card["rule"] == "port-in-use"
        assert [line for line in card["journal"] if "Address already in use" in line]
    if secret:
        assert secret not in cli.ok("explain")


def test_what_did_not_fail_has_no_card(cli: Cli) -> None:
    assert cli("explain").exit_code == 2  # there was no deployment
    cli.ok("deploy", cli.file(CLUSTER))
    assert "No step failed" in cli.ok("explain")
    result = cli("explain", "base/base-node@n1")
    assert result.exit_code == 2
    assert "ended as succeeded" in result.stderr
    assert cli("explain", "nova/none@n9").exit_code == 2
