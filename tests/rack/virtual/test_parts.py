"""The pure parts of a rack: records, identities, configurations, argument vectors, orders, faults, power."""

from __future__ import annotations

import itertools
import stat
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from pyghmi.ipmi import fru as pyghmi_fru

from crowbar.errors import EnvironmentFault, InputError
from crowbar.rack.virtual import qemu, record, wiring
from crowbar.rack.virtual.bmc import config, fru, sdr
from crowbar.rack.virtual.choose import MOST_MACHINES, Wanted, check_count, new_machine
from crowbar.rack.virtual.faults import Fault, FaultKind
from crowbar.rack.virtual.layout import RackFolder
from crowbar.rack.virtual.orders import RELOAD, Order, parse_orders
from crowbar.rack.virtual.power import Action, Event, decide
from crowbar.rack.virtual.rack import set_fault, too_few_watches
from crowbar.rack.virtual.record import Firmware, Kind, LinkRecord, RackRecord
from crowbar_cli.commands import rack as command

TAG = "0badcafe"
BMCS = IPv4Network("10.9.2.0/24")
MACHINE = new_machine(TAG, 1, Wanted(), BMCS)
RACK = RackRecord(
    "crowbar-x",
    LinkRecord("10.9.1.0/24", "cra-x", "fd77:1:2::/64"),
    LinkRecord(str(BMCS), "crb-x"),
    (MACHINE, new_machine(TAG, 2, Wanted(Kind.CONTAINER, Firmware.UEFI, nics=2), BMCS)),
)


def test_a_record_is_read_as_it_was_written_and_by_root_alone(tmp_path: Path) -> None:
    record.save(tmp_path, RACK)
    record.save(tmp_path, RACK)
    assert record.load(tmp_path) == RACK
    assert stat.S_IMODE((tmp_path / "rack.json").stat().st_mode) == 0o600
    assert MACHINE.bmc.password not in repr(RACK)
    assert RACK.admin.address.exploded == "10.9.1.1"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1}', '{"version": 2}', '{"version": 1, "admin": 3}'])
def test_a_record_that_cannot_be_read_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "rack.json").write_text(text)
    with pytest.raises(EnvironmentFault, match=r"rack\.json"):
        record.load(tmp_path)


def test_a_rack_that_is_not_there_and_a_machine_that_it_has_not(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="no rack"):
        record.load(tmp_path)
    with pytest.raises(EnvironmentFault, match="no machine 'server9'") as caught:
        RACK.machine("server9")
    assert "server1, server2" in caught.value.hint


def test_no_two_machines_of_two_racks_are_alike() -> None:
    both = [
        new_machine(tag, number, Wanted(nics=2), network)
        for tag, network in ((TAG, BMCS), ("1badcafe", IPv4Network("10.9.3.0/24")))
        for number in range(1, MOST_MACHINES + 1)
    ]
    for values in (
        [mac for machine in both for mac in (*machine.macs, machine.bmc.mac)],
        [machine.uuid for machine in both],
        [machine.serial for machine in both],
        [machine.bmc.address for machine in both],
        [machine.bmc.password for machine in both],
    ):
        assert len(set(values)) == len(values)
    assert all(int(mac.split(":")[0], 16) == 0x52 for machine in both for mac in machine.macs)
    assert both[42].position == "R2-U01"
    assert {(machine.kcs_port, machine.serial_port) for machine in both[:2]} == {(9001, 9301), (9002, 9302)}


@pytest.mark.parametrize("count", [-1, 0, MOST_MACHINES + 1])
def test_a_rack_of_no_size_is_refused(count: int) -> None:
    with pytest.raises(InputError, match=str(count)):
        check_count(count)


def test_names_on_the_host_fit_the_kernels_limits(tmp_path: Path) -> None:
    rack = RackFolder(tmp_path)
    assert len(wiring._host_end(rack.tag, "a")) <= 15
    assert rack.tag != RackFolder(tmp_path / "other").tag
    assert len(wiring.port(new_machine(TAG, MOST_MACHINES, Wanted(), BMCS), 1)) <= 15


def test_the_inventory_device_reads_back() -> None:
    data = fru.fru(vendor="Crowbar", product="Virtual Server", serial="CB1", asset="R1-U01")
    assert len(data) == fru.SIZE
    info = pyghmi_fru.FRU(rawdata=bytearray(data)).info
    assert (info["Manufacturer"], info["Product name"], info["Serial Number"]) == ("Crowbar", "Virtual Server", "CB1")
    assert info["Board manufacturer"] == "Crowbar"
    assert info["Asset Number"] == "R1-U01"


def test_an_inventory_device_of_odd_texts_keeps_its_checksums() -> None:
    data = fru.fru(vendor="x", product="y" * 200, serial="", asset="ü")
    assert sum(data[:8]) % 256 == 0
    for offset in (data[2], data[3], data[4]):
        area = data[8 * offset : 8 * offset + 8 * data[8 * offset + 1]]
        assert sum(area) % 256 == 0
    assert pyghmi_fru.FRU(rawdata=bytearray(data)).info["Product name"] == "y" * 63


@pytest.mark.parametrize("sensor", sdr.SENSORS, ids=lambda sensor: sensor.name)
def test_a_sensors_record_is_as_long_as_it_says(sensor: sdr.SensorSpec) -> None:
    data = sensor.record()
    assert len(data) == data[4] + 5 == 48 + len(sensor.name)
    assert data[7] == sensor.number
    assert data[47] == 0xC0 | len(sensor.name)
    assert data[48:].decode() == sensor.name


def test_the_bmc_is_configured_for_its_machine_alone() -> None:
    text = config.lan_conf(MACHINE, "pass")
    assert "  addr 10.9.2.11 623\n" in text
    assert 'user 2 true "admin" "pass" admin' in text
    assert f"serial 15 127.0.0.1 {MACHINE.kcs_port} codec VM" in text
    assert MACHINE.bmc.password not in text + config.emulator(MACHINE)
    values = config.lan_values(MACHINE, RACK.bmc)
    assert "ip_addr:10.9.2.11\n" in values and "default_gw_ip_addr:10.9.2.1\n" in values


@pytest.mark.parametrize(
    ("device", "disk", "network"), [("pxe", 0, 1), ("default", 1, 2), ("none", 1, 2), ("bios", 1, 2), ("", 1, 2)]
)
def test_boot_devices_become_an_order(device: str, disk: int, network: int) -> None:
    order = qemu.boot_order(device)
    assert (order.disk, order.network, order.menu) == (disk, network, device == "bios")
    words = qemu.argv(MACHINE, order, "/dev/pts/9", kvm=False)
    (drive,) = [word for word in words if word.startswith("virtio-blk-pci")]
    (nic,) = [word for word in words if word.startswith("virtio-net-pci")]
    assert drive.endswith(f",bootindex={disk}") if disk else "bootindex" not in drive
    assert nic.endswith(f",bootindex={network}")


def test_a_machine_has_what_was_chosen_and_no_secret_in_its_arguments() -> None:
    machine = new_machine(TAG, 7, Wanted(Kind.VM, Firmware.UEFI, 2, 512, 4, 2), BMCS)
    words = qemu.argv(machine, qemu.boot_order("none"), "/dev/pts/9", kvm=True)
    line = " ".join(words)
    for part in ("-smp 2 -m 512", f"-uuid {machine.uuid}", f"serial={machine.serial}", "-accel kvm -cpu host"):
        assert part in line
    assert [f"mac={mac}" in line for mac in machine.macs] == [True, True]
    assert f"serial={machine.disk_serial}" in line and "unit=1,file=efi-vars.fd" in line
    assert line.count("romfile=,") + line.count("romfile= ") == 2
    assert machine.bmc.password not in line
    bios = " ".join(qemu.argv(MACHINE, qemu.boot_order("none"), "/dev/pts/9", kvm=False))
    assert "pflash" not in bios and "romfile" not in bios and "-accel tcg" in bios


def test_a_faulty_disk_is_seen_in_the_arguments() -> None:
    def line(fault: FaultKind) -> str:
        return " ".join(qemu.argv(MACHINE, qemu.boot_order("none"), "/dev/pts/9", kvm=False, fault=fault))

    assert "filename=disk.raw" in line(FaultKind.NONE) and "blkdebug" not in line(FaultKind.NONE)
    assert "driver=blkdebug,image=medium" in line(FaultKind.DISK_FAILING)
    assert "filename=disk-small.raw" in line(FaultKind.DISK_SMALL)


def test_a_clock_that_is_off_is_seen_in_the_arguments() -> None:
    words = qemu.argv(MACHINE, qemu.boot_order("none"), "/dev/pts/9", kvm=False, fault=FaultKind.CLOCK_OFF)
    begins = datetime.fromisoformat(words[words.index("-rtc") + 1].removeprefix("base=")).replace(tzinfo=UTC)
    assert timedelta(minutes=59) < datetime.now(UTC) - begins < timedelta(minutes=61)
    assert "-rtc" not in qemu.argv(MACHINE, qemu.boot_order("none"), "/dev/pts/9", kvm=False)


def test_a_containers_clock_is_its_hosts(tmp_path: Path) -> None:
    record.save(tmp_path, RACK)
    with pytest.raises(InputError, match="server2 is a container: its clock is this host's"):
        set_fault(tmp_path, "server2", Fault(FaultKind.CLOCK_OFF))


@pytest.mark.parametrize(
    "order",
    [
        *(Order("server1", event) for event in Event),
        *(Order("server2", Fault(kind, 12.5)) for kind in FaultKind),
        Order("server1", 15),
        RELOAD,
    ],
)
def test_an_order_is_read_as_it_was_sent(order: Order) -> None:
    assert parse_orders(order.line().encode()) == ([order], b"")
    assert parse_orders(order.line().encode() + b"server1 o") == ([order], b"server1 o")


@pytest.mark.parametrize("line", [b"", b"on", b"server1", b"server1 fly", b"\xff\xfe \xff", b"server1 identify -1"])
def test_what_is_no_order_is_dropped(line: bytes) -> None:
    assert parse_orders(line + b"\nserver1 on\n") == ([Order("server1", Event.ON)], b"")


def test_a_line_without_an_end_does_not_grow() -> None:
    assert len(parse_orders(b"x" * 100_000)[1]) <= 1024


def test_power_is_a_table_for_all_events() -> None:
    for on, event in itertools.product((True, False), Event):
        after, actions = decide(on, event)
        if not on:
            assert (after, actions) == ((True, (Action.START,)) if event is Event.ON else (False, ()))
        elif event is Event.ON:
            assert (after, actions) == (True, ())
        else:
            assert actions and after == (event not in (Event.OFF, Event.ENDED))


def test_faults_end_when_they_shall() -> None:
    fault = Fault.for_seconds(FaultKind.BMC_HANG, 60)
    assert not fault.over(fault.until - 1) and fault.over(fault.until)
    assert not Fault(FaultKind.BMC_HANG).over(1e12)
    assert Fault.parse(fault.text()).kind is FaultKind.BMC_HANG
    for text in ("", "none", "fly 0", "bmc-hang x", "bmc-hang 1 2"):
        assert Fault.parse(text) == Fault()


def test_the_command_has_the_words_of_the_rack() -> None:
    assert list(command.FAULTS) == list(FaultKind)
    assert list(command.KINDS) == list(Kind)
    assert list(command.FIRMWARE) == list(Firmware)
    told = [line.split()[0] for line in (command.fault.help or "").splitlines() if line.strip()]
    assert set(FaultKind) - set(told) == {FaultKind.NONE}


def test_container_machines_that_could_not_all_boot_are_refused_with_what_to_do() -> None:
    assert too_few_watches(18, 128) is None
    fault = too_few_watches(40, 128)
    assert fault is not None
    assert "40 container machines need 256 inotify instances, and this host allows root 128" in fault.message
    assert "fs.inotify.max_user_instances=256" in fault.hint
