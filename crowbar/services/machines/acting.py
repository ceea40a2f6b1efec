"""What the lifecycle decided for a machine is done. Each action can be done twice: who is killed here begins anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from typing import Any

import structlog
from paramiko import AuthenticationException, BadHostKeyException

from crowbar.apply.facts import gather_facts
from crowbar.engine.lifecycle import AT_BMC, Action, ActionKind
from crowbar.errors import CrowbarError, EnvironmentFault, NodeError
from crowbar.provision.resolver import name_servers
from crowbar.services.machines.access import AdminKey
from crowbar.services.machines.control import BmcPatience, Controlled, controlled
from crowbar.services.machines.images import DiskImages, order_of
from crowbar.services.machines.pauses import Pauses
from crowbar.services.machines.traffic import Traffic
from crowbar.services.machines.waking import listens
from crowbar.store.columns import now
from crowbar.store.machine_model import MachineView, OrderKind
from crowbar.store.model import Health
from crowbar.store.store import Store
from crowbar_inventory.bmc.model import BmcRefusedError, BootDevice, Power, PowerAction
from crowbar_inventory.bmc.retry import Patience

ACTOR = "crowbar"
ADMIN = "admin"
DOMAIN = "crowbar.internal"
_LOG = structlog.get_logger()
_SSH_PATIENCE = 1.0  # seconds: it is asked again in the next round
_AT_SSH = "It was installed, and lets Crowbar not in"
_FINAL = (BadHostKeyException, AuthenticationException)
_CANNOT_INSTALL = "It cannot be installed now"  # by this beginning a problem of ours is known again
# What may pass is tried again in a later round, when its turn comes: a thread that waits holds up others.
_OF_ROUNDS = BmcPatience(answer=10, again=Patience(total=5))


@dataclass(frozen=True)
class Actor:
    """Does actions. All it needs is the store, the images, and the key that opens installed machines.

    ``traffic`` says whether the network can take another machine that boots or is installed.
    """

    store: Store
    images: DiskImages
    key: AdminKey
    bmc: BmcPatience = _OF_ROUNDS
    pauses: Pauses = field(default_factory=Pauses)
    traffic: Traffic = field(default_factory=Traffic)

    def do(self, view: MachineView, action: Action) -> bool:
        """Do it, and tell whether it was done: what was not is for a later round.

        What fails at a BMC, or before an order, becomes the machine's health; it raises nothing for that.
        """
        name = view.machine.name
        match action.kind:
            case ActionKind.MOVE if action.to is not None:
                self.store.machines.move(name, action.to, actor=ACTOR, reason=action.reason, expected=view.state)
            case ActionKind.MARK_HEALTH if action.health is not None:
                self.store.machines.set_health(name, action.health, action.last_error)
            case ActionKind.DISCOVER:  # it takes minutes until it fetches anything: no promise
                return self.traffic.admits() and self._boot(view, BootDevice.PXE)
            case ActionKind.BOOT_DISK:
                return self._boot(view, BootDevice.DISK)
            case ActionKind.GIVE_INSPECT:
                self.store.orders.give(name, OrderKind.INSPECT, {})
            case ActionKind.GIVE_WIPE:
                self.store.orders.give(name, OrderKind.WIPE, {"disks": [view.machine.install_disk]})
            case ActionKind.GIVE_INSTALL:
                return self.traffic.admits(promise=True) and self._give_install(view)
            case ActionKind.AWAIT_SSH:
                self._await_ssh(view, action)
            case ActionKind.FORGET:
                self.store.machines.delete(name)
                self.pauses.succeeded(name)
        return True

    def _boot(self, view: MachineView, device: BootDevice) -> bool:
        name = view.machine.name
        by = view.machine.bmc, self.store.bmc_credentials.get(name)
        if not self.pauses.over(name, by):
            return False
        asked = now()  # a quick machine may be heard before its BMC has answered
        try:
            with controlled(self.store, name, actor=ACTOR, patience=self.bmc) as bmc:
                bmc.set_boot_device(device)
                _start(bmc)
        except CrowbarError as error:
            self.pauses.failed(name, by, refused=isinstance(error.__cause__, BmcRefusedError))
            self.store.machines.set_health(name, Health.PROBLEM, _at_bmc(name, error))
            return False
        self.pauses.succeeded(name)
        self.store.machines.boot_ordered(name, device, asked)
        if view.last_error.startswith(AT_BMC):
            self.store.machines.set_health(name, Health.OK)
        return True

    def _give_install(self, view: MachineView) -> bool:
        name = view.machine.name
        try:
            params = self._install_params(view)
        except CrowbarError as error:
            self.store.machines.set_health(name, Health.PROBLEM, f"{_CANNOT_INSTALL}. {error}")
            return False
        self.store.orders.give(name, OrderKind.INSTALL, params)
        if view.last_error.startswith(_CANNOT_INSTALL):
            self.store.machines.set_health(name, Health.OK)
        return True

    def _install_params(self, view: MachineView) -> Mapping[str, Any]:
        """Raises CrowbarError if there is no image, or no address left."""
        name, mac = view.machine.name, view.machine.macs[0]
        address = self.store.networks.allocate(ADMIN, name, mac)
        network = self.store.networks.get(ADMIN)
        if network is None:
            raise EnvironmentFault("The admin network is not known.")
        interface = {
            "mac": mac,
            "address": address,
            "prefix": ip_network(network.subnet).prefixlen,
            "gateway": network.gateway,
            "dns": name_servers()[:3],  # until the cloud has its own
        }
        return {
            "image": order_of(self.images.newest()),
            "disk": view.machine.install_disk,
            "hostname": name,
            "domain": DOMAIN,
            "fqdn": f"{name}.{DOMAIN}",
            "authorized_keys": [self.key.public],
            "networks": [interface],
            "files": [],
            "reboot": not view.machine.bmc,  # who has no BMC must start the new system by itself
        }

    def _await_ssh(self, view: MachineView, action: Action) -> None:
        node = self.store.nodes.get(view.machine.name)
        if node is None or action.to is None or not listens(node, _SSH_PATIENCE):
            return
        opened = replace(node, ssh_key=str(self.key.path))
        try:
            facts = gather_facts(opened, patience=_SSH_PATIENCE).as_mapping()
        except NodeError as error:
            if isinstance(error.__cause__, _FINAL):  # waiting does not mend it
                self.store.machines.set_health(node.name, Health.PROBLEM, f"{_AT_SSH}: {error}")
            else:
                _LOG.debug("no SSH yet", machine=node.name, error=error.message)
            return
        self.store.machines.pin(node.name, node.host_key, opened.ssh_key)
        self.store.nodes.set_facts(node.name, facts)
        self.store.applied.forget_node(node.name)  # a step may have ended while the machine was being reset
        if view.last_error.startswith(_AT_SSH):
            self.store.machines.set_health(node.name, Health.OK)
        self.store.machines.move(node.name, action.to, actor=ACTOR, reason=action.reason, expected=view.state)
        self.store.machines.set_power(node.name, Power.ON, actor=ACTOR)


def _at_bmc(name: str, error: CrowbarError) -> str:
    """What is wrong at a BMC, with a beginning by which it is known again; and what next."""
    what = str(error)
    return what if what.startswith(AT_BMC) else f"{AT_BMC} {name}: {what}"


def _start(bmc: Controlled) -> None:
    """Have it start from scratch, whatever it does now."""
    on = bmc.power() is Power.ON
    bmc.set_power(PowerAction.CYCLE if on else PowerAction.ON)
