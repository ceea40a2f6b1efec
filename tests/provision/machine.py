"""One virtual machine with real firmware, slow and true: QEMU without KVM, which is not to be trusted everywhere."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from crowbar_inventory.hardware import BootMode

_FIRMWARE = Path("/usr/share/OVMF")
MAC = "52:54:00:c0:ff:01"
UUID = "4c4c4544-0051-3810-8052-b4c04f4e3132"
SERIAL = "CN/7016 A"


def lacking(firmware: BootMode) -> str:
    """Why there cannot be a machine with that firmware here; "" if there can."""
    if shutil.which("qemu-system-x86_64") is None:
        return "needs qemu-system-x86"
    if firmware is BootMode.UEFI and not (_FIRMWARE / "OVMF_CODE_4M.fd").exists():
        return "needs ovmf"
    return ""


@dataclass(frozen=True)
class Machine:
    """A machine that was switched on at ``started`` (monotonic seconds)."""

    process: subprocess.Popen[bytes]
    serial: Path
    started: float

    def console(self) -> str:
        """What its serial port printed so far."""
        return self.serial.read_text(encoding="utf-8", errors="replace") if self.serial.exists() else ""

    def until(self, words: str, seconds: float) -> float:
        """The seconds from power-on until the words are on the console."""
        while words not in self.console():
            waited = time.monotonic() - self.started
            assert self.process.poll() is None, f"ended before {words!r}: {self.console()[-3000:]}"
            assert waited < seconds, f"no {words!r} in {seconds} seconds: {self.console()[-3000:]}"
            time.sleep(0.1)
        return time.monotonic() - self.started


@contextmanager
def machine(
    folder: Path,
    disk: Path,
    firmware: BootMode,
    network: Sequence[str],
    place: AbstractContextManager[None] | None = None,
) -> Iterator[Machine]:
    """Switched on, and off again. ``network`` is QEMU's words for its card; ``place`` where its process starts."""
    argv = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-machine", "q35,graphics=off", "-cpu", "qemu64"]
    argv += ["-smp", "1", "-m", "512", "-nodefaults", "-display", "none", "-vga", "none", "-no-reboot"]
    argv += ["-uuid", UUID, "-smbios", f"type=1,uuid={UUID},serial={SERIAL}"]
    argv += ["-drive", f"file={disk},format=raw,if=none,id=disk0,snapshot=on", "-device", "virtio-rng-pci"]
    argv += [*network, "-serial", f"file:{folder / 'serial'}"]
    if firmware is BootMode.UEFI:
        shutil.copy(_FIRMWARE / "OVMF_VARS_4M.fd", folder / "vars")
        argv += ["-drive", f"if=pflash,format=raw,readonly=on,file={_FIRMWARE / 'OVMF_CODE_4M.fd'}"]
        argv += ["-drive", f"if=pflash,format=raw,file={folder / 'vars'}"]
    with place or nullcontext():
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    try:
        yield Machine(process, folder / "serial", time.monotonic())
    finally:
        process.kill()
        process.wait()
