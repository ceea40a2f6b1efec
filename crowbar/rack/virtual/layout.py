"""Where a rack keeps what: one folder for it, one below for each machine."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class MachineFolder:
    """A machine's folder. Its programs run in it, so that they name their files by name alone."""

    root: Path

    @property
    def power(self) -> Path:
        """What the BMC says: 1 or 0."""
        return self.root / "power"

    @property
    def boot(self) -> Path:
        """The boot device of the next start, in the BMC simulator's words."""
        return self.root / "boot"

    @property
    def fault(self) -> Path:
        """The fault that it has, and until when."""
        return self.root / "fault"

    @property
    def state(self) -> Path:
        """How it is, as the supervisor knows."""
        return self.root / "state.json"

    @property
    def disk(self) -> Path:
        """Its disk, a sparse raw image."""
        return self.root / "disk.raw"

    @property
    def console(self) -> Path:
        """All that its serial port printed."""
        return self.root / "console.log"

    @property
    def bmc_state(self) -> Path:
        """What clients change in the BMC."""
        return self.root / "bmc"


@dataclass(frozen=True)
class RackFolder:
    """A rack's folder."""

    root: Path

    @property
    def tag(self) -> str:
        """Eight digits that name the rack's parts on the host; they follow from the folder alone."""
        return hashlib.sha256(str(self.root.resolve()).encode()).hexdigest()[:8]

    @property
    def lock(self) -> Path:
        """Held by a command that changes the rack."""
        return self.root / "rack.lock"

    @property
    def supervisor_lock(self) -> Path:
        """Held by the supervisor while it lives; its process id is in it."""
        return self.root / "supervisor.lock"

    @property
    def log(self) -> Path:
        """What the supervisor did."""
        return self.root / "supervisor.log"

    @property
    def orders(self) -> Path:
        """The FIFO by which the supervisor is told things."""
        return self.root / "orders"

    def machine(self, name: str) -> MachineFolder:
        """The folder of the machine of that name."""
        return MachineFolder(self.root / "machines" / name)
