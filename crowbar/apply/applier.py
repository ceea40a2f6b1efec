"""Applies jobs on a node: sends the bundle to a worker there and follows its events."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime

from crowbar.apply.bundle import Bundles, extra_variables
from crowbar.apply.connections import Connections
from crowbar.apply.local import LocalTransport
from crowbar.apply.model import Job, Rehearsed, Sink
from crowbar.apply.rehearse import OPTIONS, Rehearsals
from crowbar.apply.ssh import SshTransport
from crowbar.apply.stream import process, transmit
from crowbar.apply.translate import Translator
from crowbar.apply.transport import Session, Transport
from crowbar.errors import NodeError
from crowbar.store.model import Node, NodeKind

UNIT = "crowbar-apply"
_REHEARSAL = -1  # the lane that changes nothing: a deployment may run beside it
_CANCEL_SEEN_SECONDS = 0.5  # each worker that runs has a thread that looks so often
_JOURNAL_LINES = 60
_JOURNAL_PATIENCE = 3.0  # seconds: a node that is away has failed already

# A worker that said all it had to say still has its unit's name for a moment, after it was stopped too.
_IN_ITS_PLACE = """\
systemctl --quiet stop "$0.service" 2>/dev/null
tries=0
while [ $((tries += 1)) -le 50 ] && [ "$(systemctl show --property=LoadState --value "$0.service")" = loaded ]; do
    sleep 0.1
done
exec "$@"
"""


def unit_of(lane: int) -> str:
    """The name of a lane's unit, which is also that of its folder in /run."""
    return f"{UNIT}-{'rehearsal' if lane == _REHEARSAL else lane}"


def worker_command(unit: str) -> tuple[str, ...]:
    """What runs a worker on a node, as the transient ``unit``, in place of one that an engine which died left there.

    By the unit's name systemd itself sees to it that there are never two of a lane, that nothing of one stays when
    it is stopped, and that its folder (with the secrets) is on a tmpfs and goes with it.
    """
    return (
        *("sh", "-c", _IN_ITS_PLACE, unit),
        "systemd-run",
        "--quiet",
        "--pipe",
        "--wait",
        "--collect",
        f"--unit={unit}",
        f"--property=RuntimeDirectory={unit}",
        "--property=RuntimeDirectoryMode=0700",
        "--property=TimeoutStopSec=20",
        f"--setenv=TMPDIR=/run/{unit}",
        "--setenv=HOME=/root",
        "--setenv=LANG=C.UTF-8",
        "ansible-runner",
        "worker",
        "--private-data-dir",
        f"/run/{unit}/job",
    )


def ansible_settings(unit: str) -> dict[str, str]:
    """The environment of ansible-playbook.

    Pipelining keeps modules' arguments, secrets among them, out of files; the temporary folders are on the tmpfs too.
    """
    return {
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_LOCAL_TEMP": f"/run/{unit}/ansible",
        "ANSIBLE_REMOTE_TEMP": f"/run/{unit}/remote",
        "ANSIBLE_RETRY_FILES_ENABLED": "0",
        "ANSIBLE_DEPRECATION_WARNINGS": "0",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_INVENTORY_ENABLED": "yaml",
    }


def transport_to(node: Node, *, patience: float = 30) -> Transport:
    """The way to that node."""
    return LocalTransport() if node.kind is NodeKind.HOST else SshTransport(node, patience=patience)


def stop_worker(transport: Transport, lane: int) -> None:
    """End the worker that runs on the node; none is fine too."""
    transport.run(["systemctl", "stop", f"{unit_of(lane)}.service"], timeout=60)


class AnsibleApplier:
    """The real Applier."""

    def __init__(self) -> None:
        self._connections = Connections(transport_to)
        self._bundles = Bundles()

    def close(self) -> None:
        """End the connections that were kept."""
        self._connections.close()

    def apply(self, node: Node, jobs: Sequence[Job], sink: Sink, cancel: threading.Event, lane: int = 0) -> None:
        """Run the jobs on the node; see `crowbar.apply.model.Applier`."""
        if cancel.is_set():
            return
        with self._connections.to(node, lane) as transport:
            self._run(transport, node, jobs, sink, cancel, lane)

    def rehearse(self, node: Node, jobs: Sequence[Job], cancel: threading.Event) -> list[Rehearsed]:
        """Each job in check mode, one after the other; see `crowbar.apply.model.Applier`."""
        found: list[Rehearsed] = []
        with contextlib.closing(transport_to(node)) as transport, _cancelling(node, cancel, _REHEARSAL):
            # One that cannot be seen to its end, because another was not done yet, say, is no end of those after it.
            while len(found) < len(jobs) and not cancel.is_set():
                left = jobs[len(found) :]
                found += _rehearsed(transport, self._bundles.archive(node.name, left), left)
        return found

    def journal(self, node: Node, units: Sequence[str], since: datetime | None) -> str:
        """The last journal lines of these units; see `crowbar.apply.model.Applier`."""
        begin = f"--since=@{int(since.timestamp())}" if since else "--since=-5min"
        words = [word for unit in units for word in ("-u", unit)]
        argv = ["journalctl", "--no-pager", "--output=short-iso", f"--lines={_JOURNAL_LINES}", begin, *words]
        try:
            transport = transport_to(node, patience=_JOURNAL_PATIENCE)
            try:
                return transport.run(argv, timeout=10).stdout
            finally:
                transport.close()
        except NodeError:
            return ""

    def _run(
        self, transport: Transport, node: Node, jobs: Sequence[Job], sink: Sink, cancel: threading.Event, lane: int
    ) -> None:
        unit, packed = unit_of(lane), self._bundles.archive(node.name, jobs)
        translate = Translator([job.key for job in jobs], sink)
        with (
            tempfile.TemporaryDirectory(prefix="crowbar-process-") as scratch,
            transport.open(worker_command(unit)) as session,
            _cancelling(node, cancel, lane),
        ):
            try:
                transmit(session.stdin, packed, extra_variables(jobs), ansible_settings(unit))
                session.close_stdin()
                status, explanation = process(session.stdout, scratch, translate)
            except OSError as error:
                status, explanation = "error", f"The connection to the node was lost: {error}"
            _conclude(translate, node, status, explanation, session, cancelled=cancel.is_set())


def _rehearsed(transport: Transport, packed: bytes, jobs: Sequence[Job]) -> list[Rehearsed]:
    """The jobs in one run, as far as it comes: one of which something cannot be seen ends it, and is the last there."""
    unit, found = unit_of(_REHEARSAL), Rehearsals([job.key for job in jobs])
    with (
        tempfile.TemporaryDirectory(prefix="crowbar-process-") as scratch,
        transport.open(worker_command(unit)) as session,
    ):
        try:
            transmit(session.stdin, packed, extra_variables(jobs), ansible_settings(unit), OPTIONS)
            session.close_stdin()
            status, explanation = process(session.stdout, scratch, found)
        except OSError as error:
            return found.end(f"The connection to the node was lost: {error}")
        if status == "successful":
            return found.end("" if found.all_begun else "The node ended without it.")
        return found.end(explanation or session.stderr_tail().strip() or f"The worker ended with status {status!r}.")


def _conclude(
    translate: Translator, node: Node, status: str, explanation: str, session: Session, *, cancelled: bool
) -> None:
    """Close what the stream left open. A worker that failed without a failing job is the node's failure."""
    reason = explanation or f"The worker on the node ended with status {status!r}."
    translate.end("" if status == "successful" else reason, cancelled=cancelled)
    if status != "successful" and not translate.failed and not cancelled:
        details = "\n".join(text for text in (translate.loose_lines, session.stderr_tail().strip()) if text)
        raise NodeError(f"Node {node.name} did not run its steps: {reason}\n{details}".rstrip())


@contextlib.contextmanager
def _cancelling(node: Node, cancel: threading.Event, lane: int) -> Iterator[None]:
    """While inside: when ``cancel`` is set, stop the node's worker, which ends the stream that is being read."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_CANCEL_SEEN_SECONDS):
            if cancel.is_set():  # again and again: the first time, the unit may not have begun
                transport = transport_to(node, patience=5)
                # A node that cannot be reached any more has also ended the stream.
                with contextlib.suppress(NodeError), contextlib.closing(transport):
                    stop_worker(transport, lane)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
