"""A rack as a whole: put up, looked at, made to fail, and taken down without a trace."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from crowbar.errors import EnvironmentFault, InputError, NodeError
from crowbar.rack import host, subnet
from crowbar.rack.virtual import daemon, orders, qemu, record, vm, wiring
from crowbar.rack.virtual.bmc import ping, simulator
from crowbar.rack.virtual.choose import Wanted, check_count, new_machine
from crowbar.rack.virtual.container import machine as container
from crowbar.rack.virtual.faults import Fault, FaultKind
from crowbar.rack.virtual.layout import MachineFolder, RackFolder
from crowbar.rack.virtual.record import Firmware, Kind, MachineRecord, RackRecord

BMC_TIMEOUT = 60.0
_TAKEN_AFTER = 15.0
_WATCHES = Path("/proc/sys/fs/inotify/max_user_instances")
_WATCHES_OF_EACH, _WATCHES_OF_HOST = 6, 16  # seen: 21 machines boot with the kernel's 128, and the next does not
_TOOLS = {
    "ip": "iproute2",
    "nft": "nftables",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "ipmi_sim": "openipmi",
}
_CONTAINER_TOOLS = {
    "systemd-nspawn": "systemd-container",
    "losetup": "mount",
    "sfdisk": "fdisk",
    "zstd": "zstd",
    "cpio": "cpio",
}


@dataclass(frozen=True)
class MachineStatus:
    """How a machine is. Process ids are 0 for what does not run."""

    machine: MachineRecord
    power: str
    boot_device: str  # of the next start
    pid: int
    bmc_pid: int
    bmc_starts: int
    fault: str
    identify: bool
    console: Path


@dataclass(frozen=True)
class RackStatus:
    """How a rack is. Without a supervisor, its machines and BMCs have no power."""

    record: RackRecord
    supervisor_pid: int
    machines: tuple[MachineStatus, ...]


def up(folder: Path, count: int, wanted: Wanted) -> RackRecord:
    """Have a rack with at least ``count`` machines, whose BMCs answer. New machines are as ``wanted``, and off.

    What there is already stays as it is. Raises InputError and EnvironmentFault.
    """
    check_count(count)
    return _grown(folder, lambda old: {f"server{n}": wanted for n in range(len(old.machines) + 1, count + 1)})


def provide(folder: Path, wanted: Mapping[str, Wanted]) -> RackRecord:
    """Have a rack that has these machines, by name; those that there are stay as they are, whatever they are like.

    Raises InputError and EnvironmentFault.
    """

    def missing(old: RackRecord) -> Mapping[str, Wanted]:
        there = {machine.name for machine in old.machines}
        new = {name: one for name, one in wanted.items() if name not in there}
        check_count(len(there) + len(new))
        return new

    return _grown(folder, missing)


def _grown(folder: Path, missing: Callable[[RackRecord], Mapping[str, Wanted]]) -> RackRecord:
    """The rack with the machines that ``missing`` tells of it as it is, running."""
    rack = RackFolder(folder.resolve())
    _check_root()
    _make_folder(rack)
    with _locked(rack):
        whole = _wired(rack, missing)
        for machine in whole.machines:
            _prepare(machine, rack.machine(machine.name), whole)
        if not rack.orders.exists():
            os.mkfifo(rack.orders, 0o600)
        daemon.start(rack)
        orders.send(rack.orders, orders.RELOAD)
        _wait_for_bmcs(rack, whole)
    return whole


def _wired(rack: RackFolder, missing: Callable[[RackRecord], Mapping[str, Wanted]]) -> RackRecord:
    """The rack as it is to be, written down, with its networks up."""
    with subnet.choosing():
        old = record.load(rack.root) if (rack.root / record.NAME).exists() else wiring.plan_networks(rack.tag)
        new = [
            new_machine(rack.tag, number, one, old.bmc.network, name)
            for number, (name, one) in enumerate(missing(old).items(), start=len(old.machines) + 1)
        ]
        whole = replace(old, machines=(*old.machines, *new))
        _check_host(whole)
        record.save(rack.root, whole)  # first: it says what there may be on the host
        wiring.up(whole, rack.tag)
    return whole


def _check_root() -> None:
    if os.geteuid() != 0:
        raise EnvironmentFault("A rack needs root.", hint="Run the command with sudo.")


def _make_folder(rack: RackFolder) -> None:
    rack.root.mkdir(parents=True, exist_ok=True)
    rack.root.chmod(0o700)


@contextmanager
def _locked(rack: RackFolder) -> Iterator[None]:
    with rack.lock.open("a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EnvironmentFault(f"Another command changes the rack in {rack.root}.") from None
        yield


def _check_host(rack: RackRecord) -> None:
    tools = dict(_TOOLS)
    kinds = {machine.kind for machine in rack.machines}
    if Kind.VM in kinds:
        tools |= {"qemu-system-x86_64": "qemu-system-x86"}
    if Kind.CONTAINER in kinds:
        tools |= _CONTAINER_TOOLS
    missing = {package for tool, package in tools.items() if shutil.which(tool) is None}
    uefi = any(machine.kind is Kind.VM and machine.firmware is Firmware.UEFI for machine in rack.machines)
    if uefi and not qemu.OVMF_CODE.exists():
        missing.add("ovmf")
    if missing:
        packages = " ".join(sorted(missing))
        raise EnvironmentFault(
            f"Programs that run a rack are missing: {packages}.", hint=f"Run `apt-get install {packages}`."
        )
    if not Path("/dev/net/tun").exists() and not host.tried("modprobe", "tun"):
        raise EnvironmentFault("This host's kernel has no TUN device (/dev/net/tun), which machines' cables need.")
    containers = sum(machine.kind is Kind.CONTAINER for machine in rack.machines)
    if fault := too_few_watches(containers, int(_WATCHES.read_text(encoding="ascii"))):
        raise fault


def too_few_watches(containers: int, limit: int) -> EnvironmentFault | None:
    """What is wrong where so many container machines could not all boot; None if they can.

    Each has a systemd with inotify instances, and all of them are root's: systemd ends at once where it gets none.
    """
    wanted = containers * _WATCHES_OF_EACH + _WATCHES_OF_HOST
    if wanted <= limit:
        return None
    return EnvironmentFault(
        f"{containers} container machines need {wanted} inotify instances, and this host allows root {limit}.",
        hint=f"sysctl -w fs.inotify.max_user_instances={wanted}, or fewer container machines.",
    )


def _prepare(machine: MachineRecord, folder: MachineFolder, rack: RackRecord) -> None:
    if folder.power.exists():
        return
    folder.root.mkdir(parents=True, exist_ok=True)
    simulator.write_files(machine, folder, rack.bmc)
    vm.make_disks(machine, folder)
    folder.boot.write_text("none\n", encoding="utf-8")
    folder.fault.write_text(f"{Fault().text()}\n", encoding="utf-8")
    folder.power.write_text("0\n", encoding="utf-8")  # last: a machine that has it is whole


def _wait_for_bmcs(rack: RackFolder, whole: RackRecord) -> None:
    """Until each BMC answers that has no fault which keeps it from that."""
    silent = (FaultKind.BMC_HANG, FaultKind.POWER_CUT)
    asked = [machine for machine in whole.machines if _fault(rack.machine(machine.name)) not in silent]
    with ThreadPoolExecutor(max_workers=16) as pool:
        found = pool.map(lambda machine: ping.answers(machine.bmc.address, BMC_TIMEOUT), asked)
        dumb = [machine.name for machine, answer in zip(asked, found, strict=True) if not answer]
    if dumb:
        raise NodeError(
            f"These BMCs do not answer: {', '.join(dumb)}.", hint=f"See {rack.machine(dumb[0]).root / 'bmc.log'}."
        )


def _fault(folder: MachineFolder) -> FaultKind:
    try:
        return Fault.parse(folder.fault.read_text(encoding="utf-8")).kind
    except FileNotFoundError:
        return FaultKind.NONE


def status(folder: Path) -> RackStatus:
    """How the rack is. Raises EnvironmentFault if there is none."""
    rack = RackFolder(folder.resolve())
    whole = record.load(rack.root)
    supervisor = daemon.running(rack)
    machines = tuple(
        _status(machine, rack.machine(machine.name), powered=supervisor != 0) for machine in whole.machines
    )
    return RackStatus(whole, supervisor, machines)


def _status(machine: MachineRecord, folder: MachineFolder, *, powered: bool) -> MachineStatus:
    try:
        state = json.loads(folder.state.read_text(encoding="utf-8"))
        boot = folder.boot.read_text(encoding="utf-8").strip()
    except FileNotFoundError:  # its making was interrupted, or it was added a moment ago
        state, boot = {}, "none"
    return MachineStatus(
        machine=machine,
        power=state.get("power", "off") if powered else "off",
        boot_device=boot or "none",
        pid=state.get("pid", 0) if powered else 0,
        bmc_pid=state.get("bmc_pid", 0) if powered else 0,
        bmc_starts=state.get("bmc_starts", 0),
        fault=state.get("fault", FaultKind.NONE),
        identify=powered and state.get("identify_until", 0) > time.time(),
        console=folder.console,
    )


def set_fault(folder: Path, name: str, fault: Fault) -> None:
    """Have that machine have the fault instead of the one that it has; with NONE, lift it.

    Raises EnvironmentFault: no such rack or machine, or it is not supervised. Raises InputError for a fault that a
    machine of its kind cannot have.
    """
    rack = RackFolder(folder.resolve())
    machine = record.load(rack.root).machine(name)
    if fault.kind is FaultKind.CLOCK_OFF and machine.kind is Kind.CONTAINER:
        raise InputError(f"{name} is a container: its clock is this host's.", hint="A machine of kind vm has its own.")
    if not daemon.running(rack):
        raise EnvironmentFault("The rack has no power: its supervisor does not run.", hint="crowbar rack up")
    orders.send(rack.orders, orders.Order(name, fault))
    until = time.monotonic() + _TAKEN_AFTER
    while time.monotonic() < until:
        found = Fault.parse(rack.machine(name).fault.read_text(encoding="utf-8"))
        if found.text() == fault.text():
            return
        time.sleep(0.05)
    raise EnvironmentFault("The rack's supervisor did not take the order.", hint=f"See {rack.log}.")


def down(folder: Path) -> bool:
    """Take the rack away without a trace, however much of it there is; whether there was one. Its disks are lost."""
    rack = RackFolder(folder.resolve())
    there = rack.root.is_dir()
    namespace = f"crowbar-{rack.tag}"
    if not there and not wiring.namespace_path(namespace).exists():
        return False
    _check_root()
    _make_folder(rack)
    with _locked(rack):
        daemon.stop(rack)
        daemon.clear(wiring.namespaces(namespace))
        _release(rack, namespace)
        wiring.down(namespace, rack.tag)
        _delete(rack.root)
    return True


def _release(rack: RackFolder, namespace: str) -> None:
    """What container machines that were not switched off in order left on the host."""
    try:
        machines = record.load(rack.root).machines
    except EnvironmentFault:  # without a record nothing was ever switched on
        return
    for machine in machines:
        if machine.kind is Kind.CONTAINER:
            container.release(namespace, machine, rack.machine(machine.name))


def _delete(root: Path) -> None:
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    if any(line.split()[4].startswith(f"{root}/") for line in mounts):
        raise EnvironmentFault(f"Something is mounted below {root}.", hint="See `findmnt`; unmount it and try again.")
    shutil.rmtree(root)
