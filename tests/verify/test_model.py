"""Names of runs, what checks stand on, and waiting."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from crowbar.verify import CheckName, CloudAccess, run_id
from crowbar.verify.model import NEEDS, CheckError, with_needs
from crowbar.verify.poll import NotYet, until


@pytest.mark.parametrize("name", list(CheckName))
def test_a_wanted_check_brings_all_it_stands_on_in_order(name: CheckName) -> None:
    found = with_needs([name])
    assert found == tuple(sorted(found, key=list(CheckName).index))
    for one in found:
        assert all(found.index(need) < found.index(one) for need in NEEDS[one])
    assert found[-1] is CheckName.REMOVAL


def test_a_password_is_not_shown() -> None:
    assert "hunter2" not in repr(CloudAccess("http://keystone/v3", "admin", "hunter2", "admin", "RegionOne"))


def test_the_names_of_a_run_tell_the_run_and_its_start() -> None:
    run = run_id.new_run()
    assert run_id.run_of(f"{run}-net") == run_id.run_of(run) == run
    assert abs(run_id.started(run) - time.time()) < 5
    assert run_id.new_run() != run


@pytest.mark.parametrize(
    "name", [None, "", "web1", "crowbar-verify-", "crowbar-verify-mine", "x-crowbar-verify-0123456789ab"]
)
def test_other_peoples_names_are_nobodys_run(name: str | None) -> None:
    assert run_id.run_of(name) is None


def test_a_run_is_alive_while_its_lock_is_held(tmp_path: Path) -> None:
    run = run_id.new_run()
    dead = run_id.dead_runs(tmp_path, time.time())
    with run_id.alive(run, tmp_path):
        assert not dead(run)
        run_id.forget(tmp_path, dead)
        assert [path.stem for path in tmp_path.iterdir()] == [run]
    assert not list(tmp_path.iterdir())
    assert not dead(run)  # it may live on another host: only its age tells
    assert run_id.dead_runs(tmp_path, time.time() + run_id.STALE_AFTER + 5)(run)


def test_waiting_ends_with_the_value_or_with_what_was_seen_last() -> None:
    looks: Iterator[NotYet | int] = iter([NotYet("down"), NotYet("starting"), 42])

    def probe() -> int:
        look = next(looks)
        if isinstance(look, NotYet):
            raise look
        return look

    assert until("The answer", probe, timeout=5, every=0.01) == 42
    with pytest.raises(CheckError, match=r"^The door: not within 0\.05 s; last seen: closed$"):
        until("The door", lambda: _raise(NotYet("closed")), timeout=0.05, every=0.01)


def test_an_error_ends_the_waiting_at_once() -> None:
    started = time.monotonic()
    with pytest.raises(CheckError, match="ERROR"):
        until("An instance", lambda: _raise(CheckError("status ERROR")), timeout=30)
    assert time.monotonic() - started < 1


def _raise(error: Exception) -> None:
    raise error
