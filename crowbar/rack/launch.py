"""Starts systemd-nspawn so that it outlives us: as a unit where systemd runs the host, else in its own cgroup."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path

from crowbar.errors import EnvironmentFault
from crowbar.rack import cgroup
from crowbar.rack.host import run, runs_systemd, tried
from crowbar.rack.record import Names, Record

_NSPAWN = Path("/run/systemd/nspawn")


def nspawn(names: Names, record: Record, root: Path) -> list[str]:
    """systemd-nspawn's argument vector."""
    devices = ("/dev/net/tun", *record.devices)
    return [
        "systemd-nspawn",
        "--quiet",
        f"--directory={root}",
        f"--machine={names.machine}",
        f"--hostname={root.parent.name}",
        "--register=no",
        "--keep-unit",
        "--timezone=off",  # a bind-mounted /etc/localtime could not be configured by tzdata
        "--resolv-conf=off",
        "--link-journal=no",
        f"--network-bridge={names.bridge}",
        *(f"--bind={device}" for device in devices),
        "--boot",
    ]


def launch(names: Names, record: Record, root: Path, console: Path) -> None:
    """Start the machine and return at once. What it prints goes to the file ``console``. Raises EnvironmentFault."""
    argv = nspawn(names, record, root)
    if runs_systemd():
        properties = (
            "Delegate=yes",
            "KillMode=mixed",
            "TimeoutStopSec=60",
            "TasksMax=infinity",
            f"StandardOutput=append:{console}",
            f"StandardError=append:{console}",
        )
        options = [f"--property={setting}" for setting in properties]
        run("systemd-run", "--quiet", "--collect", f"--unit={names.unit}", *options, "--", *argv)
        return
    with console.open("ab") as output:
        words = ["setsid", "--fork", *cgroup.joined(names.unit, argv)]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
    if done.returncode != 0:
        raise EnvironmentFault(f"systemd-nspawn could not be started; see {console}.")


def clean(names: Names, root: Path) -> None:
    """Kill whatever is left in the machine's cgroup, and remove what systemd-nspawn and we made on the host for it.

    ``root`` is where its disk is mounted, if it is.
    """
    if runs_systemd():
        tried("systemctl", "kill", "--signal=KILL", f"{names.unit}.service")
        tried("systemctl", "stop", f"{names.unit}.service")
        tried("systemctl", "reset-failed", f"{names.unit}.service")
    cgroup.remove(names.unit)
    for kind in ("propagate", "unix-export"):  # left by one that was killed; the second refuses to start again
        leaving = _NSPAWN / kind / names.machine
        if leaving.is_mount():
            run("umount", "--lazy", str(leaving))
        with suppress(OSError):
            leaving.rmdir()
    if root.is_mount():
        place = root.stat()
        (_NSPAWN / "locks" / f"inode-{place.st_dev}:{place.st_ino}").unlink(missing_ok=True)
