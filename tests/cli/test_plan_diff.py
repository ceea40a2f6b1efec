"""`crowbar plan --diff`: what the nodes say, secrets masked."""

from __future__ import annotations

from pathlib import Path

from crowbar.apply.model import Rehearsed

from .conftest import Cli

STORE = "maker/maker-store@n1"


def test_the_nodes_say_what_would_change(cli: Cli, cluster: Path) -> None:
    cli.applier.rehearsals = {
        STORE: Rehearsed(
            STORE,
            ("/etc/store.conf",),
            ("--- a/etc/store.conf\n+++ b/etc/store.conf\n@@ -1 +1 @@\n-size = 1\n+size = 2\n",),
            ("store-server",),
            ("restart store.service",),
            ("format",),
            ("Endpoints",),
        ),
        "maker/maker-store@n2": Rehearsed("maker/maker-store@n2", error="Task 'Wait': nobody\nanswers"),
    }
    told = cli.ok("plan", cluster, "--diff")
    part = told[told.index(f"\n{STORE}\n") :]
    assert part.splitlines()[1:12] == [
        STORE,
        "  --- a/etc/store.conf",
        "  +++ b/etc/store.conf",
        "  @@ -1 +1 @@",
        "  -size = 1",
        "  +size = 2",
        "  installs: store-server",
        "  runs: format",
        "  changes: Endpoints",
        "  restart store.service",
        "",
    ]
    assert "  what more it would change cannot be seen now: Task 'Wait': nobody\n" in told
    assert "  changes nothing\n" in told
    assert cli.applier.applied == []
    document = cli.json("plan", cluster, "--diff")
    steps = [step["key"] for step in document["steps"] if "gate" not in step["key"]]
    assert [one["key"] for one in document["changes"]] == steps
    assert next(one for one in document["changes"] if one["key"] == STORE)["services"] == ["restart store.service"]
    assert "changes" not in cli.json("plan", cluster)


def test_what_has_nothing_to_do_is_not_asked(cli: Cli, cluster: Path) -> None:
    cli.ok("deploy", cluster, "--no-verify")
    cli.applier.jobs.clear()
    assert cli.json("plan", "--diff")["changes"] == []
    assert cli.applier.jobs == {}


def test_secrets_are_masked_and_those_that_are_not_there_yet_are_not_made(cli: Cli, cluster: Path) -> None:
    with cli.context() as context:
        before = context.store.secrets.refs()
    cli.ok("plan", cluster, "--diff")
    with cli.context() as context:
        assert context.store.secrets.refs() == before == []
    cli.ok("deploy", cluster, "--no-verify")
    with cli.context() as context:
        value = context.store.secrets.values()[0]
    cli.applier.rehearsals = {STORE: Rehearsed(STORE, ("/x",), (f"-password = {value}\n",), error=f"with {value}")}
    told = cli.ok("plan", cluster, "--diff", "--reapply")
    assert value not in told
    assert "-password = ********" in told


def test_a_node_that_does_not_answer_is_told_for_each_of_its_steps(cli: Cli, cluster: Path) -> None:
    cli.applier.unreachable = frozenset({"n2"})
    changes = {one["key"]: one["error"] for one in cli.json("plan", cluster, "--diff")["changes"]}
    assert all(("does not answer" in error) == key.endswith("@n2") for key, error in changes.items())
