"""systemd-nspawn's argument vector for a container machine, and what is handed to the agent in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crowbar.rack import cgroup
from crowbar.rack.host import runs_systemd
from crowbar.rack.record import Names
from crowbar.rack.virtual.record import MachineRecord

REBOOT_STATUS = 133  # of one that is not to start its container again by itself
_PLACE = "/etc/crowbar"
_ARGUMENTS, _DESCRIPTION = "arguments", "machine.json"


def argv(names: Names, machine: MachineRecord, root: Path, namespace: Path, options: Sequence[str]) -> list[str]:
    """The command that boots the system in ``root``; ``namespace`` is the file of its network namespace."""
    return [
        # Else /proc/sys/net is read-only, as the network namespace is not of systemd-nspawn's own making.
        *("env", "SYSTEMD_NSPAWN_API_VFS_WRITABLE=network"),
        *("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--timezone=off", "--resolv-conf=off"),
        *("--link-journal=no", f"--machine={names.machine}", f"--hostname={machine.name}", f"--uuid={machine.uuid}"),
        *(f"--directory={root.resolve()}", f"--network-namespace-path={namespace}"),
        "--capability=CAP_NET_ADMIN",  # of its own network; systemd-nspawn does not see that it has one
        *options,
        "--boot",
    ]


def in_own_cgroup(names: Names, command: Sequence[str]) -> list[str]:
    """The command in a cgroup that is the machine's alone; on a host that systemd runs, one that it delegates."""
    if not runs_systemd():
        return cgroup.joined(names.unit, command)
    return [
        *("systemd-run", "--scope", "--quiet", "--collect", f"--unit={names.unit}"),
        *("--property=Delegate=yes", "--property=TasksMax=infinity", "--", *command),
    ]


def hand_over(folder: Path, words: Sequence[str], description: Mapping[str, Any]) -> list[str]:
    """Write down what the agent is told, for nobody else to read; the options that bring it into the container."""
    texts = {_ARGUMENTS: " ".join(words) + "\n", _DESCRIPTION: json.dumps(description)}
    options = []
    for name, text in texts.items():
        path = folder.resolve() / name
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        options.append(f"--bind-ro={path}:{_PLACE}/{name}")
    return options
