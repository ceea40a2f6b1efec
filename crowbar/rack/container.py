"""The container machine: a node that is a systemd-nspawn container with its own disk, network and NAT out."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Network
from pathlib import Path

from crowbar.apply.keys import KeyPair
from crowbar.errors import EnvironmentFault, NodeError
from crowbar.rack import disk, host, launch, network, processes, subnet
from crowbar.rack.record import Names, Record
from crowbar.rack.ssh import Access
from crowbar.store.model import Node, NodeKind

NETWORKS = ("admin", "public", "storage", "tenant")  # it has one address, in all of them
BOOT_TIMEOUT = 90.0
STOP_TIMEOUT = 60.0


class Status(StrEnum):
    """How a machine is."""

    ABSENT = "absent"
    INCOMPLETE = "incomplete"  # its making was interrupted: it can only be destroyed
    STOPPED = "stopped"
    RUNNING = "running"


@dataclass(frozen=True)
class ContainerMachine:
    """The machine in ``folder``, named as the folder is; whatever there is of it."""

    folder: Path

    @classmethod
    def create(
        cls,
        folder: Path,
        image: Path,
        *,
        routes: Sequence[str] = (),
        devices: Sequence[str] = (),
        domain: str = "crowbar.internal",
    ) -> ContainerMachine:
        """Make a machine whose disk stands on the root folder ``image``; it is not started.

        ``routes`` are networks (CIDR) that the host shall reach through it, ``devices`` are device files of the
        host's that it gets beside /dev/net/tun. What an interrupted making left in the folder is removed first.
        Raises EnvironmentFault: not root, a program missing, the machine exists, a route is taken.
        """
        host.check()
        machine = cls(folder)
        if machine.status() in (Status.RUNNING, Status.STOPPED):
            raise EnvironmentFault(f"There is a machine in {folder} already.", hint="`crowbar destroy` removes it.")
        machine.destroy()
        wanted = [IPv4Network(route) for route in routes]
        with subnet.choosing():
            used = subnet.host_networks()
            subnet.check_routes(wanted, used)
            record = Record(
                str(image.resolve()), str(subnet.free_subnet(used, wanted)), tuple(routes), tuple(devices), domain
            )
            machine.folder.mkdir(mode=0o700, parents=True)  # what is made from here on is known to be somebody's
            network.up(machine.names, record)  # who chooses next sees that it is in use
        machine._make(record)
        return machine

    @classmethod
    def load(cls, folder: Path) -> ContainerMachine:
        """The machine that was made in that folder. Raises EnvironmentFault if there is none."""
        machine = cls(folder)
        if machine.status() in (Status.ABSENT, Status.INCOMPLETE):
            raise EnvironmentFault(
                f"There is no machine in {folder}.", hint="`crowbar deploy --single-node` makes one."
            )
        return machine

    def _make(self, record: Record) -> None:
        login, host_key = KeyPair.make(), KeyPair.make()
        login.write(self.folder / "id_ed25519")
        (self.folder / "host_key.pub").write_text(f"{host_key.public}\n", encoding="utf-8")
        root = disk.mount(self.folder, Path(record.image))
        disk.prepare(root, self.name, record, host_key, login)
        Access(str(record.address), self.key, self.folder / "known_hosts").pin(host_key.public)
        record.write(self._record_file)  # last: a machine with a record is whole

    @property
    def name(self) -> str:
        """The machine's and its node's name."""
        return self.folder.name

    @property
    def key(self) -> Path:
        """The private key that root's door opens to."""
        return self.folder / "id_ed25519"

    @property
    def names(self) -> Names:
        """What its parts are called on the host."""
        return Names.of(self.folder)

    @property
    def _record_file(self) -> Path:
        return self.folder / "machine.json"

    @property
    def record(self) -> Record:
        """What is written down of it."""
        return Record.read(self._record_file)

    @property
    def access(self) -> Access:
        """How it is reached by OpenSSH's client."""
        return Access(str(self.record.address), self.key, self.folder / "known_hosts")

    def node(self) -> Node:
        """The machine as a node."""
        return Node(
            name=self.name,
            kind=NodeKind.CONTAINER,
            addresses=dict.fromkeys(NETWORKS, str(self.record.address)),
            ssh_key=str(self.key),
            host_key=(self.folder / "host_key.pub").read_text(encoding="utf-8").strip(),
        )

    def status(self) -> Status:
        """How it is."""
        if not self.folder.is_dir():
            return Status.ABSENT
        if not self._record_file.is_file():
            return Status.INCOMPLETE
        return Status.RUNNING if self._runs() else Status.STOPPED

    def start(self, timeout: float = BOOT_TIMEOUT) -> None:
        """Power on, and wait until SSH answers; at once if it does already.

        Raises EnvironmentFault if the host cannot, and NodeError with the console's end if the machine does not boot.
        """
        host.check()
        network.up(self.names, self.record)
        console = self.folder / "console.log"
        if not self._runs():
            launch.clean(self.names, self.folder / "root")
            root = disk.mount(self.folder, Path(self.record.image))
            launch.launch(self.names, self.record, root, console)
        begun = time.monotonic()
        try:
            self.access.wait(lambda: self._runs() or time.monotonic() < begun + 2, timeout)
        except NodeError as error:
            last = console.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
            raise NodeError("\n".join([error.message, *last]), hint=f"The whole console is in {console}.") from error

    def reroute(self, routes: Sequence[str]) -> bool:
        """From its next start (of a running one, too) the host reaches these networks (CIDR) through it, and no others.

        Says whether that is different from before. Raises EnvironmentFault if a route is taken; then nothing was
        changed.
        """
        record = self.record
        if record.routes == tuple(routes):
            return False
        used = [*subnet.host_networks(but=self.names.bridge), IPv4Network(record.subnet)]
        subnet.check_routes([IPv4Network(route) for route in routes], used)
        replace(record, routes=tuple(routes)).write(self._record_file)
        return True

    def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """Shut down in order; after ``timeout`` seconds, cut the power."""
        processes.send(self.names.machine, signal.SIGTERM)
        self._wait_ended(timeout)
        self.kill()

    def kill(self) -> None:
        """Cut the power: every process ends at once, as by SIGKILL."""
        until = time.monotonic() + STOP_TIMEOUT
        # More than once: one that is being launched becomes another program under our hands.
        while processes.send(self.names.machine, signal.SIGKILL) or self._runs():
            if time.monotonic() > until:
                raise NodeError(f"The machine {self.name} cannot be ended.", hint="See `ps` for a process in state D.")
            time.sleep(0.02)
        launch.clean(self.names, self.folder / "root")

    def destroy(self) -> None:
        """Take it away without a trace, however much of it there is. Its data is lost."""
        self.kill()
        network.down(self.names)
        disk.remove(self.folder)

    def shell(self, argv: Sequence[str] = ()) -> int:
        """Run a command, or a shell, in the machine on our own terminal; its exit status."""
        return self.access.shell(argv)

    def cpu_seconds(self) -> float:
        """CPU time its processes have used since it was started."""
        return processes.usage(self.names.machine).cpu_seconds

    def memory_mib(self) -> float:
        """Memory its processes use now, shared pages counted once (PSS), in MiB."""
        return processes.usage(self.names.machine).memory_mib

    def _runs(self) -> bool:
        return processes.find(self.names.machine) is not None

    def _wait_ended(self, timeout: float) -> None:
        until = time.monotonic() + timeout
        while self._runs() and time.monotonic() < until:
            time.sleep(0.05)
