"""The nodes as Ansible's inventory: groups to name in `hosts:`, and how each is reached. Pure.

A host's variables are templates to Ansible: what a server says of itself never becomes one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REACHABLE = "reachable"  # the group of those that run a system which SSH can open
_WITH_A_SYSTEM = frozenset({"installed", "readying", "ready"})
_OTHERS = re.compile(r"[^a-z0-9]+")
_SAFE = re.compile(r"[A-Za-z0-9 ._:/@+-]*")


@dataclass(frozen=True)
class Host:
    """A node as Ansible gets it. ``roles`` are those that it shall have, ``applied`` those that it has."""

    name: str
    state: str
    health: str
    address: str = ""
    port: int = 22
    user: str = "root"
    key_file: str = ""
    host_key: str = ""  # "ssh-ed25519 AAAA…", as it was pinned
    local: bool = False  # it is this host itself
    aliases: tuple[str, ...] = ()
    group: str = ""
    intended_role: str = ""
    roles: frozenset[str] = frozenset()
    applied: frozenset[str] = frozenset()
    cpus: int = 0
    memory_mib: int = 0

    @property
    def reachable(self) -> bool:
        """Whether it runs a system of its own that Crowbar knows how to reach, and knows again."""
        return self.local or (self.state in _WITH_A_SYSTEM and bool(self.address) and bool(self.host_key))


def inventory(hosts: Iterable[Host], known_hosts: Path) -> dict[str, Any]:
    """What `ansible-inventory --list` reads of an inventory script. ``known_hosts`` is where `pins` are written."""
    groups: dict[str, list[str]] = {}
    variables: dict[str, dict[str, Any]] = {}
    for host in sorted(hosts, key=lambda one: one.name):
        variables[host.name] = host_variables(host, known_hosts)
        for group in groups_of(host):
            groups.setdefault(group, []).append(host.name)
    listed: dict[str, Any] = {name: {"hosts": members} for name, members in sorted(groups.items())}
    return {"all": {"hosts": list(variables)}, **listed, "_meta": {"hostvars": variables}}


def groups_of(host: Host) -> list[str]:
    """The names of the groups that the host is in, each once."""
    words = [f"state_{host.state}", f"health_{host.health}"]
    words += [f"group_{host.group}"] if host.group else []
    words += [f"intended_{host.intended_role}"] if host.intended_role else []
    words += [f"role_{role}" for role in sorted(host.roles)]
    words += [f"applied_{role}" for role in sorted(host.applied)]
    named = [_OTHERS.sub("_", word.lower()).strip("_") for word in words]
    return list(dict.fromkeys([*([REACHABLE] if host.reachable else []), *named]))


def host_variables(host: Host, known_hosts: Path) -> dict[str, Any]:
    """How the host is reached, its host key pinned, and what Crowbar knows of it (`crowbar_…`)."""
    known: dict[str, Any] = {
        "crowbar_state": host.state,
        "crowbar_health": host.health,
        "crowbar_aliases": [alias for alias in host.aliases if _SAFE.fullmatch(alias)],
        "crowbar_roles": sorted(host.roles),
        "crowbar_applied": sorted(host.applied),
        "crowbar_group": host.group if _SAFE.fullmatch(host.group) else "",
        "crowbar_intended_role": host.intended_role if _SAFE.fullmatch(host.intended_role) else "",
    }
    known |= {"crowbar_cpus": host.cpus, "crowbar_memory_mib": host.memory_mib} if host.memory_mib else {}
    python = {"ansible_python_interpreter": "/usr/bin/python3"}
    if host.local:
        return {"ansible_connection": "local", **python, **known}
    if not host.address:
        return known
    key = {"ansible_ssh_private_key_file": host.key_file} if host.key_file else {}
    return {
        "ansible_host": host.address,
        "ansible_port": host.port,
        "ansible_user": host.user,
        **key,
        "ansible_ssh_common_args": _ssh_arguments(host, known_hosts),
        **python,
        **known,
    }


def pins(hosts: Iterable[Host]) -> str:
    """The file that `known_hosts` names: each host's key by its name, so that addresses may change hands."""
    return "".join(f"{_alias(host)} {host.host_key}\n" for host in hosts if host.host_key)


def _ssh_arguments(host: Host, known_hosts: Path) -> str:
    options = {
        "UserKnownHostsFile": f"'\"{known_hosts}\"'",  # one pair of quotes for Ansible's split, one for ssh's own
        "GlobalKnownHostsFile": "/dev/null",
        "HostKeyAlias": _alias(host),
        "StrictHostKeyChecking": "yes",
        "IdentitiesOnly": "yes",
    }
    return " ".join(f"-o {option}={value}" for option, value in options.items())


def _alias(host: Host) -> str:
    return f"crowbar-{host.name}"
