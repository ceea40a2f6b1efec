"""How long a server takes from the order to power on until it is installed and its SSH answers, each kind alone.

A virtual rack of one machine at a time: a container, a BIOS and a UEFI machine, over IPMI, DHCP, TFTP and HTTP, with
the small image (no barclamp's packages). The floor is what no installer can go below: the same machine, installed and
without power, powered on by its BMC, until its SSH answers. Discovery system and image are built before, and kept in
--state-dir. Run it as root, on an idle host:

    .venv/bin/python bench/power_on.py [--kinds container bios uefi] [--runs N]
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from crowbar.paths import StateDir
from tests.command import Command

LIMIT = 1800.0  # seconds; building the discovery system and the image for the first time is in it
KINDS = {"container": ("container", "bios"), "bios": ("vm", "bios"), "uefi": ("vm", "uefi")}
AIMS = {"container": 20, "bios": 100}  # seconds from power-on to `installed`


@contextlib.contextmanager
def rack(crowbar: Command, kind: str, firmware: str) -> Iterator[None]:
    """One machine without power, on an empty store."""
    crowbar.forget()
    crowbar.run("rack", "up", "--machines", "1", "--kind", kind, "--firmware", firmware, "--disk", "4")
    try:
        yield
    finally:
        crowbar.run("rack", "down", "--yes")


def until(holds: Callable[[], bool], every: float = 0.5) -> None:
    deadline = time.monotonic() + LIMIT
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(every)


def answers(address: str) -> bool:
    """Whether an SSH server greets there."""
    try:
        with socket.create_connection((address, 22), 0.5) as connection:
            connection.settimeout(2)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def boot(crowbar: Command, machine: dict[str, Any]) -> float:
    """Seconds from the order to power on, the command with it, until SSH answers.

    From a machine without power: a container boots before a command that cycles it ends, and each look at an SSH
    server that logs nobody in is held against the one who looks (PerSourcePenalties of sshd_config), for 15 seconds
    and more.
    """
    name = machine["machine"]["name"]
    crowbar.run("machines", "power", "off", name)
    begun = time.monotonic()
    crowbar.run("machines", "power", "on", name)
    until(lambda: answers(machine["addresses"]["admin"]), 0.1)
    return time.monotonic() - begun


def measure(crowbar: Command, kind: str) -> tuple[dict[str, float], float]:
    with rack(crowbar, *KINDS[kind]):
        crowbar.run("machines", "discover", "--rack")
        crowbar.run("machines", "install", "--all")
        with crowbar.serving(crowbar.state.root / "serve.log"):
            [(name, machine)] = crowbar.wait_for("installed").items()
            return crowbar.phases(name), boot(crowbar, machine)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--runs", type=int, default=3, help="of each kind; medians are shown")
    parser.add_argument("--state-dir", type=Path, default=Path(".cache/bench-power-on"))
    options = parser.parse_args()
    options.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    crowbar = Command(StateDir(options.state_dir.resolve()), LIMIT)
    measure(crowbar, "container")  # builds what is built once
    for kind in options.kinds:
        runs = [measure(crowbar, kind) for _ in range(options.runs)]
        reached = {state: statistics.median(run[0][state] for run in runs) for state in runs[0][0]}
        floor = statistics.median(run[1] for run in runs)
        told = "   ".join(f"{state} {seconds:.1f} s" for state, seconds in reached.items())
        aim = f" (aim {AIMS[kind]} s)" if kind in AIMS else ""
        print(
            f"{kind}: {told}{aim}; floor (a boot) {floor:.1f} s, ratio {reached['installed'] / floor:.1f}", flush=True
        )


if __name__ == "__main__":
    main()
