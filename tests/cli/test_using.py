"""What a cloud is used by: `shell`, `verify`, `export`."""

from __future__ import annotations

import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from crowbar.store.model import Node, NodeKind

from .conftest import Cli


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str], str]]:
    """The programs that were run: argument vector, environment, and the known hosts that SSH was given."""
    calls: list[tuple[list[str], dict[str, str], str]] = []

    def run(argv: list[str], *, env: dict[str, str], check: bool) -> Any:
        assert not check
        known = next((word.partition("=")[2] for word in argv if word.startswith("UserKnownHostsFile=")), "")
        calls.append((argv, env, Path(known).read_text() if known else ""))
        return SimpleNamespace(returncode=3)

    monkeypatch.setattr("subprocess.run", run)
    return calls


def test_a_shell_on_a_node_pins_its_host_key(bare: Cli, ran: list[Any]) -> None:
    node = Node("node1", NodeKind.CONTAINER, {"admin": "192.0.2.7"}, ssh_key="/k", host_key="ssh-ed25519 AAAA")
    with bare.context() as context:
        context.store.nodes.save(node)
    assert bare("shell", "--", "systemctl", "--failed").exit_code == 3
    argv, _, known = ran[0]
    assert argv[:5] == ["ssh", "-p", "22", "-i", "/k"]
    assert argv[-4:] == ["root@192.0.2.7", "--", "systemctl", "--failed"]
    assert "StrictHostKeyChecking=yes" in argv
    assert known == "crowbar-node1 ssh-ed25519 AAAA\n"
    assert bare("shell", "--node", "nobody").exit_code == 2


def test_a_shell_with_openstacks_clients_has_the_password_in_its_environment_only(
    cli: Cli, cluster: Path, ran: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_CLOUD", "another")
    cli.ok("deploy", cluster)
    assert cli("shell", "--openstack", "--", "openstack", "server", "list").exit_code == 3
    argv, environment, _ = ran[0]
    assert argv == ["openstack", "server", "list"]
    assert environment["OS_USERNAME"] == "smith"
    assert len(environment["OS_PASSWORD"]) == 32
    assert "OS_CLOUD" not in environment
    assert (Path(environment["PATH"].partition(":")[0]) / "openstack").is_file()


def test_with_several_nodes_a_shell_needs_a_name(cli: Cli, ran: list[Any]) -> None:
    result = cli("shell")
    assert result.exit_code == 2
    assert "--node n1 | n2" in result.stderr
    assert ran == []


@pytest.mark.parametrize(("passed", "code"), [(True, 0), (False, 1)])
def test_verify(cli: Cli, cluster: Path, monkeypatch: pytest.MonkeyPatch, passed: bool, code: int) -> None:
    from crowbar.verify.model import Check, CheckName, CheckStatus, CloudAccess, Report

    asked: list[Any] = []

    def verify(access: CloudAccess, *, workdir: Path, reporter: Any, checks: Any, screenshots: Any) -> Report:
        asked.append((access, checks, screenshots))
        check = Check(CheckName.OBJECT, CheckStatus.PASSED if passed else CheckStatus.FAILED, 1.5, "1 KiB put and got")
        reporter(check)
        return Report((check,))

    monkeypatch.setattr("crowbar.verify.run.verify", verify)
    cli.ok("deploy", cluster)
    document = cli.json("verify", "--check", "object", code=code)
    assert document["passed"] is passed
    assert document["checks"][0]["detail"] == "1 KiB put and got"
    access, checks, _ = asked[0]
    assert (access.auth_url, access.username, access.project) == ("http://192.0.2.1:48213/", "smith", "forge")
    assert checks == [CheckName.OBJECT]
    shown = cli("verify")
    assert shown.exit_code == code
    assert "object" in shown.stdout
    assert access.dashboard_url == "http://192.0.2.2/front"
    assert asked[1][1] is None
    assert cli("verify", "--check", "everything").exit_code == 2


def test_credentials_of_the_export_are_asked_for(cli: Cli, cluster: Path, tmp_path: Path) -> None:
    cli.ok("batch", "import", cluster)
    result = cli("export", tmp_path / "project", "--ask-vault-password", stdin="one two\none two\n")
    assert result.exit_code == 0, result.output
    assert "--ask-vault-pass" in result.stderr
    assert not (tmp_path / "project" / ".vault-password").exists()
    document = cli.json("export", tmp_path / "other")
    assert "site.yml" in document["files"]
    assert stat.S_IMODE((tmp_path / "other" / ".vault-password").stat().st_mode) == 0o600
    assert cli("export", tmp_path / "other").exit_code == 2
