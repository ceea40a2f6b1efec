"""What planning and listing a large cluster costs: 30 barclamps on 100 and on 1,000 nodes, none of which is there.

Each command is a process of its own, as a user runs it. The floor is the same command on an empty store. Run it as
anybody, on an idle machine:

    .venv/bin/python bench/plan.py [--nodes 100 1000]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.simulated import barclamps, store
from crowbar.paths import StateDir
from crowbar.services.context import open_context

_NOISE = 0.1  # seconds above the floor: less is no growth that could be told
COMMANDS = (("plan",), ("machines", "list"), ("nodes", "list"), ("status",))


@dataclass(frozen=True)
class Cost:
    """Of one process."""

    cpu: float  # seconds, user and system
    wall: float
    mib: float  # the largest resident set


def cost(state: Path, *words: str) -> Cost:
    """Of a command, run in a child of a child, so that no other's memory counts."""
    program = (
        "import resource, subprocess, sys, time\n"
        "begun = time.monotonic()\n"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(done.returncode, used.ru_utime + used.ru_stime, time.monotonic() - begun, used.ru_maxrss / 1024)\n"
    )
    crowbar = Path(sys.executable).with_name("crowbar")
    argv = [sys.executable, "-c", program, str(crowbar), "--state-dir", str(state), *words, "--output", "json"]
    status, cpu, wall, mib = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
    if status not in ("0", "2"):
        raise SystemExit(f"crowbar {' '.join(words)} ended with {status}")
    return Cost(float(cpu), float(wall), float(mib))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="+", default=[100, 1000])
    sizes = parser.parse_args().nodes
    with tempfile.TemporaryDirectory(prefix="crowbar-bench-") as folder:
        root = Path(folder)
        os.environ["CROWBAR_BARCLAMPS"] = str(root / "barclamps")
        names = barclamps.write(root / "barclamps")
        measured: dict[tuple[str, int], Cost] = {}
        for size in (0, *sizes):
            state = StateDir(root / f"state-{size}")
            with open_context(state) as context:
                if size:
                    store.fill(context, names, size)
            for words in COMMANDS:
                measured[" ".join(words), size] = cost(state.root, *words)
        show(measured, sizes)


def show(measured: dict[tuple[str, int], Cost], sizes: list[int]) -> None:
    print(f"{'command':16} {'nodes':>6} {'CPU s':>8} {'wall s':>8} {'MiB':>6}  growth of CPU above the floor")
    for words in COMMANDS:
        name = " ".join(words)
        floor = measured[name, 0]
        for before, size in zip([0, *sizes], sizes, strict=False):
            one = measured[name, size]
            growth, less = "", measured[name, before].cpu - floor.cpu
            if before and less > _NOISE:
                growth = f"{(one.cpu - floor.cpu) / less:.1f} times for {size / before:.0f} times the nodes"
            print(f"{name:16} {size:6} {one.cpu:8.2f} {one.wall:8.2f} {one.mib:6.0f}  {growth}")
        print(f"{name:16} {0:6} {floor.cpu:8.2f} {floor.wall:8.2f} {floor.mib:6.0f}  the floor: nothing to plan")


if __name__ == "__main__":
    main()
