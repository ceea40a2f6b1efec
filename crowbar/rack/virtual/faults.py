"""What can be made to go wrong with a machine, on purpose."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum

_PARTS = 2


class FaultKind(StrEnum):
    """A fault that stays until it is lifted."""

    NONE = "none"
    BMC_HANG = "bmc-hang"  # no answer to anything
    BMC_LIES = "bmc-lies"  # orders are acknowledged and reported as done, and nothing happens
    BMC_REFUSES = "bmc-refuses"  # another password than the one that is known
    POWER_IGNORED = "power-ignored"  # orders are acknowledged, and the true, old state is reported
    NIC_DOWN = "nic-down"  # no link at the first network interface
    DISK_FAILING = "disk-failing"  # writes end in an error; from the next start on
    DISK_SMALL = "disk-small"  # 64 MiB; from the next start on
    CLOCK_OFF = "clock-off"  # its clock is an hour behind; from the next start on. A container's is its host's
    NODE_HANG = "node-hang"  # the machine stands still, its power on
    POWER_CUT = "power-cut"  # neither machine nor BMC has power; lifted, the machine stays off


@dataclass(frozen=True)
class Fault:
    """A fault. ``until`` is a time.time(), 0 for one that somebody has to lift."""

    kind: FaultKind = FaultKind.NONE
    until: float = 0.0

    @classmethod
    def for_seconds(cls, kind: FaultKind, seconds: float) -> Fault:
        """A fault from now on."""
        return cls(kind, time.time() + seconds if seconds else 0.0)

    def text(self) -> str:
        """As it is written down: kind and end in one line."""
        return f"{self.kind} {self.until:.1f}"

    @classmethod
    def parse(cls, text: str) -> Fault:
        """The fault in such a line; none, where the line is not one."""
        words = text.split()
        try:
            return cls(FaultKind(words[0]), float(words[1])) if len(words) == _PARTS else cls()
        except ValueError:
            return cls()

    def over(self, now: float) -> bool:
        """Whether its time has come."""
        return self.kind is not FaultKind.NONE and 0 < self.until <= now
