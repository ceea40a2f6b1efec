"""The real single-node cloud that these tests share: deployed once, while engine and machine were killed."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

from crowbar.apply.applier import transport_to
from crowbar.rack.container import ContainerMachine
from crowbar.services.context import Context, open_context
from crowbar.store.model import Node, StepKind
from tests.built import state_dir
from tests.command import Command

STATE = state_dir("cloud-tests")  # the cloud itself is new every time
ENGINE_KILLS = 1  # tests/cluster has more
MACHINE_KILLS = 1
DEPLOY_SECONDS = 1500


@dataclass
class Crowbar(Command):
    """The `crowbar` command, for a cloud on this host."""

    def deploy(self, *arguments: str, status: int = 0) -> list[dict[str, Any]]:
        """`crowbar deploy --single-node`; gives its steps."""
        document = self.json("deploy", "--single-node", *arguments, status=status)
        steps: list[dict[str, Any]] = document["steps"]
        return steps


@dataclass
class ProcessList:
    """Every command line that any process on this host had, the node's among them, while it ran."""

    seen: set[bytes] = field(default_factory=set)
    _over: threading.Event = field(default_factory=threading.Event)

    def _look(self) -> None:
        while not self._over.wait(0.1):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    self.seen.add((process / "cmdline").read_bytes())
                except OSError:  # the process has ended
                    continue

    def __enter__(self) -> Self:
        threading.Thread(target=self._look, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()


@dataclass
class Cloud:
    """The deployed cloud, and what was seen while it was deployed."""

    crowbar: Crowbar
    processes: ProcessList
    applied_at_kills: list[int] = field(default_factory=list)
    machine_kills: int = 0
    seconds: float = 0

    def context(self) -> Any:
        """The store and the catalog."""
        return open_context(self.crowbar.state)

    def node(self) -> Node:
        """The one node."""
        with self.context() as context:
            [node] = context.store.nodes.list()
            assert isinstance(node, Node)
            return node

    def on_node(self, *argv: str, seconds: float = 60) -> str:
        """Run a command on the node; it must succeed."""
        transport = transport_to(self.node())
        try:
            done = transport.run(argv, timeout=seconds)
        finally:
            transport.close()
        assert done.status == 0, done.stderr
        return done.stdout

    def machine(self) -> ContainerMachine:
        """The container machine behind the node."""
        return ContainerMachine.load(self.crowbar.state.machines / self.node().name)


def applied_steps(crowbar: Crowbar) -> int:
    """How many roles and gates have succeeded: asked many times, so of the database itself."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{crowbar.state.database}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM applied WHERE identity <> ''").fetchone()[0])
    except sqlite3.OperationalError:  # there is no database yet, or no table in it
        return 0


def wait_until_applied(crowbar: Crowbar, process: subprocess.Popen[str], count: int) -> None:
    """Until that many steps have succeeded; the deployment must not have ended by then."""
    deadline = time.monotonic() + DEPLOY_SECONDS
    while applied_steps(crowbar) < count:
        assert process.poll() is None, f"the deployment ended early: {process.stdout and process.stdout.read()}"
        assert time.monotonic() < deadline, f"{count} steps were not reached"
        time.sleep(0.2)


def planned_steps(context: Context) -> int:
    """How many steps the last deployment had."""
    last = context.store.deployments.last()
    assert last is not None
    return len([s for s in context.store.deployments.steps(last.id) if s.kind is not StepKind.REMOVE])


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """The cloud after an engine that was killed, a machine that lost its power, and one deploy more."""
    assert os.geteuid() == 0, "these tests make a container machine: run them as root"
    crowbar = Crowbar(STATE, DEPLOY_SECONDS)
    keep = bool(os.environ.get("CROWBAR_KEEP_CLOUD"))  # for who writes tests: `-k` one of them on the cloud that stands
    if keep and applied_steps(crowbar):
        yield Cloud(crowbar, ProcessList())
        return
    crowbar.run("destroy", "--yes")
    for path in STATE.root.glob("crowbar.db*"):
        path.unlink()
    begun = time.monotonic()
    try:
        with ProcessList() as processes:
            cloud = Cloud(crowbar, processes)
            _deploy_with_kills(cloud)
        cloud.seconds = time.monotonic() - begun
        yield cloud
    finally:
        if not keep:
            crowbar.run("destroy", "--yes")


def _deploy_with_kills(cloud: Cloud) -> None:
    crowbar = cloud.crowbar
    kills = ENGINE_KILLS + MACHINE_KILLS
    for number in range(kills):
        with _deploying(crowbar) as process:
            wait_until_applied(crowbar, process, 1)
            with crowbar_context(crowbar) as context:
                point = round((number + 1) * planned_steps(context) / (kills + 1))
            wait_until_applied(crowbar, process, point)
            if number >= ENGINE_KILLS:  # at last it is the machine that dies
                cloud.machine().kill()
                cloud.machine_kills += 1
                process.communicate(timeout=DEPLOY_SECONDS)
                assert process.returncode != 0, "a deployment whose node died cannot have succeeded"
        if number < ENGINE_KILLS:
            cloud.applied_at_kills.append(applied_steps(crowbar))
    crowbar.deploy()


@contextlib.contextmanager
def _deploying(crowbar: Crowbar) -> Iterator[subprocess.Popen[str]]:
    """A deployment that goes on as long as the context, and is killed at its end."""
    with crowbar.start("deploy", "--single-node", "--output", "json") as process:
        try:
            yield process
        finally:
            process.kill()


def crowbar_context(crowbar: Crowbar) -> Any:
    """The store and the catalog of that command's state folder."""
    return open_context(crowbar.state)
