"""dnsmasq under supervision: started when nothing is in its way, started again when it dies, stopped with us."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from crowbar.errors import EnvironmentFault
from crowbar.provision.boot.binaries import place_binaries
from crowbar.provision.dnsmasq.config import DhcpConfig, DhcpHost
from crowbar.provision.dnsmasq.host import check_host, hold_prefix, ports, release_prefix, served, write
from crowbar.provision.dnsmasq.leftover import end_leftover
from crowbar.provision.dnsmasq.lines import LogReader
from crowbar.provision.dnsmasq.ports import check_ports
from crowbar.provision.dnsmasq.render import Files, render_config, render_hosts, render_names
from crowbar.store.machine_model import MachineEvent

_LOG = structlog.get_logger()
_LONGEST_LINE = 4096
_READY = ": started, version "
_START_SECONDS = 20.0
_STOP_SECONDS = 5.0
_LASTED = 60.0  # a process that ran so long is started again at once
_BACK_OFF = (0.5, 30.0)


class Dnsmasq:
    """One dnsmasq for one admin network; as a context manager it is started and stopped.

    ``folder`` is its working folder, made if it is not there; what is in it is no secret. Leases are kept in it.
    ``on_event`` and ``on_line`` (its whole log; must not raise) are called in a thread of its own, and should return
    at once: what dnsmasq says meanwhile is lost rather than that it waits.
    """

    def __init__(
        self,
        config: DhcpConfig,
        folder: Path,
        on_event: Callable[[MachineEvent], None],
        hosts: Iterable[DhcpHost] = (),
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        self.config = served(config)
        self.files = Files(folder)
        self._hosts = tuple(hosts)
        self._on_event = on_event
        self._on_line = on_line
        self._reader = LogReader()
        self._last: deque[str] = deque(maxlen=20)
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = threading.Event()
        self._stopping = threading.Event()
        self._stale = False
        self._changing = threading.Lock()
        self._supervisor: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """The process id, while it serves."""
        process = self._process
        return process.pid if process is not None and self._ready.is_set() else None

    def start(self) -> None:
        """Start it, and wait until it serves; a second time does nothing.

        Raises InputError (all that is wrong with the configuration or hosts) and EnvironmentFault: not root, a
        program or the interface missing, a port taken, or what dnsmasq itself gave as the reason.
        """
        if self._supervisor is not None:
            return
        user = check_host(self.files.folder)
        texts = {self.files.config: render_config(self.config, self.files, user)}
        texts |= self._host_texts(self._hosts)
        self.files.folder.mkdir(parents=True, exist_ok=True)
        self.files.folder.chmod(0o755)  # dnsmasq reads it as a user of its own
        end_leftover(self.files)
        check_ports(self.config.interface, self.config.address, ports(self.config))
        place_binaries(self.files.tftp)
        write(texts)
        hold_prefix(self.config)
        self._stopping.clear()
        self._spawn()
        self._supervisor = threading.Thread(target=self._run, name="dnsmasq", daemon=True)
        self._supervisor.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._ready.wait(0.05):
            if self._stopping.is_set() or time.monotonic() > deadline:
                self.stop()
                raise EnvironmentFault(f"dnsmasq does not start: {self._words()}", hint=f"See {self.files.config}.")

    def stop(self) -> None:
        """End it, in order if it lets itself; the addresses it gave stay theirs. A second time does nothing."""
        with self._changing:  # from here on none is started
            self._stopping.set()
            process, supervisor = self._process, self._supervisor
        if process is not None:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        if supervisor is not None:
            supervisor.join()
        self._process = self._supervisor = None

    def set_hosts(self, hosts: Iterable[DhcpHost]) -> None:
        """Tell it the known machines, all of them; it goes on serving. Raises InputError with all faults."""
        known = tuple(hosts)
        texts = self._host_texts(known)
        with self._changing:
            self._hosts = known
            if self._supervisor is None:  # start() writes them
                return
            write(texts)
            # One that is just starting reads them anyway, and could not take the signal yet.
            if self._ready.is_set():
                self._read_again()
            else:
                self._stale = True

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _host_texts(self, hosts: tuple[DhcpHost, ...]) -> dict[Path, str]:
        return {self.files.hosts: render_hosts(hosts, self.config), self.files.names: render_names(hosts)}

    def _read_again(self) -> None:
        self._stale = False
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGHUP)

    def _spawn(self) -> None:
        argv = ["dnsmasq", f"--conf-file={self.files.config}", "--keep-in-foreground", "--log-dhcp", "--log-facility=-"]
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C comes to us: it ends in order
            cwd="/",
        )

    def _run(self) -> None:
        try:
            self._supervise()
        finally:
            release_prefix(self.config)

    def _supervise(self) -> None:
        pause, longest = _BACK_OFF
        first = True
        while True:
            began = time.monotonic()
            status = self._follow()
            had_served = self._ready.is_set()
            self._ready.clear()
            if self._stopping.is_set():
                return
            if first and not had_served:
                self._stopping.set()  # its configuration is wrong: start() says so
                return
            first = False
            if time.monotonic() - began > _LASTED:
                pause = _BACK_OFF[0]
            self._tell("dnsmasq.ended", f"dnsmasq ended with {status}, and is started again: {self._words()}")
            if not self._spawn_again(pause):
                return
            pause = min(2 * pause, longest)

    def _spawn_again(self, pause: float) -> bool:
        """After a pause; again and again, where the host has no memory for it. False when it shall end."""
        while not self._stopping.wait(pause):
            with self._changing:
                if self._stopping.is_set():
                    return False
                try:
                    self._spawn()
                except OSError as error:
                    reason = error.strerror
                else:
                    return True
            self._tell("dnsmasq.ended", f"dnsmasq cannot be started: {reason}")
        return False

    def _follow(self) -> int:
        """Read what it says until it ends; its exit status."""
        process = self._process
        if process is None or process.stderr is None:
            raise RuntimeError("dnsmasq was not started")
        with process.stderr as said:
            while line := said.readline(_LONGEST_LINE):
                self._take(line.decode("ascii", errors="replace").rstrip())
        return process.wait()

    def _take(self, line: str) -> None:
        self._last.append(line)
        if self._on_line is not None:
            self._on_line(line)
        if _READY in line and not self._ready.is_set() and line.startswith("dnsmasq["):
            with self._changing:
                self._ready.set()
                if self._stale:  # written while it started: it may have read what was there before
                    self._read_again()
            self._tell("dnsmasq.started", f"dnsmasq serves {self.config.network} on {self.config.interface}")
        event = self._reader.read(line, datetime.now(UTC))
        if event is not None:
            self._hand_over(event)

    def _tell(self, kind: str, message: str) -> None:
        self._hand_over(MachineEvent("", datetime.now(UTC), kind, "dnsmasq", message))

    def _hand_over(self, event: MachineEvent) -> None:
        # A database that is away for a moment must not end the addresses of a rack.
        try:
            self._on_event(event)
        except Exception:  # noqa: BLE001 - whatever it is
            _LOG.exception("an event of DHCP is lost", kind=event.kind, message=event.message)

    def _words(self) -> str:
        return self._last[-1] if self._last else "it says nothing"
