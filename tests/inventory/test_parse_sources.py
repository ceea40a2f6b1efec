"""What single programs print on machines that are not as others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crowbar_inventory.hardware import BmcLan, Neighbour, SmartHealth
from crowbar_inventory.parse.disk_sources import read_lsblk, read_smart
from crowbar_inventory.parse.dmidecode import Dmi, read_dmidecode
from crowbar_inventory.parse.ipmi_lan import read_ipmi_lan
from crowbar_inventory.parse.lldp import read_lldp
from crowbar_inventory.parse.lscpu import read_lscpu
from crowbar_inventory.parse.lspci import read_lspci
from crowbar_inventory.parse.meminfo import read_meminfo
from crowbar_inventory.parse.nic_sources import nic_part, read_ip_link
from crowbar_inventory.parse.values import Notes, number, size
from tests.inventory import outputs


def _notes() -> Notes:
    return Notes("it")


@pytest.mark.parametrize(
    ("text", "mib"),
    [("16384 MB", 16384), ("16 GB", 16384), ("1 TB", 1 << 20), ("31704 kB", 30), ("2 GiB", 2048), ("0,5 GB", 512)],
)
def test_memory_sizes_by_any_unit(text: str, mib: int) -> None:
    found = read_dmidecode(outputs.dmidecode(outputs.module(text)), _notes())
    assert [module.mib for module in found.memory] == [mib]


@pytest.mark.parametrize("text", ["No Module Installed", "Not Installed", "Unknown", "None", "", "-1 GB", "8 parsecs"])
def test_empty_slots_are_no_modules(text: str) -> None:
    assert read_dmidecode(outputs.dmidecode(outputs.module(text)), _notes()).memory == ()


def test_a_rom_and_persistent_memory_are_no_main_memory() -> None:
    text = outputs.dmidecode(
        outputs.module("16 MB", slot="SYSTEM ROM", kind="Flash"),
        outputs.module("256 GB", kind="Logical non-volatile device"),
        outputs.module("32 GB", kind="<OUT OF SPEC>"),
    )
    assert [(module.mib, module.kind) for module in read_dmidecode(text, _notes()).memory] == [(32768, "")]


def test_slots_of_one_name_are_told_apart_by_their_bank() -> None:
    modules = [outputs.module(slot="DIMM 0", bank=f"P0 CHANNEL {bank}") for bank in "AB"]
    found = read_dmidecode(outputs.dmidecode(*modules), _notes()).memory
    assert [module.slot for module in found] == ["P0 CHANNEL A DIMM 0", "P0 CHANNEL B DIMM 0"]


def test_speed_by_its_older_name_and_unknown() -> None:
    old = outputs.module(configured="Unknown").replace(
        "Configured Memory Speed: Unknown", "Configured Clock Speed: 1333 MHz"
    )
    found = read_dmidecode(outputs.dmidecode(old, outputs.module(configured="Unknown", speed="Unknown")), _notes())
    assert [module.speed for module in found.memory] == [1333, 0]


def test_quiet_form_without_handles_and_indented_by_blanks() -> None:
    lines = ["System Information", "    Manufacturer: HPE", "    Family:", "    Features:", "        Serial Number: no"]
    text = "\n".join(lines)
    assert read_dmidecode(text, _notes()).vendor == "HPE"
    assert read_dmidecode(text, _notes()).serial == ""


def test_a_blade_has_its_own_tag_before_its_enclosures() -> None:
    text = outputs.dmidecode(tag="No Asset Tag") + "\nChassis Information\n\tAsset Tag: RACK-7\n"
    assert read_dmidecode(text, _notes()).asset_tag == "RACK-7"


@pytest.mark.parametrize(
    "text", ["# dmidecode 3.6\n# No SMBIOS nor DMI entry point found, sorry.\n", "\tKey: value\n", "x"]
)
def test_no_tables_are_noted(text: str) -> None:
    notes = _notes()
    assert read_dmidecode(text, notes) == Dmi()
    assert notes.lines == ["it: no DMI tables in it"]


def test_lscpu_with_children_clusters_and_a_comma() -> None:
    entries = [
        {"field": "Architecture:", "data": "aarch64"},
        {"field": "CPU(s):", "data": "48", "children": [{"field": "On-line CPU(s) list:", "data": "0-47"}]},
        {
            "field": "Vendor ID:",
            "data": "Cavium",
            "children": [
                {
                    "field": "Model name:",
                    "data": "ThunderX",
                    "children": [
                        {"field": "Socket(s):", "data": "-"},
                        {"field": "Core(s) per cluster:", "data": "48"},
                        {"field": "Cluster(s):", "data": "1"},
                        {"field": "CPU max MHz:", "data": "2000,0000"},
                        {"field": "Flags:", "data": "fp asimd"},
                    ],
                }
            ],
        },
    ]
    found = read_lscpu(json.dumps({"lscpu": entries}), _notes())
    assert (found.model, found.sockets, found.cores, found.threads, found.mhz) == ("ThunderX", 0, 48, 48, 2000)
    assert not found.virtualization


def test_lscpu_keeps_all_of_many_flags_and_cores_without_sockets() -> None:
    flags = " ".join(f"flag{place}" for place in range(300))
    found = read_lscpu(outputs.lscpu(**{"Flags": flags, "Socket(s)": "", "Virtualization": ""}), _notes())
    assert (len(found.flags), found.cores, found.virtualization) == (300, 32, False)


def test_lscpu_in_another_language_is_noted() -> None:
    notes = _notes()
    read_lscpu(json.dumps({"lscpu": [{"field": "Architektur:", "data": "x86_64"}]}), notes)
    assert notes.lines == ["it: it tells no number of processors"]


def test_lsblk_of_old_versions_and_as_a_tree() -> None:
    devices = [
        outputs.block(
            "sda", "480103981056", rota="1", rm="0", vendor="ATA     ", model="SAMSUNG MZ7", wwn="0x5002538E"
        ),
        outputs.block("sdb", "1.8T", vendor="SEAGATE", model="ST2000", children=[{"name": "sdb1", "type": "part"}]),
        outputs.block("vda", 10, vendor="0x1af4"),
        outputs.block("nvme0n1", rota=None, model="Micron 7450", vendor="Micron"),
    ]
    found = read_lsblk(outputs.lsblk(*devices), _notes())
    assert [(disk.name, disk.size, disk.model, disk.rotational) for disk in found] == [
        ("sda", 480103981056, "SAMSUNG MZ7", True),
        ("sdb", int(1.8 * 2**40), "SEAGATE ST2000", False),
        ("vda", 10, "", False),
        ("nvme0n1", 480_000_000_000, "Micron 7450", None),
    ]
    assert found[0].wwn == "0x5002538e"


@pytest.mark.parametrize(
    "name", ["loop0", "ram1", "zram0", "sr0", "dm-3", "md127", "mmcblk0boot0", "nvme0c1n1", "../x", ""]
)
def test_what_is_no_whole_disk_is_left_out(name: str) -> None:
    assert read_lsblk(outputs.lsblk(outputs.block(name), outputs.block("sda", type="lvm")), _notes()) == ()


def test_disks_in_an_array_of_hp_have_a_mark_in_their_name() -> None:
    assert [disk.name for disk in read_lsblk(outputs.lsblk(outputs.block("cciss!c0d0")), _notes())] == ["cciss!c0d0"]


@pytest.mark.parametrize(
    ("text", "wwn"),
    [
        ("0x5002538E6b680002", "0x5002538e6b680002"),
        ("naa.5002538e6b680002", "0x5002538e6b680002"),
        ("eui.0025388b71b0a3c1", "eui.0025388b71b0a3c1"),
        ("t10.ATA     MZ7KH480                S47MNA0M500001", ""),
    ],
)
def test_world_wide_names_in_one_spelling(text: str, wwn: str) -> None:
    assert [disk.wwn for disk in read_lsblk(outputs.lsblk(outputs.block("sda", wwn=text)), _notes())] == [wwn]


@pytest.mark.parametrize(
    ("report", "health"),
    [
        ({"smart_status": {"passed": True}, "smartctl": {"exit_status": 64}}, SmartHealth.PASSED),
        ({"smart_status": {"passed": False}}, SmartHealth.FAILED),
        ({"smartctl": {"exit_status": 8}}, SmartHealth.FAILED),
        ({"smartctl": {"exit_status": 2 | 8}}, SmartHealth.UNKNOWN),
        ({"smartctl": {"exit_status": "8"}, "smart_status": None}, SmartHealth.UNKNOWN),
        ({"smart_status": {"passed": "yes"}}, SmartHealth.UNKNOWN),
    ],
)
def test_health_as_smart_tells_it(report: dict[str, Any], health: SmartHealth) -> None:
    for value in (report, json.dumps(report)):
        assert [disk.smart for disk in read_smart(json.dumps({"/dev/sda": value}), _notes())] == [health]


def test_smart_of_nvme_and_sas() -> None:
    reports = {
        "nvme0n1": {"device": {"protocol": "NVMe"}, "nvme_total_capacity": 10**12, "serial_number": " S1 "},
        "sdb": {"scsi_vendor": "HGST", "scsi_product": "HUS72", "user_capacity": {"bytes": 5}, "rotation_rate": 7200},
    }
    nvme, sas = read_smart(json.dumps(reports), _notes())
    assert (nvme.size, nvme.serial, nvme.transport, nvme.rotational) == (10**12, "S1", "nvme", None)
    assert (sas.model, sas.size, sas.rotational, sas.transport) == ("HGST HUS72", 5, True, "")


@pytest.mark.parametrize(
    ("line", "gpu"),
    [
        ('01:00.0 "VGA compatible controller [0300]" "NVIDIA Corporation [10de]" "AD104 [2786]"', True),
        ('01:00.0 "Display controller [0380]" "AMD [1002]" "Navi [7480]"', True),
        ('01:00.0 "VGA compatible controller [0300]" "ASPEED Technology [1a03]" "Graphics [2000]"', False),
        ('01:00.0 "VGA compatible controller" "NVIDIA Corporation" "AD104"', True),
        ('01:00.0 "VGA compatible controller" "ASPEED Technology, Inc." "Graphics Family"', False),
        ('01:00.0 "0300" "1234" "1111"', False),
        ('01:00.0 "0302" "10de" "20b5"', True),
        ('01:00.0 "Processing accelerators [1200]" "Xilinx [10ee]" "Alveo [5000]"', False),
        ('01:00.0 "Processing accelerators [1200]" "Habana Labs [1da3]" "Gaudi [1020]"', True),
        ('01:00.0 "Ethernet controller [0200]" "NVIDIA Corporation [10de]" "MCP67 [054c]"', False),
    ],
)
def test_graphics_that_compute_are_told_from_consoles(line: str, gpu: bool) -> None:
    assert [device.gpu for device in read_lspci(line, _notes())] == [gpu]


def test_lspci_records_and_lines_that_are_none() -> None:
    record = "Slot:\t0000:00:1f.0\nClass:\tISA bridge [0601]\nVendor:\tIntel [8086]\nDevice:\tLPC [2918]\n"
    records = f"{record}\n\nSlot:\tx\n"
    notes = _notes()
    (device,) = read_lspci(records, notes)
    assert (device.address, device.kind, device.vendor, device.ids) == (
        "0000:00:1f.0",
        "ISA bridge",
        "Intel",
        "8086:2918",
    )
    assert notes.lines == ["it: 1 of 2 entries are no PCI devices"]
    old = "Device:\t00:00.0\nClass:\tHost bridge\nVendor:\tIntel\nDevice:\tDRAM\n"
    assert [device.kind for device in read_lspci(old, _notes())] == ["Host bridge"]


def test_only_hardware_of_ip_and_its_permanent_mac() -> None:
    entries = [
        {},
        outputs.link(
            "eth0", "52:54:00:00:00:01", permaddr="52:54:00:00:00:99", parentbus="pci", parentdev="0000:00:03.0"
        ),
        outputs.link("br0", "52:54:00:00:00:02", linkinfo={"info_kind": "bridge"}),
        outputs.link("ib0", "80:00:00:48:fe:80", link_type="infiniband"),
        outputs.link("veth0", "52:54:00:00:00:03", linkinfo={"info_kind": "veth"}),
    ]
    found = read_ip_link(json.dumps(entries), _notes())
    assert [(nic.name, nic.mac, nic.pci) for nic in found] == [
        ("eth0", "52:54:00:00:00:99", "0000:00:03.0"),
        ("veth0", "52:54:00:00:00:03", ""),
    ]


def test_addresses_that_lead_nowhere_are_left_out() -> None:
    info = [
        {"local": "10.0.0.2", "prefixlen": 24},
        {"local": "fe80::1", "prefixlen": 64},
        {"local": "fd00::2", "prefixlen": 64},
        {"local": "nonsense", "prefixlen": 24},
        {"local": "10.0.0.3", "prefixlen": 99},
    ]
    (nic,) = read_ip_link(json.dumps([outputs.link("eth0", "52:54:00:00:00:01", addr_info=info)]), _notes())
    assert nic.addresses == ("10.0.0.2/24", "fd00::2/64")


@pytest.mark.parametrize("speed", [-1, "-1", None, 65535, 4294967295, "unknown", True])
def test_an_unknown_speed_is_none(speed: Any) -> None:
    part = nic_part({"name": "eth0", "speed": speed})
    assert part is not None and part.speed == 0


SWITCH = {"id": {"type": "mac", "value": "02:aa:00:00:00:01"}, "mgmt-ip": "10.0.0.1", "descr": "OS"}
PORT = {"id": {"type": "ifname", "value": "Gi1/0/1"}, "descr": "server 1"}


@pytest.mark.parametrize(
    "interface",
    [
        {"eth0": {"via": "LLDP", "chassis": {"sw1": SWITCH}, "port": PORT}},
        [{"eth0": {"via": "LLDP", "chassis": {"sw1": SWITCH}, "port": PORT}}],
        [
            {"eth0": {"via": "CDPv2", "chassis": {"old": SWITCH}, "port": PORT}},
            {"eth0": {"via": "LLDP", "chassis": {"sw1": SWITCH}, "port": PORT}},
        ],
        {"eth0": [{"via": "LLDP", "chassis": {"sw1": SWITCH}, "port": PORT}]},
        {"eth0": {"chassis": {**SWITCH, "name": "sw1"}, "port": PORT}},
        [
            {
                "name": "eth0",
                "via": "LLDP",
                "chassis": [{"id": [SWITCH["id"]], "name": [{"value": "sw1"}]}],
                "port": [{"id": [PORT["id"]]}],
            }
        ],
    ],
)
def test_neighbours_in_every_form(interface: Any) -> None:
    expected = {"eth0": Neighbour("02:aa:00:00:00:01", "Gi1/0/1", "sw1")}
    assert read_lldp(json.dumps({"lldp": {"interface": interface}}), _notes()) == expected
    assert read_lldp(json.dumps({"lldp": [{"interface": interface}]}), _notes()) == expected


def test_a_neighbour_without_a_name_and_none_at_all() -> None:
    text = json.dumps({"lldp": {"interface": {"eth0": {"chassis": {"id": SWITCH["id"]}, "port": {"descr": "p"}}}}})
    assert read_lldp(text, _notes()) == {"eth0": Neighbour("02:aa:00:00:00:01", "p", "")}
    for nothing in ('{"lldp": [{}]}', '{"lldp": {}}', "{}", "", "null", '{"lldp": {"interface": 3}}'):
        assert read_lldp(nothing, _notes()) == {}


@pytest.mark.parametrize(
    ("text", "bmc", "noted"),
    [
        (outputs.IPMI_LAN, BmcLan("10.0.1.17", "54:9f:35:1a:2b:3c"), False),
        ("IP Address : 0.0.0.0\nMAC Address : 0c:c4:7a:8b:f3:3d\n", BmcLan("", "0c:c4:7a:8b:f3:3d"), False),
        ("Invalid channel: 1\n", None, True),
        ("IP Address : 0.0.0.0\nMAC Address : 00:00:00:00:00:00\n", None, True),
        ("", None, False),
    ],
)
def test_the_bmcs_own_network(text: str, bmc: BmcLan | None, noted: bool) -> None:
    notes = _notes()
    assert read_ipmi_lan(text, notes) == bmc
    assert bool(notes.lines) == noted


def test_meminfo_without_a_total_is_noted() -> None:
    notes = _notes()
    assert read_meminfo("MemFree: 3 kB", notes) == 0
    assert notes.lines == ["it: no MemTotal in it"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3),
        (3.9, 3),
        ("3,9", 3),
        ("12 things", 12),
        (True, 0),
        (-1, 0),
        (float("inf"), 0),
        (10**30, 0),
        ("9" * 40, 0),
        ("x", 0),
    ],
)
def test_numbers(value: Any, expected: int) -> None:
    assert number(value) == expected


def test_sizes_have_an_end() -> None:
    assert size("999999999999999999 PB") == 0
    assert size("1 MX") == 0
