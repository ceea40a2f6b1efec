"""OpenIPMI's ipmi_sim on loopback: a BMC that speaks IPMI 2.0 on the wire, its server being a few files."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from crowbar_inventory.bmc.model import BmcAddress, Credential

AVAILABLE = shutil.which("ipmi_sim") is not None
USER, PASSWORD = "admin", "not-4-U"
_LAN = """\
name "bmc"
set_working_mc 0x20
startlan 1
  addr {address} {port}
  priv_limit admin
  allowed_auths_callback none md2 md5 straight
  allowed_auths_user none md2 md5 straight
  allowed_auths_operator none md2 md5 straight
  allowed_auths_admin none md2 md5 straight
  lan_config_program "{program} {folder}"
  guid a123456789abcdefa123456789abcdef
endlan
{chassis}
{sol}
startnow false
user 2 true "{user}" "{password}" admin 10 none md2 md5 straight
user 3 true "reader" "{password}" user 10 none md2 md5 straight
"""
# A temperature in whole degrees (sensor 1) with upper thresholds, and a FRU of board and product.
_EMULATOR = """\
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 0x08 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 100 0x0a
sensor_add 0x20 0 1 1 1
sensor_set_event_support 0x20 0 1 enable scanning per-state{masks}
sensor_set_value 0x20 0 1 42 0
main_sdr_add 0x20 {sdr}
mc_add_fru_data 0x20 0 {size} file 0 "{fru}"
mc_enable 0x20
"""
# What ipmi_sim runs: FOLDER get|set NAME [VALUE]. The folder holds the server; `refuse` there makes orders fail,
# and `ignore` lets them be acknowledged without an effect.
_CHASSIS = """\
#!/bin/sh
cd "$1" || exit 1
case "$2 $3" in
  "get power") read -r value <power; echo "power:$value" ;;
  "get boot") echo "boot:none" ;;
  "get "*) # the BMC's network, asked for all at once
    shift 2
    for name; do
      case "$name" in
        ip_addr) echo "ip_addr:10.9.0.5" ;;
        ip_addr_src) echo "ip_addr_src:static" ;;
        mac_addr) echo "mac_addr:52:54:00:12:34:56" ;;
        default_gw_ip_addr) echo "default_gw_ip_addr:10.9.0.1" ;;
        default_gw_mac_addr) echo "default_gw_mac_addr:52:54:00:00:00:01" ;;
        subnet_mask) echo "subnet_mask:255.255.255.0" ;;
        *) echo "$name:0.0.0.0" ;;
      esac
    done ;;
  *)
    [ ! -e refuse ] || exit 1
    echo "$3 $4" >>orders
    [ -e ignore ] || case "$3" in
      power | boot | identify) echo "$4" >"$3" ;;
      shutdown) echo 0 >power ;;
    esac ;;
esac
"""


def sensor_record() -> bytes:
    """A full sensor record: a temperature in whole degrees Celsius, named "CPU Temp"."""
    name = b"CPU Temp"
    body = bytes([0x20, 0, 1, 3, 1, 0x7F, 0x68, 1, 1, 0, 0, 0, 0, 0, 0, 0x80, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
    body += bytes([0, 0, 0, 255, 0, 110, 100, 90, 0, 0, 0, 0, 0, 0, 0, 0, 0xC0 | len(name)]) + name
    return bytes([1, 0, 0x51, 1, len(body)]) + body


def fru_bytes() -> bytes:
    """A board and a product, as the FRU specification has them."""
    board = _area(bytes([1, 0, 25, 0, 0, 0]), "Crowbar", "Board", "B-0815", "BP-1", "")
    product = _area(bytes([1, 0, 25]), "Crowbar", "Virtual server", "P-1", "1.0", "S-4711", "asset", "")
    header = bytes([1, 0, 0, 1, 1 + len(board) // 8, 0, 0])
    data = header + _sum(header) + board + product
    return data.ljust(512, b"\0")


def _area(head: bytes, *texts: str) -> bytes:
    fields = b"".join(bytes([0xC0 | len(text)]) + text.encode() for text in texts) + b"\xc1"
    length = -(-(len(head) + len(fields) + 1) // 8)
    area = bytearray((head + fields).ljust(length * 8 - 1, b"\0"))
    area[1] = length
    return bytes(area) + _sum(area)


def _sum(data: bytes | bytearray) -> bytes:
    return bytes([-sum(data) & 0xFF])


def free_port(kind: socket.SocketKind, address: str = "127.0.0.1") -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Simulator:
    """One ipmi_sim. ``folder`` holds its server's state; ``sol`` is the TCP port of the server's serial line."""

    folder: Path
    host: str = "127.0.0.1"
    port: int = 0
    sol: int = 0
    chassis: bool = True  # without, it keeps its power itself: it then answers without starting a program
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def address(self) -> BmcAddress:
        return BmcAddress("ipmi", self.host, self.port)

    @property
    def credential(self) -> Credential:
        return Credential(USER, PASSWORD)

    def prepare(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port(socket.SOCK_DGRAM, self.host)
        program = self.folder / "chassis"
        program.write_text(_CHASSIS)
        program.chmod(0o755)
        self.put("power", "0")
        (self.folder / "fru.bin").write_bytes(fru_bytes())
        lan = _LAN.format(
            address=self.host,
            port=self.port,
            program=program,
            folder=self.folder,
            chassis=f'chassis_control "{program} {self.folder}"' if self.chassis else "",
            sol=f'sol "tcp:127.0.0.1:{self.sol}" 115200' if self.sol else "",
            user=USER,
            password=PASSWORD,
        )
        (self.folder / "lan.conf").write_text(lan)
        sdr = " ".join(f"0x{byte:02x}" for byte in sensor_record())
        emulator = _EMULATOR.format(sdr=sdr, masks=" 000000000000000" * 4, size=512, fru=self.folder / "fru.bin")
        (self.folder / "machine.emu").write_text(emulator)

    def start(self) -> None:
        """Start it, and come back when it answers."""
        argv = ["ipmi_sim", "-n", "-c", "lan.conf", "-f", "machine.emu", "-s", "state"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                argv, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def await_answer(self, seconds: float = 30) -> None:
        """ASF's presence ping is answered by whoever listens there."""
        ping = bytes.fromhex("0600ff06 000011be 80010000")
        until = time.monotonic() + seconds
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.1)
            while True:
                with contextlib.suppress(OSError):
                    client.sendto(ping, (self.host, self.port))
                    client.recv(100)
                    return
                if time.monotonic() > until:
                    raise TimeoutError((self.folder / "log").read_text())

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def pause(self) -> None:
        """It hangs: the port is there, nobody answers."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def put(self, name: str, value: str = "") -> None:
        (self.folder / name).write_text(f"{value}\n")

    def get(self, name: str) -> str:
        path = self.folder / name
        return path.read_text().strip() if path.exists() else ""


@contextlib.contextmanager
def simulators(folder: Path, count: int, *, chassis: bool = True, sol: int = 0) -> Iterator[list[Simulator]]:
    """So many of them, each with an address of its own, running and answering."""
    made = [
        Simulator(folder / f"bmc{n}", host=f"127.0.{80 + n // 200}.{1 + n % 200}", chassis=chassis, sol=sol)
        for n in range(count)
    ]
    try:
        for simulator in made:
            simulator.prepare()
            simulator.start()
        for simulator in made:
            simulator.await_answer()
        yield made
    finally:
        for simulator in made:
            simulator.stop()
