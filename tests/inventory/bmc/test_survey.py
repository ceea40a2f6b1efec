from __future__ import annotations

import socket
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from crowbar_inventory.bmc.model import (
    BmcAddress,
    BmcRefusedError,
    BmcUnreachableError,
    BmcUnsupportedError,
    Credential,
    Power,
)
from crowbar_inventory.bmc.survey import survey
from tests.inventory.bmc.simulator import AVAILABLE, simulators

COUNT = 50


@pytest.mark.skipif(not AVAILABLE, reason="needs ipmi_sim")
def test_fifty_are_read_at_once_by_one_thread_and_the_broken_ones_delay_none(tmp_path: Path) -> None:
    with simulators(tmp_path, COUNT) as made:
        for number, simulator in enumerate(made):
            simulator.put("power", str(number % 2))
        made[0].pause()
        targets = [(one.address, one.credential) for one in made]
        targets[1] = (made[1].address, Credential("admin", "wrong"))
        before = threading.active_count()
        begun = time.monotonic()
        readings = {}
        for reading in survey(targets, limit=2):
            assert reading.address not in readings
            readings[reading.address] = (reading, time.monotonic() - begun)
            assert threading.active_count() <= before + 1
        assert len(readings) == COUNT
        hung, late = readings[made[0].address]
        assert isinstance(hung.error, BmcUnreachableError) and late < 10
        assert isinstance(readings[made[1].address][0].error, BmcRefusedError)
        for number, simulator in enumerate(made[2:], start=2):
            reading, after = readings[simulator.address]
            assert (reading.power, reading.error) == (Power.ON if number % 2 else Power.OFF, None)
            assert after < late
        made[0].resume()


def test_names_and_unknown_schemes_have_their_errors() -> None:
    targets = [
        (BmcAddress("ipmi", "nothing.invalid", 623), Credential("a", "b")),
        (BmcAddress("smoke", "one", 1), Credential("a", "b")),
        (BmcAddress("ipmi", "127.0.0.1", 1), Credential("a", "b" * 30)),
    ]
    errors = {reading.address.host: type(reading.error) for reading in survey(targets, limit=5)}
    assert errors == {
        "nothing.invalid": BmcUnreachableError,
        "one": BmcUnsupportedError,
        "127.0.0.1": BmcRefusedError,
    }


def test_who_stops_iterating_starts_no_more() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        asked: list[int] = []

        def targets() -> Iterator[tuple[BmcAddress, Credential]]:
            for number in range(1, 100):
                asked.append(number)
                yield BmcAddress("ipmi", f"127.0.0.{number}", port), Credential("a", "b")

        readings = survey(targets(), limit=0.2, at_once=4)
        assert isinstance(readings, Generator)
        next(readings)
        readings.close()
        assert asked == [1, 2, 3, 4]
