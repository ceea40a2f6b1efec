"""The install disk: the one a rule means, and never one that must not be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crowbar_inventory.hardware import Disk, SmartHealth
from crowbar_inventory.rules import DiskChoice, Prefer, RulesError, choose_disk, parse_rules
from crowbar_inventory.rules.disks import MINIMUM

GB = 10**9
SSD = Disk("sda", 480 * GB, "MZ7KH480", "S1", transport="sata")
BIG = Disk("sdb", 4000 * GB, "ST4000", "Z1", rotational=True, transport="sas")
NVME = Disk("nvme0n1", 960 * GB, "PM9A3", "N1", transport="nvme")
USB = Disk("sdc", 32 * GB, "Stick", "U1", transport="usb")
CARD = Disk("mmcblk0", 32 * GB, removable=True)
FAILING = Disk("sdd", 240 * GB, "MZ7KH240", "F1", smart=SmartHealth.FAILED)
TINY = Disk("sde", GB, "SATADOM", "T1")
ALL = (SSD, BIG, NVME, USB, CARD, FAILING, TINY)


def _choice(text: str) -> DiskChoice:
    (rule,) = parse_rules(f"rules: [{{name: a, install_disk: {text}}}]").rules
    assert rule.install_disk is not None
    return rule.install_disk


@pytest.mark.parametrize(
    ("text", "disk"),
    [
        ("smallest", SSD),
        ("largest", BIG),
        ("first", SSD),
        ("ssd", SSD),
        ("{ssd: false}", BIG),
        ("{ssd: true, prefer: largest}", NVME),
        ("{serial: n*}", NVME),
        ("{serial: [X*, Z1]}", BIG),
        ("{model: ST*}", BIG),
        ("{transport: nvme}", NVME),
        ("{size: 500 GB..1 TB}", NVME),
        ("{size: {min: 1.92 TB}}", BIG),
        ("{serial: U1}", None),  # what must not be is not chosen by name either
        ("{serial: F1}", None),
    ],
)
def test_the_disk_that_is_meant(text: str, disk: Disk | None) -> None:
    assert choose_disk(ALL, _choice(text)).disk == disk


def test_each_that_is_left_out_has_its_reason() -> None:
    found = choose_disk(ALL, _choice("{ssd: true, transport: sata}"))
    assert (found.disk, found.reference) == (SSD, "S1")
    assert found.because == "install disk sda (S1): the only disk that will do"
    assert found.excluded == (
        "sdb: turns",
        "nvme0n1: transport is nvme, wanted sata",
        "sdc: removable",
        "mmcblk0: removable",
        "sdd: says that it is failing",
        f"sde: has {GB} bytes, {MINIMUM} are needed",
    )


def test_which_of_several_and_what_the_image_needs() -> None:
    found = choose_disk(ALL, DiskChoice(), minimum=900 * GB)
    assert found.because == "install disk nvme0n1 (N1): the smallest of 2 disks that will do"
    assert choose_disk(ALL, DiskChoice(), minimum=9000 * GB).disk is None


def test_disks_of_one_serial_or_none_go_by_name() -> None:
    paths = [Disk("sdb", 100 * GB, serial="M1"), Disk("sda", 100 * GB, serial="M1")]
    assert choose_disk(paths, DiskChoice()).reference == "sda"
    assert choose_disk([Disk("vda", 10 * GB)], DiskChoice()).reference == "vda"
    assert choose_disk([Disk("vda", 10 * GB)], DiskChoice()).because == "install disk vda: the only disk that will do"


def test_the_first_is_by_number_not_by_letter() -> None:
    names = ["nvme10n1", "nvme2n1", "nvme1n1"]
    assert choose_disk([Disk(name, 100 * GB) for name in names], DiskChoice(prefer=Prefer.FIRST)).reference == "nvme1n1"
    letters = ["sdaa", "sdb"]
    assert choose_disk([Disk(name, 100 * GB) for name in letters], DiskChoice(prefer=Prefer.FIRST)).reference == "sdb"


@pytest.mark.parametrize(
    "text", ["biggest", "3", "{prefer: 1}", "{size: 0x10}", "{ssd: 1}", "{size: {low: 1}}", "[ssd]"]
)
def test_choices_that_are_none(text: str) -> None:
    with pytest.raises(RulesError):
        _choice(text)


DISKS = st.lists(
    st.builds(
        Disk,
        st.sampled_from(["sda", "sdb", "sdaa", "nvme0n1", "vda", ""]),
        st.integers(0, 10**13),
        serial=st.sampled_from(["", "S1", "S2"]),
        rotational=st.booleans(),
        removable=st.booleans(),
        transport=st.sampled_from(["", "usb", "sata"]),
        smart=st.sampled_from(SmartHealth),
    ),
    max_size=5,
)


@given(DISKS, st.sampled_from(Prefer))
def test_a_chosen_disk_is_fit_and_every_other_is_accounted_for(disks: list[Disk], prefer: Prefer) -> None:
    found = choose_disk(disks, DiskChoice(prefer=prefer))
    fit = [
        disk
        for disk in disks
        if not disk.removable and disk.transport != "usb" and disk.smart is not SmartHealth.FAILED
        if disk.size >= MINIMUM
    ]
    assert (found.disk in fit) if fit else found.disk is None
    assert len(found.excluded) == len(disks) - len(fit)
    assert found.because
    assert choose_disk(disks[::-1], DiskChoice(prefer=prefer)).reference == found.reference
    if fit and found.disk and prefer is not Prefer.FIRST:
        sizes = [disk.size for disk in fit]
        assert found.disk.size == (min(sizes) if prefer is Prefer.SMALLEST else max(sizes))
