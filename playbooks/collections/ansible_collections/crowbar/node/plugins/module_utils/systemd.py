"""What systemd says of units, asked for all of them at once, and what to do about one of them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from ansible_collections.crowbar.node.plugins.module_utils import process

_PROPERTIES = (
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "NeedDaemonReload",
    "InactiveExitTimestampMonotonic",
    "FragmentPath",
    "DropInPaths",
)
_TYPES = (".service", ".socket", ".timer", ".path", ".target", ".mount")


class SystemdError(Exception):
    """systemctl failed, or a unit did; the message says why."""


@dataclass(frozen=True)
class Unit:
    """A unit as systemd knows it."""

    name: str
    load: str
    active: str
    sub: str
    file: str
    stale: bool  # its files changed since systemd read them
    begun: float  # when its present start began, seconds of the epoch; 0 if it never started
    paths: tuple[str, ...]  # the files it is defined by

    @property
    def runs(self) -> bool:
        """Whether it is up, or busy coming up for the first time (and not waiting to be tried again)."""
        return self.active in ("active", "reloading") or (self.active == "activating" and self.sub != "auto-restart")

    @property
    def broken(self) -> bool:
        """Whether it ended with a fault, or did and is tried again."""
        return self.active == "failed" or self.sub.startswith("auto-restart")


class Do(Enum):
    """What a unit that is to be up needs."""

    NOTHING = "nothing"
    START = "start"
    RESTART = "restart"


def full_name(name: str) -> str:
    """The unit's name with its type: ``.service`` where it has none."""
    return name if name.endswith(_TYPES) else f"{name}.service"


def drop_ins(name: str) -> list[str]:
    """The folders whose drop-ins hold for the unit ``name`` (with type), as systemd.unit(5) has them.

    For ``nova-api.service``: ``nova-api.service.d``, ``nova-.service.d``.
    """
    stem, _, kind = name.rpartition(".")
    words = stem.split("-")
    prefixes = ["-".join(words[:count]) + "-" for count in range(len(words) - 1, 0, -1)]
    return [f"{prefix}.{kind}.d" for prefix in (stem, *prefixes)]


def decide(unit: Unit, digest: str, started_with: str, newest: float) -> Do:
    """What ``unit`` needs to run with the configuration whose digest is ``digest``.

    ``started_with`` is the digest kept from its last start by us, empty if there is none: the machine may have started
    it by itself, so then the configuration's newest time of change (``newest``, seconds of the epoch) decides.
    """
    if not unit.runs:
        return Do.START
    if started_with:
        return Do.NOTHING if started_with == digest else Do.RESTART
    return Do.RESTART if newest > unit.begun else Do.NOTHING


def show(names: Sequence[str]) -> dict[str, Unit]:
    """Each of ``names`` (with type) -> what systemd knows of it."""
    if not names:
        return {}
    text = call("show", "--property", ",".join(_PROPERTIES), *names)
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in text.split("\n\n")]
    return {name: _unit(name, block) for name, block in zip(names, blocks, strict=True)}


def _unit(name: str, block: Mapping[str, str]) -> Unit:
    monotonic = int(block.get("InactiveExitTimestampMonotonic") or 0) / 1e6
    return Unit(
        name=name,
        load=block.get("LoadState", ""),
        active=block.get("ActiveState", ""),
        sub=block.get("SubState", ""),
        file=block.get("UnitFileState", ""),
        stale=block.get("NeedDaemonReload") == "yes",
        begun=time.time() - time.monotonic() + monotonic if monotonic else 0.0,
        paths=tuple(path for key in ("FragmentPath", "DropInPaths") for path in block.get(key, "").split()),
    )


def call(*arguments: str) -> str:
    """Run systemctl; what it printed. Raises SystemdError."""
    done = process.run(["systemctl", "--no-pager", *arguments])
    if done.status:
        raise SystemdError(f"systemctl {' '.join(arguments)}: {done.output}")
    return done.output


def journal(names: Iterable[str], lines: int = 20) -> str:
    """The last lines that each of the units logged, under its name."""
    parts = []
    for name in names:
        said = process.run(["journalctl", "--no-pager", "-o", "cat", "-n", str(lines), "-u", name]).output
        parts.append(f"--- {name} ---\n{said}")
    return "\n".join(parts)
