"""Starts systemd-nspawn so that it outlives us: as a unit where systemd runs the host, else in its own cgroup."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from crowbar.errors import EnvironmentFault
from crowbar.rack.host import run, runs_systemd, tried
from crowbar.rack.record import Names, Record

_NSPAWN = Path("/run/systemd/nspawn")
# Each machine in a cgroup of its own: systemd-nspawn would put all of them into one otherwise.
_JOIN = 'while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs" || exit 1; shift; done; shift; exec "$@"'


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
    folders = [hierarchy / names.unit for hierarchy in _hierarchies()]
    for folder in folders:
        folder.mkdir(exist_ok=True)
    with console.open("ab") as output:
        words = ["setsid", "--fork", "sh", "-c", _JOIN, "sh", *map(str, folders), "--", *argv]
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
    for hierarchy in _hierarchies():
        _remove_cgroup(hierarchy / names.unit)
    for kind in ("propagate", "unix-export"):  # left by one that was killed; the second refuses to start again
        leaving = _NSPAWN / kind / names.machine
        if leaving.is_mount():
            run("umount", "--lazy", str(leaving))
        with suppress(OSError):
            leaving.rmdir()
    if root.is_mount():
        place = root.stat()
        (_NSPAWN / "locks" / f"inode-{place.st_dev}:{place.st_ino}").unlink(missing_ok=True)


def _remove_cgroup(folder: Path, timeout: float = 10) -> None:
    """Kill the processes of a cgroup and remove it with those below it. Raises EnvironmentFault after ``timeout`` s."""
    until = time.monotonic() + timeout
    while folder.is_dir():
        members = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
        for member in sorted(members, reverse=True):
            with suppress(OSError):  # a process has not quite ended, or systemd has removed it meanwhile
                pids = (member / "cgroup.procs").read_text().split()
                if pids:
                    tried("kill", "-KILL", *pids)
                member.rmdir()
        if not folder.is_dir():
            return
        if time.monotonic() > until:
            raise EnvironmentFault(f"Processes in {folder} cannot be ended.")
        time.sleep(0.05)


def _hierarchies() -> Iterator[Path]:
    """Where systemd's own cgroups are: the unified hierarchy, and on a hybrid host the one named systemd too."""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        place, _, kind = line.partition(" - ")
        filesystem, _, options = kind.split(maxsplit=2)
        if filesystem == "cgroup2" or (filesystem == "cgroup" and "name=systemd" in options):
            yield Path(place.split()[4])
