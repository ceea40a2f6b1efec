"""The cluster that `bench/plan.py` plans is a real one to Crowbar: its barclamps work, and its plan is whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.simulated import barclamps, store
from crowbar.paths import StateDir
from crowbar.services.context import open_context
from crowbar.services.deploy import make_plan


def test_ten_nodes_and_thirty_barclamps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CROWBAR_DATABASE", raising=False)
    monkeypatch.setenv("CROWBAR_BARCLAMPS", str(tmp_path / "barclamps"))
    names = barclamps.write(tmp_path / "barclamps")
    with open_context(StateDir(tmp_path / "state")) as context:
        assert [str(fault) for fault in context.catalog_faults] == []
        store.fill(context, names, 10)
        plan = make_plan(context)
        assert len(context.store.machines.list()) == 10
    assert len(names) == 30
    agents = [step for step in plan.steps if step.role.endswith("-agent")]
    assert len(agents) == 10 * barclamps.AGENTS
    assert len(plan.steps) == len(agents) + 30 * 3 + 30
