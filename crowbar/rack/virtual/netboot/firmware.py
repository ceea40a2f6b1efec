"""A server's firmware, for a machine that is a container: `python -m crowbar.rack.virtual.netboot FILE`.

It runs in the machine's own network namespace. FILE has its settings; what it decides to boot is written where they
say, and what it does is printed, as on a console. It goes on for ever until there is something to boot.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from crowbar.rack.virtual.netboot import dhcp, ipxe, system, tftp
from crowbar.rack.virtual.record import Firmware

INTERFACE = "eth0"
_PAUSE = 3.0  # before all is tried again, as firmware does
_PLATFORMS = {Firmware.BIOS: "pcbios", Firmware.UEFI: "efi"}


@dataclass(frozen=True)
class Settings:
    """The machine: its identity, whether there is a system on its disk, and where things go."""

    mac: str
    uuid: str
    serial: str
    firmware: Firmware
    disk_boots: bool
    systems: str  # a folder
    folder: str  # for what is fetched; it is the machine's alone
    result: str  # a file

    def write(self, path: Path) -> None:
        """Write them down."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Settings:
        """The settings in that file."""
        fields = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**fields, "firmware": Firmware(fields["firmware"])})


@dataclass(frozen=True)
class Result:
    """What is to be booted: the system at ``root`` with ``words``; else the disk."""

    root: str = ""
    words: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Result:
        """The result in that file."""
        fields = json.loads(path.read_text(encoding="utf-8"))
        return cls(fields["root"], tuple(fields["words"]))


class FirmwareRun:
    """One power-on."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._fetched: dict[str, Path] = {}
        self._address = ""

    def until_booted(self) -> Result:
        """Try for ever. Without a network, or when it is told so, the disk is taken if it boots."""
        while True:
            try:
                ending = self._from_network()
            except (OSError, ipxe.ScriptError) as error:
                _say(f"network boot failed: {error}")
                ending = ipxe.Leave()
            if isinstance(ending, ipxe.Boot):
                root = system.root_of(Path(self._settings.systems), self._fetched[ending.initrd])
                return Result(str(root), ending.words)
            if self._settings.disk_boots:
                return Result()
            _say("no bootable device; trying again")
            time.sleep(_PAUSE)

    def _from_network(self) -> ipxe.Boot | ipxe.Disk | ipxe.Leave:
        settings = self._settings
        mac = bytes.fromhex(settings.mac.replace(":", ""))
        identity = uuid.UUID(settings.uuid).bytes_le
        program = self._lease(dhcp.Client(mac, identity, settings.firmware))
        content = tftp.read(str(program.server), program.boot_file)
        _say(f"{program.boot_file}: {len(content)} bytes from {program.server}")
        script = self._lease(dhcp.Client(mac, identity, settings.firmware, ipxe=True))
        url = ipxe.expand(script.boot_file, self._variables)
        while True:
            _say(f"{url.partition('?')[0]}...")
            ending = ipxe.run(system.fetch_text(url), self._variables, self._effects())
            if not isinstance(ending, ipxe.Chain):
                return ending
            url = ending.url

    @property
    def _variables(self) -> dict[str, str]:
        settings = self._settings
        return {
            "mac": settings.mac,
            "uuid": settings.uuid,
            "serial": settings.serial,
            "platform": _PLATFORMS[settings.firmware],
            "ip": self._address,
        }

    def _effects(self) -> ipxe.Effects:
        return ipxe.Effects(
            say=_say, sleep=time.sleep, fetch=self._fetch, can_boot_disk=lambda: self._settings.disk_boots
        )

    def _lease(self, client: dhcp.Client) -> dhcp.Answer:
        _say(f"configuring {INTERFACE} {self._settings.mac}{' (iPXE)' if client.ipxe else ''}")
        answer = dhcp.ask(INTERFACE, client)
        if answer is None:
            raise OSError("no DHCP answer that names something to boot")
        self._address = str(answer.address)
        _ip("address", "replace", f"{answer.address}/{answer.prefix}", "dev", INTERFACE)
        router = answer.address_option(dhcp.Option.ROUTER)
        if int(router):
            _ip("route", "replace", "default", "via", str(router), "dev", INTERFACE)
        return answer

    def _fetch(self, url: str) -> bool:
        target = Path(self._settings.folder) / f"fetched{len(self._fetched)}"
        try:
            system.fetch(url, target)
        except OSError as error:
            _say(f"{url}: {error}")
            return False
        _say(f"{url}: {target.stat().st_size} bytes")
        self._fetched[url] = target
        return True


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def _say(text: str) -> None:
    sys.stdout.write("".join(sign if sign.isprintable() else " " for sign in text)[:400] + "\r\n")
    sys.stdout.flush()


def main(settings: Settings) -> None:
    """Boot, and write down what."""
    _say(f"Crowbar virtual firmware ({settings.firmware}), {settings.serial}")
    _ip("link", "set", INTERFACE, "up")
    folder = Path(settings.folder)
    folder.mkdir(exist_ok=True)
    result = FirmwareRun(settings).until_booted()
    for path in folder.glob("fetched*"):
        path.unlink()
    # The system asks for an address by itself.
    _ip("address", "flush", "dev", INTERFACE)
    target = Path(settings.result)
    partial = target.with_name(f"{target.name}.partial")
    partial.touch(mode=0o600)  # it may have a token in it
    partial.write_text(json.dumps(asdict(result)), encoding="utf-8")
    partial.replace(target)
