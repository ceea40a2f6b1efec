"""What the discovery agent read on a server, made into a Hardware.

The agent sends programs' outputs as texts by name, UTF-8 with replacements, made under LC_ALL=C. Nothing in them is
trusted: at most 2 MiB of a text are read, each field is cut, cleaned of control characters and typed, lists end at
4096 entries, and what cannot be read is left out with a note. The texts:

dmidecode   ``dmidecode`` (with ``-q``, too)
lscpu       ``lscpu -J``, flat or with children
lsblk       ``lsblk -J -b -d -o NAME,TYPE,SIZE,MODEL,VENDOR,SERIAL,WWN,ROTA,RM,TRAN``, or all columns, or a tree
lspci       ``lspci -D -mm -nn``, or ``lspci -D -vmm -nn``
ip-link     ``ip -j -d address``
lldp        ``lldpcli -f json0 show neighbors details``, or ``-f json``
ipmi-lan    ``ipmitool lan print`` of the first channel that has an address
smart       a JSON object: of each disk by its kernel name what ``smartctl -j -i -H`` printed, as an object or a text
meminfo     /proc/meminfo
errors      a JSON object: by the names above, why one could not be had
sysfs       a JSON object that the agent makes:
            boot_mode     uefi or bios
            tpm           /sys/class/tpm/tpm0/tpm_version_major, or 1.2
            architecture  as ``uname -m`` has it, where lscpu is missing
            dmi           the files of /sys/class/dmi/id by name, where dmidecode is missing or tells nothing
            nics          a list of {name, mac, permanent_mac, driver, pci, speed (Mbit/s), link}; what is not in it is
                          no interface of the hardware
            disks         a list of {name, size (bytes), serial, model, vendor, wwn, rotational, removable, transport}

Every one may be missing, and every key in them. Disks are joined by the kernel's name: lsblk's word counts before
/sys's, and SMART fills the rest, as without udev nobody else knows the serial of a SATA disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from crowbar_inventory.hardware import Cpu, Hardware
from crowbar_inventory.parse.disk_sources import read_lsblk, read_smart
from crowbar_inventory.parse.dmidecode import Dmi, read_dmidecode
from crowbar_inventory.parse.ipmi_lan import read_ipmi_lan
from crowbar_inventory.parse.joining import identity_of, join_disks, join_dmi, join_nics
from crowbar_inventory.parse.lldp import read_lldp
from crowbar_inventory.parse.lscpu import read_lscpu
from crowbar_inventory.parse.lspci import read_lspci
from crowbar_inventory.parse.meminfo import read_meminfo
from crowbar_inventory.parse.nic_sources import read_ip_link
from crowbar_inventory.parse.sysfs import read_sysfs
from crowbar_inventory.parse.values import RAW_LIMIT, Notes, few, load, row
from crowbar_inventory.text import one_line

__all__ = ["parse"]

_NEEDED = ("dmidecode", "lscpu", "lsblk", "ip-link", "sysfs", "meminfo")  # the others may rightly be missing
_NAMES = frozenset({*_NEEDED, "lspci", "lldp", "ipmi-lan", "smart"})


def parse(raw: Mapping[str, str]) -> tuple[Hardware, tuple[str, ...]]:
    """The hardware, and what of it could not be read, one line each. It raises nothing, whatever the texts are."""
    notes = Notes("agent")
    texts = _texts(raw, notes)
    sysfs = read_sysfs(texts["sysfs"], notes.of("sysfs"))
    dmi = join_dmi(read_dmidecode(texts["dmidecode"], notes.of("dmidecode")), sysfs.dmi)
    nics = join_nics(
        read_ip_link(texts["ip-link"], notes.of("ip-link")), sysfs.nics, read_lldp(texts["lldp"], notes.of("lldp"))
    )
    disks = join_disks(
        read_lsblk(texts["lsblk"], notes.of("lsblk")), sysfs.disks or (), read_smart(texts["smart"], notes.of("smart"))
    )
    hardware = Hardware(
        identity=identity_of(dmi, nics),
        vendor=dmi.vendor,
        product=dmi.product,
        asset_tag=dmi.asset_tag,
        firmware=dmi.firmware,
        boot_mode=sysfs.boot_mode,
        cpu=_cpu(read_lscpu(texts["lscpu"], notes.of("lscpu")), sysfs.architecture),
        memory_mib=_memory(dmi, read_meminfo(texts["meminfo"], notes.of("meminfo"))),
        memory=dmi.memory,
        disks=disks,
        nics=nics,
        pci=read_lspci(texts["lspci"], notes.of("lspci")),
        tpm=sysfs.tpm,
        bmc=read_ipmi_lan(texts["ipmi-lan"], notes.of("ipmi-lan")),
    )
    return hardware, tuple(notes.lines)


def _texts(raw: Mapping[str, str], notes: Notes) -> dict[str, str]:
    """The text of every name, "" for what is missing, with a note where it should not be."""
    given = raw.get("errors")
    errors = {
        name: one_line(why)
        for name, why in few(row(load(given if isinstance(given, str) else "", notes.of("errors"))).items())
    }
    texts = {}
    for name in sorted(_NAMES):
        found: object = raw.get(name, "")
        text = found if isinstance(found, str) else ""
        about = notes.of(name)
        if errors.get(name):
            about.add(errors[name])
        elif not isinstance(found, str):
            about.add("is no text")
        elif not text.strip() and name in _NEEDED:
            about.add("missing")
        if len(text) > RAW_LIMIT:
            about.add(f"has {len(text)} characters; {RAW_LIMIT} are read")
        texts[name] = text[:RAW_LIMIT]
    return texts


def _cpu(cpu: Cpu, architecture: str) -> Cpu:
    return cpu if cpu.architecture else replace(cpu, architecture=architecture)


def _memory(dmi: Dmi, kernel: int) -> int:
    """MiB: the modules' sum, which has what the kernel keeps for itself; but some boards tell less than there is."""
    return max(sum(module.mib for module in dmi.memory), kernel)
