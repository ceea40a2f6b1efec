"""The checks themselves: each does one thing with the cloud, and says what it saw."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Container, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import paramiko

from crowbar.verify import computes, dashboard, networks, servers, services, storage, vnc
from crowbar.verify.cloud import BLOCK_STORAGE, Cloud
from crowbar.verify.guest import Guest, login, new_key
from crowbar.verify.image import build_image
from crowbar.verify.model import CheckError, CheckName, NotHereError
from crowbar.verify.networks import Port, Segment
from crowbar.verify.poll import Waiting, unheard
from crowbar.verify.projects import second_project
from crowbar.verify.servers import Template

_TRANSFER = 20 * 1000 * 1000  # bytes each way
_FIRST_HOST, _SECOND_HOST = 10, 20  # the last parts of the two instances' addresses
_FIRST_OF_COMPUTES = 100  # and of those on the other hypervisors
_METADATA = "http://169.254.169.254/openstack/latest/meta_data.json"
Value = TypeVar("Value")


@dataclass(frozen=True)
class Instance:
    """An instance, where it is plugged in, and the key that logs in to it."""

    cloud: Cloud
    name: str
    id: str
    port: Port
    segment: Segment
    key: paramiko.PKey

    @contextmanager
    def login(self) -> Iterator[Guest]:
        """Log in over the floating IP. A failure tells how the instance's console ends."""
        try:
            with login(self.port.floating_ip, self.key, lambda: servers.console(self.cloud, self.id)) as guest:
                yield guest
        except CheckError as failure:
            raise CheckError(f"{failure.message}\n{servers.console_tail(self.cloud, self.id)}") from failure


def start_instance(
    cloud: Cloud, name: str, template: Template, segment: Segment, host: int, hypervisor: str = ""
) -> Instance:
    """Plug in, key and launch an instance, on that hypervisor if one is named; it is not waited for."""
    key, public = new_key()
    port = networks.plug(cloud, segment, name, host)
    server_id = servers.launch(cloud, name, template, port.id, public, hypervisor)
    return Instance(cloud, name, server_id, port, segment, key)


def boot_id(guest: Guest) -> str:
    """What the kernel drew at its start: another one means that the guest was really rebooted."""
    return guest.text("cat /proc/sys/kernel/random/boot_id")


def begun(begin: Callable[[], Value]) -> Future[Value]:
    """What ``begin`` gave, or what it raised: asked for now, it is the result of the check that looks at it later."""
    found: Future[Value] = Future()
    try:
        found.set_result(begin())
    except Exception as error:  # noqa: BLE001 (the check that asks for the result gets it)
        found.set_exception(error)
    return found


@dataclass
class Scenario:
    """One run against one cloud. A check leaves here what those that need it go on from.

    ``wanted`` are the checks that will be tried: what takes the cloud a while by itself is begun ahead of them.
    """

    cloud: Cloud
    run: str
    workdir: Path
    screenshots: Path | None
    wanted: Container[CheckName] = tuple(CheckName)
    waiting: Waiting = unheard
    image_id: str = field(init=False)
    template: Template = field(init=False)
    segment: Segment = field(init=False)
    first: Instance = field(init=False)
    second: Instance = field(init=False)
    others: Future[dict[str, Instance]] = field(init=False)
    volume_id: Future[str] = field(init=False)
    disk: storage.Disk = field(init=False)

    def catalog(self) -> str:
        """What the catalogue has."""
        return f"signed in to {self.cloud.access.auth_url}; services: {', '.join(sorted(self.cloud.services))}"

    def services(self) -> str:
        """The cloud has settled."""
        answering = services.answering(self.cloud, self.waiting)
        return f"{answering} services answer; {services.reporting(self.cloud, self.waiting)} workers and agents report"

    def image(self) -> str:
        """Build and upload the tiny image."""
        image = build_image(self.workdir / "tiny-image")
        self.image_id = servers.upload(self.cloud, f"{self.run}-image", image)
        return f"tiny image {image.digest} ({image.path.stat().st_size / 1e6:.0f} MB) stored with the right checksum"

    def network(self) -> str:
        """A network with a way out."""
        external = networks.external_network(self.cloud)
        self.segment = networks.build_segment(self.cloud, f"{self.run}-net", external)
        return f"network {networks.CIDR} (MTU {self.segment.mtu}), router to the external network, security group"

    def instance(self) -> str:
        """An active instance. Those on the other hypervisors boot, and a volume is made, while other checks run."""
        self.template = Template(self.image_id, servers.flavor(self.cloud, f"{self.run}-flavor"))
        self.first = start_instance(self.cloud, f"{self.run}-a", self.template, self.segment, _FIRST_HOST)
        servers.wait_active(self.cloud, self.first.id)
        if CheckName.COMPUTES in self.wanted:
            self.others = begun(self._start_others)
        if CheckName.VOLUME in self.wanted and self.cloud.has(*BLOCK_STORAGE):
            self.volume_id = begun(lambda: storage.create_volume(self.cloud, f"{self.run}-volume", near=self.first.id))
        return f"{self.first.name} is active at {self.first.port.fixed_ip}, floating IP {self.first.port.floating_ip}"

    def second_project(self) -> str:
        """The second project's instance is launched; it boots while other checks run."""
        cloud = second_project(self.cloud, f"{self.run}-project")
        segment = networks.build_segment(cloud, f"{self.run}-net2", self.segment.external_id)
        self.second = start_instance(cloud, f"{self.run}-b", self.template, segment, _SECOND_HOST)
        return f"project {self.run}-project with a member, the same addresses in a network of its own, an instance"

    def console(self) -> str:
        """The screen answers."""
        return f"{vnc.greeting(vnc.console_url(self.cloud, self.first.id))} over the console's WebSocket"

    def ssh(self) -> str:
        """Log in; the network's MTU must have reached the guest."""
        started = time.monotonic()
        with self.first.login() as guest:
            waited = time.monotonic() - started
            mtu = int(guest.text("cat /sys/class/net/eth0/mtu"))
            system = guest.text("uname -sr")
        if self.segment.mtu and mtu != self.segment.mtu:
            raise CheckError(f"The guest's MTU is {mtu}; its network's is {self.segment.mtu}.")
        return f"logged in to {self.first.port.floating_ip} after {waited:.1f} s ({system}), host key as on its console"

    def metadata(self) -> str:
        """The metadata service tells the instance who it is."""
        with self.first.login() as guest:
            text = guest.run(f"wget -q -O - {_METADATA}")
        try:
            found = json.loads(text)["uuid"]
        except (ValueError, KeyError, TypeError) as error:
            raise CheckError(f"The metadata service answered something else: {text[:200]!r}") from error
        if found != self.first.id:
            raise CheckError(f"The metadata service took instance {self.first.id} for {found}.")
        return f"the instance read its own id from {_METADATA}"

    def transfer(self) -> str:
        """Bytes to the guest and back are the same bytes."""
        data = secrets.token_bytes(_TRANSFER)
        with self.first.login() as guest:
            started = time.monotonic()
            guest.run("cat > /tmp/transfer", stdin=data)
            up = time.monotonic() - started
            there = guest.text("sha256sum /tmp/transfer").split()[0]
            started = time.monotonic()
            back = guest.run("cat /tmp/transfer")
            down = time.monotonic() - started
            guest.run("rm /tmp/transfer")
        wanted = hashlib.sha256(data).hexdigest()
        if there != wanted or back != data:
            raise CheckError(f"20 MB were sent with SHA-256 {wanted}; {there} arrived, and {len(back)} bytes came back")
        return f"20 MB there in {up:.1f} s and back in {down:.1f} s, SHA-256 equal"

    def volume(self) -> str:
        """Attach a volume and write to it."""
        volume_id = self.volume_id.result()
        storage.wait_volume(self.cloud, volume_id, "available")
        with self.first.login() as guest:
            self.disk = storage.attach(self.cloud, self.first.id, volume_id, guest)
        return f"attached as {self.disk.device}, 8 MiB written and read back"

    def reboot(self) -> str:
        """Reboot hard, and reach the instance again."""
        with self.first.login() as guest:
            before = boot_id(guest)
        started = time.monotonic()
        servers.reboot(self.cloud, self.first.id)
        with self.first.login() as guest:
            if boot_id(guest) == before:
                raise CheckError("Nova said that it had rebooted the instance, but the same kernel is running on.")
        return f"logged in again {time.monotonic() - started:.1f} s after the hard reboot was asked for"

    def _start_others(self) -> dict[str, Instance]:
        """An instance on each other hypervisor, by the hypervisor; they are not waited for."""
        here = computes.host_of(self.cloud, self.first.id)
        others = [host for host in computes.hypervisors(self.cloud) if host != here]
        if not others:
            raise NotHereError(f"the cloud has one hypervisor, {here}")
        return {
            host: start_instance(
                *(self.cloud, f"{self.run}-c{number}", self.template, self.segment),
                *(_FIRST_OF_COMPUTES + number, host),
            )
            for number, host in enumerate(others)
        }

    def computes(self) -> str:
        """An instance on each hypervisor is reached from the first one, by small packets and by the largest."""
        started = self.others.result()
        here = computes.host_of(self.cloud, self.first.id)
        for host, instance in started.items():
            servers.wait_active(self.cloud, instance.id)
            if (found := computes.host_of(self.cloud, instance.id)) != host:
                raise CheckError(f"Nova started {instance.name} on {found}, and was asked for {host}.")
        for host, instance in started.items():
            with instance.login() as guest:  # it has booted, and its floating address works, too
                guest.text("uname -s")
            with self.first.login() as guest:
                computes.reach(guest, instance.port.fixed_ip, self.segment.mtu, host)
        return f"an instance on each of {', '.join(started)} is reached from the one on {here}"

    def detach(self) -> str:
        """The volume kept its content over everything so far; detach it."""
        with self.first.login() as guest:
            storage.compare(self.disk, guest)
            storage.detach(self.cloud, self.first.id, self.disk, guest)
        return "the volume still held what was written, and was detached"

    def object(self) -> str:
        """Put, get and delete an object."""
        return storage.round_trip(self.cloud, f"{self.run}-container")

    def isolation(self) -> str:
        """Neither instance reaches the other, though both are up, let ping in, and have addresses of one subnet."""
        servers.wait_active(self.second.cloud, self.second.id)
        foreign = self.segment.network_id in networks.visible_networks(self.second.cloud)
        if foreign:
            raise CheckError(f"The second project's user is shown the first project's network {self.segment.name}.")
        for inside, outside in ((self.first, self.second), (self.second, self.first)):
            with inside.login() as guest:
                guest.run(f"ping -c 1 -W 5 {networks.gateway()}")  # the network itself works
                answer = guest.run(f"ping -c 3 -W 2 {outside.port.fixed_ip} || true").decode(errors="replace")
            if "100% packet loss" not in answer:
                raise CheckError(f"{inside.name} reached {outside.port.fixed_ip} of the other project:\n{answer}")
        return "two projects use the same addresses, and neither sees nor reaches the other's instance"

    def dashboard(self) -> str:
        """A browser sees the instance."""
        access = self.cloud.access
        url = access.dashboard_url or ""
        server = (self.first.name, self.first.id)
        return dashboard.visit(access, url, server, self.workdir, self.screenshots)


CHECKS: Mapping[CheckName, Callable[[Scenario], str]] = {
    CheckName.CATALOG: Scenario.catalog,
    CheckName.SERVICES: Scenario.services,
    CheckName.IMAGE: Scenario.image,
    CheckName.NETWORK: Scenario.network,
    CheckName.INSTANCE: Scenario.instance,
    CheckName.SECOND_PROJECT: Scenario.second_project,
    CheckName.OBJECT: Scenario.object,
    CheckName.CONSOLE: Scenario.console,
    CheckName.SSH: Scenario.ssh,
    CheckName.METADATA: Scenario.metadata,
    CheckName.TRANSFER: Scenario.transfer,
    CheckName.VOLUME: Scenario.volume,
    CheckName.REBOOT: Scenario.reboot,
    CheckName.COMPUTES: Scenario.computes,
    CheckName.DETACH: Scenario.detach,
    CheckName.ISOLATION: Scenario.isolation,
    CheckName.DASHBOARD: Scenario.dashboard,
}


# The service types that a check is about: it is skipped where the catalogue has none of them.
SERVICES: Mapping[CheckName, tuple[str, ...]] = {
    CheckName.IMAGE: ("image",),
    CheckName.NETWORK: ("network",),
    CheckName.INSTANCE: ("compute",),
    CheckName.SECOND_PROJECT: ("compute",),
    CheckName.OBJECT: ("object-store",),
    CheckName.VOLUME: BLOCK_STORAGE,
}
