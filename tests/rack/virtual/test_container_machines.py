"""Container machines behind real BMCs: firmware's DHCP and TFTP, the real agent, a real disk image, SSH on it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from crowbar.apply.keys import KeyPair
from crowbar.provision.boot import boot_script_url, discover_script, local_disk_script
from crowbar.provision.discovery import DiscoverySystem, build_discovery
from crowbar.provision.disk import DiskImage
from crowbar.provision.dnsmasq import DhcpConfig, Dnsmasq
from crowbar.rack import virtual
from crowbar.rack.ssh import Access
from crowbar.rack.virtual import Fault, FaultKind, Firmware, Kind, MachineRecord, RackRecord, Wanted
from crowbar.rack.virtual.layout import RackFolder
from crowbar.rack.virtual.netboot import ipxe
from crowbar_inventory.hardware import BootMode
from tests.built import SHARED
from tests.inventory.admin import AdminNode
from tests.provision.disk.node_disk import node_disk
from tests.rack.virtual.traces import console, ipmi, sol, traces, wait_for

pytestmark = [pytest.mark.machine, pytest.mark.timeout(900)]
FIRST, SECOND = "server1", "server2"
SLOW = 300.0


@dataclass
class Site:
    """A rack, and the admin node's services for it."""

    folder: Path
    rack: RackRecord
    admin: AdminNode
    url: str
    discovery: DiscoverySystem

    def status(self, name: str) -> virtual.MachineStatus:
        return next(found for found in virtual.status(self.folder).machines if found.machine.name == name)

    def script(self, machine: MachineRecord, text: str) -> None:
        """What the machine gets when it asks."""
        platform = "efi" if machine.firmware is Firmware.UEFI else "pcbios"
        said = {"mac": machine.macs[0], "uuid": machine.uuid, "serial": machine.serial, "platform": platform}
        self.admin.downloads[ipxe.expand(boot_script_url(""), said)] = deque([text.encode()])

    def discover(self, machine: MachineRecord, token: str) -> None:
        self.script(machine, discover_script(self.url, self.discovery.digest, token, machine.macs[0]))

    def told(self, path: str, machine: MachineRecord) -> list[dict[str, Any]]:
        return [body for body in self.admin.bodies(path) if body.get("boot_mac", machine.macs[0]) == machine.macs[0]]

    def has_told(self, path: str, machine: MachineRecord) -> bool:
        return bool(self.told(path, machine))

    def is_off(self, name: str) -> bool:
        return self.status(name).pid == 0

    def power_on(self, name: str, device: str) -> None:
        ipmi(self.folder, name, "chassis", "bootdev", device)
        ipmi(self.folder, name, "power", "on")


@pytest.fixture(scope="module")
def image() -> DiskImage:
    return node_disk()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, image: DiskImage) -> Iterator[Site]:
    discovery = build_discovery(SHARED.discovery, print)
    state = tmp_path_factory.mktemp("state")
    folder = state / "rack"
    with ExitStack() as stack:
        stack.callback(virtual.down, folder)
        virtual.up(folder, 1, Wanted(Kind.CONTAINER, disk_gib=4))
        rack = virtual.up(folder, 2, Wanted(Kind.CONTAINER, Firmware.UEFI, disk_gib=4, nics=2))
        address = str(rack.admin.address)
        listening = socket.create_server((address, 0))
        url = f"http://{address}:{listening.getsockname()[1]}"
        admin = stack.enter_context(AdminNode(listening=listening))
        network = rack.admin.network
        config = DhcpConfig(
            rack.admin.interface, rack.admin.address, network, url, (network[100], network[200]), rack.admin.address
        )
        stack.enter_context(Dnsmasq(config, state / "dnsmasq", lambda event: None))
        for name, path in (("vmlinuz", discovery.kernel), ("initrd", discovery.initrd)):
            admin.downloads[f"/discovery/{discovery.digest}/{name}"] = deque([path.read_bytes()])
        admin.downloads["/images/node.raw.zst"] = deque([image.path.read_bytes()])
        yield Site(folder, rack, admin, url, discovery)
    assert traces(folder, RackFolder(folder).tag) == []


@pytest.fixture
def machine(site: Site) -> Iterator[MachineRecord]:
    yield site.rack.machine(FIRST)
    for name in (FIRST, SECOND):
        virtual.set_fault(site.folder, name, Fault())
        ipmi(site.folder, name, "power", "off")
        wait_for(partial(site.is_off, name), SLOW)


def test_both_are_discovered_each_by_its_own_firmware(site: Site, machine: MachineRecord) -> None:
    for name in (FIRST, SECOND):
        site.discover(site.rack.machine(name), f"token-of-{name}")
        site.power_on(name, "pxe")
    for name in (FIRST, SECOND):
        found = site.rack.machine(name)
        wait_for(
            partial(site.has_told, "/v1/agent/register", found),
            SLOW,
            partial(_tail, site, found.name),
        )
        register = site.told("/v1/agent/register", found)[0]
        assert register["token"] == f"token-of-{name}"
        identity = register["identity"]
        assert (identity["uuid"], identity["serial"]) == (found.uuid, found.serial)
        assert set(identity["macs"]) == set(found.macs)
    wait_for(lambda: len(site.admin.bodies("/v1/agent/inventory")) > 1, SLOW, lambda: _tail(site, FIRST))
    raws = [body["raw"] for body in site.admin.bodies("/v1/agent/inventory")]
    addresses = {raw["ipmi-lan"].split("IP Address              : ")[1].split("\n")[0] for raw in raws}
    assert addresses == {found.bmc.address for found in site.rack.machines}
    assert "undionly.kpxe" in console(site.folder, FIRST) and "snponly.efi" in console(site.folder, SECOND)
    assert "token" not in console(site.folder, FIRST)


def test_it_is_installed_restarts_from_its_disk_and_is_reached(
    site: Site, machine: MachineRecord, image: DiskImage, tmp_path: Path
) -> None:
    site.admin.told.clear()
    site.discover(machine, "another-token")
    site.power_on(FIRST, "pxe")
    login, host_key = KeyPair.make(), KeyPair.make()
    login.write(tmp_path / "key")
    address = site.rack.admin.network[30]
    params = {
        "image": {
            "url": "/images/node.raw.zst",
            "sha256": image.sha256,
            "size": image.size,
            "compressed_sha256": image.compressed_sha256,
        },
        "disk": machine.disk_serial,
        "hostname": "node-1",
        "domain": "example.org",
        "authorized_keys": [login.public],
        "host_key": {"private": host_key.private.decode(), "public": host_key.public},
        "networks": [{"mac": machine.macs[0], "address": str(address), "prefix": 24, "gateway": str(address - 29)}],
    }
    site.admin.orders.append({"id": "1", "kind": "install", "params": params})
    wait_for(lambda: _ended(site, "1"), SLOW, lambda: _tail(site, FIRST))
    assert site.admin.outcome("1")["status"] == "succeeded", site.admin.outcome("1")
    before = site.status(FIRST).pid
    site.admin.orders.append({"id": "2", "kind": "reboot", "params": {}})
    wait_for(lambda: site.status(FIRST).pid not in (0, before), SLOW, lambda: _tail(site, FIRST))
    access = _reach(address, tmp_path, host_key)
    assert access.run(["hostname", "--fqdn"]).strip() == "node-1.example.org"
    assert access.run(["cat", "/sys/class/net/eth0/address"]).strip() == machine.macs[0]
    assert int(access.run(["df", "--output=size", "--block-size=1M", "/"]).split()[-1]) > 3000
    ipmi(site.folder, FIRST, "power", "soft")
    wait_for(lambda: site.status(FIRST).power == "off", SLOW, lambda: _tail(site, FIRST))
    # Told by the network to start from its disk, it does so too.
    site.script(machine, local_disk_script(BootMode.BIOS))
    site.power_on(FIRST, "pxe")
    access.wait(lambda: True, SLOW)
    assert access.run(["cat", "/proc/1/comm"]).strip() == "systemd"
    os.kill(site.status(FIRST).pid, signal.SIGKILL)
    wait_for(lambda: site.status(FIRST).power == "off", SLOW)


def _reach(address: IPv4Address, folder: Path, host_key: KeyPair) -> Access:
    access = Access(str(address), folder / "key", folder / "known_hosts")
    access.pin(host_key.public)
    access.wait(lambda: True, SLOW)
    return access


def _ended(site: Site, order: str) -> bool:
    return any(body["status"] != "running" for body in site.admin.bodies(f"/v1/agent/orders/{order}"))


def _tail(site: Site, name: str) -> str:
    return console(site.folder, name)[-3000:] + (site.folder / "supervisor.log").read_text()[-2000:]


def test_its_console_is_seen_over_the_network(site: Site, machine: MachineRecord) -> None:
    site.script(machine, "#!ipxe\necho hello operator\nsleep 1\necho and again\nsleep 600\n")
    begun = len(console(site.folder, FIRST))
    argv = ["nsenter", f"--net=/run/netns/{site.rack.namespace}", "cat", "/proc/net/tcp"]
    with sol(site.folder, FIRST) as session:
        site.power_on(FIRST, "pxe")
        wait_for(lambda: "and again" in console(site.folder, FIRST)[begun:], SLOW, lambda: _tail(site, FIRST))
        time.sleep(1)
    assert f":{machine.serial_port:04X} " in subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    assert b"and again" in session.seen


def test_a_failing_disk_and_a_small_one_are_told_by_the_agent(site: Site, machine: MachineRecord) -> None:
    other = site.rack.machine(SECOND)
    for number, (fault, words) in enumerate(
        ((FaultKind.DISK_SMALL, "too small"), (FaultKind.DISK_FAILING, "cannot be written"))
    ):
        virtual.set_fault(site.folder, SECOND, Fault(fault))
        site.discover(other, "token")
        site.power_on(SECOND, "pxe")
        order = f"fault{number}"
        image = {"url": "/images/node.raw.zst", "sha256": "0" * 64, "size": 1 << 30}
        params = {"image": image, "disk": other.disk_serial, "hostname": "node-2"}
        site.admin.orders.append({"id": order, "kind": "install", "params": params})
        wait_for(partial(_ended, site, order), SLOW, lambda: _tail(site, SECOND))
        outcome = site.admin.outcome(order)
        assert outcome["status"] == "failed" and words in outcome["message"], outcome
        ipmi(site.folder, SECOND, "power", "off")
        wait_for(lambda: site.status(SECOND).pid == 0, SLOW)


def test_without_a_link_it_is_not_heard_and_a_hanging_one_stands_still(site: Site, machine: MachineRecord) -> None:
    other = site.rack.machine(SECOND)
    site.admin.told.clear()
    site.discover(other, "token")
    virtual.set_fault(site.folder, SECOND, Fault(FaultKind.NIC_DOWN))
    begun = len(console(site.folder, SECOND))
    site.power_on(SECOND, "pxe")
    wait_for(lambda: "configuring eth0" in console(site.folder, SECOND)[begun:], SLOW)
    time.sleep(2)
    assert "snponly" not in console(site.folder, SECOND)[begun:]
    virtual.set_fault(site.folder, SECOND, Fault())
    wait_for(lambda: bool(site.admin.bodies("/v1/agent/orders/next")), SLOW, lambda: _tail(site, SECOND))
    virtual.set_fault(site.folder, SECOND, Fault(FaultKind.NODE_HANG))
    time.sleep(1)  # what was on its way
    heard = len(site.admin.told)
    time.sleep(5)  # in which it would ask for its orders again
    assert len(site.admin.told) == heard
    virtual.set_fault(site.folder, SECOND, Fault())
    wait_for(lambda: len(site.admin.told) > heard, SLOW)


def test_a_rack_whose_supervisor_was_killed_is_taken_down_whole(site: Site, machine: MachineRecord) -> None:
    site.discover(machine, "token")
    site.power_on(FIRST, "pxe")
    begun = len(site.admin.told)
    wait_for(lambda: len(site.admin.told) > begun, SLOW, lambda: _tail(site, FIRST))
    found = virtual.status(site.folder)
    os.kill(found.supervisor_pid, signal.SIGKILL)
    wait_for(lambda: virtual.status(site.folder).supervisor_pid == 0, SLOW)
    virtual.up(site.folder, 2, Wanted())
    assert ipmi(site.folder, FIRST, "power", "status") == "Chassis Power is off"
    site.power_on(FIRST, "pxe")  # what the one before left does not keep it from starting
    begun = len(site.admin.told)
    wait_for(lambda: len(site.admin.told) > begun, SLOW, lambda: _tail(site, FIRST))
    os.kill(virtual.status(site.folder).supervisor_pid, signal.SIGKILL)  # and so it is taken down, behind the yield
    wait_for(lambda: virtual.status(site.folder).supervisor_pid == 0, SLOW)
    virtual.up(site.folder, 2, Wanted())
