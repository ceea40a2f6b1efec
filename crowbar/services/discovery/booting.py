"""What a machine that asks by iPXE boots: the discovery system with a one-time token, or its own disk."""

from __future__ import annotations

from dataclasses import dataclass

from crowbar.provision.boot.request import BootRequest
from crowbar.provision.boot.script import discover_script, local_disk_script
from crowbar.services.discovery.recognition import recognised
from crowbar.services.discovery.registration import INSTALLED_STATES
from crowbar.store.columns import now
from crowbar.store.machine_model import MachineEvent, MachineView, Order, OrderKind, OrderStatus
from crowbar.store.model import NodeState
from crowbar.store.store import Store
from crowbar_inventory.identity import read_identity

ACTOR = "crowbar"


@dataclass(frozen=True)
class Offer:
    """Where this admin node serves what: its URL, and the digest of the discovery system."""

    base_url: str
    discovery: str


def boot_script(store: Store, offer: Offer, request: BootRequest) -> str:
    """The iPXE script for the machine that asks. Issues its token, and writes its timeline."""
    asking = read_identity(request.uuid, request.serial, (request.mac,))
    name = recognised(store, asking).machine
    view = store.machines.view(name) if name else None
    if view is None:
        _event(store, "", "boot.script", f"{request.mac} is not known: discovery, without a token", request)
        return discover_script(offer.base_url, offer.discovery, None, request.mac)
    machine = view.machine
    if boots_its_disk(view, store.orders.current(machine.name)):
        _event(store, machine.name, "boot.script", f"is {view.state}: its own disk", request)
        return local_disk_script(request.firmware)
    if not machine.approved:
        _event(store, machine.name, "boot.script", "waits for approval: discovery, without a token", request)
        return discover_script(offer.base_url, offer.discovery, None, request.mac)
    _event(store, machine.name, "boot.script", f"is {view.state}: discovery, with a token", request)
    return discover_script(offer.base_url, offer.discovery, store.boots.issue(machine.name), request.mac)


def boots_its_disk(view: MachineView, order: Order | None) -> bool:
    """True for a machine that has a system on its disk and no order that needs the discovery system. Pure.

    A firmware that insists on the network must not cost a machine its system.
    """
    written = order is not None and order.kind is OrderKind.INSTALL and order.status is OrderStatus.SUCCEEDED
    if view.state is NodeState.INSTALLING:
        return written
    return view.state in INSTALLED_STATES


def _event(store: Store, machine: str, kind: str, message: str, request: BootRequest) -> None:
    data = {"mac": request.mac, "firmware": str(request.firmware)}
    store.machine_events.append([MachineEvent(machine, now(), kind, ACTOR, message, data)])
