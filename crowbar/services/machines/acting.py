"""What the lifecycle decided for a machine is done. Each action can be done twice: who is killed here begins anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Any

import structlog

from crowbar.apply.facts import gather_facts
from crowbar.apply.ssh import SshTransport
from crowbar.engine.lifecycle import Action, ActionKind
from crowbar.errors import CrowbarError, EnvironmentFault, NodeError
from crowbar.services.machines.access import AdminKey
from crowbar.services.machines.control import Controlled, controlled
from crowbar.services.machines.images import DiskImages, order_of
from crowbar.store.machine_model import MachineView, OrderKind
from crowbar.store.model import Health
from crowbar.store.store import Store
from crowbar_inventory.bmc.model import BootDevice, Power, PowerAction

ACTOR = "crowbar"
ADMIN = "admin"
DOMAIN = "crowbar.internal"
_LOG = structlog.get_logger()
_SSH_PATIENCE = 1.0  # seconds: it is asked again in the next round
_AT_BMC = "Its BMC"  # by this beginning a problem of ours is known again


@dataclass(frozen=True)
class Actor:
    """Does actions. All it needs is the store, the images, and the key that opens installed machines."""

    store: Store
    images: DiskImages
    key: AdminKey

    def do(self, view: MachineView, action: Action) -> None:
        """Do it. What fails at a BMC becomes the machine's health, and is tried again; it raises nothing for that."""
        name = view.machine.name
        match action.kind:
            case ActionKind.MOVE if action.to is not None:
                self.store.machines.move(name, action.to, actor=ACTOR, reason=action.reason, expected=view.state)
            case ActionKind.MARK_HEALTH if action.health is not None:
                self.store.machines.set_health(name, action.health, action.last_error)
            case ActionKind.DISCOVER:
                self._boot(view, BootDevice.PXE)
            case ActionKind.BOOT_DISK:
                self._boot(view, BootDevice.DISK)
            case ActionKind.GIVE_INSPECT:
                self.store.orders.give(name, OrderKind.INSPECT, {})
            case ActionKind.GIVE_WIPE:
                self.store.orders.give(name, OrderKind.WIPE, {"disks": [view.machine.install_disk]})
            case ActionKind.GIVE_INSTALL:
                self._give_install(view)
            case ActionKind.AWAIT_SSH:
                self._await_ssh(view, action)
            case ActionKind.FORGET:
                self.store.machines.delete(name)

    def _boot(self, view: MachineView, device: BootDevice) -> None:
        name = view.machine.name
        try:
            with controlled(self.store, name, actor=ACTOR) as bmc:
                bmc.set_boot_device(device)
                _start(bmc)
        except CrowbarError as error:
            self.store.machines.set_health(name, Health.PROBLEM, f"{_AT_BMC}: {error.message}")
            return
        self.store.machines.boot_ordered(name, device)
        if view.last_error.startswith(_AT_BMC):
            self.store.machines.set_health(name, Health.OK)

    def _give_install(self, view: MachineView) -> None:
        try:
            params = self._install_params(view)
        except CrowbarError as error:
            self.store.machines.set_health(view.machine.name, Health.PROBLEM, str(error))
            return
        self.store.orders.give(view.machine.name, OrderKind.INSTALL, params)

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
            "dns": [],
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
        if node is None or action.to is None:
            return
        opened = replace(node, ssh_key=str(self.key.path))
        try:
            SshTransport(opened, patience=_SSH_PATIENCE).run(["true"], timeout=10)
            facts = gather_facts(opened).as_mapping()
        except NodeError as error:
            _LOG.debug("no SSH yet", machine=node.name, error=error.message)
            return
        self.store.nodes.save(replace(opened, facts=facts))
        self.store.machines.move(node.name, action.to, actor=ACTOR, reason=action.reason, expected=view.state)
        self.store.machines.set_power(node.name, Power.ON, actor=ACTOR)


def _start(bmc: Controlled) -> None:
    """Have it start from scratch, whatever it does now."""
    on = bmc.power() is Power.ON
    bmc.set_power(PowerAction.CYCLE if on else PowerAction.ON)
