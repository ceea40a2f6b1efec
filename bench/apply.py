"""What applying roles costs the admin node: each node running its own steps, beside Ansible pushing the same roles.

The nodes are container machines of a rack of their own, taken from powered off by `crowbar deploy`. Then, for each
number of nodes, in one run and on the same nodes: every step again by `crowbar deploy --reapply`, and the project that
`crowbar export` writes by `ansible-playbook`, which applies the same roles over SSH (pipelining on, as many forks as
nodes). Both change nothing. The admin's CPU is that of the command and its children; what the nodes use is read from
their cgroups, apart, as they share this host's processors. With a cluster file instead, the same is measured of the
cloud that it describes. Run it as root, on an idle host:

    .venv/bin/python bench/apply.py [--nodes 1 10 40]
    .venv/bin/python bench/apply.py --file playbooks/clusters/rack.yml
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Cost:
    """Of one command: seconds of wall time, of the admin's processors, and of the nodes'."""

    wall: float
    admin: float
    nodes: float


def cluster_file(folder: Path, nodes: int) -> Path:
    """Five small roles on each node; the first one has the names, too."""
    names = [f"n{number:02}" for number in range(1, nodes + 1)]
    virtual = {"kind": "container", "disk_gib": 6, "memory_mib": 1024, "cpus": 1}
    document = {
        "machines": [{"name": name, "virtual": virtual} for name in names],
        "proposals": [
            {"barclamp": "system", "deployment": {"elements": {"system-node": names}}},
            {"barclamp": "ntp", "deployment": {"elements": {"ntp-client": names}}},
            {"barclamp": "dns", "deployment": {"elements": {"dns-server": names[:1], "dns-client": names}}},
            {"barclamp": "memcached", "deployment": {"elements": {"memcached-server": names}}},
        ],
    }
    path = folder / f"cluster-{nodes}.yml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def nodes_cpu() -> float:
    """Seconds that all container machines of racks have used so far."""
    used = 0.0
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        place, _, kind = line.partition(" - ")
        if kind.startswith("cgroup2 "):
            for stat in Path(place.split()[4]).glob("crowbar-*-m*/cpu.stat"):
                used += int(stat.read_text(encoding="utf-8").split()[1]) / 1e6
    return used


def cost(*words: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> Cost:
    before, nodes, begun = resource.getrusage(resource.RUSAGE_CHILDREN), nodes_cpu(), time.monotonic()
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{words[0]} ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    admin = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall, admin, nodes_cpu() - nodes)


@dataclass(frozen=True)
class Measured:
    """The cost of each way, and of how many nodes and roles on them."""

    nodes: int
    roles: int
    costs: dict[str, Cost]


def measure(state: Path, folder: Path, path: Path) -> Measured:
    crowbar = [str(BIN / "crowbar"), "--state-dir", str(state)]
    print(f"{path.name}: bringing its nodes up", flush=True)
    subprocess.run([*crowbar, "deploy", str(path), "--no-verify"], check=True, stdout=subprocess.DEVNULL)
    found = {"crowbar": cost(*crowbar, "deploy", path, "--no-verify", "--reapply")}
    planned = subprocess.run([*crowbar, "plan", str(path), "--output", "json"], stdout=subprocess.PIPE, check=False)
    steps = [step for step in json.loads(planned.stdout)["steps"] if step["kind"] == "apply"]
    project = folder / f"project-{path.stem}"
    cost(*crowbar, "export", project)
    nodes = len({step["node"] for step in steps})
    push = {"ANSIBLE_PIPELINING": "true", "ANSIBLE_FORKS": str(nodes), "ANSIBLE_HOST_KEY_CHECKING": "false"}
    push["PATH"] = f"{BIN}:{os.environ['PATH']}"
    found["ansible-playbook"] = cost(BIN / "ansible-playbook", "site.yml", cwd=project, env=push)
    if importlib.util.find_spec("ansible_mitogen"):
        plugins = Path(importlib.util.find_spec("ansible_mitogen").origin).parent / "plugins" / "strategy"  # type: ignore[union-attr, arg-type]
        faster = {**push, "ANSIBLE_STRATEGY": "mitogen_linear", "ANSIBLE_STRATEGY_PLUGINS": str(plugins)}
        found["with mitogen"] = cost(BIN / "ansible-playbook", "site.yml", cwd=project, env=faster)
    return Measured(nodes, len(steps), found)


def show(found: Measured) -> None:
    ours = found.costs["crowbar"]
    for name, one in found.costs.items():
        each = one.admin / found.roles
        ratio = "" if one is ours else f"{one.admin / ours.admin:6.1f} times crowbar's"
        print(
            f"{found.nodes:4} nodes  {name:17} wall {one.wall:7.1f} s  admin {one.admin:7.2f} s CPU,"
            f" {each * 1000:7.1f} ms a role and node  nodes {one.nodes:7.1f} s CPU  {ratio}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 10, 40])
    parser.add_argument("--file", type=Path, help="A cluster file, instead of nodes with small roles.")
    parser.add_argument("--state-dir", type=Path, default=Path(".cache/bench-apply"), help="Kept for its images.")
    options = parser.parse_args()
    if not importlib.util.find_spec("ansible_mitogen"):
        print("mitogen is not installed: measured without it")
    state = options.state_dir.resolve()
    down = [str(BIN / "crowbar"), "--state-dir", str(state), "rack", "down", "--yes"]
    try:
        with tempfile.TemporaryDirectory(prefix="crowbar-bench-") as folder:
            sizes = sorted(options.nodes)
            for path in [options.file] if options.file else (cluster_file(Path(folder), size) for size in sizes):
                show(measure(state, Path(folder), path))
    finally:
        subprocess.run(down, check=True)
        for path in state.glob("crowbar.db*"):
            path.unlink()


if __name__ == "__main__":
    main()
