"""Who a server is: found again after its parts were swapped, and told from others that claim to be it.

No single mark is trusted. Vendors ship boards with one UUID for all or none; the servers of one chassis share their
serial, and a UUID made of it; some firmware makes the UUID of whichever NICs are switched on; NICs move between
servers. So the three marks (UUID, serial, MACs) are compared each for itself, and a table says what they amount to.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from crowbar_inventory.hardware import Identity
from crowbar_inventory.text import told

MACS_LIMIT = 256  # of one server
_SERIAL_LIMIT = 128
_HEX = re.compile(r"[0-9a-f]{32}")
_MAC = re.compile(r"[0-9a-f]{12}")
_SEPARATORS = re.compile(r"[{}:.\-\s]")
_SHOWN = 4

# One byte over and over, or a row that somebody typed: as sold with a great many boards.
_DUMMY_UUIDS = {
    "03000200040005000006000700080009",
    "000102030405060708090a0b0c0d0e0f",
    "123456781234567890ab1234567890ab",
    "12345678123412341234123456789012",
    "12345678123456781234567812345678",
    "deadbeefdeadbeefdeadbeefdeadbeef",
}


class Agreement(StrEnum):
    """What one mark says of two servers."""

    SAME = "same"
    OTHER = "other"
    SILENT = "silent"  # one of the two does not tell


class MatchKind(StrEnum):
    """What an identity turned out to be."""

    SAME = "same"  # a known machine, nothing contradicts
    CHANGED = "changed"  # a known machine with other parts
    NEW = "new"
    UNCLEAR = "unclear"  # two known machines fit equally well, or it tells nothing of itself: a person decides


@dataclass(frozen=True)
class Match:
    """Which machine it is (None for a new or an unclear one) and why.

    ``changes`` says what is other than before. ``clashes`` names the other machines that have marks of it, and the
    marks: ``{"node2": ("uuid 4c4c…",)}``.
    """

    machine: str | None
    kind: MatchKind
    because: str
    changes: tuple[str, ...] = ()
    clashes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def clean_uuid(text: str) -> str:
    """A UUID in lower case with dashes; "" if it is none, or one that says nothing."""
    digits = _SEPARATORS.sub("", text[:64]).lower()
    if not _HEX.fullmatch(digits) or len({digits[i : i + 2] for i in range(0, 32, 2)}) == 1:
        return ""
    if digits in _DUMMY_UUIDS or _swapped(digits) in _DUMMY_UUIDS:
        return ""
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def clean_mac(text: str) -> str:
    """A MAC in lower case with colons; "" if it is none, or no single network interface's."""
    digits = _SEPARATORS.sub("", text[:64]).lower()
    if not _MAC.fullmatch(digits) or not int(digits, 16) or int(digits[:2], 16) & 1:  # the last bit: many receivers
        return ""
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))


def read_identity(uuid: str, serial: str, macs: Iterable[str]) -> Identity:
    """What firmware, iPXE or an agent said, cleaned: no dummies, one spelling. Nothing is an error."""
    found = sorted({mac for mac in map(clean_mac, macs) if mac})[:MACS_LIMIT]
    return Identity(clean_uuid(uuid), told(serial, _SERIAL_LIMIT), frozenset(found))


def match(found: Identity, known: Mapping[str, Identity], *, alive: Collection[str] = ()) -> Match:
    """Which of the ``known`` machines the ``found`` identity is.

    ``alive`` names machines that are seen at work at this moment in another boot: parts are swapped in servers that
    are off, so what only resembles one of them is another server.
    """
    if found == Identity():
        return Match(None, MatchKind.UNCLEAR, "it tells no UUID, no serial and no MAC that mean anything")
    # Of thousands of machines, few have anything in common with it: only those are looked at closely.
    compared = {name: _Compared(found, known[name]) for name in sorted(_related(found, known))}
    judged = {name: _judge(pair, alive=name in alive) for name, pair in compared.items()}
    fits = [name for name, verdict in judged.items() if verdict.strength]
    best = max((_rank(judged[name], compared[name]) for name in fits), default=None)
    winners = [name for name in fits if _rank(judged[name], compared[name]) == best]
    if len(winners) > 1:
        reason = f"it fits {', '.join(winners[:_SHOWN])} equally well"
        return Match(None, MatchKind.UNCLEAR, reason, clashes=_clashes(compared))
    if not winners:
        clashes = _clashes(compared)
        return Match(None, MatchKind.NEW, _why_new(clashes, known), clashes=clashes)
    name = winners[0]
    changes = compared[name].changes()
    kind = MatchKind.CHANGED if changes else MatchKind.SAME
    return Match(name, kind, judged[name].because, changes, _clashes(compared, name))


@dataclass(frozen=True)
class _Verdict:
    """How surely it is the machine: 0 is not at all. ``parts`` says that parts must have been swapped for it."""

    strength: int
    because: str
    parts: bool = False


_S, _O, _N = Agreement.SAME, Agreement.OTHER, Agreement.SILENT

# (UUID, serial, MACs): what they amount to. At least two marks agree, or one does and none contradicts.
_TABLE: dict[tuple[Agreement, Agreement, Agreement], _Verdict] = {
    (_S, _S, _S): _Verdict(9, "its UUID, serial and MACs are known"),
    (_S, _S, _N): _Verdict(8, "its UUID and serial are known"),
    (_S, _N, _S): _Verdict(8, "its UUID and MACs are known"),
    (_N, _S, _S): _Verdict(8, "its serial and MACs are known"),
    (_O, _S, _S): _Verdict(7, "its serial and MACs are known; another UUID is another board", parts=True),
    (_S, _O, _S): _Verdict(6, "its UUID and MACs are known; the serial was written anew", parts=True),
    (_S, _S, _O): _Verdict(5, "its UUID and serial are known; other MACs are other network cards", parts=True),
    (_S, _N, _N): _Verdict(4, "its UUID is known, and nothing speaks against it"),
    (_N, _S, _N): _Verdict(4, "its serial is known, and nothing speaks against it"),
    (_N, _N, _S): _Verdict(4, "its MACs are known, and nothing speaks against it"),
}
_NOT = _Verdict(0, "")


def _related(found: Identity, known: Mapping[str, Identity]) -> Iterator[str]:
    uuid, serial = _canonical(found.uuid), found.serial.casefold()
    for name, other in known.items():
        if (
            (uuid and _canonical(other.uuid) == uuid)
            or (serial and other.serial.casefold() == serial)
            or not found.macs.isdisjoint(other.macs)
        ):
            yield name


class _Compared:
    """Two identities, mark by mark. It is the same whichever of them comes first, but for the changes' wording."""

    def __init__(self, found: Identity, known: Identity) -> None:
        self.found, self.known = found, known
        self.shared = found.macs & known.macs
        self.uuid = _agree(_canonical(found.uuid), _canonical(known.uuid))
        self.serial = _agree(found.serial.casefold(), known.serial.casefold())
        silent = not found.macs or not known.macs
        self.macs = _N if silent else _S if self.shared else _O

    def changes(self) -> tuple[str, ...]:
        said = []
        if self.uuid is _O:
            said.append(f"UUID was {self.known.uuid}, is {self.found.uuid}")
        if self.serial is _O:
            said.append(f"serial was {self.known.serial}, is {self.found.serial}")
        if self.macs is _O:
            said.append(f"MACs were {_listed(self.known.macs)}, are {_listed(self.found.macs)}")
        return tuple(said)

    def marks(self) -> tuple[str, ...]:
        """What both claim."""
        claims = [f"uuid {self.found.uuid}"] if self.uuid is _S else []
        claims += [f"serial {self.found.serial}"] if self.serial is _S else []
        return (*claims, *(f"mac {mac}" for mac in sorted(self.shared)))


def _judge(pair: _Compared, *, alive: bool) -> _Verdict:
    verdict = _TABLE.get((pair.uuid, pair.serial, pair.macs), _NOT)
    if verdict is _NOT and pair.macs is _S and pair.found.macs == pair.known.macs and _N in (pair.uuid, pair.serial):
        # Some firmware makes the UUID of the NICs that are switched on: all the same MACs outweigh one other mark.
        verdict = _Verdict(3, "all its MACs are known, and no others", parts=True)
    return _NOT if alive and verdict.parts else verdict


def _rank(verdict: _Verdict, pair: _Compared) -> tuple[int, int]:
    return verdict.strength, len(pair.shared)


def _clashes(compared: Mapping[str, _Compared], machine: str | None = None) -> Mapping[str, tuple[str, ...]]:
    return {name: marks for name, pair in compared.items() if name != machine and (marks := pair.marks())}


def _why_new(clashes: Mapping[str, tuple[str, ...]], known: Mapping[str, Identity]) -> str:
    if not known:
        return "no machine is known yet"
    if not clashes:
        return "no known machine has its UUID, its serial or a MAC of it"
    said = [f"{name}'s {' and '.join(marks[:_SHOWN])}" for name, marks in clashes.items()]
    return f"it has {', '.join(said[:_SHOWN])}, but the other marks are not that machine's: they are told apart"


def _agree(one: str, other: str) -> Agreement:
    if not one or not other:
        return _N
    return _S if one == other else _O


@lru_cache(maxsize=1 << 14)
def _canonical(uuid: str) -> str:
    """One spelling for both orders of the first fields' bytes: old firmware and old tools differ in it."""
    digits = uuid.replace("-", "").lower()
    return min(digits, _swapped(digits))


def _swapped(digits: str) -> str:
    def turned(text: str) -> str:
        return "".join(text[i : i + 2] for i in range(len(text) - 2, -1, -2))

    return turned(digits[:8]) + turned(digits[8:12]) + turned(digits[12:16]) + digits[16:]


def _listed(macs: frozenset[str]) -> str:
    shown = sorted(macs)
    return ", ".join(shown[:_SHOWN]) + (" …" if len(shown) > _SHOWN else "")
