"""A rack of two virtual machines, one with a BIOS, one with UEFI: real QEMU, real IPMI."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from crowbar.errors import EnvironmentFault
from crowbar.rack import virtual
from crowbar.rack.virtual import Fault, FaultKind, Firmware, RackRecord, Wanted
from crowbar.rack.virtual.layout import RackFolder
from tests.rack.virtual.traces import Wire, console, ipmi, sol, traces, wait_for

pytestmark = [pytest.mark.machine, pytest.mark.timeout(900)]
BIOS, UEFI = "server1", "server2"
SLOW = 300.0


def boot_sector(text: str, *, power_off: bool) -> bytes:
    """A disk's first sector that prints the text on the serial port, and resets the machine or switches it off."""
    code = bytes.fromhex("31c08ed8be2b7c")  # ds = 0, si = the text, 0x2b behind 0x7c00
    code += bytes.fromhex("ac84c0741288c4bafd03eca82074fbbaf80388e0eeebe9")  # a character whenever the line is free
    # ACPI's S5 by the port that SeaBIOS sets on q35; or the reset of port 0xcf9. Then halt for ever.
    code += bytes.fromhex("ba0406b80020ef" if power_off else "baf90cb006ee") + bytes.fromhex("f4ebfd")
    return (code.ljust(0x2B, b"\x90") + f"{text}\r\n".encode() + b"\0").ljust(510, b"\0") + b"\x55\xaa"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("state") / "rack"
    tag = RackFolder(folder).tag
    try:
        virtual.up(folder, 1, Wanted(memory_mib=256, disk_gib=1))
        virtual.up(folder, 2, Wanted(firmware=Firmware.UEFI, memory_mib=256, disk_gib=1))
        assert len(traces(folder, tag)) > len(("namespace", "two cables", "table", "supervisor", "two BMCs", "folder"))
        yield folder
    finally:
        virtual.down(folder)
    assert traces(folder, tag) == []
    assert virtual.down(folder) is False


def _off(folder: Path, name: str) -> bool:
    return status(folder, name).pid == 0


@pytest.fixture
def rack(folder: Path) -> Iterator[RackRecord]:
    yield virtual.load(folder)
    for name in (BIOS, UEFI):
        virtual.set_fault(folder, name, Fault())
        ipmi(folder, name, "power", "off")
        wait_for(partial(_off, folder, name), SLOW)


def status(folder: Path, name: str) -> virtual.MachineStatus:
    return next(found for found in virtual.status(folder).machines if found.machine.name == name)


def put_on_disk(folder: Path, name: str, sector: bytes) -> None:
    with (folder / "machines" / name / "disk.raw").open("r+b") as disk:
        disk.write(sector)


def test_the_bmcs_tell_what_they_are(folder: Path, rack: RackRecord) -> None:
    machine = rack.machine(UEFI)
    assert ipmi(folder, UEFI, "power", "status") == "Chassis Power is off"
    assert f"Product Serial        : {machine.serial}" in ipmi(folder, UEFI, "fru")
    # Left to guess the encoding, ipmitool takes one UUID in sixteen for a time-based one.
    assert machine.uuid in ipmi(folder, UEFI, "mc", "guid", "smbios")
    sensors = ipmi(folder, UEFI, "sdr")
    assert "Inlet Temp       | 24 degrees C      | ok" in sensors and "5400 RPM" in sensors
    lan = ipmi(folder, UEFI, "lan", "print", "1")
    assert machine.bmc.address in lan and machine.bmc.mac in lan
    ipmi(folder, UEFI, "chassis", "identify", "60")
    wait_for(lambda: status(folder, UEFI).identify, 10)
    ipmi(folder, UEFI, "power", "status", password="wrong", code=1)


def test_making_it_again_changes_nothing(folder: Path, rack: RackRecord) -> None:
    before = virtual.status(folder)
    assert virtual.up(folder, 1, Wanted(firmware=Firmware.UEFI, memory_mib=512)) == rack
    assert virtual.status(folder) == before


def test_both_boot_from_the_network_when_told_to(folder: Path, rack: RackRecord) -> None:
    for name in (BIOS, UEFI):
        wire = Wire(rack)
        ipmi(folder, name, "chassis", "bootdev", "pxe")
        assert status(folder, name).boot_device == "pxe"
        ipmi(folder, name, "power", "on")
        assert ipmi(folder, name, "power", "status") == "Chassis Power is on"
        try:
            wait_for(partial(wire.pxe_asked, rack.machine(name).macs[0]), SLOW)
        finally:
            wire.close()
        assert status(folder, name).boot_device == "none", "it was meant for one boot"
        ipmi(folder, name, "power", "off")
        assert ipmi(folder, name, "power", "status") == "Chassis Power is off"
    assert "iPXE" in console(folder, BIOS)


def test_a_guests_reboot_and_a_reset_start_it_anew_from_the_disk(folder: Path, rack: RackRecord) -> None:
    put_on_disk(folder, BIOS, boot_sector("booted from the disk", power_off=False))
    ipmi(folder, BIOS, "chassis", "bootdev", "pxe")
    ipmi(folder, BIOS, "power", "on")
    wait_for(lambda: status(folder, BIOS).pid != 0, SLOW)
    first = status(folder, BIOS).pid
    ipmi(folder, BIOS, "chassis", "power", "reset")
    wait_for(lambda: console(folder, BIOS).count("booted from the disk") > 1, SLOW)
    wait_for(lambda: status(folder, BIOS).pid not in (0, first), SLOW)
    assert ipmi(folder, BIOS, "power", "status") == "Chassis Power is on"


def test_a_guest_that_switches_itself_off_is_off(folder: Path, rack: RackRecord) -> None:
    put_on_disk(folder, BIOS, boot_sector("good night", power_off=True))
    ipmi(folder, BIOS, "power", "on")
    wait_for(lambda: "good night" in console(folder, BIOS), SLOW)
    wait_for(lambda: ipmi(folder, BIOS, "power", "status") == "Chassis Power is off", SLOW)


def test_a_machine_that_is_killed_is_off(folder: Path, rack: RackRecord) -> None:
    ipmi(folder, BIOS, "power", "on")
    wait_for(lambda: status(folder, BIOS).pid != 0, SLOW)
    os.kill(status(folder, BIOS).pid, signal.SIGKILL)
    wait_for(lambda: ipmi(folder, BIOS, "power", "status") == "Chassis Power is off", SLOW)


def test_a_bmc_that_is_killed_is_back_by_itself(folder: Path, rack: RackRecord) -> None:
    before = status(folder, UEFI)
    os.kill(before.bmc_pid, signal.SIGKILL)
    wait_for(lambda: status(folder, UEFI).bmc_starts == before.bmc_starts + 1, SLOW)
    assert ipmi(folder, UEFI, "power", "status") == "Chassis Power is off"


def test_the_console_is_two_way_over_the_network(folder: Path, rack: RackRecord) -> None:
    ipmi(folder, BIOS, "chassis", "bootdev", "pxe")
    with sol(folder, BIOS) as session:
        ipmi(folder, BIOS, "power", "on")
        until = time.monotonic() + SLOW
        while "iPXE>" not in console(folder, BIOS):
            session.type(b"\x02")  # Ctrl-B, for iPXE's command line
            time.sleep(0.5)
            assert time.monotonic() < until, console(folder, BIOS)[-500:]
    assert b"iPXE" in session.seen


def test_faults_of_the_bmc_come_and_go(folder: Path, rack: RackRecord) -> None:
    virtual.set_fault(folder, UEFI, Fault(FaultKind.BMC_REFUSES))
    ipmi(folder, UEFI, "power", "status", code=1)
    virtual.set_fault(folder, UEFI, Fault(FaultKind.BMC_HANG))
    ipmi(folder, UEFI, "-R", "1", "power", "status", code=1)
    virtual.set_fault(folder, UEFI, Fault(FaultKind.BMC_LIES))
    ipmi(folder, UEFI, "power", "on")
    assert ipmi(folder, UEFI, "power", "status") == "Chassis Power is on"
    assert status(folder, UEFI).power == "off"
    virtual.set_fault(folder, UEFI, Fault.for_seconds(FaultKind.POWER_IGNORED, 3))
    ipmi(folder, UEFI, "power", "on")
    assert ipmi(folder, UEFI, "power", "status") == "Chassis Power is off"
    wait_for(lambda: status(folder, UEFI).fault == "none", SLOW)
    with pytest.raises(EnvironmentFault, match="no machine"):
        virtual.set_fault(folder, "server9", Fault())


def test_a_power_cut_takes_the_bmc_too_and_its_end_brings_it_back(folder: Path, rack: RackRecord) -> None:
    ipmi(folder, UEFI, "power", "on")
    virtual.set_fault(folder, UEFI, Fault(FaultKind.POWER_CUT))
    wait_for(lambda: status(folder, UEFI).bmc_pid == 0 and status(folder, UEFI).pid == 0, SLOW)
    ipmi(folder, UEFI, "-R", "1", "power", "status", code=1)
    virtual.set_fault(folder, UEFI, Fault())
    wait_for(lambda: status(folder, UEFI).bmc_pid != 0, SLOW)
    assert ipmi(folder, UEFI, "power", "status") == "Chassis Power is off"


def test_without_a_link_nobody_hears_it(folder: Path, rack: RackRecord) -> None:
    put_on_disk(folder, BIOS, bytes(512))
    virtual.set_fault(folder, BIOS, Fault(FaultKind.NIC_DOWN))
    wire = Wire(rack)
    begun = len(console(folder, BIOS))
    try:
        ipmi(folder, BIOS, "chassis", "bootdev", "pxe")
        ipmi(folder, BIOS, "power", "on")
        wait_for(lambda: f"Configuring (net0 {rack.machine(BIOS).macs[0]})...." in console(folder, BIOS)[begun:], SLOW)
        assert not wire.pxe_asked(rack.machine(BIOS).macs[0])
        virtual.set_fault(folder, BIOS, Fault())
        wait_for(lambda: wire.pxe_asked(rack.machine(BIOS).macs[0]), SLOW)
    finally:
        wire.close()


def test_a_supervisor_that_is_killed_takes_the_rack_with_it_and_comes_back(folder: Path, rack: RackRecord) -> None:
    ipmi(folder, BIOS, "power", "on")
    wait_for(lambda: status(folder, BIOS).pid != 0, SLOW)
    found = virtual.status(folder)
    os.kill(found.supervisor_pid, signal.SIGKILL)
    pids = [pid for machine in found.machines for pid in (machine.pid, machine.bmc_pid) if pid]
    wait_for(lambda: not any(Path(f"/proc/{pid}/root").exists() and _lives(pid) for pid in pids), SLOW)
    assert {machine.power for machine in virtual.status(folder).machines} == {"off"}
    virtual.up(folder, 2, Wanted())
    assert ipmi(folder, BIOS, "power", "status") == "Chassis Power is off"


def _lives(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@pytest.mark.parametrize("part", ["record.save", "wiring.up", "simulator.write_files", "daemon.start"])
def test_a_rack_whose_making_was_killed_is_taken_away_whole(part: str, tmp_path: Path) -> None:
    folder = tmp_path / "rack"
    module, name = part.split(".")
    program = f"""
import os, signal
from pathlib import Path
from crowbar.rack.virtual import Wanted, daemon, record, up, wiring
from crowbar.rack.virtual.bmc import simulator
real = {module}.{name}
def killed(*arguments):
    real(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
{module}.{name} = killed
up(Path({str(folder)!r}), 1, Wanted(disk_gib=1))
"""
    try:
        done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        assert folder.exists()
    finally:
        virtual.down(folder)
    assert traces(folder, RackFolder(folder).tag) == []
