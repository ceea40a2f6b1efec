"""What `crowbar deploy --single-node` costs beside the floor, all in one run.

(c) the floor: `apt-get install` of the same packages into the same fresh Debian root, downloads included;
(a) a cold deployment: image built and its packages downloaded, machine made, cloud deployed;
(b) a deployment from the built image.

Prints wall and CPU seconds of each, the ratios a/c and b/c, (b) by step, and memory. CPU is that of all child
processes (RUSAGE_CHILDREN), and for deployments also that of the machine, from its cgroup. Run it as root on an idle
host:  .venv/bin/python bench/single_node.py [--runs N]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crowbar.catalog.load import load_catalog
from crowbar.paths import StateDir
from crowbar.provision.image.debootstrap import command, run
from crowbar.provision.image.inputs import write_inputs
from crowbar.provision.image.spec import BASE_PACKAGES, ImageSpec, host_supply
from crowbar.rack.container import ContainerMachine
from crowbar.services.context import open_context


@dataclass
class Cost:
    """Seconds of one run, and the largest resident set of any process on the admin host."""

    wall: float = 0
    admin_cpu: float = 0
    node_cpu: float = 0
    admin_mib: float = 0
    steps: dict[str, float] = field(default_factory=dict)

    @property
    def cpu(self) -> float:
        """All CPU seconds, the admin host's and the node's."""
        return self.admin_cpu + self.node_cpu


@contextlib.contextmanager
def measured() -> Iterator[Cost]:
    """The wall and children's CPU seconds of what is done inside."""
    cost = Cost()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.monotonic()
    yield cost
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cost.wall = time.monotonic() - begun
    cost.admin_cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    cost.admin_mib = after.ru_maxrss / 1024


def role_packages() -> tuple[str, ...]:
    catalog, _ = load_catalog()
    return tuple(sorted({name for b in catalog for role in b.roles.values() for name in role.packages}))


def floor(folder: Path) -> Cost:
    """apt-get install of the image's packages into a fresh root that has only the base system; no cache is warm."""
    supply = host_supply("trixie")
    spec = ImageSpec(role_packages())
    inputs = write_inputs(folder / "partial", folder / "packages", supply)
    log = folder / "floor.log"
    with measured() as cost:
        run(command(BASE_PACKAGES, spec.release, inputs), log, lambda _line: None)
        (inputs.root / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
        (inputs.root / "usr/sbin/policy-rc.d").chmod(0o755)
        shutil.copy("/etc/resolv.conf", inputs.root / "etc/resolv.conf", follow_symlinks=True)
        shell = (
            "mount -t proc proc /proc && apt-get update -q && apt-get install -qy --no-install-recommends "
            + " ".join(spec.all_packages)
        )
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        with log.open("ab") as output:
            subprocess.run(
                ["unshare", "--mount", "chroot", str(inputs.root), "sh", "-ec", shell],
                check=True,
                stdout=output,
                stderr=output,
                env=environment,
            )
    return cost


def crowbar(state: StateDir, *words: str) -> Any:
    done = subprocess.run(
        [Path(sys.executable).with_name("crowbar"), "--state-dir", str(state.root), *words],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(done.stdout) if "json" in words else done.stdout


def deployment(state: StateDir) -> tuple[Cost, float]:
    """A deployment onto a new machine, and the cloud's memory in MiB (proportional shares) once it stands."""
    with measured() as cost:
        crowbar(state, "deploy", "--single-node", "--output", "json")
    with open_context(state) as context:
        last = context.store.deployments.last()
        rows = context.store.deployments.steps(last.id) if last else []
        cost.steps = {r.key: (r.finished - r.started).total_seconds() for r in rows if r.started and r.finished}
        [node] = context.store.nodes.list()
    machine = ContainerMachine.load(state.machines / node.name)
    cost.node_cpu = machine.cpu_seconds()
    memory = machine.memory_mib()
    return cost, memory


def show(name: str, costs: list[Cost], base: Cost | None = None) -> None:
    wall, cpu = (statistics.median(getattr(c, kind) for c in costs) for kind in ("wall", "cpu"))
    ratio = f"  = {wall / base.wall:.2f} c wall, {cpu / base.cpu:.2f} c CPU" if base else ""
    print(f"({name}) wall {wall:7.1f} s   CPU {cpu:7.1f} s   of {len(costs)} run(s){ratio}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1, help="how many times (b) is deployed; its median is shown")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crowbar-bench-", dir="/var/tmp") as folder:
        state = StateDir(Path(folder) / "state")
        state.root.mkdir()
        base = floor(Path(folder))
        show("c", [base])
        shutil.rmtree(Path(folder) / "partial")
        shutil.rmtree(Path(folder) / "packages")
        try:
            cold, _ = deployment(state)
            show("a", [cold], base)
            warm = []
            for _ in range(options.runs):
                crowbar(state, "destroy", "--yes")
                cost, memory = deployment(state)
                warm.append(cost)
            show("b", warm, base)
        finally:
            crowbar(state, "destroy", "--yes")
        admin = max(cost.admin_mib for cost in warm)
        print(f"memory: the largest admin process {admin:.0f} MiB, the cloud {memory:.0f} MiB (PSS)")
        print("(b) by step:")
        for key, seconds in sorted(warm[-1].steps.items(), key=lambda item: -item[1]):
            print(f"  {seconds:6.1f} s  {key}")


if __name__ == "__main__":
    main()
