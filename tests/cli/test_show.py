"""The commands that show something: for people, and as JSON."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml

from crowbar.store.columns import now
from crowbar.store.model import Event

from .conftest import Cli


@pytest.fixture
def deployed(cli: Cli, cluster: Path) -> Cli:
    """The cluster, deployed."""
    cli.ok("deploy", cluster)
    return cli


def test_with_nothing_done_every_command_says_what_comes_next(bare: Cli) -> None:
    for words, next_step in (
        (("status",), "crowbar deploy --single-node"),
        (("deployments", "list"), "crowbar deploy --single-node"),
        (("proposals", "list"), "crowbar proposals create"),
        (("credentials",), "crowbar deploy --single-node"),
    ):
        result = bare(*words)
        assert result.exit_code == 0
        assert next_step in result.output
    for words in (("deployments", "show"), ("logs",), ("batch", "export"), ("shell",), ("verify",)):
        result = bare(*words)
        assert result.exit_code == 2
        assert "Next: crowbar" in result.stderr


def test_status(deployed: Cli) -> None:
    shown = deployed.ok("status")
    assert "n1    machine  ready  ok      192.0.2.1" in shown
    assert "base      1              passed  2" in shown
    assert "maker     3              -       -" in shown
    assert "Deployment 1 succeeded after" in shown
    document = deployed.json("status")
    assert [node["state"] for node in document["nodes"]] == ["ready", "ready"]
    base = next(one for one in document["barclamps"] if one["name"] == "base")
    assert (base["roles"], base["gate"]) == (1, "succeeded")
    assert document["running_pid"] is None


def test_status_names_what_is_wrong_with_a_node(cli: Cli, cluster: Path) -> None:
    cli.applier.failing = {"front/front-server@n2": "no window"}
    cli("deploy", cluster)
    node = cli.json("status")["nodes"][1]
    assert (node["state"], node["health"]) == ("readying", "problem")
    assert "front/front-server@n2" in node["last_error"]


def test_deployments(deployed: Cli) -> None:
    deployed.ok("deploy")
    listed = deployed.json("deployments", "list")["deployments"]
    assert [(one["id"], one["status"]) for one in listed] == [(2, "succeeded"), (1, "succeeded")]
    assert "succeeded" in deployed.ok("deployments", "list", "--limit", "1")
    first = deployed.json("deployments", "show", "1")
    assert first["steps"][0]["status"] == "succeeded"
    assert first["steps"][0]["seconds"] is not None
    assert "base/base-node@n1" in deployed.ok("deployments", "show")
    assert deployed("deployments", "show", "7").exit_code == 2


def test_a_failed_deployments_errors_are_shown(cli: Cli, cluster: Path) -> None:
    cli.applier.failing = {"base/base-node@n1": "first line\nsecond line"}
    cli("deploy", cluster)
    result = cli("deployments", "show")
    assert "base/base-node@n1:\nfirst line\nsecond line" in result.stderr
    assert "first line" in result.stdout
    assert "second line" not in result.stdout
    assert "which did not succeed" in result.stdout
    assert "which did not succeed" not in result.stderr  # the table said all of it


def test_a_gate_that_was_not_reached_has_not_passed(cli: Cli, cluster: Path) -> None:
    cli.applier.failing = {"base/base-node@n1": "no"}
    cli("deploy", cluster)
    assert "base      0              not checked" in cli.ok("status")


def test_a_shell_without_a_cloud_says_nothing_of_a_login(cli: Cli) -> None:
    result = cli("shell", "--openstack")
    assert result.exit_code == 2
    assert "There is no cloud to log in to yet" in result.stderr
    assert "are logged in" not in result.stderr


def test_logs(deployed: Cli) -> None:
    shown = deployed.ok("logs")
    assert "base/base-node@n1" in shown
    assert "step.succeeded" in shown
    one = deployed.ok("logs", "--step", "maker/maker-ring@n1", "--follow")
    assert "maker/maker-ring@n1" in one
    assert "base/base-node@n1" not in one
    unknown = deployed("logs", "--step", "maker/king@n1")
    assert unknown.exit_code == 2
    assert "maker/maker-ring@n1" in unknown.stderr


def test_logs_cannot_steer_the_terminal(deployed: Cli) -> None:
    with deployed.context() as context:
        last = context.store.deployments.last()
        assert last is not None
        context.store.events.append([Event(last.id, None, now(), "node.quarantined", "gone \x1b]0;x\x07\x9b2J\nbye")])
    for words in ((), ("--output", "json")):
        shown = deployed.ok("logs", *words)
        assert "]0;x" in shown
        assert all(char.isprintable() or char == "\n" for char in shown)


def test_logs_as_json_are_one_object_a_line(deployed: Cli) -> None:
    import json

    events = [json.loads(line) for line in deployed.ok("logs", "--output", "json").splitlines()]
    assert {"id", "at", "kind", "message", "step_key"} <= set(events[0])
    assert {event["deployment"] for event in events} == {1}


def test_credentials_show_a_password_only_when_asked(deployed: Cli) -> None:
    with deployed.context() as context:
        password = context.store.secrets.value(context.store.secrets.refs()[0])
    shown = deployed.ok("credentials")
    assert "Front" in shown
    assert "smith" in shown
    assert password not in shown
    assert password not in deployed.ok("credentials", "--output", "json")
    assert password in deployed.ok("credentials", "--show")
    assert deployed.json("credentials", "--show")["access"] == [
        {
            "title": "Front",
            "url": "http://192.0.2.2/front",
            "user": "smith",
            "secret": "maker/password",
            "password": password,
        }
    ]


def test_credentials_are_written_for_their_owner_only(deployed: Cli, tmp_path: Path) -> None:
    clouds, openrc = tmp_path / "clouds.yaml", tmp_path / "openrc"
    clouds.write_text("old")
    clouds.chmod(0o644)
    deployed.ok("credentials", "--write", clouds)
    deployed.ok("credentials", "--write", openrc)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (clouds, openrc)} == {0o600}
    cloud = yaml.safe_load(clouds.read_text())["clouds"]["crowbar"]
    assert cloud["region_name"] == "Middle"
    assert cloud["auth"]["username"] == "smith"
    assert f"export OS_PASSWORD={cloud['auth']['password']}\n" in openrc.read_text()
    assert deployed("credentials", "--write", tmp_path / "no" / "file").exit_code == 2


def test_no_secret_is_in_anything_but_the_credentials(deployed: Cli) -> None:
    with deployed.context() as context:
        values = context.store.secrets.values()
    assert values
    for words in (
        ("plan",),
        ("status",),
        ("logs",),
        ("deployments", "show"),
        ("proposals", "list"),
        ("batch", "export"),
        ("proposals", "show", "maker", "--all"),
    ):
        for extra in ((), ("--output", "json")):
            output = deployed(*words, *extra).output
            assert not [value for value in values if value in output]


def test_proposals_from_creation_to_deletion(cli: Cli) -> None:
    cli.ok("proposals", "create", "base", "--role", "base-node=node", "--set", "folder=/srv/x")
    assert cli("proposals", "create", "base").exit_code == 2
    cli.ok("proposals", "create", "smith", "--role", "maker-ring=@@node@@", "--role", "maker-store=n1,n2")
    assert "maker-store: n1, n2" in cli.ok("proposals", "list")
    edited = cli.json("proposals", "edit", "maker", "--set", "motto=x")
    assert (edited["barclamp"], edited["revision"], edited["attributes"]) == ("maker", 2, {"motto": "x"})
    assert cli.json("proposals", "edit", "maker", "--unset", "motto")["attributes"] == {}
    assert cli.json("proposals", "edit", "maker", "--unset", "motto")["revision"] == 3
    unknown = cli("proposals", "edit", "maker", "--unset", "moto", "--unset", "motto", "--unset", "yard.x")
    assert unknown.exit_code == 2
    assert "--unset moto: there is no attribute 'moto' (did you mean 'motto'?)" in unknown.stderr
    assert "--unset yard.x: there is no attribute 'x' in yard" in unknown.stderr
    needed = cli("proposals", "delete", "base")
    assert needed.exit_code == 2
    assert "maker requires base" in needed.stderr
    cli.ok("proposals", "delete", "maker")
    cli.ok("proposals", "delete", "base")
    assert cli.json("proposals", "list")["proposals"] == []
    assert cli("proposals", "show", "base").exit_code == 2


def test_on_the_only_node_a_new_proposal_has_all_roles_there(bare: Cli, cli: Cli) -> None:
    with cli.context() as context:
        context.store.nodes.delete("n2")
    made = cli.json("proposals", "create", "maker")
    assert made["deployment"]["elements"] == {"maker-ring": ["n1"], "maker-store": ["n1"]}


def test_a_proposal_can_be_made_before_there_are_nodes_and_what_it_requires(bare: Cli) -> None:
    bare.ok("proposals", "create", "front", "--name", "mine")
    assert bare.json("proposals", "show", "front", "--name", "mine")["deployment"]["elements"] == {}
    result = bare("plan")
    assert result.exit_code == 2
    assert "front requires maker, which has no proposal" in result.stderr
    assert "front-server has no nodes; it needs at least 1 node" in result.stderr


def test_a_proposal_in_the_editor(cli: Cli, cluster: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.ok("batch", "import", cluster)
    monkeypatch.setenv("EDITOR", "sed -i s,/srv/things,/srv/others,")
    cli.ok("proposals", "edit", "base")
    assert cli.json("proposals", "show", "base")["attributes"] == {"folder": "/srv/others"}
    monkeypatch.setenv("EDITOR", "sed -i s,/srv/others,relative,")
    result = cli("proposals", "edit", "base")
    assert result.exit_code == 2
    assert "the edited text:" in result.stderr
    monkeypatch.setenv("EDITOR", "true")
    assert cli.json("proposals", "edit", "base")["revision"] == 2


def test_a_proposal_from_a_file_is_what_the_file_says(cli: Cli, cluster: Path) -> None:
    cli.ok("batch", "import", cluster)
    one = "proposals: [{barclamp: maker, attributes: {motto: new}, deployment: {elements: {maker-ring: [n2]}}}]"
    assert cli.json("proposals", "edit", "maker", "--file", cli.file(one, "one.yml"))["attributes"] == {"motto": "new"}
    result = cli("proposals", "edit", "base", "--file", "-", stdin=one)
    assert result.exit_code == 2
    assert "must hold one proposal, base/default" in result.stderr


def test_all_attributes_of_a_proposal(cli: Cli, cluster: Path) -> None:
    cli.ok("batch", "import", cluster)
    assert yaml.safe_load(cli.ok("proposals", "show", "base", "--all"))["attributes"]["limits"] == {"files": 10}
    assert "limits" not in cli.ok("proposals", "show", "base")


def test_a_batch_export_makes_the_same_cluster(cli: Cli, cluster: Path, tmp_path: Path) -> None:
    cli.ok("batch", "import", cluster)
    before = cli.json("proposals", "list")
    exported = tmp_path / "exported.yml"
    cli.ok("batch", "export", exported)
    assert cli("batch", "export", exported).exit_code == 2
    cli.ok("batch", "export", exported, "--force")
    assert [one["barclamp"] for one in yaml.safe_load(exported.read_text())["proposals"]] == ["base", "maker", "front"]
    assert yaml.safe_load(exported.read_text())["proposals"][0]["attributes"] == {"folder": "/srv/things"}
    for barclamp in ("front", "maker", "base"):
        cli.ok("proposals", "delete", barclamp)
    cli.ok("batch", "import", exported)
    after = cli.json("proposals", "list")
    assert [{**one, "revision": 0} for one in after["proposals"]] == [
        {**one, "revision": 0} for one in before["proposals"]
    ]
    assert cli.json("batch", "export", "-b", "smith")["proposals"][0]["barclamp"] == "maker"
    assert cli("batch", "export", "-b", "lonely").exit_code == 2


def test_barclamps(cli: Cli) -> None:
    assert "smith" in cli.ok("barclamps", "list")
    assert [one["name"] for one in cli.json("barclamps", "list")["barclamps"]] == ["base", "front", "lonely", "maker"]
    shown = cli.ok("barclamps", "show", "smith")
    assert "maker: Makes a ring at run time" in shown
    assert "Requires: base" in shown
    assert 'motto      "one to find them"  Motto' in shown
    assert "limits.files  10" in cli.ok("barclamps", "show", "base")
    assert cli.json("barclamps", "show", "base")["schema"]["properties"]["folder"]["title"] == "Folder"


def test_a_new_barclamp_is_clean_and_works_in_the_sites_folder(
    cli: Cli, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crowbar.paths import data_dir

    monkeypatch.setattr("crowbar.catalog.load.barclamp_dirs", lambda: [data_dir() / "barclamps", site])
    monkeypatch.chdir(site)
    assert "crowbar barclamps lint garden" in cli.ok("barclamps", "new", "garden")
    assert "no faults" in cli.ok("barclamps", "lint", "garden")
    assert cli.json("barclamps", "lint", "garden")["faults"] == []
    assert "garden" in cli.ok("barclamps", "list")
    assert cli("barclamps", "new", "garden").exit_code == 2
    (site / "garden" / "barclamp.yml").write_text("name: gerden\n")
    result = cli("barclamps", "lint", "garden")
    assert result.exit_code == 2
    assert "barclamp.yml:1" in result.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(cli: Cli, shell: str) -> None:
    assert "_CROWBAR_COMPLETE" in cli.ok("completion", shell)


def test_every_command_teaches(cli: Cli) -> None:
    import click

    from crowbar_cli.main import main

    def check(group: click.Group, words: tuple[str, ...]) -> None:
        for name, command in group.commands.items():
            shown = cli.ok(*words, name, "--help")
            if isinstance(command, click.Group):
                check(command, (*words, name))
            else:
                assert "Example:  crowbar" in shown, name
                assert "--output" in shown, name

    check(main, ())
