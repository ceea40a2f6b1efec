"""The admin node's services as one process: DHCP and TFTP, HTTP for machines, and the loop that brings them on."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, ip_address
from pathlib import Path

import structlog
import uvicorn

from crowbar.api.app import make_app
from crowbar.api.connection import LARGEST_HEAD, Connection
from crowbar.api.desk import Desk
from crowbar.errors import CrowbarError, EnvironmentFault
from crowbar.provision.dnsmasq import DhcpConfig, DhcpHost, DhcpMode, Dnsmasq
from crowbar.store.machine_model import MachineEvent, Network
from crowbar.store.store import Store

ADMIN = "admin"
PORT = 8091
GRACE = 3  # seconds for answers that are under way when it ends
_FOLLOW_EVERY = 0.5  # seconds
_BACKLOG = 2048  # connections that wait to be taken: a whole rack may come at once
_LOG = structlog.get_logger()


@dataclass(frozen=True)
class Place:
    """Where the admin node is in its admin network."""

    interface: str
    address: IPv4Address
    network: IPv4Network

    def url(self, port: int) -> str:
        """What machines are told."""
        return f"http://{self.address}:{port}"


def place_in(network: Network) -> Place:
    """The interface of this host that is in the network. Raises EnvironmentFault if there is none."""
    subnet = IPv4Network(network.subnet)
    for interface, address in _own_addresses():
        if address in subnet:
            return Place(interface, address, subnet)
    raise EnvironmentFault(
        f"This host has no address in the network {network.name} ({subnet}).",
        hint=f"Give one of its interfaces an address of {subnet}, or mend the network: crowbar networks set.",
    )


def admin_network(store: Store) -> Network:
    """The network that machines boot from. Raises EnvironmentFault if it is not known."""
    network = store.networks.get(ADMIN)
    if network is None:
        raise EnvironmentFault(
            "The admin network is not known: Crowbar answers in no network that it was not told of.",
            hint="crowbar networks set admin --subnet 10.0.0.0/24 --range host=10.0.0.20-10.0.0.200",
        )
    return network


def dhcp_config(network: Network, place: Place, base_url: str, mode: DhcpMode = DhcpMode.SERVER) -> DhcpConfig:
    """What dnsmasq shall do there. Pure."""
    lent = network.ranges.get("dynamic")
    return DhcpConfig(
        interface=place.interface,
        address=place.address,
        network=place.network,
        base_url=base_url,
        dynamic=(IPv4Address(lent[0]), IPv4Address(lent[1])) if lent else None,
        gateway=IPv4Address(network.gateway) if network.gateway else None,
        mode=mode,
    )


def known_hosts(store: Store) -> list[DhcpHost]:
    """The machines that always get the same address."""
    entries = store.networks.hosts(ADMIN)
    return [DhcpHost(entry.mac, IPv4Address(entry.address), entry.node) for entry in entries if entry.mac]


@contextmanager
def dhcp(store: Store, config: DhcpConfig, folder: Path) -> Iterator[Dnsmasq]:
    """dnsmasq, whose log becomes lines of the machines' timelines, and which follows the store's addresses."""

    def note(event: MachineEvent) -> None:
        mac = str(event.data.get("mac", ""))
        owners = store.machines.by_mac(mac) if mac else []
        name = owners[0].name if len(owners) == 1 else ""
        store.machine_events.append([MachineEvent(name, event.at, event.kind, event.actor, event.message, event.data)])

    over = threading.Event()
    with Dnsmasq(config, folder, note, known_hosts(store)) as dnsmasq:
        follower = threading.Thread(target=_follow, args=(store, dnsmasq, over), name="dhcp-hosts", daemon=True)
        follower.start()
        try:
            yield dnsmasq
        finally:
            over.set()
            follower.join()


def _follow(store: Store, dnsmasq: Dnsmasq, over: threading.Event) -> None:
    """Until ``over``, whatever comes between: a database that is away comes back, and a network can be mended."""
    told: list[DhcpHost] | None = None
    trouble = ""
    while not over.wait(_FOLLOW_EVERY):
        try:
            wanted = known_hosts(store)
            if wanted != told:
                dnsmasq.set_hosts(wanted)
                told = wanted
            trouble = ""
        except Exception as error:  # noqa: BLE001 - a defect of ours, too: whoever is known later shall have an address
            if str(error) != trouble:  # said once, not twice a second
                trouble = str(error)
                defect = not isinstance(error, CrowbarError)
                _LOG.error("DHCP does not follow the store", error=trouble, exc_info=defect)


@contextmanager
def listening(place: Place, port: int) -> Iterator[socket.socket]:
    """The socket that machines come to. Raises EnvironmentFault for a port that cannot be had.

    They are queued from now on, and answered when `serve_http` runs: so nothing has been begun where it cannot be had.
    """
    with socket.socket() as listener:
        # An address that a serve before us has just left may be had again.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((str(place.address), port))
            listener.listen(_BACKLOG)
        except OSError as error:
            raise EnvironmentFault(
                f"Port {port} of {place.address} cannot be listened on: {error.strerror}.",
                hint=f"See who has it: ss -ltnp 'sport = :{port}'; or choose another: crowbar serve --port.",
            ) from error
        yield listener


def serve_http(desk: Desk, listener: socket.socket, answering: Callable[[], object]) -> None:
    """Answer machines until SIGTERM or Ctrl-C. ``answering`` is called once they are answered."""
    config = uvicorn.Config(
        make_app(desk),
        http=Connection,
        h11_max_incomplete_event_size=LARGEST_HEAD,
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=GRACE,
    )
    _LOG.info("serving", address=listener.getsockname())
    _Server(config, answering, desk.bell.silence).run(sockets=[listener])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, answering: Callable[[], object], ending: Callable[[], object]) -> None:
        super().__init__(config)
        self._answering = answering
        self._ending = ending

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._answering()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._ending()
        await super().shutdown(sockets)


def _own_addresses() -> Iterator[tuple[str, IPv4Address]]:
    done = subprocess.run(["ip", "-json", "-4", "address"], capture_output=True, text=True, check=True)
    for link in json.loads(done.stdout):
        for entry in link.get("addr_info", ()):
            address = ip_address(entry["local"])
            if isinstance(address, IPv4Address):
                yield str(link["ifname"]), address
