"""The whole way, by the command as a user runs it: a rack of servers without power, until SSH answers on each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crowbar.apply.ssh import SshTransport
from crowbar.rack.virtual.layout import RackFolder
from crowbar.services.context import open_context
from tests.built import state_dir
from tests.command import Command
from tests.rack.virtual.traces import traces

pytestmark = [pytest.mark.machine, pytest.mark.timeout(1500)]
STATE = state_dir("rack-tests")
LIMIT = 900.0  # seconds; an idle host needs a seventh of it
_BOOTED = (
    "systemctl is-system-running --wait; echo ==; systemctl --failed --no-legend --plain; echo ==;"
    " findmnt -no FSTYPE,LABEL /; echo ==; test -d /sys/firmware/efi && echo efi; echo ==; cat /proc/cmdline; echo ==;"
    " ls /etc/apt /etc/ssh; echo ==; modprobe drm_display_helper && echo screens; modprobe cfg80211 || echo no radio;"
    " ls /sys/module | grep -E 'vsock|cfg80211|binfmt'"
)


@pytest.fixture
def crowbar() -> Iterator[Command]:
    """The command, on an empty store; what it made is taken away whatever becomes of the test."""
    command = Command(STATE, LIMIT)
    command.forget()
    yield command
    command.run("rack", "down", "--yes")
    assert traces(STATE.rack, RackFolder(STATE.rack).tag) == []


def on_each(names: dict[str, dict[str, Any]], script: str) -> dict[str, str]:
    """What a shell script says on each machine, by the key that Crowbar has."""
    with open_context(STATE) as context:
        nodes = [node for node in context.store.nodes.list() if node.name in names]
    assert len(nodes) == len(names)
    said = {}
    for node in nodes:
        transport = SshTransport(node)
        try:
            said[node.name] = transport.run(["sh", "-c", script], timeout=LIMIT).stdout
        finally:
            transport.close()
    return said


def check_ssh(names: dict[str, dict[str, Any]]) -> None:
    """Each is itself: it has its name, and a root that fills its disk."""
    for name, said in on_each(names, "hostname; df -BM --output=size / | tail -1").items():
        hostname, size = said.split()
        assert hostname == name
        assert int(size.rstrip("M")) > 3000


def check_booted(names: dict[str, dict[str, Any]]) -> None:
    """Each booted its whole system from its disk, by its own firmware, and has no secret that is not its own."""
    for name, said in on_each(names, _BOOTED).items():
        running, failed, root, efi, arguments, listing, modules = (part.strip() for part in said.split("==\n"))
        assert (running, failed) == ("running", "")
        assert root.split() == ["ext4", "root"]
        assert bool(efi) == (names[name]["hardware"]["boot_mode"] == "uefi")
        assert "console=ttyS0,115200" in arguments and "root=UUID=" in arguments
        assert "auth.conf\n" not in listing  # the mirror's logins are not handed out
        assert listing.count("ssh_host_") == 2  # the pinned key and its public half
        assert modules == "screens\nno radio"  # and what no server needs was not loaded for it to boot


def test_three_container_machines_from_power_off_to_ssh(crowbar: Command, tmp_path: Path) -> None:
    """Behind the same BMCs, and by the same DHCP answer, boot script, agent and image."""
    crowbar.run("rack", "up", "--machines", "3", "--kind", "container", "--disk", "4")
    crowbar.run("machines", "discover", "--rack")
    crowbar.run("machines", "install", "--all")  # before they are discovered: they go all the way
    with crowbar.serving(tmp_path / "serve.log"):
        installed = crowbar.wait_for("installed")
        check_ssh(installed)
        crowbar.run("machines", "reinstall", "server2", "--yes")
        again = crowbar.wait_for("installed")
        check_ssh(again)
    keys = {name: one["machine"]["macs"] for name, one in installed.items()}
    assert keys == {name: one["machine"]["macs"] for name, one in again.items()}
    for name in installed:
        print(name, crowbar.phases(name))


def test_bios_and_uefi_machines_from_power_off_to_ssh(crowbar: Command, tmp_path: Path) -> None:
    crowbar.run("rack", "up", "--machines", "1", "--firmware", "bios", "--disk", "4")
    crowbar.run("rack", "up", "--machines", "2", "--firmware", "uefi", "--disk", "4")  # one more
    crowbar.run("machines", "discover", "--rack")
    with crowbar.serving(tmp_path / "serve.log") as serving:
        found = crowbar.wait_for("discovered")
        assert {one["hardware"]["boot_mode"] for one in found.values()} == {"bios", "uefi"}
        for one in found.values():
            hardware = one["hardware"]
            assert hardware["bmc"]["address"] in one["machine"]["bmc"]  # read by KCS from inside
            assert hardware["disks"][0]["serial"] == one["machine"]["install_disk"]
        crowbar.run("machines", "install", "--all")
        installed = crowbar.wait_for("installed")
        check_ssh(installed)
        check_booted(installed)
        assert serving.poll() is None
    for name in installed:
        print(name, crowbar.phases(name))
    assert serving.returncode == 0
