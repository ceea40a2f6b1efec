"""What a node says of itself, read with care: a node is not trusted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

SIZE_LIMIT = 64 * 1024  # characters; a node prints some 500, and more with many ports
_SIZE_MAX = 1 << 40
_WORD = re.compile(r"[A-Za-z0-9._+~-]{0,64}")
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,252})?")
_LINE = re.compile(r"[!-~]([ -~]{0,127})")


class FactsError(ValueError):
    """What a node printed is no set of facts. ``faults`` has one sentence for each thing that is wrong."""

    def __init__(self, *faults: str) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class _WrongError(ValueError):
    """One value is wrong; says what would be right."""


class Capability(StrEnum):
    """What a node was seen to be able to do; barclamps choose attributes by these words."""

    KVM = "kvm"  # runs guests at the processor's speed
    OPENVSWITCH = "openvswitch"  # the kernel's datapath
    DEVICE_MAPPER = "device_mapper"  # logical volumes
    NFS_CLIENT = "nfs_client"  # mounts NFS
    LOOP = "loop"  # makes a file a block device
    TUN = "tun"  # makes tap interfaces
    VLAN = "vlan"  # makes VLAN interfaces


@dataclass(frozen=True)
class Distribution:
    """The operating system, as its os-release file names it: `debian`, `13`, `trixie`."""

    id: str
    version: str
    codename: str


@dataclass(frozen=True)
class NodeFacts:
    """One node as `probe` found it. Sizes are in MiB; ``listening`` are TCP ports, ascending."""

    hostname: str
    distribution: Distribution
    kernel: str
    architecture: str
    cpus: int
    memory_mib: int
    disk_free_mib: int
    virtualization: str
    systemd: bool
    capabilities: tuple[Capability, ...]
    listening: tuple[int, ...]

    def can(self, capability: Capability) -> bool:
        """Whether the node has the capability."""
        return capability in self.capabilities

    def as_mapping(self) -> dict[str, Any]:
        """The facts as plain values, in the shape that the probe prints and the store keeps."""
        values = asdict(self)
        values["capabilities"] = [capability.value for capability in self.capabilities]
        values["listening"] = list(self.listening)
        return values


def probe_source() -> bytes:
    """The program to run on a node, as `python3 -` reads it."""
    return Path(__file__).with_name("probe.py").read_bytes()


def parse(text: str) -> NodeFacts:
    """The facts in what the probe printed.

    Raises FactsError with all that is wrong: too long, no JSON object, a field missing, unknown, or of a wrong type.
    """
    if len(text) > SIZE_LIMIT:
        raise FactsError(f"the facts are longer than {SIZE_LIMIT} characters")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FactsError(f"the facts are no JSON: {error}") from error
    faults: list[str] = []
    values = _fields(found, _READERS, "", faults)
    if faults:
        raise FactsError(*faults)
    return NodeFacts(**values)


Reader = Callable[[Any], Any]  # gives the value as it is kept; raises _WrongError, saying what would be right


def _fields(found: Any, readers: dict[str, Reader], place: str, faults: list[str]) -> dict[str, Any]:
    """The values of an object that has exactly the fields of ``readers``; what is wrong goes to ``faults``."""
    if not isinstance(found, dict):
        faults.append(f"{place or 'the facts'}: must be an object")
        return {}
    faults.extend(f"{place}{name[:40]!r}: unknown" for name in found if name not in readers)
    values = {}
    for name, reader in readers.items():
        try:
            values[name] = reader(found[name])
        except KeyError:
            faults.append(f"{place}{name}: missing")
        except FactsError as error:
            faults.extend(error.faults)
        except _WrongError as error:
            faults.append(f"{place}{name}: {error}")
    return values


def _text(pattern: re.Pattern[str]) -> Reader:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise _WrongError(f"must be a text that matches {pattern.pattern}")
        return value

    return read


def _number(low: int, high: int) -> Reader:
    def read(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:  # isinstance would let true pass
            raise _WrongError(f"must be a whole number from {low} to {high}")
        return value

    return read


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _WrongError("must be true or false")
    return value


def _many(reader: Reader) -> Reader:
    def read(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise _WrongError("must be a list")
        return [reader(item) for item in value]

    return read


def _distribution(value: Any) -> Distribution:
    faults: list[str] = []
    values = _fields(value, dict.fromkeys(("id", "version", "codename"), _text(_WORD)), "distribution.", faults)
    if faults:
        raise FactsError(*faults)
    return Distribution(**values)


def _capabilities(value: Any) -> tuple[Capability, ...]:
    known = "|".join(Capability)
    words = set(_many(_text(re.compile(known)))(value))
    return tuple(capability for capability in Capability if capability.value in words)


def _ports(value: Any) -> tuple[int, ...]:
    return tuple(sorted(set(_many(_number(1, 65535))(value))))


_READERS: dict[str, Reader] = {
    "hostname": _text(_NAME),
    "distribution": _distribution,
    "kernel": _text(_LINE),
    "architecture": _text(_WORD),
    "cpus": _number(1, 65536),
    "memory_mib": _number(1, _SIZE_MAX),
    "disk_free_mib": _number(0, _SIZE_MAX),
    "virtualization": _text(_WORD),
    "systemd": _truth,
    "capabilities": _capabilities,
    "listening": _ports,
}
