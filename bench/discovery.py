"""How many power states a second are read from BMCs: Crowbar's survey beside `ipmitool`, in one run.

So many of OpenIPMI's simulators run on loopback, each a process with an address of its own. They keep their power
themselves, so that the figures are those of who asks. Both sides log in anew with cipher suite 3, read the power and
log out, for every BMC in every round:

(a) `survey`, one process, one thread;
(b) `ipmitool -C3 … power status`, a process for each reading, at most --at-once of them at a time.

Prints the readings per second of wall time, the CPU time of one reading, the medians' ratio, and the speed of each
round. Run it as anybody:  .venv/bin/python bench/discovery.py [--bmcs N] [--rounds N] [--at-once N]
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from crowbar_inventory.bmc.model import Power
from crowbar_inventory.bmc.survey import survey
from tests.inventory.bmc.simulator import Simulator, simulators


@dataclass(frozen=True)
class Round:
    """So many readings, in so many seconds of wall and of CPU time."""

    readings: int
    wall: float
    cpu: float

    @property
    def speed(self) -> float:
        """Readings per second."""
        return self.readings / self.wall


def by_survey(bmcs: Sequence[Simulator]) -> int:
    readings = list(survey([(bmc.address, bmc.credential) for bmc in bmcs], limit=60))
    wrong = [reading for reading in readings if reading.error or reading.power is not Power.OFF]
    if wrong:
        raise SystemExit(f"{len(wrong)} of {len(readings)} readings failed: {wrong[0]}")
    return len(readings)


def by_ipmitool(bmcs: Sequence[Simulator], at_once: int) -> int:
    with tempfile.TemporaryDirectory(prefix="crowbar-bench-") as folder:
        password = Path(folder) / "password"
        password.write_text(bmcs[0].credential.password)

        def ask(bmc: Simulator) -> bool:
            argv = ["ipmitool", "-I", "lanplus", "-C3", "-H", bmc.host, "-p", str(bmc.port)]
            argv += ["-U", bmc.credential.username, "-f", str(password), "power", "status"]
            done = subprocess.run(argv, capture_output=True, check=True)
            return done.stdout.strip() == b"Chassis Power is off"

        with ThreadPoolExecutor(max_workers=at_once) as pool:
            came = list(pool.map(ask, bmcs))
    if not all(came):
        raise SystemExit("ipmitool read something else than the power that the simulators have")
    return len(came)


def timed(read: Callable[[], int]) -> Round:
    def cpu() -> float:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(one.ru_utime + one.ru_stime for one in used)

    begun, before = time.perf_counter(), cpu()
    readings = read()
    return Round(readings, time.perf_counter() - begun, cpu() - before)


def show(name: str, rounds: Sequence[Round]) -> float:
    speed = statistics.median(one.speed for one in rounds)
    cpu = statistics.median(one.cpu / one.readings for one in rounds)
    each = ", ".join(f"{one.speed:.0f}" for one in rounds)
    print(f"{name:30} {speed:7.0f} readings/s   {cpu * 1000:6.2f} ms CPU each   (rounds: {each})", flush=True)
    return speed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bmcs", type=int, default=50, help="simulators (default 50)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each, in turn (default 5)")
    cores = os.cpu_count() or 1
    parser.add_argument("--at-once", type=int, default=2 * cores, help="ipmitool processes (default 2 a core)")
    options = parser.parse_args()
    surveys, tools = [], []
    with (
        tempfile.TemporaryDirectory(prefix="crowbar-bench-") as folder,
        simulators(Path(folder), options.bmcs, chassis=False) as bmcs,
    ):
        by_survey(bmcs)  # modules are loaded, the thread is started
        by_ipmitool(bmcs[:1], 1)
        for _ in range(options.rounds):
            surveys.append(timed(lambda: by_survey(bmcs)))
            tools.append(timed(lambda: by_ipmitool(bmcs, options.at_once)))
    print(f"{options.bmcs} BMCs, {cores} cores, load {os.getloadavg()[0]:.1f}")
    mine = show("(a) survey", surveys)
    theirs = show(f"(b) ipmitool, {options.at_once} at once", tools)
    print(f"a/b = {mine / theirs:.1f}")


if __name__ == "__main__":
    main()
