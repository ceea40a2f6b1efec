"""Registration: is an agent the machine that it says it is, and is it let in.

A machine whose boot script carried a one-time token is let in as the machine that the token was made for. Without
one, whoever can reach the admin network could say anything: such an agent waits until an operator approves it, unless
its network lets machines in by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from crowbar.services.discovery.recognition import recognised
from crowbar.store.columns import now
from crowbar.store.machine_model import Machine, MachineEvent, Network, TokenFault
from crowbar.store.model import NodeState
from crowbar.store.store import Store
from crowbar_inventory.hardware import Identity
from crowbar_inventory.identity import Match, MatchKind

ACTOR = "agent"
MOST_STRANGERS = 2000
INSTALLED_STATES = (NodeState.INSTALLED, NodeState.READYING, NodeState.READY)
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
    found = recognised(store, said.identity)
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
    name = store.boots.owner(said.token) or ""
    known_as = found.machine or found.kind is MatchKind.UNCLEAR or name in found.clashes
    if name and found.machine != name and known_as:
        store.boots.void(said.token)  # and no more: who comes with a token ends nobody's session
        why = f"The token is {name}'s, but this is {found.machine or 'another machine'}: {found.because}."
        return _refused(store, said, name, why, also=found.machine or "")
    redeemed = store.boots.redeem(said.token, said.boot_id)
    if redeemed.session is None:
        why = _TOKEN[redeemed.fault or TokenFault.UNKNOWN]
        return _refused(store, said, name, f"{why} Boot again by the boot script.")
    return _let_in(store, said, name, redeemed.session, found)


def _unasked(store: Store, said: Registration, found: Match, network: Network | None) -> Admitted:
    name = found.machine or _free_name(store, said)
    view = store.machines.view(name)
    if view is not None and view.state in INSTALLED_STATES:
        why = f"{name} is {view.state}. `crowbar machines reset {name}` has it discovered anew."
        return _refused(store, said, name, why)
    open_door = network is not None and network.auto_approve
    machine = view.machine if view else None
    if machine is None:
        if _strangers(store) >= MOST_STRANGERS:
            return _refused(store, said, "", f"{MOST_STRANGERS} machines came unasked already: no more are kept.")
        machine = Machine(name, approved=open_door)
        store.machines.save(_identified(machine, said))
        _event(store, name, "machine.found", f"{said.boot_mac} booted unasked: {found.because}", said.boot_mac)
    admitted_before = store.boots.ever(name)
    if open_door or (machine.approved and not admitted_before):
        store.machines.update(name, approved=True)
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
    """How many machines there are that no operator brought in. Who invents MAC addresses must not fill the store."""
    return sum(not one.bmc for one in store.machines.all())


def _free_name(store: Store, said: Registration) -> str:
    """A name for a new machine. Another may have its card's name: the card was in that one before."""
    name = name_for(said.boot_mac)
    return name if store.machines.get(name) is None else f"{name}-{(said.identity.uuid or said.boot_id)[-12:]}"


def _event(store: Store, machine: str, kind: str, message: str, mac: str = "") -> None:
    data = {"mac": mac} if mac else {}
    store.machine_events.append([MachineEvent(machine, now(), kind, ACTOR, message, data)])
