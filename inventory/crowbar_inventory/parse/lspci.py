"""`lspci -D -mm -nn`, or the records of `-vmm`: what is on the PCI bus, and which of it computes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from crowbar_inventory.hardware import PciDevice
from crowbar_inventory.parse.values import Notes, few
from crowbar_inventory.text import one_line

_ADDRESS = re.compile(r"(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])", re.IGNORECASE)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_NUMBERED = re.compile(r"^(.*?)\s*\[([0-9a-f]{4})\]$", re.IGNORECASE)  # "Intel Corporation [8086]"
_BARE = re.compile(r"[0-9a-f]{4}", re.IGNORECASE)  # as -n has it
_LINE = 4096  # characters of a line that are looked at
_TEXTS = 3  # class, vendor, device

# Graphics that only show a console: of BMCs (ASPEED, Matrox, XGI, Nuvoton, Hisilicon) and of hypervisors.
_CONSOLES = {"1a03", "102b", "18ca", "1050", "19e5", "1234", "1013", "15ad", "1af4", "1b36", "1414", "80ee", "5853"}
_CONSOLE_NAMES = re.compile(r"aspeed|matrox|xgi|hisilicon|huawei|cirrus|vmware|red hat|virtualbox|qemu", re.IGNORECASE)
_DISPLAYS = {"0300", "0380"}
_DISPLAY_NAMES = {"VGA compatible controller", "Display controller"}
_COMPUTERS = {"0302"}
_COMPUTER_NAMES = {"3D controller"}
_ACCELERATORS = {"1200"}
_ACCELERATOR_NAMES = {"Processing accelerators"}
_ACCELERATOR_MAKERS = {"10de", "1002", "8086", "1da3"}  # NVIDIA, AMD, Intel, Habana: others make network offload


def read_lspci(text: str, notes: Notes) -> tuple[PciDevice, ...]:
    """The devices; lines that are none are left out, with one note for all."""
    records = list(_by_slot(text)) if re.match(r"\s*(Slot|Device):", text) else list(_by_line(text))
    devices = few(device for record in records if (device := _device(*record)))
    if len(devices) < len(records):
        notes.add(f"{len(records) - len(devices)} of {len(records)} entries are no PCI devices")
    return tuple(devices)


def _by_line(text: str) -> Iterator[tuple[str, list[str]]]:
    for line in text.splitlines():
        if line.strip():
            address, _, rest = line[:_LINE].strip().partition(" ")
            yield address, [re.sub(r"\\(.)", r"\1", found) for found in _QUOTED.findall(rest)]


def _by_slot(text: str) -> Iterator[tuple[str, list[str]]]:
    for record in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        for line in record.splitlines():
            key, _, value = line[:_LINE].partition(":")
            fields.setdefault(key.strip(), value.strip())
        if any(fields):
            # Older versions call the slot Device, too: it is the first of the two.
            slot = fields.get("Slot", "") or fields.get("Device", "")
            yield slot, [fields.get(key, "") for key in ("Class", "Vendor", "Device")]


def _device(address: str, texts: list[str]) -> PciDevice | None:
    found = _ADDRESS.fullmatch(address)
    if not found or len(texts) < _TEXTS:
        return None
    (kind, code), (vendor, maker), (name, model) = (_split(text) for text in texts[:_TEXTS])
    return PciDevice(
        address=f"{found[1] or '0000'}:{found[2]}".lower(),
        kind=kind,
        vendor=vendor,
        device=name,
        gpu=_computes(kind, code, vendor, maker),
        ids=f"{maker}:{model}" if maker and model else "",
    )


def _split(text: str) -> tuple[str, str]:
    """The name and the number of what may have both."""
    line = one_line(text)
    if found := _NUMBERED.match(line):
        return found[1], found[2].lower()
    return line, line.lower() if _BARE.fullmatch(line) else ""


def _computes(kind: str, code: str, vendor: str, maker: str) -> bool:
    if code in _COMPUTERS or kind in _COMPUTER_NAMES:
        return maker not in _CONSOLES
    if code in _DISPLAYS or kind in _DISPLAY_NAMES:
        return maker not in _CONSOLES and not _CONSOLE_NAMES.search(vendor)
    if code in _ACCELERATORS or kind in _ACCELERATOR_NAMES:
        return not maker or maker in _ACCELERATOR_MAKERS
    return False
