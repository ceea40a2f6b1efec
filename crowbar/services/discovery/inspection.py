"""An inventory arrives: it is read, kept, and what the matching rules make of it is done."""

from __future__ import annotations

from collections.abc import Mapping

from crowbar.errors import InputError
from crowbar.services.discovery.joining import join_bmc
from crowbar.store.columns import now
from crowbar.store.machine_model import MachineEvent
from crowbar.store.model import Health, NodeState
from crowbar.store.store import Store
from crowbar_inventory.hardware import Hardware
from crowbar_inventory.parse import parse
from crowbar_inventory.rules import MINIMUM, Decision, Rules, decide

ACTOR = "agent"


def take(store: Store, name: str, raw: Mapping[str, str], rules: Rules, minimum: int = MINIMUM) -> str:
    """Keep a machine's inventory, decide what it is, and say that in one line for its console.

    ``minimum`` is what the image needs of a disk, in bytes.
    """
    hardware, unread = parse(raw)
    message = _summary(hardware)
    join_bmc(store, name, hardware)
    _remember(store, name, hardware)
    said = _obey(store, name, _decision(store, name, rules, hardware, minimum))
    # Last: with its inventory a machine goes on, and what the rules say of it must hold by then.
    revision = store.hardware.add(name, hardware, raw)
    store.machines.seen(name, message)
    events = [MachineEvent(name, now(), "agent.inventory", ACTOR, f"revision {revision}: {message}")]
    events += [MachineEvent(name, now(), "inventory.unread", ACTOR, line) for line in unread]
    store.machine_events.append(events)
    store.machines.move(
        name, NodeState.DISCOVERED, actor=ACTOR, reason="inventory taken", expected=NodeState.DISCOVERING
    )
    return f"{message}. {said}".strip()


def refuse(store: Store, name: str, why: str) -> None:
    """Note that what a machine's agent sent as its inventory is none. It is a problem until one comes that is."""
    message = f"The inventory of its agent was refused: {why}"
    store.machines.seen(name, message)
    what_next = f"The agent goes on trying; what else it said: crowbar machines show {name} --timeline"
    if store.machines.set_health(name, Health.PROBLEM, f"{message} {what_next}"):
        store.machine_events.append([MachineEvent(name, now(), "agent.refused", "crowbar", message)])


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


def _obey(store: Store, name: str, decision: Decision) -> str:
    """Do what the rules say; group and role that an operator has set by hand stay."""
    machine = store.machines.get(name)
    if machine is None:
        return ""
    why = {"passed_over": list(decision.passed_over), "excluded": list(decision.excluded)}
    store.machine_events.append([MachineEvent(name, now(), "rules.decided", "crowbar", decision.because, why)])
    store.machines.update(
        name,
        group=machine.group or decision.group,
        intended_role=machine.intended_role or decision.intended_role,
        install_disk=decision.install_disk,  # of the disks that are there now
    )
    if decision.refusal:
        store.machines.set_health(name, Health.PROBLEM, decision.refusal)
        return f"Refused by a rule: {decision.refusal}"
    store.machines.set_health(name, Health.OK, actor=ACTOR)
    if decision.alias:
        _name(store, name, decision.alias)
    return decision.because


def _name(store: Store, name: str, alias: str) -> None:
    """Give it the alias. One that another has is no reason to do without the inventory."""
    view = store.machines.view(name)
    if view is None or alias in view.aliases:
        return
    try:
        store.machines.add_alias(name, alias)
    except InputError as error:
        store.machine_events.append([MachineEvent(name, now(), "rules.alias", "crowbar", str(error))])


def _decision(store: Store, name: str, rules: Rules, hardware: Hardware, minimum: int) -> Decision:
    """What the rules make of it. ``{n}`` in an alias is the number that it has, else the first that is free."""
    first, second = (decide(rules, hardware, number, minimum=minimum) for number in (1, 2))
    if first.alias == second.alias:
        return first
    views = store.machines.list(hardware=False)
    own = next((view.aliases for view in views if view.machine.name == name), ())
    taken = {alias for view in views for alias in view.aliases}
    choices = [decide(rules, hardware, number, minimum=minimum) for number in range(1, len(views) + 2)]
    kept = (choice for choice in choices if choice.alias in own)
    return next(kept, None) or next((choice for choice in choices if choice.alias not in taken), first)


def _summary(hardware: Hardware) -> str:
    disks = ", ".join(f"{disk.name} {disk.size / 1e9:.0f} GB" for disk in hardware.disks[:4]) or "no disk"
    threads = hardware.cpu.threads or 1
    product = " ".join(word for word in (hardware.vendor, hardware.product) if word) or "unknown machine"
    return f"{product}, {threads} threads, {hardware.memory_mib} MiB, {disks}, {len(hardware.nics)} NICs"
