"""What is written down of a container machine: all that a later process needs to find it, start it or take it away."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path


@dataclass(frozen=True)
class Names:
    """What a machine's parts are called on the host.

    They are derived from its folder alone, so that even a machine whose making was interrupted before anything
    was written down can be taken away whole.
    """

    tag: str

    @classmethod
    def of(cls, folder: Path) -> Names:
        """The names of the machine in that folder."""
        return cls(hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8])

    @property
    def machine(self) -> str:
        """systemd-nspawn's name for it; the host's end of its cable is named after it, too."""
        return f"cb-{self.tag}"

    @property
    def bridge(self) -> str:
        """Its bridge."""
        return f"cbr-{self.tag}"

    @property
    def table(self) -> str:
        """Its nftables table; also the comment of rules in other tables."""
        return f"crowbar_{self.tag}"

    @property
    def unit(self) -> str:
        """Its unit where systemd runs the host, else its cgroup."""
        return f"crowbar-{self.tag}"


@dataclass(frozen=True)
class Record:
    """A machine's own choices. ``routes`` are networks that the host reaches through it."""

    image: str
    subnet: str
    routes: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    domain: str = "crowbar.internal"

    @property
    def gateway(self) -> IPv4Address:
        """The host's address on the machine's bridge."""
        return IPv4Network(self.subnet)[1]

    @property
    def address(self) -> IPv4Address:
        """The machine's own address."""
        return IPv4Network(self.subnet)[10]

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all."""
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        partial.replace(path)

    @classmethod
    def read(cls, path: Path) -> Record:
        """The record in that file."""
        fields = json.loads(path.read_text(encoding="utf-8"))
        lists = {name: tuple(fields.pop(name)) for name in ("routes", "devices")}
        return cls(**(fields | lists))
