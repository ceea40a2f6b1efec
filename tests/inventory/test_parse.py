"""A server's raw outputs become its hardware, whatever is wrong with them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crowbar_inventory.hardware import BmcLan, BootMode, Firmware, Hardware, Identity, Neighbour, SmartHealth
from crowbar_inventory.parse import parse
from crowbar_inventory.text import LIMIT
from tests.inventory import outputs

NAMES = ["dmidecode", "lscpu", "lsblk", "lspci", "ip-link", "lldp", "ipmi-lan", "smart", "sysfs", "meminfo", "errors"]
WORDS = """
lscpu field data children blockdevices name type size rota rm tran serial wwn ifname address permaddr flags addr_info
local prefixlen linkinfo info_kind lldp interface chassis port id value via smart_status passed smartctl exit_status
naa oui user_capacity bytes rotation_rate device nics disks dmi boot_mode tpm mac speed link pci sda eth0 product_uuid
"""
KEYS = st.sampled_from(WORDS.split())
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["disk", "52:54:00:12:34:56", "10.0.0.1", 10**400, "\ud800", "9" * 30, "LLDP", "Flags:", "CPU(s):"]
    )
)
JSONS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4) | KEYS, inner, max_size=4),
    max_leaves=12,
).map(json.dumps)
REAL = (outputs.dmidecode(outputs.module()), outputs.LSPCI, outputs.IPMI_LAN)
ODD = ("", "\t", ":", "Slot:\t00:00.0", "\tSize: 99999999999999999999 TB", '00:00.0 "a" "b"', "MemTotal: 1 kB")
LINES = st.lists(
    st.sampled_from([line for text in REAL for line in text.splitlines()] + list(ODD)) | st.text(max_size=12),
    max_size=12,
).map("\n".join)


def test_a_server_is_read_from_all_its_sources() -> None:
    hardware, unread = parse(outputs.server())
    assert unread == ()
    assert hardware.identity == Identity(
        outputs.UUID, outputs.SERIAL, frozenset({"24:6e:96:00:00:01", "24:6e:96:00:00:02"})
    )
    assert (hardware.vendor, hardware.product, hardware.asset_tag) == ("Dell Inc.", "PowerEdge R640", "")
    assert hardware.firmware == Firmware("Northern Firmware", "2.12.2", "07/09/2021")
    assert (hardware.boot_mode, hardware.tpm) == (BootMode.UEFI, "2.0")
    cpu = hardware.cpu
    assert (cpu.sockets, cpu.cores, cpu.threads, cpu.mhz, cpu.virtualization) == (2, 32, 64, 3900, True)
    assert "avx2" in cpu.flags
    assert [(module.slot, module.mib, module.speed) for module in hardware.memory] == [
        ("A1", 16384, 2933),
        ("B1", 16384, 2933),
    ]
    assert hardware.memory_mib == 32768
    first, second = hardware.disks
    assert (first.name, first.serial, first.wwn) == ("sda", "S47MNA0M500001", "0x5002538e6b680002")
    assert (first.smart, second.smart, second.rotational) == (SmartHealth.PASSED, SmartHealth.FAILED, True)
    nics = {nic.name: nic for nic in hardware.nics}
    assert nics["eno1"].addresses == ("10.0.0.9/24",)
    assert nics["eno1"].neighbour == Neighbour("02:aa:00:00:00:01", "Ethernet12", "leaf-1")
    assert (nics["eno1"].speed, nics["eno1"].link, nics["eno2"].speed, nics["eno2"].link) == (10000, True, 0, False)
    assert set(nics) == {"eno1", "eno2", "usb0"}
    assert [device.gpu for device in hardware.pci] == [False, False, True, False]
    assert (hardware.pci[2].device, hardware.pci[2].ids) == ('A "big" one [GA100]', "10de:20b5")
    assert hardware.bmc == BmcLan("10.0.1.17", "54:9f:35:1a:2b:3c")


def test_nothing_at_all_is_an_unknown_server_and_says_what_is_missing() -> None:
    hardware, unread = parse({})
    assert hardware == Hardware(Identity())
    assert unread == tuple(
        f"{name}: missing" for name in sorted(("dmidecode", "ip-link", "lscpu", "lsblk", "meminfo", "sysfs"))
    )


def test_what_the_agent_could_not_run_is_told_instead_of_missing() -> None:
    raw = outputs.server() | {
        "dmidecode": "",
        "errors": json.dumps({"dmidecode": "/dev/mem:\nOperation not permitted"}),
    }
    hardware, unread = parse(raw)
    assert unread == ("dmidecode: /dev/mem: Operation not permitted",)
    assert hardware.memory_mib == 31780  # as the kernel has it


def test_sysfs_stands_in_for_dmidecode_and_lsblk() -> None:
    sysfs = {
        "dmi": {
            "sys_vendor": "QEMU",
            "product_uuid": outputs.UUID.upper(),
            "product_serial": "R1\n",
            "bios_vendor": "S",
        },
        "disks": [{"name": "vda", "size": 10 << 30, "serial": "D1", "transport": "virtio"}],
        "architecture": "x86_64",
    }
    hardware, _ = parse({"sysfs": json.dumps(sysfs)})
    assert hardware.identity == Identity(outputs.UUID, "R1")
    assert (hardware.vendor, hardware.firmware.vendor, hardware.cpu.architecture) == ("QEMU", "S", "x86_64")
    assert [(disk.name, disk.size, disk.serial) for disk in hardware.disks] == [("vda", 10 << 30, "D1")]


def test_a_dummy_uuid_of_the_tables_yields_to_the_kernels() -> None:
    raw = {
        "dmidecode": outputs.dmidecode(uuid="03000200-0400-0500-0006-000700080009", serial="To Be Filled By O.E.M."),
        "sysfs": json.dumps({"dmi": {"product_uuid": outputs.UUID, "product_serial": "K1"}}),
    }
    assert parse(raw)[0].identity == Identity(outputs.UUID, "K1")


def test_this_hosts_own_programs_are_understood() -> None:
    commands = {
        "lscpu": ["lscpu", "-J"],
        "lsblk": ["lsblk", "-J", "-b", "-O"],
        "ip-link": ["ip", "-j", "-d", "address"],
    }
    raw = {}
    for name, argv in commands.items():
        try:
            raw[name] = subprocess.run(
                argv, capture_output=True, text=True, check=True, env={"LC_ALL": "C", "PATH": os.environ["PATH"]}
            ).stdout
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"needs {argv[0]}: {error}")
    raw["meminfo"] = Path("/proc/meminfo").read_text(encoding="ascii")
    hardware, unread = parse(raw)
    assert unread == ("dmidecode: missing", "sysfs: missing")
    assert hardware.cpu.threads == os.cpu_count()
    assert hardware.memory_mib > 0
    assert all(disk.size for disk in hardware.disks)
    assert "lo" not in {nic.name for nic in hardware.nics}


def test_texts_are_cut_and_cleaned_of_what_a_terminal_would_obey() -> None:
    raw = {"dmidecode": outputs.dmidecode(vendor="Evil\x1b[2J\u202eInc" + "x" * 5000, product="A\ufffdB\ufffd")}
    hardware, _ = parse(raw)
    assert hardware.vendor.startswith("Evil [2J Incxxx")
    assert len(hardware.vendor) == LIMIT
    assert hardware.product == "A B"


def test_a_text_of_many_megabytes_is_read_in_part() -> None:
    raw = outputs.server() | {
        "dmidecode": outputs.dmidecode() + "\n" * 4_000_000,
        "lsblk": '{"blockdevices": ' + "[" * 3_000_000,
    }
    hardware, unread = parse(raw)
    assert hardware.vendor == "Dell Inc."
    assert [line.split(":")[0] for line in unread] == ["dmidecode", "lsblk", "lsblk"]
    assert "2097152 are read" in unread[0]


def test_long_lists_end() -> None:
    raw = {
        "lsblk": outputs.lsblk(*(outputs.block(f"sd{place}") for place in range(5000))),
        "ip-link": json.dumps(
            [outputs.link(f"e{place}", f"02:00:00:00:{place // 256:02x}:{place % 256:02x}") for place in range(5000)]
        ),
        "lspci": '00:00.0 "a" "b" "c"\n' * 5000 + "nonsense\n" * 5000,
    }
    hardware, unread = parse(raw)
    assert [len(hardware.disks), len(hardware.nics), len(hardware.pci)] == [4096, 4096, 4096]
    assert len(hardware.identity.macs) == 256
    assert len(unread) < 10


def test_notes_end_as_well() -> None:
    raw = {"smart": json.dumps({f"sd{place}": "no JSON" for place in range(4000)})}
    assert len(parse(raw)[1]) == 100


def test_values_that_are_no_texts_are_told() -> None:
    raw: Any = dict.fromkeys(NAMES, 3) | {"lldp": None}
    hardware, unread = parse(raw)
    assert hardware == Hardware(Identity())
    assert "lscpu: is no text" in unread


@settings(max_examples=150)
@given(st.dictionaries(st.sampled_from(NAMES), JSONS | LINES | st.text(), max_size=len(NAMES)))
def test_no_text_raises_or_leaves_something_that_cannot_be_kept(raw: dict[str, str]) -> None:
    hardware, unread = parse(raw)
    for value in _leaves([asdict(hardware), unread]):
        if isinstance(value, str):
            assert len(value) <= 2 * LIMIT + 1
            assert "\n" not in value and "\0" not in value
            value.encode()
        elif isinstance(value, int):
            assert 0 <= value < 1 << 63


@settings(max_examples=100)
@given(st.sampled_from([name for name in NAMES if name != "errors"]), st.data())
def test_one_broken_source_does_not_take_the_others_with_it(name: str, data: st.DataObject) -> None:
    whole = outputs.server()
    text = whole[name]
    start = data.draw(st.integers(0, len(text)))
    broken = text[:start] + data.draw(st.text(max_size=3)) + text[data.draw(st.integers(start, len(text))) :]
    hardware, _ = parse(whole | {name: broken})
    if name not in {"ip-link", "sysfs"}:
        assert len(hardware.nics) == 3
    if name != "lscpu":
        assert hardware.cpu.threads == 64
    if name != "lspci":
        assert len(hardware.pci) == 4


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, (list, tuple, frozenset)):
        for one in value:
            yield from _leaves(one)
    elif not isinstance(value, Enum):
        yield value
