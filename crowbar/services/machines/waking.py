"""Machines with a system of their own that are off: powered on again, so that a deployment begins with all of them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from crowbar.errors import CrowbarError
from crowbar.services.machines.control import controlled
from crowbar.store.model import RUNNING_STATES, Health, Node
from crowbar.store.store import Store
from crowbar_inventory.bmc.model import BootDevice, Power, PowerAction

BOOT_SECONDS = 600.0  # servers take minutes to test their memory
_AT_ONCE = 32
_CONNECT_SECONDS = 2.0
_EVERY = 0.5
Say = Callable[[str], None]


def wake(store: Store, names: Collection[str], say: Say, *, seconds: float = BOOT_SECONDS) -> None:
    """Power on those of these machines that do not answer by SSH and are off by what their BMC says.

    Waits until they answer, ``seconds`` at most: who does not by then is the deployment's to tell. Those without a
    system of their own, without a BMC, or in quarantine are left as they are.
    """
    with_bmc = {machine.name for machine in store.machines.all() if machine.bmc}
    nodes = [
        node
        for node in store.nodes.list()
        if node.name in with_bmc
        and not {node.name, *node.aliases}.isdisjoint(names)
        and "admin" in node.addresses
        and node.state in RUNNING_STATES
        and node.health is not Health.MAINTENANCE
    ]
    if not nodes:
        return
    with ThreadPoolExecutor(min(_AT_ONCE, len(nodes)), thread_name_prefix="waking") as pool:
        silent = [node for node, answers in zip(nodes, pool.map(listens, nodes), strict=True) if not answers]
        ordered = list(pool.map(lambda node: _powered_on(store, node, say), silent))
        _wait([node for node, was_off in zip(silent, ordered, strict=True) if was_off], pool, say, seconds)


def listens(node: Node, timeout: float = _CONNECT_SECONDS) -> bool:
    """Whether anybody takes connections where the node's SSH should be, within so many seconds."""
    with suppress(OSError), socket.create_connection((node.address, node.ssh_port), timeout=timeout):
        return True
    return False


def _powered_on(store: Store, node: Node, say: Say) -> bool:
    """Whether it was off and is on now. A BMC that does not obey is told, and keeps nobody else from it."""
    try:
        with controlled(store, node.name) as bmc:
            if bmc.power() is not Power.OFF:
                return False
            bmc.set_boot_device(BootDevice.DISK)
            bmc.set_power(PowerAction.ON)
    except CrowbarError as error:
        say(f"{node.name} does not answer, and cannot be powered on: {error.message}")
        return False
    say(f"{node.name} was off: it is powered on, and awaited")
    return True


def _wait(nodes: Sequence[Node], pool: ThreadPoolExecutor, say: Say, seconds: float) -> None:
    end = time.monotonic() + seconds
    left = list(nodes)
    while left and time.monotonic() < end:
        left = [node for node, answers in zip(left, pool.map(listens, left), strict=True) if not answers]
        if left:
            time.sleep(_EVERY)
    for node in left:
        say(f"{node.name} does not answer {seconds:.0f} s after it was powered on")
