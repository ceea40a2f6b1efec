"""Bad input: every fault at once with its place, exit code 2, and nothing changed."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from .conftest import CLUSTER, Cli

COMMANDS = (("plan",), ("deploy",), ("batch", "import"))


def refused(cli: Cli, text: str) -> str:
    """What is said of a cluster file, the same by every command that takes one; nothing may have changed."""
    file = cli.file(dedent(text))
    said = set()
    for command in COMMANDS:
        result = cli(*command, file)
        assert result.exit_code == 2, result.output
        assert "Traceback" not in result.output
        said.add(result.stderr)
    with cli.context() as context:
        assert context.store.proposals.list() == []
        assert context.store.deployments.last() is None
    assert cli.applier.batches == []
    assert len(said) == 1
    return said.pop().replace(str(file), "FILE")


def test_all_faults_of_a_file_are_told_at_once_each_with_its_line(cli: Cli) -> None:
    said = refused(
        cli,
        """\
        proposals:
          - barclamp: base
            attributes:
              folder: relative
              limits: {files: 1000}
              colour: red
            deployment: {elements: {base-node: [n1, n9], base-king: [n1]}}
          - barclamp: nothing
          - barclamp: maker
            attributes: {motto: [a, list]}
            deployment: {elements: {maker-ring: [n1, n2], maker-store: []}}
    """,
    )
    for line, words in (
        (4, "folder is 'relative'"),
        (5, "limits.files is 1000; it must be from 1 to 100"),
        (6, "there is no attribute 'colour'"),
        (7, "there is no node 'n9'"),
        (7, "base has no role 'base-king'"),
        (8, "there is no barclamp 'nothing'"),
        (10, "motto is a list; it must be text"),
        (11, "maker-ring has 2 nodes; it needs exactly 1 node"),
        (11, "maker-store has no nodes; it needs at least 1 node"),
    ):
        assert any(f"FILE:{line}" in one and words in one for one in said.splitlines()), (line, words, said)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1, 2]", "FILE:1: must be a mapping"),
        ("just text", "FILE:1: must be a mapping"),
        ("", "FILE:1: must be a mapping"),
        ("proposals: [", "FILE:"),
        ("proposals: {a: 1}", "proposals must be a list"),
        ("proposals: []", "FILE:1"),
        ("proposals: [{barclamp: base}, {barclamp: base}]", "a second proposal of base"),
        (
            "proposals: [{barclamp: maker, deployment: {elements: {maker-ring: [n1], maker-store: [n1]}}}]",
            "maker requires base, which has no proposal",
        ),
        ("proposals: !!python/object/apply:os.system ['true']", "is not allowed"),
        ("proposals:\n  - barclamp: base\n    color: red", "there is no key 'color' here"),
    ],
)
def test_files_that_are_no_cluster(cli: Cli, text: str, words: str) -> None:
    assert words in refused(cli, text)


def test_roles_that_may_not_share_a_node(cli: Cli) -> None:
    lonely = "  - {barclamp: lonely, deployment: {elements: {lonely-server: [n2]}}}\n"
    assert "node n2 cannot hold both lonely-server and front-server" in refused(cli, CLUSTER + lonely)


def test_an_alias_bomb(cli: Cli) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert "values once its aliases" in refused(cli, "\n".join(lines))


def test_a_file_of_100_mb_is_not_read(cli: Cli) -> None:
    file = cli.folder / "big.yml"
    with file.open("wb") as stream:
        stream.truncate(100 * 1024 * 1024)
    result = cli("deploy", file)
    assert result.exit_code == 2
    assert "has 104857600 bytes; 1048576 are allowed" in result.stderr


@pytest.mark.parametrize("what", ["missing.yml", "."])
def test_a_file_that_cannot_be_read(cli: Cli, what: str) -> None:
    result = cli("deploy", cli.folder / what)
    assert result.exit_code == 2
    assert "cannot be read" in result.stderr


def test_errors_are_json_where_json_was_asked_for(cli: Cli) -> None:
    file = cli.file("proposals: [{barclamp: nothing}, {barclamp: nobody}]")
    for command in COMMANDS:
        error = cli.json(*command, file, code=2)["error"]
        assert error["exit_code"] == 2
        assert [fault["place"] for fault in error["faults"]] == [f"{file}:1", f"{file}:1"]
    usage = cli.json("deploy", "--nonsense", code=2)["error"]
    assert "--nonsense" in usage["message"]


@pytest.fixture
def broken(site: Path) -> Path:
    """A barclamp in the site's folder whose manifest has two faults."""
    folder = site / "bent"
    folder.mkdir()
    (folder / "barclamp.yml").write_text("name: bent\nsummary: 7\nrolls: {}\n")
    return folder / "barclamp.yml"


def test_a_broken_manifest_is_named_and_the_others_still_work(cli: Cli, broken: Path, cluster: Path) -> None:
    listed = cli("barclamps", "list")
    assert listed.exit_code == 2
    assert "maker" in listed.stdout
    assert f"{broken}:2" in listed.stderr
    assert f"{broken}:3" in listed.stderr
    document = cli.json("barclamps", "list", code=2)
    assert {one["name"] for one in document["barclamps"]} == {"base", "maker", "front", "lonely"}
    assert len(document["faults"]) >= 2
    deployed = cli("deploy", cluster)
    assert deployed.exit_code == 0
    assert f"{broken}:3" in deployed.stderr


def test_a_broken_barclamp_that_is_used_is_refused_with_its_faults(cli: Cli, broken: Path) -> None:
    result = cli("barclamps", "show", "bent")
    assert result.exit_code == 2
    assert f"{broken}:3" in result.stderr
    result = cli("deploy", cli.file("proposals: [{barclamp: bent}]"))
    assert result.exit_code == 2
    assert f"{broken}:3" in result.stderr


def test_barclamps_in_a_circle_are_named_with_the_circle(cli: Cli, site: Path) -> None:
    for name, other in (("egg", "hen"), ("hen", "egg")):
        (site / name / "roles").mkdir(parents=True)
        (site / name / "barclamp.yml").write_text(
            f"name: {name}\nsummary: First\nrequires: [{other}]\nroles:\n  {name}-role: {{summary: It}}\n"
        )
        (site / name / "roles" / f"{name}_role" / "tasks").mkdir(parents=True)
        (site / name / "roles" / f"{name}_role" / "tasks" / "main.yml").write_text("---\n[]\n")
    result = cli("plan", cli.file("proposals: [{barclamp: egg}, {barclamp: hen}]"))
    assert result.exit_code == 2
    assert "egg -> hen -> egg" in result.stderr


def test_a_state_folder_that_cannot_be_made(bare: Cli, tmp_path: Path) -> None:
    (tmp_path / "a-file").write_text("")
    result = bare("--state-dir", tmp_path / "a-file" / "state", "status")
    assert result.exit_code == 2
    assert "--state-dir" in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "motto"), "must be PATH=VALUE"),
        (("--set", "motto=[1", "--set", "x=1"), "not YAML"),
        (("--set", "moto=x"), "there is no attribute 'moto'"),
        (("--set", "motto=7"), "motto is 7; it must be text"),
        (("--role", "maker-ring=n1,n2"), "maker-ring has 2 nodes"),
        (("--role", "maker-ring=n7"), "there is no node 'n7'"),
        (("--role", "maker-rung=n1"), "maker has no role 'maker-rung' (did you mean 'maker-ring'?)"),
        (("--role", "maker-ring"), "must be ROLE=NODE"),
        (("--file", "/nonexistent"), "cannot be read"),
    ],
)
def test_a_faulty_edit_changes_nothing(cli: Cli, cluster: Path, words: tuple[str, ...], said: str) -> None:
    cli.ok("batch", "import", cluster)
    result = cli("proposals", "edit", "maker", *words)
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    with cli.context() as context:
        proposal = context.store.proposals.get("maker", "default")
    assert proposal is not None
    assert proposal.revision == 1


def test_a_second_proposal_of_a_barclamp_is_the_one_at_fault(cli: Cli, cluster: Path) -> None:
    cli.ok("batch", "import", cluster)
    result = cli("proposals", "create", "maker", "--name", "other")
    assert result.exit_code == 2
    assert "proposal maker/other barclamp: a second proposal of maker, as there is one already" in result.stderr
    with cli.context() as context:
        assert context.store.proposals.get("maker", "other") is None
