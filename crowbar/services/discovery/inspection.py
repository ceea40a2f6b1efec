"""An inventory arrives: it is read, kept, and what the matching rules make of it is done."""

from __future__ import annotations

from collections.abc import Mapping

from crowbar.store.columns import now
from crowbar.store.machine_model import MachineEvent
from crowbar.store.model import Health, NodeState
from crowbar.store.store import Store
from crowbar_inventory.hardware import Hardware
from crowbar_inventory.parse import parse
from crowbar_inventory.rules import Decision, Rules, decide

ACTOR = "agent"


def take(store: Store, name: str, raw: Mapping[str, str], rules: Rules) -> str:
    """Keep a machine's inventory, decide what it is, and say that in one line for its console."""
    hardware, unread = parse(raw)
    revision = store.hardware.add(name, hardware, raw)
    message = _summary(hardware)
    store.machines.seen(name, message)
    events = [MachineEvent(name, now(), "agent.inventory", ACTOR, f"revision {revision}: {message}")]
    events += [MachineEvent(name, now(), "inventory.unread", ACTOR, line) for line in unread]
    store.machine_events.append(events)
    _remember(store, name, hardware)
    decision = decide(rules, hardware, _position(store, name))
    said = _obey(store, name, decision)
    store.machines.move(
        name, NodeState.DISCOVERED, actor=ACTOR, reason="inventory taken", expected=NodeState.DISCOVERING
    )
    return f"{message}. {said}".strip()


def _remember(store: Store, name: str, hardware: Hardware) -> None:
    machine = store.machines.get(name)
    if machine is None:
        return
    boot = machine.macs[:1]  # what the newest inventory does not have was taken out
    macs = (*boot, *sorted(hardware.identity.macs - set(boot)))
    store.machines.update(
        name,
        boot_mode=hardware.boot_mode,
        identity_uuid=hardware.identity.uuid or machine.identity_uuid,
        identity_serial=hardware.identity.serial or machine.identity_serial,
        macs=macs,
    )
    if hardware.bmc and hardware.bmc.address and not machine.bmc:
        words = f"its BMC is at {hardware.bmc.address}; Crowbar has no credential for it"
        store.machine_events.append([MachineEvent(name, now(), "bmc.found", ACTOR, words)])


def _obey(store: Store, name: str, decision: Decision) -> str:
    """Do what the rules say; what an operator has set by hand stays."""
    machine = store.machines.get(name)
    if machine is None:
        return ""
    why = {"passed_over": list(decision.passed_over), "excluded": list(decision.excluded)}
    store.machine_events.append([MachineEvent(name, now(), "rules.decided", "crowbar", decision.because, why)])
    store.machines.update(
        name,
        group=machine.group or decision.group,
        intended_role=machine.intended_role or decision.intended_role,
        install_disk=machine.install_disk or decision.install_disk,
    )
    if decision.refusal:
        store.machines.set_health(name, Health.PROBLEM, decision.refusal)
        return f"Refused by a rule: {decision.refusal}"
    store.machines.set_health(name, Health.OK, actor=ACTOR)
    if decision.alias:
        store.machines.add_alias(name, decision.alias)
    return decision.because


def _position(store: Store, name: str) -> int:
    """Which machine it is, from 1: what `{n}` in an alias means."""
    names = sorted(store.machines.identities())
    return names.index(name) + 1 if name in names else len(names) + 1


def _summary(hardware: Hardware) -> str:
    disks = ", ".join(f"{disk.name} {disk.size / 1e9:.0f} GB" for disk in hardware.disks[:4]) or "no disk"
    threads = hardware.cpu.threads or 1
    product = " ".join(word for word in (hardware.vendor, hardware.product) if word) or "unknown machine"
    return f"{product}, {threads} threads, {hardware.memory_mib} MiB, {disks}, {len(hardware.nics)} NICs"
