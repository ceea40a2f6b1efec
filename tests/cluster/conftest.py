"""A real cluster of three container machines, from powered off to verified, by an engine that is killed on the way.

`CROWBAR_KEEP_CLUSTER=1` keeps it for the next run: for who writes tests, with `-k` one of them. `CROWBAR_KILLS` is how
often the engine is killed: `make test-long` has 20.
"""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from crowbar.apply.ssh import SshTransport
from crowbar.paths import data_dir
from crowbar.rack.virtual.layout import RackFolder
from crowbar.services.context import Context, open_context
from crowbar_cli import disk_image
from crowbar_cli.nodes import packages_of
from crowbar_cli.options import Settings
from tests.built import state_dir
from tests.command import Command
from tests.rack.virtual.traces import traces

STATE = state_dir("cluster-tests")  # the cluster itself is new every time
SHIPPED = data_dir() / "playbooks" / "clusters" / "rack.yml"
KILLS = int(os.environ.get("CROWBAR_KILLS") or 6)
EARLY_KILLS = KILLS // 3  # so many while the machines are discovered and installed, the others while roles are applied
SECONDS = 1500.0  # of one command; an idle host needs a tenth of it
_LONGEST = 20.0  # seconds within which the engine is killed


@dataclass
class Cluster(Command):
    """The cluster, the file that it is deployed from, and what was seen on the way."""

    file: Path = field(kw_only=True)
    document: dict[str, Any] = field(kw_only=True)
    applied_at_kills: list[int] = field(default_factory=list)
    seconds: float = 0

    def write(self) -> None:
        """Put what the test made of it into the file."""
        self.file.write_text(yaml.safe_dump(self.document), encoding="utf-8")

    def planned(self) -> tuple[set[str], set[str]]:
        """`crowbar plan FILE`: the steps that would run, and those that would only if others publish something new."""
        self.write()
        steps = [one for one in self.json("plan", str(self.file))["steps"] if one["kind"] != "gate"]
        unsettled = {one["key"] for one in steps if one["reason"].startswith("only if")}
        return {one["key"] for one in steps if one["will_run"]} - unsettled, unsettled

    def deploy(self, *words: str, status: int = 0) -> dict[str, dict[str, Any]]:
        """`crowbar deploy FILE`; its steps by key."""
        self.write()
        steps = self.json("deploy", str(self.file), *words, status=status)["steps"]
        return {step["key"]: step for step in steps}

    def proposal(self, barclamp: str) -> dict[str, Any]:
        """That barclamp's part of the file, to be changed."""
        found = next(one for one in self.document["proposals"] if one["barclamp"] == barclamp)
        assert isinstance(found, dict)
        return found

    @contextlib.contextmanager
    def context(self) -> Iterator[Context]:
        """The store and the catalog."""
        with open_context(self.state) as context:
            yield context

    def on(self, name: str, *argv: str, seconds: float = 60) -> str:
        """Run a command on a node; it must succeed."""
        with self.context() as context:
            node = context.store.nodes.get(name)
        assert node is not None
        transport = SshTransport(node)
        try:
            done = transport.run(argv, timeout=seconds)
        finally:
            transport.close()
        assert done.status == 0, done.stderr
        return done.stdout


def ran(steps: dict[str, dict[str, Any]]) -> set[str]:
    """The steps that were not left as they were; gates, which are always checked, are none of them."""
    return {key for key, step in steps.items() if step["status"] != "unchanged" and step["kind"] != "gate"}


def applied_steps() -> int:
    """How many roles and gates have succeeded: asked many times, so of the database itself."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{STATE.database}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM applied WHERE identity <> ''").fetchone()[0])
    except sqlite3.OperationalError:  # there is no database yet, or no table in it
        return 0


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster after all killed engines and one deployment more."""
    assert os.geteuid() == 0, "these tests make container machines: run them as root"
    file = tmp_path_factory.mktemp("cluster") / "cluster.yml"
    found = Cluster(STATE, file=file, document=yaml.safe_load(SHIPPED.read_text(encoding="utf-8")))
    if os.environ.get("CROWBAR_KEEP_CLUSTER"):
        if not applied_steps():
            _deploy_with_kills(found)
        yield found
        return
    found.forget()
    try:
        _deploy_with_kills(found)
        yield found
    finally:
        tag = RackFolder(STATE.rack).tag
        found.forget()
    assert traces(STATE.rack, tag) == []


def _deploy_with_kills(cluster: Cluster) -> None:
    seed = int(os.environ.get("CROWBAR_SEED") or random.randrange(1 << 30))
    print(f"the moments of the kills follow from CROWBAR_SEED={seed}")
    chance = random.Random(seed)
    cluster.write()
    _build_images(cluster)
    begun = time.monotonic()
    again: tuple[str, ...] = ()
    while len(cluster.applied_at_kills) < KILLS:
        with cluster.start("deploy", str(cluster.file), "--no-verify", "--output", "json", *again) as process:
            try:
                if len(cluster.applied_at_kills) >= EARLY_KILLS:
                    _wait_until_applied(process)
                time.sleep(chance.uniform(0.5, _LONGEST))
                ended = process.poll()
            finally:
                process.kill()
        if ended is None:
            cluster.applied_at_kills.append(applied_steps())
        else:  # a quick machine is done before it was killed often enough
            assert ended == 0, "a deployment failed by itself"
            again = ("--reapply",)
    cluster.deploy("--no-verify")
    cluster.seconds = time.monotonic() - begun


def _wait_until_applied(process: subprocess.Popen[str]) -> None:
    """Until the first step of all has succeeded."""
    deadline = time.monotonic() + SECONDS
    while not applied_steps():
        assert process.poll() is None, "the deployment ended early"
        assert time.monotonic() < deadline, "no step was reached"
        time.sleep(0.2)


def _build_images(cluster: Cluster) -> None:
    """The images are built before anything is killed: that takes minutes, and has tests of its own."""
    cluster.run("serve", "--prepare")
    with cluster.context() as context:
        disk_image.provide(Settings(STATE), packages_of(context.catalog))
