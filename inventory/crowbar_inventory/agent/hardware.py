"""What the machine is: raw output of programs, beside what the kernel tells."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crowbar_inventory.agent.disks import disks
from crowbar_inventory.agent.programs import TEXT_LIMIT, contents, run

_PROGRAMS = {
    "dmidecode": ("dmidecode",),
    "lsblk": ("lsblk", "-J", "-b", "-d", "-o", "NAME,TYPE,SIZE,MODEL,VENDOR,SERIAL,WWN,ROTA,RM,TRAN"),
    "lspci": ("lspci", "-D", "-mm", "-nn"),
    "lldp": ("lldpcli", "-f", "json0", "show", "neighbors", "details"),
    "lscpu": ("lscpu", "-J"),
    "ip-link": ("ip", "-j", "-d", "address"),
}
_OWN = ("lscpu", "ip-link")  # what a container sees of itself; all else is its host's
_BMC_CHANNELS = ("1", "2", "3", "8")
_DMI = ("sys_vendor", "product_name", "product_serial", "product_uuid", "chassis_asset_tag", "board_serial")
_DMI_FIRMWARE = ("bios_vendor", "bios_version", "bios_date")


def nics(played: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The machine's network interfaces. A container asks by netlink: its /sys is its host's."""
    if played:
        listed = json.loads(run(("ip", "-j", "link", "show")).stdout or "[]")
        return [
            {"name": one["ifname"], "mac": one["address"], "link": "LOWER_UP" in one["flags"]}
            for one in listed
            if one.get("link_type") == "ether"
        ]
    folders = [device.parent for device in sorted(Path("/sys/class/net").glob("*/device"))]
    return [_nic(folder) for folder in folders if contents(folder / "type") == "1" and contents(folder / "address")]


def _nic(folder: Path) -> dict[str, Any]:
    speed, place = contents(folder / "speed"), (folder / "device").resolve().parts
    return {
        "name": folder.name,
        "mac": contents(folder / "address"),
        "driver": (folder / "device/driver").resolve().name,
        "pci": next((part for part in reversed(place) if re.fullmatch(r"\w+:\w\w:\w\w\.\w", part)), ""),
        "speed": int(speed) if speed.isdecimal() else None,
        "link": contents(folder / "carrier") == "1",
    }


def _sysfs(played: Mapping[str, Any]) -> dict[str, Any]:
    names = () if played else (*_DMI, *_DMI_FIRMWARE)
    return {
        "boot_mode": "uefi" if Path("/sys/firmware/efi").exists() else "bios",
        "tpm": contents("/sys/class/tpm/tpm0/tpm_version_major"),
        "architecture": os.uname().machine,
        "dmi": {name: contents(f"/sys/class/dmi/id/{name}") for name in names},
        "nics": nics(played),
        "disks": [
            {
                "name": disk.name,
                "size": disk.size,
                "serial": disk.serial,
                "removable": disk.removable,
                "model": contents(f"/sys/block/{disk.name}/device/model") if not played else "",
                "vendor": contents(f"/sys/block/{disk.name}/device/vendor") if not played else "",
                "wwn": contents(f"/sys/block/{disk.name}/wwid") if not played else "",
                "rotational": contents(f"/sys/block/{disk.name}/queue/rotational") == "1" and not played,
            }
            for disk in disks(played)
        ],
    }


def identity(played: Mapping[str, Any]) -> dict[str, Any]:
    """By what the machine is known, quickly: as the firmware tells it."""
    table = str(played.get("raw", {}).get("dmidecode", ""))
    system = re.search(r"^System Information\n((?:[ \t].*\n?)*)", table, re.MULTILINE)
    told = dict(re.findall(r"^\s+(UUID|Serial Number): *(.*?) *$", system[1] if system else "", re.MULTILINE))
    uuid = told.get("UUID", "") if played else contents("/sys/class/dmi/id/product_uuid")
    serial = told.get("Serial Number", "") if played else contents("/sys/class/dmi/id/product_serial")
    return {"uuid": uuid.lower(), "serial": serial, "macs": [nic["mac"] for nic in nics(played)]}


def collect(played: Mapping[str, Any]) -> dict[str, str]:
    """Every program's raw output by name; what could not be had is told in ``errors``."""
    raw: dict[str, str] = {}
    errors: dict[str, str] = {}
    for name, argv in _PROGRAMS.items():
        if not played or name in _OWN:
            done = run(argv)
            if done.stdout:
                raw[name] = done.stdout[:TEXT_LIMIT]
            else:
                errors[name] = done.stderr.strip()[:200] or f"{argv[0]} ended with {done.returncode}"
    raw["meminfo"] = contents("/proc/meminfo")
    raw["sysfs"] = json.dumps(_sysfs(played))
    if not played:
        raw["smart"] = json.dumps(
            {disk.name: run(("smartctl", "-j", "-i", "-H", disk.path)).stdout for disk in disks({})}
        )
        if "IPMI Device Information" in raw.get("dmidecode", "") or Path("/dev/ipmi0").exists():
            lan = _bmc_lan()
            raw.update({"ipmi-lan": lan} if lan else {})
            errors.update({} if lan else {"ipmi-lan": "the BMC does not answer"})
    raw.update({str(name): str(value) for name, value in played.get("raw", {}).items()})
    return {**raw, "errors": json.dumps(errors)} if errors else raw


def _bmc_lan() -> str:
    until = time.monotonic() + 15  # its driver asks it some things first
    while not Path("/dev/ipmi0").exists() and time.monotonic() < until:
        time.sleep(0.1)
    for channel in _BMC_CHANNELS if Path("/dev/ipmi0").exists() else ():
        done = run(("ipmitool", "lan", "print", channel))
        if "IP Address" in done.stdout:
            return done.stdout
    return ""


def fingerprint(played: Mapping[str, Any]) -> tuple[object, ...]:
    """Changes when what is found late (a slow disk, a neighbour that speaks twice a minute) is there."""
    heard = "" if played else run(("lldpcli", "-f", "keyvalue", "show", "neighbors")).stdout
    ports = sorted(re.findall(r"^(\S+\.(?:chassis\.mac|port\.\w+))=(.*)$", heard, re.MULTILINE))
    return [disk.name for disk in disks(played)], [nic["mac"] for nic in nics(played)], ports
