"""What Crowbar asks of a BMC, whatever it speaks; and what can be wrong with one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Power(StrEnum):
    """A server's power, as its BMC says."""

    ON = "on"
    OFF = "off"
    UNKNOWN = "unknown"


class PowerAction(StrEnum):
    """What can be ordered: `soft-off` asks the operating system, the others do not."""

    ON = "on"
    OFF = "off"
    SOFT_OFF = "soft-off"
    CYCLE = "cycle"
    RESET = "reset"


class BootDevice(StrEnum):
    """What the firmware shall boot from, once."""

    PXE = "pxe"
    DISK = "disk"
    SETUP = "setup"
    DEFAULT = "default"


@dataclass(frozen=True)
class BmcAddress:
    """Where a BMC is. The text form is ``ipmi://HOST[:623]``, ``redfish://HOST[:443][/SYSTEM]`` or ``fake://NAME``."""

    scheme: str
    host: str
    port: int
    path: str = ""


@dataclass(frozen=True)
class Credential:
    """How to log in to a BMC."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Sensor:
    """One reading; ``health`` is ok, warning, critical, failed or unknown."""

    name: str
    kind: str
    value: float | None
    unit: str = ""
    health: str = "unknown"


@dataclass(frozen=True)
class BmcLanSettings:
    """How the BMC itself is in the network."""

    address: str = ""
    mac: str = ""
    gateway: str = ""
    source: str = ""  # static or dhcp


class BmcError(Exception):
    """A BMC did not do what it was asked for. ``retry`` says whether asking again can help."""

    retry = True


class BmcUnreachableError(BmcError):
    """No answer at all."""


class BmcBusyError(BmcError):
    """It answered that it cannot do this now."""


class BmcRefusedError(BmcError):
    """It does not accept the user or the password, or the user may not do this."""

    retry = False


class BmcUnsupportedError(BmcError):
    """It has no such function."""

    retry = False


class BmcLiedError(BmcError):
    """It said that it had done something, and has not."""

    retry = False


class Console(Protocol):
    """A server's serial console over the network."""

    def read(self, timeout: float) -> bytes:
        """What came since the last call; b"" if nothing did in ``timeout`` seconds. Raises BmcError when it is over."""

    def write(self, data: bytes) -> None:
        """Send keystrokes."""

    def close(self) -> None:
        """Leave; the server's console goes on."""


class Bmc(Protocol):
    """One logged-in BMC. Every method raises BmcError, or one of its kinds, and may be called again after it."""

    def power(self) -> Power:
        """The power now."""

    def set_power(self, action: PowerAction, *, wait: float = 0) -> Power:
        """Order it. With ``wait`` (seconds), come back when it is so; BmcLiedError when it is not by then."""

    def set_boot_device(self, device: BootDevice, *, uefi: bool = False) -> None:
        """For the next boot only."""

    def identify(self, seconds: int) -> None:
        """Have the identify light on for so long; 0 puts it out."""

    def sensors(self) -> Sequence[Sensor]:
        """All readings."""

    def fru(self) -> Mapping[str, str]:
        """What the board says of itself: manufacturer, product, serial, part numbers."""

    def firmware(self) -> str:
        """The BMC's own version."""

    def lan(self) -> BmcLanSettings:
        """The BMC's own network settings."""

    def users(self) -> Mapping[int, str]:
        """User names by number."""

    def console(self) -> Console:
        """Open the serial console. The caller closes it."""

    def close(self) -> None:
        """Log out."""
