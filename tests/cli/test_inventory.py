"""`crowbar inventory`, and the plugin that hands it to Ansible's own commands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crowbar.paths import data_dir
from crowbar.store.machine_model import Machine
from crowbar.store.model import Node, NodeKind, NodeState, Proposal

from .conftest import Cli

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIG8monC6Vhr3cBkXWHcgYzz7emP6mFmc4YK"


@pytest.fixture
def rack(cli: Cli) -> Cli:
    """n1 is installed, with a role that it shall have by its alias; n3 is a machine that nobody has looked at."""
    with cli.context() as context:
        store = context.store
        address = {"admin": "192.0.2.1"}
        one = Node("n1", NodeKind.MACHINE, address, aliases=("node",), ssh_key="/k", host_key=KEY)
        store.nodes.save(one)
        store.proposals.save(Proposal("base", "default", {}, {"base-node": ("node",)}))
        store.machines.save(Machine("n3", group="left", intended_role="maker-store"))
    return cli


def test_the_store_as_an_inventory(rack: Cli) -> None:
    found = rack.json("inventory")
    assert found == rack.json("inventory", "--list")
    assert found["role_base_node"] == {"hosts": ["n1"]}
    assert found["reachable"] == {"hosts": ["n1"]}
    assert found["group_left"] == found["intended_maker_store"] == found["state_discovering"] == {"hosts": ["n3"]}
    one = rack.json("inventory", "--host", "n1")
    assert one == found["_meta"]["hostvars"]["n1"]
    assert (one["ansible_user"], one["ansible_ssh_private_key_file"]) == ("root", "/k")
    assert rack.state.known_hosts.read_text() == f"crowbar-n1 {KEY}\n"


def test_a_role_that_was_applied_is_a_group_and_a_gate_is_not(rack: Cli) -> None:
    rack.ok("deploy", rack.file('proposals: [{barclamp: base, deployment: {elements: {base-node: ["n1"]}}}]'))
    found = rack.json("inventory")
    assert found["applied_base_node"] == {"hosts": ["n1"]}
    assert [group for group in found if group.startswith("applied_")] == ["applied_base_node"]


def test_the_pins_follow_a_host_key(rack: Cli) -> None:
    rack.ok("inventory")
    with rack.context() as context:
        context.store.machines.move("n3", NodeState.INSTALLED, actor="test", reason="a test")
        context.store.machines.pin("n3", "ssh-ed25519 BBBB")
    rack.ok("inventory")
    assert rack.state.known_hosts.read_text() == f"crowbar-n1 {KEY}\ncrowbar-n3 ssh-ed25519 BBBB\n"
    assert not list(rack.state.root.glob(".known_hosts*"))


def test_wrong_words(rack: Cli) -> None:
    assert rack("inventory", "--host", "nobody").exit_code == 2
    assert rack("inventory", "--host", "n1", "--list").exit_code == 2
    assert Path(rack.ok("inventory", "--collections").strip()) == data_dir() / "playbooks" / "collections"


def ansible(rack: Cli, configuration: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Ansible's own command, with the plugin found as the documentation says."""
    path = rack.folder / "crowbar.yml"
    path.write_text(configuration)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE", "ANSIBLE"))}
    environment |= {
        "ANSIBLE_COLLECTIONS_PATH": str(data_dir() / "playbooks" / "collections"),
        "ANSIBLE_LOCAL_TEMP": str(rack.folder / "tmp"),
        "CROWBAR_STATE_DIR": str(rack.state.root),
        "LC_ALL": "C.UTF-8",
    }
    program = Path(sys.executable).with_name("ansible-inventory")
    return subprocess.run(
        [program, "-i", path, *words], env=environment, cwd=rack.folder, capture_output=True, text=True, check=False
    )


def test_ansibles_own_command_reads_the_nodes(rack: Cli) -> None:
    configuration = "plugin: crowbar.node.nodes\ngroups: {big: crowbar_state == 'installed'}\n"
    shown = ansible(rack, configuration, "--graph", "--vars")
    assert (shown.returncode, shown.stderr) == (0, "")
    lines = shown.stdout.splitlines()
    for group, member in (("state_discovering", "n3"), ("role_base_node", "n1"), ("reachable", "n1"), ("big", "n1")):
        assert lines[lines.index(f"  |--@{group}:") + 1] == f"  |  |--{member}"
    assert "  |  |  |--{ansible_host = 192.0.2.1}" in lines


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("command: /nowhere/crowbar", "there is no command '/nowhere/crowbar'"),
        ("state_dir: /proc/nowhere", "The state folder /proc/nowhere cannot be made"),
    ],
)
def test_what_goes_wrong_is_told_by_ansible(rack: Cli, line: str, says: str) -> None:
    done = ansible(rack, f"plugin: crowbar.node.nodes\n{line}\n", "--graph")
    assert says in done.stderr
