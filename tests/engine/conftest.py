"""A small cloud of made-up barclamps, and an engine over it whose nodes are fakes."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from crowbar.apply.fake import FakeApplier
from crowbar.apply.model import Job
from crowbar.catalog.model import Barclamp, Catalog, Gate, Published, Role
from crowbar.engine.graph import Vertex
from crowbar.engine.plan import Known, Plan, make_plan
from crowbar.engine.redact import Redactor
from crowbar.engine.run import Run
from crowbar.engine.selection import ALL, Selection
from crowbar.engine.step import PlannedStep
from crowbar.store.model import Deployment, Node, NodeKind, StepRow
from crowbar.store.store import Store, open_store

NOWHERE = Path("/nonexistent")


def role(name: str, after: tuple[str, ...] = ()) -> Role:
    return Role(name, name, NOWHERE, {"tasks/main.yml": f"content of {name}"}, after=after)


def barclamp(
    name: str,
    *roles: Role,
    requires: tuple[str, ...] = (),
    wants: tuple[str, ...] = (),
    publishes: Mapping[str, Published] | None = None,
) -> Barclamp:
    return Barclamp(
        name,
        name,
        NOWHERE,
        {},
        {r.name: r for r in roles},
        requires=requires,
        wants=wants,
        publishes=publishes or {},
        gate=Gate(roles[0].name, NOWHERE / "gate.yml", "content of the gate"),
    )


CATALOG = Catalog(
    {
        b.name: b
        for b in (
            barclamp("database", role("database-server")),
            barclamp("keystone", role("keystone-server"), requires=("database",)),
            barclamp(
                "swift",
                role("ring"),
                role("storage", after=("ring",)),
                requires=("keystone",),
                publishes={"rings": Published("rings", fact_of="ring")},
            ),
            barclamp("glance", role("glance-server"), requires=("keystone",), wants=("swift",)),
            barclamp("dashboard", role("dashboard-server"), requires=("keystone",)),
        )
    },
    "shared",
)
ONE_NODE = {b.name: dict.fromkeys(b.roles, ("n1",)) for b in CATALOG}


@dataclass
class Recorder:
    """A watcher that keeps what it was told."""

    rows: list[StepRow] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    ended: Deployment | None = None

    def planned(self, plan: Plan, rows: Sequence[StepRow], expected: Mapping[str, float]) -> None:
        self.rows = []

    def step(self, row: StepRow) -> None:
        self.rows.append(row)

    def line(self, key: str, text: str) -> None:
        self.lines.append(text)

    def message(self, text: str) -> None:
        self.messages.append(text)

    def finished(self, deployment: Deployment, rows: Sequence[StepRow]) -> None:
        self.ended = deployment


@dataclass
class Cloud:
    """What a test drives: the wanted elements and inputs, the store, and the fake that applies."""

    store: Store
    applier: FakeApplier = field(default_factory=lambda: FakeApplier(publishing={"swift/ring@n1": {"rings": b"one"}}))
    elements: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=lambda: ONE_NODE)
    inputs: dict[str, dict[str, str]] = field(default_factory=dict)
    cancel: threading.Event = field(default_factory=threading.Event)
    watcher: Recorder = field(default_factory=Recorder)
    secrets: tuple[str, ...] = ()
    selection: Selection = ALL
    max_failures: int | None = None

    def known(self) -> Known:
        return Known({a.key: a for a in self.store.applied.list()}, self.store.published.digests())

    def inputs_of(self, vertex: Vertex) -> Mapping[str, str]:
        return self.inputs.get(vertex.key, {"content": "1"})

    def plan(self, *, force: bool = False) -> Plan:
        def forced(step: PlannedStep) -> bool:
            return force and not self.selection.why_not(step)

        return make_plan(CATALOG, self.elements, self.known(), self.inputs_of, forced=forced)

    def job_of(self, step: PlannedStep, lost: frozenset[tuple[str, str]] = frozenset()) -> Job:
        return Job(step.key, step.kind, NOWHERE, role=step.role)

    def deploy(self, *, force: bool = False) -> Deployment:
        nodes = {node.name: node for node in self.store.nodes.list()}
        run = Run(
            self.store,
            self.applier,
            self.watcher,
            nodes,
            self.job_of,
            Redactor(self.secrets),
            cancel=self.cancel,
            force=force,
            selection=self.selection,
            max_failures=self.max_failures,
        )
        return run(self.plan(force=force), "test")

    def statuses(self, deployment: Deployment) -> dict[str, str]:
        return {row.key: row.status.value for row in self.store.deployments.steps(deployment.id)}


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with open_store(f"sqlite:///{tmp_path}/crowbar.db", tmp_path / "secret.key") as store:
        for name in ("n1", "n2"):
            store.nodes.save(Node(name, NodeKind.CONTAINER, {"admin": "192.0.2.1"}))
        yield Cloud(store)
