"""A simulator that several tests share, fresh for each; and the fakes' registry, empty again after each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crowbar_inventory.bmc.fake import FAKES
from tests.inventory.bmc.simulator import AVAILABLE, Simulator, simulators


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    if not AVAILABLE:
        pytest.skip("needs ipmi_sim")
    with simulators(tmp_path_factory.mktemp("bmc"), 1) as [simulator]:
        yield simulator


@pytest.fixture
def simulator(running: Simulator) -> Simulator:
    """Powered off, and without a fault."""
    for fault in ("refuse", "ignore", "orders", "boot", "identify"):
        (running.folder / fault).unlink(missing_ok=True)
    running.put("power", "0")
    return running


@pytest.fixture(autouse=True)
def _no_fakes() -> Iterator[None]:
    yield
    FAKES.clear()
