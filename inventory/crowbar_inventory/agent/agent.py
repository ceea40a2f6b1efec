"""Crowbar's agent on a machine that is not installed yet: it tells what the machine is, and does what it is ordered.

One file, the standard library alone, Python 3.11 or newer, as root, in the discovery system. It is told by words, as on
the kernel's command line: ``crowbar.url=`` (the admin node), ``crowbar.token=`` (one-time), ``BOOTIF=`` (the MAC it
was booted from), ``crowbar.machine=`` (a file that plays the hardware's part where there is none). It never gives up:
what fails is said on the console and to the admin node, and is tried again. What the admin node sends is checked too.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import http.client
import io
import json
import mmap
import os
import random
import re
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any, NoReturn, Self, cast
from urllib.parse import urlsplit
from uuid import uuid4

VERSION = "1"
_MIB = 1 << 20
_CHUNK, _UNIT = 4 * _MIB, _MIB  # read at once; written, or zeroed, at once
_ENDS = _MIB  # of a disk, where its partition tables are
_REPLY_LIMIT = 4 * _MIB
_TEXT_LIMIT = _MIB  # of one program's output: all together must stay below what the admin node takes
_SECTOR = 512
_TRIES = 3  # of an image that is damaged on the way
_ABSENT = 900.0  # seconds for which an admin node is waited for that does not send it
_BACK_OFF = 30.0  # seconds at most between two tries
_SAY_AGAIN = 10.0
_INTERVAL = 300.0  # and between two questions whether we are approved
_REPORT_EVERY = 2.0
_ALIVE_EVERY = 30.0  # at most, however long a program works in silence: the admin node takes silence for death
_DISCARD, _ZERO_OUT, _REREAD = 0x1277, 0x127F, 0x125F  # ioctls of linux/fs.h
_ID = r"[\w-]{1,64}"
_ADDRESS = r"[0-9a-fA-F.:]{2,45}"
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
_NO_DISKS = ("loop", "ram", "zram", "sr", "dm-", "md", "fd", "nbd")

Report = Callable[[int, str], None]


class OrderError(Exception):
    """An order cannot be carried out; the text is for the operator."""


class DamagedError(OrderError):
    """The image did not arrive as it is; another try may do."""


class AbsentError(DamagedError):
    """Nobody was there to send the image, or to go on with it: the admin node is being restarted, say."""


class UnreachableError(Exception):
    """The admin node does not answer, or answers what it should not."""


class SessionOverError(Exception):
    """The admin node does not know this session any more."""


class Console:
    """One line for each thing done or waited for, with the seconds since start, on every console there is."""

    def __init__(self, start: float, consoles: Sequence[str] = ()) -> None:
        self._start = start
        self._files = []
        for name in consoles:
            with contextlib.suppress(OSError):  # a machine need not have it; and it must never hold us up
                self._files.append(os.open(f"/dev/{name}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY))
        self._files = self._files or [1]

    def say(self, message: str) -> None:
        """Tell it, in one line."""
        text = "".join(char if char.isprintable() else " " for char in message)[:400]
        for file in self._files:
            with contextlib.suppress(OSError):
                os.write(file, f"[{time.monotonic() - self._start:8.1f}] crowbar: {text}\n".encode())


# What the admin node says, checked.


def text(source: Mapping[str, Any], key: str, limit: int = 4096, default: str | None = None) -> str:
    """The text there, of at most ``limit`` characters. Raises OrderError."""
    value = source.get(key, default)
    if not isinstance(value, str) or len(value) > limit or "\0" in value:
        raise OrderError(f"{key} must be a text of at most {limit} characters")
    return value


def line(source: Mapping[str, Any], key: str, pattern: str, default: str | None = None) -> str:
    """The text there, of the form ``pattern``. Raises OrderError."""
    value = text(source, key, 255, default)
    if not re.fullmatch(pattern, value):
        raise OrderError(f"{key} is not acceptable: {value!r}")
    return value


def number(source: Mapping[str, Any], key: str, low: int, high: int) -> int:
    """The whole number there. Raises OrderError."""
    value = source.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise OrderError(f"{key} must be a whole number from {low} to {high}")
    return value


def items(source: Mapping[str, Any], key: str, kind: type, limit: int = 256) -> list[Any]:
    """The list there, of things of one kind; an absent one is empty. Raises OrderError."""
    value = source.get(key, [])
    if not isinstance(value, list) or len(value) > limit or not all(isinstance(item, kind) for item in value):
        raise OrderError(f"{key} must be a list of at most {limit}")
    return value


@dataclass(frozen=True)
class Settings:
    """What the agent was told when it started. ``played`` is the description that plays the hardware's part."""

    url: str
    token: str | None = None
    boot_mac: str = ""
    played: Mapping[str, Any] = field(default_factory=dict)
    state: Path = Path("/run/crowbar")

    @classmethod
    def read(cls, words: Sequence[str]) -> Settings:
        """From words like the kernel's; OrderError when they do not name an admin node."""
        said = dict(word.split("=", 1) for word in words if "=" in word)
        url = said.get("crowbar.url", "").rstrip("/")
        if urlsplit(url).scheme != "http" or not urlsplit(url).hostname:
            raise OrderError("no crowbar.url=http://ADDRESS:PORT was given: the boot script must name the admin node")
        # iPXE and pxelinux write the hardware's type before it: 01-52-54-00-…
        mac = said.get("BOOTIF", "").lower().replace("-", ":")[-17:]
        played = json.loads(Path(said["crowbar.machine"]).read_text("utf-8")) if "crowbar.machine" in said else {}
        state = Path(said.get("crowbar.state", "/run/crowbar"))
        return cls(url, said.get("crowbar.token") or None, mac, played, state)


class Admin:
    """The admin node's HTTP."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self.session = ""

    def post(self, path: str, body: object, patience: float = 20.0) -> tuple[int, dict[str, Any]]:
        """The status and what it answered. Raises UnreachableError, SessionOverError."""
        with self._request("POST", path, json.dumps(body).encode(), patience) as response:
            try:
                said = response.read(_REPLY_LIMIT + 1)
                answer = json.loads(said) if len(said) <= _REPLY_LIMIT else None
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise UnreachableError(f"{path} answered {response.status} and no JSON: {error}") from error
        if not isinstance(answer, dict) or response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise UnreachableError(f"{path} answered {response.status}: {str(answer)[:200]}")
        if response.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.CONFLICT):
            raise SessionOverError(str(answer.get("message", "the session is over")))
        return response.status, answer

    @contextlib.contextmanager
    def download(self, path: str) -> Iterator[http.client.HTTPResponse]:
        """The body there, to be read. Raises DamagedError."""
        try:
            with self._request("GET", path, None, 60.0) as response:
                if response.status != HTTPStatus.OK:
                    raise DamagedError(f"the admin node answers {response.status} to {path}")
                yield response
        except UnreachableError as error:
            raise AbsentError(str(error)) from error

    @contextlib.contextmanager
    def _request(
        self, method: str, path: str, body: bytes | None, patience: float
    ) -> Iterator[http.client.HTTPResponse]:
        link = http.client.HTTPConnection(self._parts.hostname or "", self._parts.port, timeout=patience)
        headers = {"Authorization": f"Bearer {self.session}"} if self.session else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            try:
                link.request(method, self._parts.path + path, body, headers)
                response = link.getresponse()
            except (OSError, http.client.HTTPException) as error:
                raise UnreachableError(f"{self._parts.netloc}: {error or type(error).__name__}") from error
            yield response
        finally:
            link.close()


# What the machine is.


def contents(path: str | Path) -> str:
    """A small file's text without its line end; "" where it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return file.read(_TEXT_LIMIT).decode("utf-8", "replace").strip().strip("\0")
    except OSError:
        return ""


def run(argv: Sequence[str], patience: float = 30.0, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program to its end. One that is missing, or takes too long, comes back as failed."""
    try:
        return subprocess.run(
            argv,
            input=given,
            timeout=patience,
            env={**os.environ, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(argv, 1, "", str(error))


@dataclass(frozen=True)
class Disk:
    """One whole disk: sizes in bytes."""

    name: str
    path: str
    size: int
    serial: str = ""
    sector: int = 512
    removable: bool = False


def disks(played: Mapping[str, Any]) -> list[Disk]:
    """The whole disks that there are now."""
    if played:
        return _played_disks(played)
    found = []
    for folder in sorted(Path("/sys/block").iterdir()):
        size = contents(folder / "size")
        if folder.name.startswith(_NO_DISKS) or not size.isdecimal() or size == "0":
            continue
        serial = contents(folder / "serial") or contents(folder / "device/serial") or _page_serial(folder)
        sector = int(contents(folder / "queue/logical_block_size") or 512)
        removable = contents(folder / "removable") == "1"
        found.append(Disk(folder.name, f"/dev/{folder.name}", int(size) * 512, serial, sector, removable))
    return found


def _page_serial(folder: Path) -> str:
    """A SCSI or SATA disk's serial number, from its page 0x80 (SPC-4)."""
    with contextlib.suppress(OSError):
        page = (folder / "device/vpd_pg80").read_bytes()
        return page[4 : 4 + int.from_bytes(page[2:4], "big")].decode("ascii", "replace").strip()
    return ""


def _played_disks(played: Mapping[str, Any]) -> list[Disk]:
    path = str(played.get("disk", ""))
    try:
        with Path(path).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
        listed = json.loads(played.get("raw", {}).get("lsblk", "{}")).get("blockdevices", [])
    except OSError:
        return []
    name = path.rpartition("/")[2]
    serials = [str(disk.get("serial") or "") for disk in listed if disk.get("name") == name]
    return [Disk(name, path, size, serials[0] if serials else "")]


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
                raw[name] = done.stdout[:_TEXT_LIMIT]
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


# What can be ordered.


def choose(wanted: str, found: Sequence[Disk]) -> Disk:
    """The disk of that serial number, else of that name. Raises OrderError if there is not exactly one."""
    fitting = [disk for disk in found if disk.serial == wanted] or [disk for disk in found if disk.name == wanted]
    if len(fitting) == 1:
        return fitting[0]
    there = ", ".join(f"{disk.name} ({disk.serial or 'without serial number'})" for disk in found) or "none"
    raise OrderError(f"{len(fitting) or 'no'} disks are called {wanted!r}; this machine has: {there}")


class Target:
    """A disk being written.

    Zeros are made by the disk itself where it can, which may be much quicker. They are never merely left out: what
    was there before would be in the new files.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_EXCL
        try:
            self.file = os.open(disk.path, flags | os.O_DIRECT)  # errors come at once, and memory stays free
        except OSError:
            try:
                self.file = os.open(disk.path, flags)
            except OSError as error:
                raise OrderError(f"{disk.name} cannot be written: {error.strerror}") from error
        self._zeros = mmap.mmap(-1, _UNIT)
        self._gap = (0, 0)

    def write(self, offset: int, data: memoryview) -> None:
        """Write it there, or note that it is zeros. ``data`` is aligned to pages."""
        for start in range(0, len(data), _UNIT):
            piece = data[start : start + _UNIT]
            if bytes(piece) == self._zeros[: len(piece)]:
                self._widen(offset + start, len(piece))
            else:
                self._all(offset + start, piece)

    def ends(self) -> None:
        """Zero both ends: nothing can be booted from it, and no partition is seen."""
        for start in (0, max(0, self._disk.size - _ENDS)):
            self.zero(start, min(_ENDS, self._disk.size))

    def zero(self, start: int, length: int) -> None:
        """Zero so many bytes from there."""
        try:
            fcntl.ioctl(self.file, _ZERO_OUT, struct.pack("QQ", start, length))
        except OSError:  # not a block device, or one that is at fault
            for place in range(start, start + length, _UNIT):
                with memoryview(self._zeros) as zeros:
                    self._all(place, zeros[: min(_UNIT, start + length - place)])

    def finish(self) -> None:
        """Have all on the disk."""
        self._close_gap()
        os.fsync(self.file)

    def _widen(self, start: int, length: int) -> None:
        first, end = self._gap
        if start != end or start - first >= 64 * _UNIT:
            self._close_gap()
            first = start
        self._gap = (first, start + length)

    def _close_gap(self) -> None:
        first, end = self._gap
        self._gap = (0, 0)
        if end > first:
            self.zero(first, end - first)

    def _all(self, offset: int, data: memoryview) -> None:
        while data:
            try:
                done = os.pwrite(self.file, data, offset)
            except OSError as error:
                raise OrderError(f"{self._disk.name} cannot be written at byte {offset}: {error.strerror}") from error
            offset, data = offset + done, data[done:]


@dataclass(frozen=True)
class Image:
    """What is to be written: the digests are SHA-256, of the disk image and of what is sent."""

    url: str
    sha256: str
    size: int
    compressed_sha256: str

    @classmethod
    def read(cls, params: Mapping[str, Any]) -> Image:
        """From an order. Raises OrderError."""
        given = params.get("image")
        if not isinstance(given, dict):
            raise OrderError("image must be an object")
        hexadecimal = r"[0-9a-f]{64}"
        size = number(given, "size", 2 * _ENDS, 1 << 50)
        if size % 512:
            raise OrderError("the image's size is no whole number of sectors")
        return cls(
            line(given, "url", r"/[\w./%~+-]*"),
            line(given, "sha256", hexadecimal),
            size,
            line(given, "compressed_sha256", f"({hexadecimal})?", ""),
        )


def write_image(admin: Admin, image: Image, disk: Disk, report: Report) -> None:
    """Stream the image to the disk. Its first MiB comes last: until all is there and verified, nothing boots from it.

    Raises DamagedError if it is not what it should be, OrderError if the disk is at fault.
    """
    target = Target(disk)
    try:
        target.ends()
        with admin.download(image.url) as body, _Unpacking(body) as unpacking:
            head, digest = _pour(unpacking, image, target, report)
        if unpacking.fault:
            raise AbsentError(f"the image stopped coming: {unpacking.fault}")
        if image.compressed_sha256:
            digest, wanted = unpacking.digest(), image.compressed_sha256
        else:
            wanted = image.sha256
        if digest != wanted:
            raise DamagedError(f"the image is damaged: its digest is {digest}, not {wanted}")
        target.write(0, memoryview(head))
        target.finish()
    except OrderError:
        with contextlib.suppress(OrderError):
            target.ends()
        raise
    finally:
        os.close(target.file)


def _pour(unpacking: _Unpacking, image: Image, target: Target, report: Report) -> tuple[mmap.mmap, str]:
    """Write all but the first MiB, which is handed back with the digest of all.

    What was sent is a fifth of what is written, and zstd makes the same of the same: where the digest of what was sent
    is known, that of the rest is not computed.
    """
    head, buffer, done, begun = mmap.mmap(-1, _ENDS), mmap.mmap(-1, _CHUNK), 0, time.monotonic()
    digest = None if image.compressed_sha256 else hashlib.sha256()
    with memoryview(buffer) as view:
        while size := unpacking.fill(view):
            if done + size > image.size:
                raise DamagedError(f"the image is longer than the {image.size} bytes that were announced")
            if size % _SECTOR:  # it broke off, and part of a sector cannot be written
                done += size
                break
            if digest is not None:
                digest.update(view[:size])
            if done == 0:
                head[:] = view[:_ENDS].tobytes().ljust(_ENDS, b"\0")
            target.write(done or _ENDS, view[0 if done else _ENDS : size])
            done += size
            speed = done / _MIB / max(time.monotonic() - begun, 0.001)
            report(
                done * 90 // image.size, f"{done // _MIB} of {image.size // _MIB} MiB are written, {speed:.0f} MiB/s"
            )
    if done != image.size and not unpacking.fault:
        raise DamagedError(f"the image ended after {done} of {image.size} bytes{unpacking.said()}")
    return head, digest.hexdigest() if digest is not None else ""


class _Unpacking:
    """zstd between the network and the disk, each at its own pace."""

    def __init__(self, body: http.client.HTTPResponse) -> None:
        self._body, self._digest, self.fault = body, hashlib.sha256(), ""

    def __enter__(self) -> Self:
        pipe = subprocess.PIPE
        self._zstd = subprocess.Popen(("zstd", "-dcq"), stdin=pipe, stdout=pipe, stderr=pipe)
        pipes = (self._zstd.stdin, self._zstd.stdout, self._zstd.stderr)
        self._in, self._out, self._err = cast("tuple[IO[bytes], io.BufferedReader, IO[bytes]]", pipes)
        self._feeder = threading.Thread(target=self._feed, daemon=True)
        self._feeder.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._zstd.kill()
        with contextlib.suppress(OSError):
            self._body.close()
        self._feeder.join()
        self._out.close()
        self._err.close()
        self._zstd.wait()

    def fill(self, view: memoryview) -> int:
        """Fill the buffer, and how far it could be."""
        filled = 0
        while filled < len(view) and (size := self._out.readinto1(view[filled:])):
            filled += size
        return filled

    def digest(self) -> str:
        """Of what came over the network."""
        return self._digest.hexdigest()

    def said(self) -> str:
        """What zstd complains of."""
        words = self._err.read(200).decode("utf-8", "replace").strip()
        return f": {words}" if words else ""

    def _feed(self) -> None:
        try:
            while data := self._body.read1(_MIB):
                self._digest.update(data)
                self._in.write(data)
            if self._body.length:
                self.fault = "the connection ended"
        except (OSError, ValueError, http.client.HTTPException) as error:
            self.fault = str(error) or type(error).__name__
        finally:
            with contextlib.suppress(OSError):
                self._in.close()


def grow(disk: Disk) -> str:
    """Let the last partition take all the disk, and its file system; the partition's device. Raises OrderError."""
    must(("sfdisk", "-q", "--no-reread", "--no-tell-kernel", "--force", "-N", _last(disk), disk.path), given=",+\n")
    with Path(disk.path).open("rb") as file, contextlib.suppress(OSError):
        fcntl.ioctl(file, _REREAD)
    run(("partx", "--update", disk.path))  # where the kernel itself knows no such tables; else it changes nothing
    device = _partition(disk, _last(disk))
    run(("modprobe", "-q", "ext4"))
    if run(("resize2fs", device), 600).returncode != 0:  # it wants the file system checked, or it is damaged
        run(("e2fsck", "-fy", device), 600)
        must(("resize2fs", device), patience=600)
    return device


def _last(disk: Disk) -> str:
    table = json.loads(must(("sfdisk", "--json", disk.path)))["partitiontable"]
    last = max(table["partitions"], key=lambda part: int(part["start"]))
    return re.sub(r"^.*?(\d+)$", r"\1", str(last["node"]))


def _partition(disk: Disk, wanted: str) -> str:
    """The partition's device, made where nobody makes them: in containers."""
    number = Path(disk.path).stat().st_rdev
    folder = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
    for _ in range(50):
        for part in folder.glob("*/partition"):
            if contents(part) == wanted:
                device = Path("/dev", part.parent.name)
                major, minor = map(int, contents(part.parent / "dev").split(":"))
                if not device.exists():
                    device = Path("/dev/crowbar-root")
                    device.unlink(missing_ok=True)
                    os.mknod(device, 0o60600, os.makedev(major, minor))
                return str(device)
        time.sleep(0.1)
    raise OrderError(f"partition {wanted} of {disk.name} did not appear after the image was written")


def must(argv: Sequence[str], given: str = "", patience: float = 60.0) -> str:
    """Run a program that must succeed; its output. Raises OrderError with what it said."""
    done = run(argv, patience, given)
    if done.returncode != 0:
        raise OrderError(f"{argv[0]} failed: {(done.stderr or done.stdout).strip()[-300:] or done.returncode}")
    return done.stdout


def files(params: Mapping[str, Any]) -> dict[str, tuple[str, int]]:
    """What makes the installed system this machine: path -> text and mode. Raises OrderError."""
    name = line(params, "hostname", r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
    domain = line(params, "domain", r"[a-z0-9.-]*", "")
    fqdn = line(params, "fqdn", r"[a-z0-9.-]+", f"{name}.{domain}".rstrip("."))
    key = params.get("host_key")
    keys = [item.strip() for item in items(params, "authorized_keys", str) if "\n" not in item.strip()]
    networks = items(params, "networks", dict, 64)
    address = (line(networks[0], "address", f"({_ADDRESS})?", "") if networks else "") or "127.0.1.1"
    made = {
        "etc/hostname": (f"{name}\n", 0o644),
        "etc/hosts": (
            f"127.0.0.1 localhost\n::1 localhost\n{address} {fqdn}{'' if fqdn == name else ' ' + name}\n",
            0o644,
        ),
        "etc/machine-id": (f"{uuid4().hex}\n", 0o444),
        "root/.ssh/authorized_keys": ("".join(f"{key}\n" for key in keys), 0o600),
    }
    if isinstance(key, dict):
        made["etc/ssh/ssh_host_ed25519_key"] = (text(key, "private", 16384).strip() + "\n", 0o600)
        made["etc/ssh/ssh_host_ed25519_key.pub"] = (text(key, "public", 4096).strip() + "\n", 0o644)
    servers = []
    for network in networks:
        mac = line(network, "mac", r"([0-9a-f]{2}:){5}[0-9a-f]{2}")
        made[f"etc/systemd/network/10-crowbar-{mac.replace(':', '')}.network"] = (_network(network, mac), 0o644)
        servers += items(network, "dns", str, 8)
    if servers:
        resolv = f"search {domain}\n" * bool(domain) + "".join(
            f"nameserver {server}\n" for server in dict.fromkeys(servers)
        )
        made["etc/resolv.conf"] = (resolv, 0o644)
    for extra in items(params, "files", dict):
        path = line(extra, "path", r"/?[\w@.+-]+(/[\w@.+-]+)*").lstrip("/")
        if {".", ".."} & set(path.split("/")):
            raise OrderError(f"path is not acceptable: {path!r}")
        made[path] = (text(extra, "content", _MIB), number(extra, "mode", 0, 0o777) if "mode" in extra else 0o644)
    return made


def _network(network: Mapping[str, Any], mac: str) -> str:
    """systemd-networkd's file for one interface; without an address it asks by DHCP."""
    lines = ["[Match]", f"MACAddress={mac}", "", "[Network]"]
    address, gateway = line(network, "address", f"({_ADDRESS})?", ""), line(network, "gateway", f"({_ADDRESS})?", "")
    lines += [f"Address={address}/{number(network, 'prefix', 1, 128)}", "IPv6AcceptRA=no"] if address else ["DHCP=yes"]
    lines += [f"Gateway={gateway}"] * bool(gateway)
    for server in items(network, "dns", str, 8):
        lines.append(f"DNS={line({'dns': server}, 'dns', _ADDRESS)}")
    return "\n".join([*lines, ""])


def put(root: Path, made: Mapping[str, tuple[str, int]]) -> None:
    """Write the files below ``root``, in place of what is there. A secret is never readable by others."""
    for path, (content, mode) in made.items():
        target = root / path
        missing = [folder for folder in (*reversed(target.relative_to(root).parents),) if not (root / folder).is_dir()]
        for folder in missing:
            (root / folder).mkdir(mode=0o700 if folder.name == ".ssh" else 0o755)
        target.unlink(missing_ok=True)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)


def configure(device: str, folder: Path, made: Mapping[str, tuple[str, int]]) -> None:
    """Mount the installed system, and put the files into it. Raises OrderError."""
    folder.mkdir(parents=True, exist_ok=True)
    must(("mount", "-t", "ext4", device, str(folder)))
    try:
        if not os.path.ismount(folder) or not (folder / "etc").is_dir():
            raise OrderError(f"the image's last partition, {device}, is no root file system")
        put(folder, made)
    finally:
        must(("umount", str(folder)))


def install(agent: Agent, params: Mapping[str, Any], report: Report) -> str:
    """Write the image to the disk, grow it, make it this machine's."""
    image, made = Image.read(params), files(params)  # all of the order is looked at before anything is written
    disk = choose(text(params, "disk", 255), disks(agent.settings.played))
    if disk.size < image.size:
        raise OrderError(f"{disk.name} is too small: it has {disk.size} bytes, and the image needs {image.size}")
    if disk.sector != _SECTOR:
        raise OrderError(f"{disk.name} has sectors of {disk.sector} bytes, and the image is made for 512")
    report(0, f"writing {image.size // _MIB} MiB to {disk.name} ({disk.serial or 'without serial number'})")
    _write(agent, image, disk, report)
    report(92, f"growing the last partition of {disk.name}")
    device = grow(disk)
    report(96, f"configuring {device}")
    configure(device, agent.settings.state / "root", made)
    os.sync()
    return (
        f"{disk.name} is installed: {image.size // _MIB} MiB, verified, and set up as {line(params, 'hostname', '.*')}"
    )


def _write(agent: Agent, image: Image, disk: Disk, report: Report) -> None:
    """Write the image, again where it was damaged on the way; an admin node that is away is waited for, and no try."""
    attempt, until = 1, time.monotonic() + _ABSENT
    while True:
        try:
            write_image(agent.admin, image, disk, report)
            return
        except AbsentError as fault:
            if time.monotonic() > until:
                raise OrderError(f"{fault}; given up after {_ABSENT:.0f} s") from fault
            report(0, f"{fault}; waiting for the admin node")
            agent.wait(1)
        except DamagedError as fault:
            if attempt == _TRIES:
                raise OrderError(f"{fault}; given up after {_TRIES} tries") from fault
            attempt += 1
            report(0, f"{fault}; starting over, try {attempt} of {_TRIES}")
            agent.wait(attempt)


def wipe(agent: Agent, params: Mapping[str, Any], report: Report) -> str:
    """Make disks forget what is on them: discarded where they can do that, else their tables and signatures alone."""
    found = disks(agent.settings.played)
    if params.get("disks") == "all":
        chosen = [disk for disk in found if not disk.removable]
    else:
        chosen = [choose(name, found) for name in items(params, "disks", str)]
    for place, disk in enumerate(chosen):
        report(place * 100 // len(chosen), f"wiping {disk.name} ({disk.serial or 'without serial number'})")
        target = Target(disk)
        try:
            with contextlib.suppress(OSError):  # many cannot
                fcntl.ioctl(target.file, _DISCARD, struct.pack("QQ", 0, disk.size))
            run(("wipefs", "--all", "--force", disk.path))
            target.ends()
            target.finish()
            with contextlib.suppress(OSError):
                fcntl.ioctl(target.file, _REREAD)
        finally:
            os.close(target.file)
    return f"{len(chosen)} disks wiped: {', '.join(disk.name for disk in chosen)}"


def inspect(agent: Agent, _params: Mapping[str, Any], _report: Report) -> str:
    """Look at the hardware again."""
    agent.send_inventory(anew=True)
    return "the inventory was taken anew"


_ORDERS: dict[str, Callable[[Agent, Mapping[str, Any], Report], str]] = {
    "inspect": inspect,
    "wipe": wipe,
    "install": install,
}
_LAST_ORDERS = {"reboot": (0x01234567, "b"), "power-off": (0x4321FEDC, "o")}  # reboot(2)'s, and sysrq's


def last_step(kind: str, params: object) -> str:
    """How the machine is left after the order, if it is: a machine without BMC starts what was installed by itself."""
    if kind == "install" and isinstance(params, dict) and params.get("reboot") is True:
        return "reboot"
    return kind if kind in _LAST_ORDERS else ""


def leave(kind: str) -> None:
    """Reboot or power off, whatever else goes on."""
    import ctypes

    os.sync()
    number, letter = _LAST_ORDERS[kind]
    ctypes.CDLL(None, use_errno=True).reboot(number)
    Path("/proc/sysrq-trigger").write_text(letter, "ascii")


# The agent itself.


class Reporting:
    """Tells how an order goes: not too often, and again where there is nothing new for long."""

    def __init__(self, tell: Report, say: Callable[[str], None]) -> None:
        self._tell, self._say = tell, say
        self._told = time.monotonic() - _REPORT_EVERY
        self._last = 0, "at work"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, name="alive", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Before the order's end is told: after that, nothing may say that it still runs.
        self._over.set()
        self._thread.join()

    def __call__(self, progress: int, message: str) -> None:
        """Tell that the order is so far, unless something was told just now."""
        self._last = progress, message
        if progress == 0 or time.monotonic() - self._told >= _REPORT_EVERY:
            self._told = time.monotonic()
            self._say(message)
            self._tell(progress, message)

    def _live(self) -> None:
        while not self._over.wait(max(self._told + _ALIVE_EVERY - time.monotonic(), 0.01)):
            if time.monotonic() - self._told >= _ALIVE_EVERY:
                self._told = time.monotonic()
                # That the order is withdrawn, or the session over, ends the work when it reports next itself.
                with contextlib.suppress(OrderError, SessionOverError):
                    self._tell(*self._last)


class Agent:
    """Registers, tells its inventory, does orders, for ever."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self.settings, self.say = settings, say
        self.admin = Admin(settings.url)
        self._failures = 0
        self._said = "", 0.0
        self._raw: dict[str, str] | None = None  # looked at already, and not told yet
        self._seen: tuple[object, ...] | None = None  # what was there when the inventory was told
        settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._memory = settings.state / "agent.json"  # so that an agent that was started anew is still the same
        self._boot = {"boot_id": uuid4().hex, "session": ""}
        with contextlib.suppress(OSError, ValueError):
            self._boot.update(json.loads(self._memory.read_text("utf-8")))
        self.admin.session = self._boot["session"]

    def serve(self) -> NoReturn:
        """Never comes back."""
        while True:
            self.step()

    def step(self) -> None:
        """One attempt at whatever is next. What fails is said, and waited after; nothing gets past here."""
        try:
            if not self.admin.session:
                self._register()
            elif self._seen is None:
                self.send_inventory()
            else:
                self._ask()
            self._failures = 0
        except SessionOverError as over:
            self.say(f"{over}; registering again")
            self._remember("")
            self.wait(1)
        except Exception as error:  # noqa: BLE001 - whatever it is: an agent that ends helps nobody
            self._failures += 1
            seconds = self._complain(error)
            if self._raw is None and self._seen is None:
                self._look()  # the time is used
            else:
                time.sleep(seconds)

    def _complain(self, error: Exception) -> float:
        """Say it, unless it was just said; for how many seconds to wait."""
        seconds = back_off(self._failures)
        if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.ENETUNREACH:
            seconds = min(seconds, 1.0)  # it bothers nobody
            cards = [f"{nic['name']} ({'link' if nic['link'] else 'no link'})" for nic in nics(self.settings.played)]
            message = f"waiting for an address on {', '.join(cards) or 'a network card: none has a driver here'}"
        else:
            known = isinstance(error, (UnreachableError, OrderError, OSError))
            message = str(error) if known else repr(error)
        if message != self._said[0] or time.monotonic() > self._said[1] + _SAY_AGAIN:
            self._said = message, time.monotonic()
            self.say(f"{message}; trying again in {seconds:.1f} s")
        return seconds

    def wait(self, seconds: float) -> None:
        """About so long, at most five minutes."""
        time.sleep(min(max(seconds, 0.1), _INTERVAL) * (0.8 + 0.4 * random.random()))  # noqa: S311 - no secret

    def _remember(self, session: str) -> None:
        self.admin.session = self._boot["session"] = session
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with os.fdopen(os.open(self._memory, flags, 0o600), "w", encoding="utf-8") as file:
            json.dump(self._boot, file)

    def _register(self) -> None:
        known = identity(self.settings.played)
        boot_mac = self.settings.boot_mac or next(iter(known["macs"]), "")
        about = {"protocol": 1, "agent": VERSION, "token": self.settings.token, "boot_mac": boot_mac, "identity": known}
        status, answer = self.admin.post("/v1/agent/register", {**about, "boot_id": self._boot["boot_id"]})
        message = str(answer.get("message", ""))
        if status == HTTPStatus.OK:
            machine = text(answer, "machine", 255)
            self._remember(text(answer, "session", 255))
            self.say(f"registered as {machine}. {message}".strip())
        elif status == HTTPStatus.ACCEPTED:
            interval = answer.get("interval")
            self.say(message or f"waiting to be approved at {self.settings.url}")
            self.wait(interval if isinstance(interval, (int, float)) and interval > 0 else 10.0)
        else:
            raise OrderError(f"not registered ({status}): {message or 'no reason was given'}")

    def _look(self) -> dict[str, str]:
        self.say("looking at the hardware")
        self._raw = collect(self.settings.played)
        return self._raw

    def send_inventory(self, *, anew: bool = False) -> None:
        """Tell what the hardware is: as it was looked at while there was no network, or as it is now."""
        seen = fingerprint(self.settings.played)
        raw = self._look() if anew or self._raw is None else self._raw
        status, answer = self.admin.post("/v1/agent/inventory", {"raw": raw}, 60.0)
        if status != HTTPStatus.OK:
            raise OrderError(f"the inventory was refused ({status}): {answer.get('message', 'no reason was given')}")
        self.say(str(answer.get("message") or "the inventory was taken; waiting for orders"))
        self._raw, self._seen = None, seen

    def _ask(self) -> None:
        status, answer = self.admin.post("/v1/agent/orders/next", {}, 45.0)
        if status != HTTPStatus.OK:
            raise OrderError(f"no orders to be had ({status}): {answer.get('message', 'no reason was given')}")
        order = answer.get("order")
        if isinstance(order, dict):
            self.obey(order)
        elif fingerprint(self.settings.played) != self._seen:
            self.say("there is more hardware to see now")
            self._seen = None

    def obey(self, order: Mapping[str, Any]) -> None:
        """Do one order, and tell how it ended until that is heard. Raises SessionOverError."""
        path = f"/v1/agent/orders/{line({'id': str(order.get('id'))}, 'id', _ID)}"
        kind = text(order, "kind", 64)

        def running(progress: int, message: str) -> None:
            with contextlib.suppress(UnreachableError):  # it will be told next time
                self._tell(path, "running", progress, message, 5.0)

        self.say(f"ordered to {kind}")
        with Reporting(running, lambda message: self.say(f"{kind}: {message}")) as report:
            status, message = self._do(kind, order.get("params"), report)
        self.say(f"{kind} {status}: {message}")
        while True:
            try:
                self._tell(path, status, 100 if status == "succeeded" else 0, message, 20.0)
                break
            except UnreachableError as error:
                self.say(f"{error}; telling again how the order ended")
                self.wait(2)
        if status == "succeeded" and (last := last_step(kind, order.get("params"))):
            leave(last)

    def _do(self, kind: str, params: object, report: Report) -> tuple[str, str]:
        if (kind not in _ORDERS and kind not in _LAST_ORDERS) or not isinstance(params, dict):
            return "failed", f"this agent knows no order {kind!r} of this form"
        if kind in _LAST_ORDERS:
            return "succeeded", f"going to {kind}"
        try:
            return "succeeded", _ORDERS[kind](self, params, report)
        except OrderError as fault:
            return "failed", str(fault)
        except SessionOverError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the operator is told, and the agent goes on
            return "failed", repr(error)

    def _tell(self, path: str, status: str, progress: int, message: str, patience: float) -> None:
        body = {"status": status, "progress": progress, "message": message[:2000]}
        answered, answer = self.admin.post(path, body, patience)
        if answered != HTTPStatus.OK:
            raise OrderError(f"the order is withdrawn ({answered}): {answer.get('message', 'no reason was given')}")


def back_off(failures: int) -> float:
    """Seconds: longer after each failure, and never together with a thousand others."""
    return min(_BACK_OFF, 0.2 * 2.0 ** min(failures, 10)) * (0.5 + random.random() / 2)  # noqa: S311 - no secret


def main() -> NoReturn:
    """Words from the arguments, and from the files of them that ``@PATH`` names."""
    words = [word for part in sys.argv[1:] for word in (contents(part[1:]).split() if part[:1] == "@" else [part])]
    played = any(word.startswith("crowbar.machine=") for word in words)
    consoles = [] if played else [*contents("/sys/class/tty/console/active").split(), "ttyS0", "tty0"]
    console = Console(time.monotonic() if played else 0.0, list(dict.fromkeys(consoles)))
    while True:
        try:
            settings = Settings.read(words)
            console.say(f"agent {VERSION} asks {settings.url}, booted from {settings.boot_mac or 'an unknown card'}")
            Agent(settings, console.say).serve()
        except (OrderError, OSError, ValueError) as error:
            console.say(f"{error}; looking again in 10 s")
            time.sleep(10)


if __name__ == "__main__":
    main()
