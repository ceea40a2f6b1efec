"""A state folder, a catalog of made-up barclamps, and nodes that are fakes."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from crowbar.apply.fake import FakeApplier
from crowbar.paths import StateDir
from crowbar.services.context import Context, open_context
from crowbar.store.model import Node, NodeKind
from crowbar_cli.main import main
from tests.conftest import place

BARCLAMPS = Path(__file__).parents[1] / "fixtures" / "workshop"
CLUSTER = """\
proposals:
  - barclamp: base
    attributes: {folder: /srv/things}
    deployment: {elements: {base-node: ["@@node@@"]}}
  - barclamp: smith
    deployment: {elements: {maker-ring: [n1], maker-store: [n1, n2]}}
  - barclamp: front
    deployment: {elements: {front-server: [n2]}}
"""


@dataclass
class Cli:
    """The command, run in this process on a state folder of its own."""

    state: StateDir
    folder: Path
    applier: FakeApplier = field(default_factory=FakeApplier)

    def __call__(self, *words: str | Path, stdin: str | None = None) -> Result:
        """Run `crowbar WORDS`; an exception that reached the edge unexpectedly fails the test."""
        result = CliRunner().invoke(main, ["--state-dir", str(self.state.root), *map(str, words)], input=stdin)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def ok(self, *words: str | Path, stdin: str | None = None) -> str:
        """Run it, expecting exit code 0; what it printed."""
        result = self(*words, stdin=stdin)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *words: str | Path, code: int = 0) -> Any:
        """Run it with --output json; the one document that standard output holds."""
        result = self(*words, "--output", "json")
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)

    def file(self, text: str, name: str = "cloud.yml") -> Path:
        """A file with that text."""
        path = self.folder / name
        path.write_text(text)
        return path

    def context(self) -> AbstractContextManager[Context]:
        """The state, as the commands left it (a context manager)."""
        return open_context(self.state)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The site's folder of barclamps, beside the made-up ones; Crowbar's own are not there."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setattr("crowbar.catalog.load.barclamp_dirs", lambda: [BARCLAMPS, folder])
    return folder


@pytest.fixture
def bare(tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command with nothing done yet."""
    monkeypatch.delenv("CROWBAR_DATABASE", raising=False)
    cli = Cli(StateDir(tmp_path / "state"), tmp_path)
    for user in ("deploy", "differences"):
        monkeypatch.setattr(f"crowbar.services.{user}.AnsibleApplier", lambda: cli.applier)
    # What the one role with a fact publishes, as the real one would.
    cli.applier.publishing = {"maker/maker-ring@n1": {"ring": b"Zm9yZ2Vk"}}
    return cli


@pytest.fixture
def cli(bare: Cli, migrated: Path) -> Cli:
    """The command with two nodes, n1 (also called `node`) and n2."""
    place(migrated, bare.state.database)
    with bare.context() as context:
        save_nodes(context)
    return bare


def save_nodes(context: Context) -> None:
    """n1 and n2, which have nothing installed."""
    for number, aliases in ((1, ("node",)), (2, ())):
        facts = {"cpus": 2, "memory_mib": 4096, "capabilities": [], "virtualization": "none"}
        address = {"admin": f"192.0.2.{number}"}
        context.store.nodes.save(Node(f"n{number}", NodeKind.MACHINE, address, aliases=aliases, facts=facts))


@pytest.fixture
def cluster(cli: Cli) -> Path:
    """A cluster file that is right."""
    return cli.file(CLUSTER)
