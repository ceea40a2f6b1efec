"""Registration: is an agent the machine that it says it is, and is it let in.

A machine whose boot script carried a one-time token is let in as the machine that the token was made for. Without
one, whoever can reach the admin network could say anything: such an agent waits until an operator approves it, unless
its network lets machines in by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from crowbar.store.columns import now
from crowbar.store.machine_model import Machine, MachineEvent, Network, TokenFault
from crowbar.store.store import Store
from crowbar_inventory.hardware import Identity
from crowbar_inventory.identity import Match, MatchKind, match

ACTOR = "agent"
MOST_STRANGERS = 2000
_ALIVE = 60  # seconds since an agent was heard
_TOKEN = {
    TokenFault.UNKNOWN: "The token is none of ours.",
    TokenFault.REPLAYED: "The token was used before, by another boot.",
    TokenFault.OUTDATED: "The token is void: the machine fetched a newer boot script since.",
}


@dataclass(frozen=True)
class Registration:
    """What an agent says when it has started; ``token`` is "" without one. ``boot_id`` is new at each boot."""

    token: str
    boot_mac: str
    identity: Identity
    boot_id: str
    agent: str = ""


class Admission(StrEnum):
    """What becomes of it."""

    ADMITTED = "admitted"
    WAITING = "waiting"  # for an operator's approval; it may ask again
    REFUSED = "refused"


@dataclass(frozen=True)
class Admitted:
    """The answer. ``session`` proves in every later call that it is this boot of this machine."""

    admission: Admission
    machine: str
    message: str
    session: str = ""


def register(store: Store, said: Registration, network: Network | None) -> Admitted:
    """Let the agent in, have it wait, or refuse it; in each case the machine's timeline says why."""
    found = match(said.identity, store.machines.identities(said.identity), alive=_alive(store, said))
    for name, marks in found.clashes.items():
        _event(store, name, "identity.clash", f"another machine claims {', '.join(marks)}: {found.because}")
    if said.token:
        return _by_token(store, said, found)
    if found.kind is MatchKind.UNCLEAR:
        return _refused(store, said, "", f"Crowbar cannot tell which machine this is: {found.because}.")
    return _unasked(store, said, found, network)


def name_for(mac: str) -> str:
    """The name of a machine that nobody named: Crowbar's, of the MAC address that it boots from."""
    return f"d{mac.replace(':', '-')}"


def _by_token(store: Store, said: Registration, found: Match) -> Admitted:
    redeemed = store.boots.redeem(said.token, said.boot_id)
    name = redeemed.machine or ""
    if redeemed.session is None:
        return _refused(
            store, said, name, f"{_TOKEN[redeemed.fault or TokenFault.UNKNOWN]} Boot again by the boot script."
        )
    if found.machine not in (None, name):
        store.boots.revoke(name)
        why = f"The token is {name}'s, but this is {found.machine}: {found.because}."
        return _refused(store, said, name, why, also=found.machine or "")
    return _let_in(store, said, name, redeemed.session, found)


def _unasked(store: Store, said: Registration, found: Match, network: Network | None) -> Admitted:
    name = found.machine or name_for(said.boot_mac)
    machine = store.machines.get(name)
    open_door = network is not None and network.auto_approve
    if machine is None:
        if not open_door and _strangers(store) >= MOST_STRANGERS:
            return _refused(store, said, "", f"{MOST_STRANGERS} machines wait for approval already: no more are kept.")
        machine = Machine(name, approved=open_door)
        store.machines.save(_identified(machine, said))
        _event(store, name, "machine.found", f"{said.boot_mac} booted unasked: {found.because}", said.boot_mac)
    admitted_before = store.boots.ever(name)
    if open_door or (machine.approved and not admitted_before):
        return _let_in(store, said, name, store.boots.admit(name), found)
    if admitted_before:
        return _refused(store, said, name, f"{name} is known, and must boot by its own boot script.")
    message = f"{name} waits for approval: crowbar machines approve {name}"
    store.machines.seen(name, message)
    return Admitted(Admission.WAITING, name, message)


def _let_in(store: Store, said: Registration, name: str, session: str, found: Match) -> Admitted:
    machine = store.machines.get(name)
    if machine is None:  # deleted at this moment
        return Admitted(Admission.REFUSED, name, f"There is no machine {name} any more.")
    changed = _identified(machine, said)
    store.machines.update(
        name, identity_uuid=changed.identity_uuid, identity_serial=changed.identity_serial, macs=changed.macs
    )
    store.machines.seen(name, "registered")
    words = [f"from {said.boot_mac}, agent {said.agent or 'unknown'}", *found.changes]
    _event(store, name, "agent.registered", "; ".join(words))
    return Admitted(Admission.ADMITTED, name, f"This is {name}.", session)


def _refused(store: Store, said: Registration, machine: str, message: str, also: str = "") -> Admitted:
    for name in sorted({machine, also} - {""}) or [""]:
        _event(store, name, "agent.refused", message, mac=said.boot_mac)
    return Admitted(Admission.REFUSED, machine, message)


def _identified(machine: Machine, said: Registration) -> Machine:
    """The machine with what is newly known of it; the MAC that it booted from comes first."""
    who = said.identity
    macs = (said.boot_mac, *sorted(who.macs - {said.boot_mac}))
    return replace(
        machine,
        identity_uuid=who.uuid or machine.identity_uuid,
        identity_serial=who.serial or machine.identity_serial,
        macs=macs,
    )


def _strangers(store: Store) -> int:
    """How many machines wait for approval. Whoever invents MAC addresses must not fill the store."""
    return sum(not one.approved for one in store.machines.all())


def _alive(store: Store, said: Registration) -> set[str]:
    """The machines like this one that are at work at this moment: parts are swapped in servers that are off."""
    seen_after = now() - timedelta(seconds=_ALIVE)
    like = store.machines.identities(said.identity)
    found = [store.machines.get(name) for name in like]
    return {one.name for one in found if one and one.last_seen and one.last_seen > seen_after}


def _event(store: Store, machine: str, kind: str, message: str, mac: str = "") -> None:
    data = {"mac": mac} if mac else {}
    store.machine_events.append([MachineEvent(machine, now(), kind, ACTOR, message, data)])
