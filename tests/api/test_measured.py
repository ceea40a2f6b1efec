"""What is fetched is measured, so that it can be told whether the way is full."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import pytest

from tests.api.conftest import DIGEST, Admin, Client

IMAGE = "a" * 64
SIZE = 96 << 20


@pytest.fixture
def seen(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What the admin node counts: 1 for who begins, -1 for who ends, and the sizes between."""
    (admin.folder / "disks" / f"{IMAGE}.raw.zst").write_bytes(bytes(SIZE))
    found: list[int] = []
    monkeypatch.setattr(admin.traffic, "begin", lambda: found.append(1))
    monkeypatch.setattr(admin.traffic, "end", lambda: found.append(-1))
    monkeypatch.setattr(admin.traffic, "sent", found.append)
    return found


@contextmanager
def fetching(admin: Admin) -> Iterator[http.client.HTTPResponse]:
    where = urlsplit(admin.url)
    with closing(http.client.HTTPConnection(where.hostname or "", where.port, timeout=20)) as connection:
        connection.request("GET", f"/images/{IMAGE}.raw.zst")
        yield connection.getresponse()


def wait_for(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_an_image_is_counted_from_its_begin_to_its_end(admin: Admin, seen: list[int]) -> None:
    with fetching(admin) as response:
        assert len(response.read()) == SIZE
    wait_for(lambda: seen[-1:] == [-1])
    assert seen[0] == 1
    assert sum(seen[1:-1]) == SIZE


def test_what_is_not_taken_is_not_counted_and_who_gives_up_is_at_his_end(admin: Admin, seen: list[int]) -> None:
    with fetching(admin) as response:
        response.read(1)
        time.sleep(0.5)
        assert 0 < sum(seen[1:]) < SIZE // 2, "what is in buffers on the way"
        assert seen[-1] != -1
    wait_for(lambda: seen[-1] == -1)


def test_agents_calls_and_small_files_are_not(admin: Admin, client: Client, seen: list[int]) -> None:
    client.boot_script()
    assert client.ask("GET", f"/discovery/{DIGEST}/vmlinuz").status == 200
    assert seen == []
