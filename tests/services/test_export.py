"""The exported project, run by the real ansible-playbook."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from crowbar.errors import InputError
from crowbar.paths import StateDir
from crowbar.services.context import Context, open_context
from crowbar.services.export import export
from crowbar.services.export.values import to_yaml
from crowbar.store.model import Node, NodeKind, Proposal

BARCLAMPS = Path(__file__).parents[1] / "fixtures" / "workshop"
BIN = Path(sys.executable).parent


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    """This host as the only node, and proposals for it."""
    monkeypatch.delenv("CROWBAR_DATABASE", raising=False)
    monkeypatch.setattr("crowbar.catalog.load.barclamp_dirs", lambda: [BARCLAMPS])
    with open_context(StateDir(tmp_path / "state")) as opened:
        opened.store.nodes.save(Node("here", NodeKind.HOST, {"admin": "127.0.0.1"}, aliases=("node",)))
        things = str(tmp_path / "things")
        for proposal in (
            Proposal("base", "default", {"folder": things}, {"base-node": ("here",)}),
            Proposal(
                "maker",
                "default",
                {"motto": "{{ not_a_variable }}"},
                {"maker-ring": ("here",), "maker-store": ("here",)},
            ),
            Proposal("front", "default", {}, {"front-server": ("here",)}),
        ):
            opened.store.proposals.save(proposal)
        yield opened


def play(folder: Path, *words: str) -> str:
    """Run the project's playbook from its own folder, as a user does."""
    # Nothing of ours runs in Ansible's processes: measuring their coverage would only cost time.
    ours = ("ANSIBLE", "PYTHONPATH", "CROWBAR", "COVERAGE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment = {**kept, "ANSIBLE_NOCOLOR": "1", "LANG": "C.UTF-8", "ANSIBLE_HOME": str(folder.parent / "ansible")}
    argv = [str(BIN / "ansible-playbook"), "site.yml", "-e", f"ansible_python_interpreter={sys.executable}", *words]
    done = subprocess.run(argv, cwd=folder, env=environment, text=True, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_ansible_playbook_runs_the_project_by_itself(context: Context, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    export(context, folder)
    shown = play(folder)
    password = context.store.secrets.value(context.store.secrets.refs()[0])
    things = tmp_path / "things"
    assert (things / "store").read_text() == f"forged by {password}: {{{{ not_a_variable }}}}"
    assert (things / "front").read_text() == f"forged by {password} at http://127.0.0.1:48213/"
    assert password not in shown
    assert base64.b64encode(f"forged by {password}".encode()).decode() not in shown
    assert "failed=0" in shown


def test_plays_are_in_dependency_order_with_the_gates_between(context: Context, tmp_path: Path) -> None:
    export(context, tmp_path / "project")
    plays = yaml.safe_load((tmp_path / "project" / "site.yml").read_text())
    assert [one["name"] for one in plays] == [
        "Apply base/base-node",
        "Check the gate of base",
        "Apply maker/maker-ring",
        "Apply maker/maker-store",
        "Apply front/front-server",
    ]
    inventory = yaml.safe_load((tmp_path / "project" / "inventory.yml").read_text())
    assert inventory["all"]["hosts"]["here"]["ansible_connection"] == "local"
    assert set(inventory["all"]["children"]) == {"base_node", "maker_ring", "maker_store", "front_server"}


def test_secrets_are_in_the_vault_and_nowhere_else_and_files_are_their_owners(context: Context, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    export(context, folder)
    values = context.store.secrets.values()
    for path in folder.rglob("*"):
        if path.is_file() and values:
            assert not [value for value in values if value in path.read_text(errors="replace")], path
    own = [path for path in folder.rglob("*") if path.is_file() and path.parent.name in {"project", "all", "host_vars"}]
    assert {stat.S_IMODE(path.stat().st_mode) for path in own} == {0o600}
    assert (folder / "group_vars" / "all" / "vault.yml").read_text().startswith("$ANSIBLE_VAULT;1.1;AES256")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_an_asked_password_is_kept_nowhere(context: Context, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    export(context, folder, "correct horse")
    assert not (folder / ".vault-password").exists()
    assert "vault_password_file" not in (folder / "ansible.cfg").read_text()
    given = tmp_path / "given"
    given.write_text("correct horse\n")
    vault = [str(BIN / "ansible-vault"), "view", "--vault-password-file", str(given)]
    done = subprocess.run(
        [*vault, str(folder / "group_vars" / "all" / "vault.yml")], text=True, capture_output=True, check=True
    )
    assert "maker/password" in done.stdout


def test_a_node_reached_by_ssh_has_its_host_key_pinned(context: Context, tmp_path: Path) -> None:
    context.store.nodes.delete("here")
    far = Node(
        "here", NodeKind.CONTAINER, {"admin": "192.0.2.9"}, ssh_port=2222, ssh_key="/k", host_key="ssh-ed25519 AAAA"
    )
    context.store.nodes.save(far)
    export(context, tmp_path / "project")
    assert (tmp_path / "project" / "known_hosts").read_text() == "[192.0.2.9]:2222 ssh-ed25519 AAAA\n"
    host = yaml.safe_load((tmp_path / "project" / "inventory.yml").read_text())["all"]["hosts"]["here"]
    assert (host["ansible_host"], host["ansible_port"], host["ansible_ssh_private_key_file"]) == (
        "192.0.2.9",
        2222,
        "/k",
    )


@pytest.mark.parametrize("what", ["file", "full"])
def test_a_folder_that_is_not_empty_is_refused(context: Context, tmp_path: Path, what: str) -> None:
    folder = tmp_path / "project"
    if what == "file":
        folder.write_text("mine")
    else:
        folder.mkdir()
        (folder / "mine").write_text("mine")
    with pytest.raises(InputError, match="not an empty folder"):
        export(context, folder)


def test_faulty_proposals_are_refused_and_nothing_is_written(context: Context, tmp_path: Path) -> None:
    context.store.proposals.delete("base", "default")
    with pytest.raises(InputError) as error:
        export(context, tmp_path / "project")
    assert any("maker requires base" in fault.message for fault in error.value.faults)
    assert not (tmp_path / "project").exists()


def test_the_same_role_in_two_barclamps_is_refused(context: Context, tmp_path: Path) -> None:
    from dataclasses import replace

    clash = replace(context.catalog.get("front"), roles={"base-node": context.catalog.get("base").roles["base-node"]})
    catalog = replace(context.catalog, barclamps={**context.catalog.barclamps, "front": clash})
    context.store.proposals.save(Proposal("front", "default", {}, {"base-node": ("here",)}))
    with pytest.raises(InputError) as error:
        export(replace(context, catalog=catalog), tmp_path / "project")
    assert [fault.message for fault in error.value.faults] == ["base and front each have a role base_node"]


def test_yaml_has_no_anchors() -> None:
    shared = ["a"]
    assert to_yaml({"one": shared, "two": shared}) == "---\none:\n  - a\ntwo:\n  - a\n"
