"""The nodes as Ansible gets them."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from crowbar_inventory.ansible import Host, groups_of, host_variables, inventory, pins

KNOWN = Path("/srv/my state/known_hosts")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIG8monC6Vhr3cBkXWHcgYzz7emP6mFmc4YK"


def host(name: str = "node1", **fields: object) -> Host:
    given: dict[str, object] = {"state": "installed", "health": "ok", "address": "192.0.2.1", "host_key": KEY}
    return Host(name, **{**given, **fields})  # type: ignore[arg-type]


def test_groups_tell_state_health_group_and_roles() -> None:
    one = host(
        group="Rack 1/left",
        intended_role="nova-compute",
        roles=frozenset({"keystone-server", "system-node"}),
        applied=frozenset({"system-node"}),
    )
    assert groups_of(one) == [
        "reachable",
        "state_installed",
        "health_ok",
        "group_rack_1_left",
        "intended_nova_compute",
        "role_keystone_server",
        "role_system_node",
        "applied_system_node",
    ]


@pytest.mark.parametrize(
    "fields", [{"address": ""}, {"host_key": ""}, {"state": "discovered"}, {"state": "installing"}]
)
def test_what_ssh_cannot_open_is_not_reachable(fields: dict[str, str]) -> None:
    assert not host(**fields).reachable
    assert "reachable" not in groups_of(host(**fields))


def test_a_node_without_an_address_is_listed_and_has_no_way_to_it() -> None:
    found = inventory([host(address="", state="discovered"), host("node2")], KNOWN)
    assert found["all"] == {"hosts": ["node1", "node2"]}
    assert found["state_discovered"] == {"hosts": ["node1"]}
    assert not [name for name in found["_meta"]["hostvars"]["node1"] if name.startswith("ansible_")]
    assert found["_meta"]["hostvars"]["node2"]["ansible_host"] == "192.0.2.1"


def test_this_host_needs_no_ssh() -> None:
    variables = host_variables(host(local=True, address=""), KNOWN)
    assert variables["ansible_connection"] == "local"
    assert "ansible_host" not in variables


def test_host_keys_are_pinned_by_name() -> None:
    assert pins([host(), host("node2", host_key="")]) == f"crowbar-node1 {KEY}\n"


@pytest.mark.skipif(shutil.which("ssh") is None, reason="needs ssh")
def test_ssh_understands_the_arguments_as_ansible_splits_them() -> None:
    words = shlex.split(host_variables(host(), KNOWN)["ansible_ssh_common_args"])
    said = subprocess.run(["ssh", "-F", "none", "-G", *words, "192.0.2.1"], capture_output=True, text=True, check=True)
    lines = said.stdout.splitlines()
    assert f"userknownhostsfile {KNOWN}" in [line.replace('"', "") for line in lines]
    assert {"hostkeyalias crowbar-node1", "stricthostkeychecking true", "identitiesonly yes"} <= set(lines)


def test_what_a_server_says_of_itself_never_becomes_a_template() -> None:
    trap = "{{ lookup('pipe', 'id') }}"
    variables = host_variables(host(group=trap, intended_role=trap, aliases=(trap, "web")), KNOWN)
    assert "lookup" not in str(variables)
    assert variables["crowbar_aliases"] == ["web"]
