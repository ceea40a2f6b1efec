"""How a thousand servers come in at once: registrations and inventories a second, and what the admin node needs.

The admin node is a process of its own, as `crowbar serve` runs it but for DHCP: the real HTTP application, the real
loop that brings machines on, SQLite. The servers are simulated: their BMCs are fakes that take 50 to 200 ms for an
answer, and for 50 of them OpenIPMI's ipmi_sim, processes that speak IPMI; their agents speak HTTP over loopback as the
real one does, with inventories of some 50 KiB. Three parts:

(a) all are off and known by their BMCs; the loop powers them on, they fetch their boot script, register with its
    token and send their inventory;
(b) all wait for orders by long polls, and nothing happens;
(c) all are ordered at the same moment to look at their hardware again.

Then it is counted whether anything was lost or doubled. Run it as anybody, on an idle machine:

    .venv/bin/python bench/registration.py [--servers N] [--simulators N] [--idle SECONDS]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from crowbar.store.machine_model import OrderKind, OrderStatus
from crowbar.store.model import NodeState
from tests.api.simulation.hardware import large
from tests.api.simulation.rack import Rack, rack
from tests.api.simulation.server import Server
from tests.api.simulation.wire import Times
from tests.inventory.bmc.simulator import simulators


def discovered(it: Rack) -> int:
    return sum(view.state is NodeState.DISCOVERED for view in it.store.machines.list(hardware=False))


def done(it: Rack) -> int:
    return sum(order.status is OrderStatus.SUCCEEDED for order in it.store.orders.all_current().values())


def show(times: Times, *kinds: str) -> None:
    for kind in kinds:
        at = [times.at(kind, part) * 1000 for part in (0.5, 0.99)]
        print(f"    {kind:10} {len(times.of[kind]):6}   p50 {at[0]:7.0f} ms   p99 {at[1]:7.0f} ms")
    times.of.clear()


def measure(it: Rack, times: Times, idle: float) -> None:
    servers = len(it.servers)
    begun = time.perf_counter()
    it.start()
    it.await_that(lambda: discovered(it) == servers, 600, 0.2)
    took, cpu = time.perf_counter() - begun, it.cpu()
    print(
        f"(a) {servers} powered on, registered and inventoried in {took:.1f} s: {servers / took:.0f}/s, CPU {cpu:.1f} s"
    )
    show(times, "boot.ipxe", "register", "inventory")
    time.sleep(1)
    before = it.cpu()
    time.sleep(idle)
    print(f"(b) {servers} wait: {(it.cpu() - before) / idle * 100:.0f} % of a core")
    show(times, "poll")
    begun, before = time.perf_counter(), it.cpu()
    for name in it.servers:
        it.store.orders.give(name, OrderKind.INSPECT, {})
    it.await_that(lambda: done(it) == servers, 600, 0.2)
    took, cpu = time.perf_counter() - begun, it.cpu() - before
    print(f"(c) {servers} inspected in {took:.1f} s: {servers / took:.0f} inventories/s, CPU {cpu:.1f} s")
    show(times, "inventory", "report")
    print(f"memory of the admin node: {it.memory() / 1024:.0f} MiB at most")


def lost_or_doubled(it: Rack) -> list[str]:
    """What is not as it should be, for each server."""
    wrong = []
    if {machine.name for machine in it.store.machines.all()} != set(it.servers):
        wrong.append("there are other machines than there are servers")
    for name, server in it.servers.items():
        kinds = [event.kind for event in it.store.machine_events.timeline(name)]
        counts = {
            "registrations": (server.count["registered"], kinds.count("agent.registered"), 1),
            "inventories": (server.count["inventories taken"], len(it.store.hardware.revisions(name)), 2),
            "moves": (1, kinds.count("state.changed"), 1),
            "orders": (1, len(it.store.orders.history(name)), 1),
        }
        wrong += [f"{name}: {what} {count}" for what, count in counts.items() if len(set(count)) > 1]
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=1000, help="default 1000")
    parser.add_argument("--simulators", type=int, default=50, help="how many BMCs are ipmi_sim (default 50)")
    parser.add_argument("--idle", type=float, default=25, help="seconds of part (b) (default 25)")
    options = parser.parse_args()
    print(
        f"{options.servers} servers, {options.simulators} of them behind ipmi_sim;"
        f" {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    times = Times()
    servers = [Server(number, large, times) for number in range(options.servers)]
    with (
        tempfile.TemporaryDirectory(prefix="crowbar-bench-") as folder,
        simulators(Path(folder), options.simulators) as real,
        rack(
            Path(folder),
            servers,
            latency=(0.05, 0.2),
            simulators={server.name: one for server, one in zip(servers, real, strict=False)},
        ) as it,
    ):
        measure(it, times, options.idle)
        wrong = lost_or_doubled(it)
    print(f"lost or doubled: {len(wrong) or 'nothing'}", *wrong[:10], sep="\n    ")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
