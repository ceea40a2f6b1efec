"""Prints what a node is and can do, as one JSON object. Runs ON the node: `ssh NODE python3 - <probe.py`.

One file, the standard library only, Python 3.11 or newer, as root. What the node can do is found by really doing it
in a small way, because a device file, a module's name or a CPU flag says little within containers and nested
virtual machines. Nothing that is made stays: interfaces end with their file descriptor, children are waited for. A
kernel module may have been loaded, as it would be by the first real use.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import mmap
import os
import platform
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

KVM_SECONDS = 3.0
_KVM_ROUNDS = 20_000_000  # of a loop of two instructions: some 20 ms of a real processor
_GUEST_CODE = 0x4000
_GUEST_MEMORY = 2 << 20
_GUEST_PORT = 0x80
_EXIT_IO = 2
_NETLINK_ERROR = 2
_FSOPEN = 430  # the system call's number, the same on all architectures
_LISTEN = "0A"


def kvm() -> bool:
    """Whether a KVM guest runs at the processor's speed.

    That /dev/kvm opens, and even that a guest runs some instructions, does not show it: in some nested virtual
    machines (seen with the kvm_pvm module) KVM interprets every guest instruction in software, at two million a
    second, in every processor mode. Firmware starts there and a kernel never gets anywhere. So a guest in 64-bit mode
    with paging has to count to twenty million and say so within a deadline that is a hundred times what it needs.
    """
    if platform.machine() != "x86_64":  # the guest below is x86 code
        return False
    child = os.fork()
    if child == 0:
        try:
            # If we are killed meanwhile, it neither spins for ever, nor holds our locks for long.
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))
            signal.setitimer(signal.ITIMER_REAL, KVM_SECONDS + 1)
            os._exit(0 if _run_guest() else 1)
        finally:
            os._exit(1)
    deadline = time.monotonic() + KVM_SECONDS
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status == 0
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def _run_guest() -> bool:
    """Make a virtual machine of one processor, and run `mov ecx, N; 1: dec ecx; jnz 1b; mov al, '!'; out 0x80, al`."""
    kvm = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
    machine = fcntl.ioctl(kvm, 0xAE01, 0)  # KVM_CREATE_VM
    memory = mmap.mmap(-1, _GUEST_MEMORY)
    code = (
        b"\xb9"
        + struct.pack("<I", _KVM_ROUNDS)
        + bytes((0xFF, 0xC9, 0x75, 0xFC, 0xB0, ord("!"), 0xE6, _GUEST_PORT, 0xF4))
    )
    memory[_GUEST_CODE : _GUEST_CODE + len(code)] = code
    # Three levels of page tables that map the first 2 MiB onto themselves by one large page.
    for place, entry in ((0x1000, 0x2003), (0x2000, 0x3003), (0x3000, 0x83)):
        struct.pack_into("<Q", memory, place, entry)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    fcntl.ioctl(machine, 0x4020AE46, struct.pack("<IIQQQ", 0, 0, 0, _GUEST_MEMORY, address))  # SET_USER_MEMORY_REGION
    processor = fcntl.ioctl(machine, 0xAE41, 0)  # KVM_CREATE_VCPU
    features = bytearray(8 + 40 * 256)
    struct.pack_into("<I", features, 0, 256)
    fcntl.ioctl(kvm, 0xC008AE05, features)  # KVM_GET_SUPPORTED_CPUID; without long mode in it EFER is refused
    fcntl.ioctl(processor, 0x4008AE90, features)  # KVM_SET_CPUID2
    _enter_long_mode(processor)
    run = mmap.mmap(processor, fcntl.ioctl(kvm, 0xAE04, 0))  # KVM_GET_VCPU_MMAP_SIZE
    fcntl.ioctl(processor, 0xAE80, 0)  # KVM_RUN
    if struct.unpack_from("<I", run, 8)[0] != _EXIT_IO:
        return False
    _direction, _size, port, _count, offset = struct.unpack_from("<BBHIQ", run, 32)
    return bool(port == _GUEST_PORT and run[offset] == ord("!"))


def _enter_long_mode(processor: int) -> None:
    """Set the processor's registers to 64-bit mode, paging on, at the guest's code."""
    special = bytearray(312)  # struct kvm_sregs
    fcntl.ioctl(processor, 0x8138AE83, special)  # KVM_GET_SREGS
    # The selector, then a byte for each of: type, present, privilege, 32-bit, not system, 64-bit, granularity, spare.
    code, data = (8, 11, 1, 0, 0, 1, 1, 1, 0, 0, 0), (16, 3, 1, 0, 1, 1, 0, 1, 0, 0, 0)
    for number in range(6):  # cs, ds, es, fs, gs, ss
        struct.pack_into("<QIH10B", special, 24 * number, 0, 0xFFFFFFFF, *(data if number else code))
    control = 24 * 8 + 16 * 2  # behind eight segments and two descriptor tables
    cr0, cr2, _cr3, cr4, cr8, efer = struct.unpack_from("<6Q", special, control)
    values = (cr0 | 0x80000001, cr2, 0x1000, cr4 | 0x20, cr8, efer | 0x500)  # PG PE; PAE; LMA LME
    struct.pack_into("<6Q", special, control, *values)
    fcntl.ioctl(processor, 0x4138AE84, special)  # KVM_SET_SREGS
    fcntl.ioctl(processor, 0x4090AE82, struct.pack("<18Q", *([0] * 16), _GUEST_CODE, 2))  # KVM_SET_REGS: rip, rflags


def openvswitch() -> bool:
    """Whether the kernel has Open vSwitch's datapath."""
    return _netlink_family(b"ovs_datapath")


def _netlink_family(name: bytes) -> bool:
    """Whether the kernel knows the generic netlink family, having loaded its module if it must."""
    value = name + b"\0"
    attribute = struct.pack("<HH", 4 + len(value), 2) + value + b"\0" * (-len(value) % 4)  # CTRL_ATTR_FAMILY_NAME
    body = struct.pack("<BBH", 3, 1, 0) + attribute  # CTRL_CMD_GETFAMILY
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16) as netlink:  # NETLINK_GENERIC
        netlink.settimeout(5)
        netlink.send(struct.pack("<IHHII", 16 + len(body), 16, 1, 1, 0) + body)  # to the controller, NLM_F_REQUEST
        kind = struct.unpack_from("<H", netlink.recv(65536), 4)[0]
    return bool(kind != _NETLINK_ERROR)


def device_mapper() -> bool:
    """Whether logical volumes can be made: the device-mapper tells its version, which only an administrator gets."""
    control = os.open("/dev/mapper/control", os.O_RDWR | os.O_CLOEXEC)
    try:
        request = bytearray(312)  # struct dm_ioctl
        struct.pack_into("<4I", request, 0, 4, 0, 0, len(request))
        fcntl.ioctl(control, 0xC138FD00, request)  # DM_VERSION
    finally:
        os.close(control)
    return True


def nfs_client() -> bool:
    """Whether NFS can be mounted: the kernel opens a context for such a mount. None is made."""
    libc = ctypes.CDLL(None, use_errno=True)
    context = libc.syscall(_FSOPEN, b"nfs4", 1)  # FSOPEN_CLOEXEC
    if context >= 0:
        os.close(context)
    return bool(context >= 0)


def loop() -> bool:
    """Whether a file can be made a block device: a free loop device is there and opens."""
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    try:
        number = fcntl.ioctl(control, 0x4C82)  # LOOP_CTL_GET_FREE
    finally:
        os.close(control)
    os.close(os.open(f"/dev/loop{number}", os.O_RDWR | os.O_CLOEXEC))
    return True


def tun() -> bool:
    """Whether a tap interface, such as a guest's, can be made."""
    os.close(_make_tap(b"crowbar-tun"))
    return True


def vlan() -> bool:
    """Whether a VLAN interface can be made: on a tap interface, with which it ends."""
    name = b"crowbar-vlan"
    tap = _make_tap(name)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            fcntl.ioctl(control, 0x8983, struct.pack("<i24si20xhxx", 0, name, 7, 0))  # SIOCSIFVLAN, ADD_VLAN_CMD
    finally:
        os.close(tap)
    return True


def _make_tap(name: bytes) -> int:
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(tap, 0x400454CA, struct.pack("<16sH22x", name, 0x1002))  # TUNSETIFF: IFF_TAP, IFF_NO_PI
    except OSError:
        os.close(tap)
        raise
    return tap


def able(check: Callable[[], bool]) -> bool:
    """What the check found; that the kernel refused a part of it is a no."""
    try:
        return check()
    except OSError:
        return False


CAPABILITIES = (kvm, openvswitch, device_mapper, nfs_client, loop, tun, vlan)


def listening() -> list[int]:
    """The TCP ports that something listens on, of any address."""
    ports: set[int] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except FileNotFoundError:  # no IPv6
            continue
        fields = (line.split() for line in lines)
        ports.update(int(field[1].rpartition(":")[2], 16) for field in fields if field[3] == _LISTEN)
    return sorted(ports)


def distribution() -> dict[str, str]:
    """The operating system's id, version and code name, empty where it tells none."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    keys = {"id": "ID", "version": "VERSION_ID", "codename": "VERSION_CODENAME"}
    return {name: release.get(key, "") for name, key in keys.items()}


def virtualization() -> str:
    """The word that systemd has for the innermost virtual machine or container; `none` on hardware."""
    try:
        found = subprocess.run(["systemd-detect-virt"], stdout=subprocess.PIPE, text=True, timeout=10, check=False)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        return "unknown"
    return found.stdout.strip() or "unknown"


def memory_mib() -> int:
    """The memory that the kernel has, in MiB."""
    fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    return int(fields["MemTotal"].split()[0]) // 1024


def facts() -> dict[str, object]:
    """All facts of this node, as `crowbar_inventory.facts` reads them."""
    return {
        "hostname": socket.gethostname(),
        "distribution": distribution(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_mib": memory_mib(),
        "disk_free_mib": shutil.disk_usage("/").free >> 20,
        "virtualization": virtualization(),
        "systemd": Path("/run/systemd/system").is_dir(),
        "capabilities": [check.__name__ for check in CAPABILITIES if able(check)],
        "listening": listening(),
    }


if __name__ == "__main__":
    print(json.dumps(facts()))
