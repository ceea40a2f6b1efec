"""The driver of BMCs that speak Redfish over HTTPS."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import sushy

from crowbar_inventory.bmc.model import (
    BmcAddress,
    BmcLanSettings,
    BmcUnsupportedError,
    BootDevice,
    Console,
    Credential,
    Power,
    PowerAction,
    Sensor,
)
from crowbar_inventory.bmc.power import await_power, command_for
from crowbar_inventory.bmc.redfish_http import errors, open_service

_POWER = MappingProxyType({sushy.PowerState.ON: Power.ON, sushy.PowerState.OFF: Power.OFF})
_RESET = MappingProxyType(
    {
        PowerAction.ON: (sushy.ResetType.ON, sushy.ResetType.FORCE_ON),
        PowerAction.OFF: (sushy.ResetType.FORCE_OFF,),
        PowerAction.SOFT_OFF: (sushy.ResetType.GRACEFUL_SHUTDOWN,),
        PowerAction.CYCLE: (sushy.ResetType.POWER_CYCLE, sushy.ResetType.FORCE_RESTART),
        PowerAction.RESET: (sushy.ResetType.FORCE_RESTART, sushy.ResetType.POWER_CYCLE),
    }
)
_BOOT = MappingProxyType(
    {
        BootDevice.PXE: sushy.BootSource.PXE,
        BootDevice.DISK: sushy.BootSource.HDD,
        BootDevice.SETUP: sushy.BootSource.BIOS_SETUP,
        BootDevice.DEFAULT: sushy.BootSource.NONE,
    }
)
_HEALTH = MappingProxyType({"OK": "ok", "Warning": "warning", "Critical": "critical"})
_SYSTEMS = "/redfish/v1/Systems"
_MOST_CHARACTERS = 100
_MOST_USERS = 64


class RedfishBmc:
    """One BMC, asked over HTTPS. ``address.path`` names the system where it has several: ``/1`` or the whole path."""

    def __init__(
        self, address: BmcAddress, credential: Credential, *, limit: float = 15, trust: Path | None = None
    ) -> None:
        host = f"[{address.host}]" if ":" in address.host else address.host
        self._url = f"https://{host}:{address.port}/"
        self._path = (
            address.path if address.path.startswith("/redfish/") or not address.path else _SYSTEMS + address.path
        )
        self._credential, self._limit, self._trust = credential, limit, trust
        self._lock = threading.Lock()
        self._service: sushy.Sushy | None = None

    def login(self) -> None:
        """Find the system, which needs the password. Raises BmcError."""
        with errors("log in"), self._lock:
            self._system()

    def power(self) -> Power:
        """The power now."""
        with errors("read the power"), self._lock:
            return _POWER.get(self._system().power_state, Power.UNKNOWN)

    def set_power(self, action: PowerAction, *, wait: float = 0) -> Power:
        """Order it; see the protocol. A server that is off is turned on by `cycle` and `reset`."""
        command, wanted = command_for(action, self.power())
        if command is not None:
            with errors(f"power {action}"), self._lock:
                system = self._system()
                allowed = system.get_allowed_reset_system_values()
                reset = next((one for one in _RESET[command] if one in allowed), _RESET[command][0])
                system.reset_system(reset)
        return await_power(self.power, wanted, action, wait) if wait > 0 else self.power()

    def set_boot_device(self, device: BootDevice, *, uefi: bool = False) -> None:
        """For the next boot only; with the boot mode, where the BMC has one to set."""
        with errors(f"set boot device {device}"), self._lock:
            system = self._system()
            once = sushy.BootSourceOverrideEnabled.ONCE
            enabled = sushy.BootSourceOverrideEnabled.DISABLED if device is BootDevice.DEFAULT else once
            mode = sushy.BootSourceOverrideMode.UEFI if uefi else sushy.BootSourceOverrideMode.LEGACY
            modal = "BootSourceOverrideMode" in _mapping(_mapping(system.json).get("Boot"))
            system.set_system_boot_options(
                target=_BOOT[device], enabled=enabled, mode=mode if modal and enabled is once else None
            )

    def identify(self, seconds: int) -> None:
        """Have the light blink, or put it out with 0. Redfish knows no duration: it blinks until it is put out."""
        with errors("identify"), self._lock:
            self._system().set_indicator_led(sushy.IndicatorLED.BLINKING if seconds > 0 else sushy.IndicatorLED.OFF)

    def sensors(self) -> Sequence[Sensor]:
        """Temperatures, fans and power supplies of all chassis of the system."""
        with errors("read the sensors"), self._lock:
            system = self._system()
            return [sensor for chassis in system.chassis for sensor in self._chassis_sensors(_mapping(chassis.json))]

    def fru(self) -> Mapping[str, str]:
        """What the system says of itself."""
        with errors("read the inventory"), self._lock:
            found = _mapping(self._system().json)
        texts = {
            "manufacturer": _text(found.get("Manufacturer")),
            "product": _text(found.get("Model")),
            "part_number": _text(found.get("PartNumber")),
            "serial": _text(found.get("SerialNumber")),
            "asset_tag": _text(found.get("AssetTag")),
            "sku": _text(found.get("SKU")),
            "uuid": _text(found.get("UUID")).lower(),
        }
        return {name: text for name, text in texts.items() if text}

    def firmware(self) -> str:
        """The BMC's own version."""
        with errors("read the firmware's version"), self._lock:
            return _text(self._manager().get("FirmwareVersion"))

    def lan(self) -> BmcLanSettings:
        """The BMC's own network settings, of its first interface that has an address."""
        with errors("read the BMC's network"), self._lock:
            found = BmcLanSettings()
            for interface in self._members(self._manager().get("EthernetInterfaces")):
                address = next(iter(_mappings(interface.get("IPv4Addresses"))), {})
                found = BmcLanSettings(
                    address=_text(address.get("Address")),
                    mac=_text(interface.get("MACAddress")).lower(),
                    gateway=_text(address.get("Gateway")),
                    source={"Static": "static", "DHCP": "dhcp"}.get(_text(address.get("AddressOrigin")), ""),
                )
                if found.address:
                    break
            return found

    def users(self) -> Mapping[int, str]:
        """User names by number; where the BMC gives accounts no numbers, in its order."""
        with errors("read the users"), self._lock:
            accounts = _mapping(self._get("/redfish/v1/AccountService")).get("Accounts")
            names = {}
            for place, account in enumerate(self._members(accounts), start=1):
                number = _text(account.get("Id"))
                if name := _text(account.get("UserName")):
                    names[int(number) if number.isdecimal() else place] = name
            return names

    def console(self) -> Console:
        """Redfish has none of its own."""
        raise BmcUnsupportedError("open the console: Redfish has none. Use the BMC's IPMI address, if it has one")

    def close(self) -> None:
        """Nothing stays open."""
        with self._lock:
            self._service = None

    def _system(self) -> Any:
        if self._service is None:
            self._service = open_service(self._url, self._credential, self._limit, self._trust)
        return self._service.get_system(self._path or None)

    def _manager(self) -> Mapping[str, Any]:
        managers = self._system().managers
        return _mapping(managers[0].json) if managers else {}

    def _get(self, path: str) -> Any:
        service = self._service
        if service is None:
            self._system()
            service = self._service
        return service._conn.get(path).json()  # type: ignore[union-attr] # noqa: SLF001 # the raw documents

    def _members(self, link: Any) -> Iterator[Mapping[str, Any]]:
        """The documents of a collection that this links to."""
        path = _text(_mapping(link).get("@odata.id"))
        if path:
            for member in _mappings(_mapping(self._get(path)).get("Members"))[:_MOST_USERS]:
                yield _mapping(self._get(_text(member.get("@odata.id"))))

    def _chassis_sensors(self, chassis: Mapping[str, Any]) -> Iterator[Sensor]:
        for link, list_name, kind, reading, unit in (
            ("Thermal", "Temperatures", "Temperature", "ReadingCelsius", "°C"),
            ("Thermal", "Fans", "Fan", "Reading", ""),
            ("Power", "PowerSupplies", "Power supply", "LastPowerOutputWatts", "W"),
        ):
            path = _text(_mapping(chassis.get(link)).get("@odata.id"))
            document = _mapping(self._get(path)) if path else {}
            for found in _mappings(document.get(list_name)):
                value = found.get(reading)
                status = _mapping(found.get("Status"))
                yield Sensor(
                    name=_text(found.get("Name") or found.get("FanName")),
                    kind=kind,
                    value=float(value) if isinstance(value, (int, float)) else None,
                    unit=unit or {"RPM": "RPM", "Percent": "%"}.get(_text(found.get("ReadingUnits")), ""),
                    health=_HEALTH.get(_text(status.get("Health")), "unknown"),
                )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    """Untrusted: a short, printable line, or "" for anything else."""
    if not isinstance(value, str):
        return ""
    return "".join(letter if letter.isprintable() else " " for letter in value).strip()[:_MOST_CHARACTERS]
