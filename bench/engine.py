"""What the engine itself costs: all steps of a simulated cluster, on nodes that are fakes and answer at once.

Thirty barclamps on 100 and on 1,000 nodes, each deployment in a process of its own, with its progress written as lines:
`crowbar deploy` but for the connections to nodes. What counts is the growth: a step shall cost the same, however many
there are. Run it as anybody, on an idle machine:

    .venv/bin/python bench/engine.py [--nodes 100 1000]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.simulated import barclamps, store
from crowbar.apply.fake import FakeApplier
from crowbar.paths import StateDir
from crowbar.services.context import open_context
from crowbar.services.deploy import deploy
from crowbar.store.model import DeploymentStatus
from crowbar_cli.progress.plain import PlainWatcher


def one(state: StateDir) -> None:
    """In a process of its own: deploy what the store holds, and say what it cost."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, open_context(state) as context:
        before, begun = _cpu(), time.monotonic()
        with PlainWatcher(lambda text: print(text, file=nowhere)) as watcher:
            done = deploy(context, [], watcher, cancel=threading.Event(), applier=FakeApplier())
        used, wall = _cpu() - before, time.monotonic() - begun
        steps = len(context.store.deployments.steps(done.id))
    if done.status is not DeploymentStatus.SUCCEEDED:
        raise SystemExit(f"the deployment ended as {done.status}")
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"steps": steps, "cpu": used, "wall": wall, "mib": mib}))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(StateDir(options.one))
        return
    with tempfile.TemporaryDirectory(prefix="crowbar-bench-") as folder:
        root = Path(folder)
        os.environ["CROWBAR_BARCLAMPS"] = str(root / "barclamps")
        names = barclamps.write(root / "barclamps")
        before = 0.0
        for size in options.nodes:
            state = StateDir(root / f"state-{size}")
            with open_context(state) as context:
                store.fill(context, names, size)
            argv = [sys.executable, __file__, "--one", str(state.root)]
            cost = json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)
            each = cost["cpu"] / cost["steps"] * 1000
            growth = f", {each / before:.2f} times as much" if before else ""
            print(
                f"{size:5} nodes  {cost['steps']:6} steps  {cost['cpu']:7.1f} s CPU  {cost['wall']:7.1f} s wall"
                f"  {cost['mib']:5.0f} MiB  {each:6.2f} ms CPU a step{growth}",
                flush=True,
            )
            before = before or each


if __name__ == "__main__":
    main()
