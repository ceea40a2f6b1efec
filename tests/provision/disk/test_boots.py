"""The packed disk in a virtual machine: from power-on to a pinned SSH login, by BIOS and by UEFI."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from pathlib import Path

import pytest

from crowbar.provision.disk import DiskImage
from crowbar_inventory.hardware import BootMode
from tests.provision.disk.node_disk import node_disk, put_in, unpack
from tests.provision.machine import MAC, lacking, machine

pytestmark = [pytest.mark.machine, pytest.mark.timeout(1500)]
_PATIENCE = 600.0  # 40 seconds on an idle host
_NETWORK = f"[Match]\nMACAddress={MAC}\n\n[Network]\nDHCP=ipv4\n"
_FACTS = (
    "systemctl is-system-running --wait; systemctl --failed --no-legend --plain; echo ==; findmnt -no FSTYPE,LABEL /;"
    " echo ==; test -d /sys/firmware/efi && echo efi; echo ==; cat /proc/cmdline; echo ==; ls /etc/apt /etc/ssh;"
    " echo ==; systemd-analyze"
)


@pytest.fixture(scope="module")
def disk() -> DiskImage:
    return node_disk()


def _key(path: Path) -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True)
    return path.with_suffix(".pub").read_text(encoding="utf-8")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _root_offset(disk: Path) -> int:
    table = json.loads(subprocess.run(["sfdisk", "--json", str(disk)], capture_output=True, check=True).stdout)
    return int(table["partitiontable"]["partitions"][-1]["start"]) * 512


@pytest.mark.parametrize("firmware", [BootMode.BIOS, BootMode.UEFI])
def test_from_power_on_to_a_pinned_login(disk: DiskImage, firmware: BootMode, tmp_path: Path) -> None:
    if reason := lacking(firmware):
        pytest.skip(reason)
    raw = unpack(disk, tmp_path / "disk.raw")
    assert raw.stat().st_size == disk.size
    login, host = _key(tmp_path / "login"), _key(tmp_path / "host")
    files = {
        "etc/hostname": ("node1\n", 0o644),
        "etc/ssh/ssh_host_ed25519_key": ((tmp_path / "host").read_text(), 0o600),
        "etc/ssh/ssh_host_ed25519_key.pub": (host, 0o644),
        "etc/systemd/network/10-boot.network": (_NETWORK, 0o644),
        "root/.ssh/authorized_keys": (login, 0o600),
    }
    put_in(raw, _root_offset(raw), tmp_path, files)
    port = _free_port()
    (tmp_path / "known").write_text(f"[127.0.0.1]:{port} {host}")
    network = ["-netdev", f"user,id=n0,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22"]
    network += ["-device", f"virtio-net-pci,netdev=n0,mac={MAC},romfile="]
    network += ["-device", "virtio-blk-pci,drive=disk0,bootindex=0"]
    with machine(tmp_path, raw, firmware, network) as node:
        kernel = node.until("Loading, please wait", _PATIENCE)
        prompt = node.until("node1 login:", _PATIENCE)
        said = _ssh(tmp_path, port, _FACTS)
        print(f"{firmware}: initramfs {kernel:.1f} s, login {prompt:.1f} s; {said.splitlines()[-1]}")
    running, root, efi, arguments, listing, _ = (part.strip() for part in said.split("==\n"))
    assert running == "running"
    assert root.split() == ["ext4", "root"]
    assert bool(efi) == (firmware is BootMode.UEFI)
    assert "console=ttyS0,115200" in arguments and "root=UUID=" in arguments
    assert "auth.conf\n" not in listing  # the mirror's logins are not handed out
    assert listing.count("ssh_host_") == 2  # none but what was put in


def _ssh(folder: Path, port: int, command: str) -> str:
    argv = ["ssh", "-p", str(port), "-i", str(folder / "login"), "-o", f"UserKnownHostsFile={folder / 'known'}"]
    argv += ["-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-F", "none"]
    argv += ["-o", "ConnectTimeout=60", "root@127.0.0.1", command]
    deadline = time.monotonic() + _PATIENCE
    while True:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode != 255:
            return done.stdout
        assert time.monotonic() < deadline, done.stderr
        time.sleep(1)
