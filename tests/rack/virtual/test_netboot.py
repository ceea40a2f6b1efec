"""Firmware's parts: DHCP messages, TFTP, boot scripts, the fetched system, what a container machine is said to be."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crowbar.provision.boot import boot_script_url, discover_script, local_disk_script, wait_script
from crowbar.rack.virtual.container import describe, disk
from crowbar.rack.virtual.netboot import dhcp, ipxe, system, tftp
from crowbar.rack.virtual.netboot.firmware import Settings
from crowbar.rack.virtual.record import Firmware
from crowbar_inventory.hardware import BootMode
from crowbar_inventory.parse import parse
from tests.inventory.admin import AdminNode
from tests.rack.virtual.test_parts import MACHINE, RACK

MAC = bytes.fromhex("525400aabb01")
CLIENT = dhcp.Client(MAC, bytes(range(16)), Firmware.UEFI, ipxe=True)
ROOT_TYPE = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"
URL = "http://10.9.1.1:8000"


def reply(options: dict[int, bytes], boot_file: bytes = b"", number: int = 7, mac: bytes = MAC) -> bytes:
    head = struct.pack("!BBBBIHH4s4s4s4s16s64s128s", 2, 1, 6, 0, number, 0, 0, *[bytes(4)] * 4, mac, b"", boot_file)
    coded = b"".join(bytes([option, len(value)]) + value for option, value in options.items())
    return head + bytes.fromhex("63825363") + coded + b"\xff"


def test_firmware_says_in_dhcp_what_it_is() -> None:
    sent = dhcp.packet(dhcp.Message.DISCOVER, CLIENT, 7, {})
    options = dhcp._options(sent[240:])
    assert sent[:4] == b"\x01\x01\x06\x00" and sent[28:34] == MAC and sent[10:12] == b"\x80\x00"
    assert options[dhcp.Option.VENDOR_CLASS] == b"PXEClient:Arch:00007:UNDI:003016"
    assert options[dhcp.Option.ARCHITECTURE] == b"\x00\x07"
    assert options[dhcp.Option.UUID] == b"\0" + CLIENT.uuid
    assert dhcp.Option.IPXE in options
    bios = dhcp._options(dhcp.packet(dhcp.Message.REQUEST, dhcp.Client(MAC, b"", Firmware.BIOS), 7, {})[240:])
    assert dhcp.Option.IPXE not in bios and bios[dhcp.Option.ARCHITECTURE] == b"\x00\x00"


def test_an_answer_is_understood() -> None:
    options = {53: b"\x05", 1: b"\xff\xff\xfe\x00", 3: bytes([10, 9, 1, 1]), 54: bytes([10, 9, 1, 2]), 0: b""}
    answer = dhcp.parse(reply({**options, 67: b"http://x/\0"}), CLIENT, 7)
    assert answer is not None
    assert (answer.kind, answer.prefix, answer.boot_file) == (5, 23, "http://x/")
    assert (answer.address_option(dhcp.Option.ROUTER), answer.server) == (
        IPv4Address("10.9.1.1"),
        IPv4Address("10.9.1.2"),
    )
    named = dhcp.parse(reply({53: b"\x02"}, b"undionly.kpxe"), CLIENT, 7)
    assert named is not None and named.boot_file == "undionly.kpxe" and named.prefix == 24


def test_answers_to_others_are_not_ours() -> None:
    assert dhcp.parse(reply({53: b"\x02"}, number=8), CLIENT, 7) is None
    assert dhcp.parse(reply({53: b"\x02"}, mac=bytes(6)), CLIENT, 7) is None
    assert dhcp.parse(dhcp.packet(dhcp.Message.DISCOVER, CLIENT, 7, {}), CLIENT, 7) is None


@given(st.binary(max_size=400))
def test_no_packet_is_too_odd(data: bytes) -> None:
    dhcp.parse(data, CLIENT, 7)
    dhcp.parse(reply({})[:240] + data, CLIENT, 7)


@contextmanager
def tftp_server(answers: list[bytes | None], content: bytes = b"", block: int = 512) -> Iterator[int]:
    """A server whose first answers are given (None: silence); then it sends the content."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as serving:
        serving.bind(("127.0.0.1", 0))
        serving.settimeout(20)

        def serve() -> None:
            waiting = deque(answers)
            while True:
                data, peer = serving.recvfrom(2048)
                if waiting:
                    answer = waiting.popleft()
                    if answer is not None:
                        serving.sendto(answer, peer)
                    if not waiting and not content:
                        return
                    continue
                number = struct.unpack_from("!HH", data)[1] + 1 if data[:2] == b"\0\x04" else 1
                if (number - 1) * block > len(content):
                    return
                serving.sendto(struct.pack("!HH", 3, number) + content[(number - 1) * block : number * block], peer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield serving.getsockname()[1]
        thread.join(20)


@pytest.mark.parametrize("length", [0, 100, 511, 512, 513, 5000])
def test_a_file_comes_whole_by_tftp(length: int) -> None:
    content = bytes(number % 251 for number in range(length)) or b""
    if not content:
        with tftp_server([struct.pack("!HH", 3, 1)]) as port:
            assert tftp.read("127.0.0.1", "empty", port) == b""
        return
    with tftp_server([], content) as port:
        assert tftp.read("127.0.0.1", "file", port) == content


def test_larger_blocks_and_lost_packets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tftp, "_PATIENCE", 0.1)
    content = b"x" * 3000
    with tftp_server([None, b"\0\x06blksize\x001428\0"], content, 1428) as port:
        assert tftp.read("127.0.0.1", "file", port) == content


def test_the_tftp_servers_own_words_and_its_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tftp, "_PATIENCE", 0.02)
    with tftp_server([b"\0\x05\0\x01file not found\0"]) as port, pytest.raises(OSError, match="file not found"):
        tftp.read("127.0.0.1", "file", port)
    with tftp_server([None] * 5) as port, pytest.raises(TimeoutError, match="no answer"):
        tftp.read("127.0.0.1", "file", port)


class World:
    """What scripts do, remembered."""

    def __init__(self, *, has: bool = True, disk_boots: bool = True) -> None:
        self.said: list[str] = []
        self.slept: list[float] = []
        self.fetched: list[str] = []
        self.effects = ipxe.Effects(self.said.append, self.slept.append, self._fetch, lambda: disk_boots)
        self._has = has

    def _fetch(self, url: str) -> bool:
        self.fetched.append(url)
        return self._has


VARIABLES = {"mac": "52:54:00:aa:bb:01", "uuid": "u", "serial": "A B/1", "platform": "efi"}


def test_the_discovery_script_boots_with_its_words() -> None:
    world = World()
    ending = ipxe.run(discover_script(URL, "abc", "secret", "52:54:00:aa:bb:01"), VARIABLES, world.effects)
    assert isinstance(ending, ipxe.Boot)
    assert (
        world.fetched
        == [f"{URL}/discovery/abc/vmlinuz", f"{URL}/discovery/abc/initrd"]
        == [ending.kernel, ending.initrd]
    )
    assert {f"crowbar.url={URL}", "crowbar.token=secret", "BOOTIF=01-52-54-00-aa-bb-01"} <= set(ending.words)
    assert "secret" not in " ".join(world.said)


def test_without_the_system_it_waits_and_asks_again() -> None:
    world = World(has=False)
    ending = ipxe.run(discover_script(URL, "abc", None, "52:54:00:aa:bb:01"), VARIABLES, world.effects)
    assert ending == ipxe.Chain(ipxe.expand(boot_script_url(URL), VARIABLES))
    assert isinstance(ending, ipxe.Chain) and ending.url.endswith(
        "?mac=52:54:00:aa:bb:01&uuid=u&serial=A%20B%2F1&firmware=efi"
    )
    assert world.slept and len(world.fetched) == 1


@pytest.mark.parametrize(
    ("mode", "boots", "ending"),
    [
        (BootMode.BIOS, True, ipxe.Disk()),
        (BootMode.BIOS, False, ipxe.Leave()),
        (BootMode.UEFI, True, ipxe.Leave()),
    ],
)
def test_the_disk_is_started_or_left_to_the_firmware(mode: BootMode, boots: bool, ending: ipxe.Ending) -> None:
    assert ipxe.run(local_disk_script(mode), VARIABLES, World(disk_boots=boots).effects) == ending


def test_a_script_that_waits_says_why() -> None:
    world = World()
    assert isinstance(ipxe.run(wait_script(URL, "not yet", 30), VARIABLES, world.effects), ipxe.Chain)
    assert world.said == ["Crowbar: not yet"] and world.slept == [30.0]


@pytest.mark.parametrize("script", ["", "hello", "#!ipxe\nfly away", "#!ipxe\ngoto nowhere", "#!ipxe\n:a\ngoto a",
                                    "#!ipxe\nboot", "#!ipxe\nkernel", "#!ipxe\nchain"])  # fmt: skip
def test_what_is_no_script_for_this_firmware_is_told(script: str) -> None:
    with pytest.raises(ipxe.ScriptError):
        ipxe.run(script, VARIABLES, World().effects)


def archive(folder: Path, target: Path) -> None:
    """Packed as the kernel takes it, added to what is in the target."""
    names = "".join(f"{path.relative_to(folder)}\n" for path in sorted(folder.rglob("*")))
    argv = ["cpio", "--quiet", "--create", "--format=newc"]
    packed = subprocess.run(argv, cwd=folder, input=names.encode(), stdout=subprocess.PIPE, check=True).stdout
    with target.open("ab") as file:
        subprocess.run(["zstd", "-qc"], input=packed, stdout=file, check=True)


def test_an_initrd_of_two_archives_is_unpacked_once(tmp_path: Path) -> None:
    first, second, initrd = tmp_path / "first", tmp_path / "second", tmp_path / "initrd"
    for folder, name, text in ((first, "init", "old"), (first, "usr/lib/a", "a"), (second, "init", "new")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    archive(first, initrd)
    archive(second, initrd)
    root = system.root_of(tmp_path / "systems", initrd)
    assert (root / "init").read_text() == "new" and (root / "usr/lib/a").read_text() == "a"
    (root / "marked").touch()
    assert (system.root_of(tmp_path / "systems", initrd) / "marked").exists()
    initrd.write_bytes(b"no archive")
    with pytest.raises(OSError, match="the initrd is none"):
        system.root_of(tmp_path / "systems", initrd)


def test_what_is_fetched_is_whole_or_an_error(tmp_path: Path) -> None:
    with AdminNode() as admin:
        admin.downloads["/a"] = deque([b"content"])
        system.fetch(f"{admin.url}/a", tmp_path / "a")
        assert (tmp_path / "a").read_bytes() == b"content" == system.fetch_text(f"{admin.url}/a").encode()
        for bad in (f"{admin.url}/b", "file:///etc/passwd"):
            with pytest.raises(OSError, match=r"404|no HTTP"):
                system.fetch(bad, tmp_path / "b")
        with pytest.raises(OSError, match="404"):
            system.fetch_text(f"{admin.url}/b")


def test_firmwares_settings_are_read_as_written(tmp_path: Path) -> None:
    settings = Settings("m", "u", "s", Firmware.UEFI, True, "a", "b", "c")
    settings.write(tmp_path / "file")
    assert Settings.read(tmp_path / "file") == settings


def test_a_container_machine_is_said_to_be_the_hardware_of_its_record(tmp_path: Path) -> None:
    medium = tmp_path / "disk"
    with medium.open("wb") as file:
        file.truncate(5 << 30)
    told = describe.description(MACHINE, RACK.bmc, medium)
    hardware, unread = parse(told["raw"])
    assert told["disk"] == "/dev/vda"
    assert {text.partition(":")[0] for text in unread} <= {"lscpu", "ip-link", "sysfs"}, "which the agent adds"
    assert (hardware.identity.uuid, hardware.identity.serial) == (MACHINE.uuid, MACHINE.serial)
    assert (hardware.memory_mib, hardware.asset_tag) == (MACHINE.memory_mib, MACHINE.position)
    assert [(found.name, found.size, found.serial) for found in hardware.disks] == [
        ("vda", 5 << 30, MACHINE.disk_serial)
    ]
    assert hardware.bmc is not None
    assert (hardware.bmc.address, hardware.bmc.mac) == (MACHINE.bmc.address, MACHINE.bmc.mac)


def test_only_a_disk_that_firmware_boots_from_has_a_root(tmp_path: Path) -> None:
    medium = tmp_path / "disk"
    with medium.open("wb") as file:
        file.truncate(64 << 20)
    assert disk.root_of(medium) is None
    table = (
        "label: gpt\nsize=2048, type=21686148-6449-6E6F-744E-656564454649\ntype=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709\n"
    )
    subprocess.run(["sfdisk", "--quiet", str(medium)], input=table, text=True, check=True, capture_output=True)
    found = disk.root_of(medium)
    assert found is not None and found.start == 4096 * 512 and found.size > 60 << 20
    with medium.open("r+b") as file:  # its first sector comes last, when it is installed
        file.write(bytes(512))
    assert disk.root_of(medium) is None


@pytest.mark.parametrize(
    "table",
    [
        "",
        "[]",
        "{}",
        '{"partitiontable": {"partitions": [{"type": "x"}]}}',
        json.dumps({"partitiontable": {"partitions": [{"type": ROOT_TYPE}]}}),
    ],
)
def test_an_odd_table_has_no_root(table: str) -> None:
    assert disk.root_in(table) is None
