"""Which hypervisors get an instance, and what a guest that is not reached comes to."""

from __future__ import annotations

import pytest

from crowbar.verify import computes
from crowbar.verify.cloud import sign_in
from crowbar.verify.model import CheckError, CloudAccess
from tests.verify.fake_cloud import FakeCloud


def _size(command: str) -> str:
    return command.partition("-s ")[2].partition(" ")[0]


class Pinging:
    """A guest whose pings of more than so many bytes are lost."""

    def __init__(self, largest: int) -> None:
        self.largest = largest
        self.asked: list[str] = []

    def run(self, command: str, *, stdin: bytes = b"") -> bytes:
        self.asked.append(command)
        size = int(_size(command))
        if size > self.largest:
            return b"3 packets transmitted, 0 packets received, 100% packet loss"
        return f"{size + 8} bytes from 192.168.231.100: seq=0\n3 packets transmitted, 3 packets received".encode()


def test_the_hypervisors_that_are_up(fake: FakeCloud, access: CloudAccess) -> None:
    fake.hypervisors("node3", "node2")
    fake.hypervisors("node4", state="down")
    assert computes.hypervisors(sign_in(access)) == ["node1", "node2", "node3"]


def test_of_very_many_some_are_drawn(fake: FakeCloud, access: CloudAccess) -> None:
    fake.hypervisors(*(f"n{number}" for number in range(40)))
    found = computes.hypervisors(sign_in(access))
    assert len(found) == len(set(found)) == computes.MOST


def test_small_packets_alone_are_not_enough() -> None:
    good, narrow, deaf = Pinging(1414), Pinging(1400), Pinging(0)
    computes.reach(good, "192.168.231.100", 1442, "node2")  # type: ignore[arg-type]
    assert [_size(command) for command in good.asked] == ["56", "1414"]
    with pytest.raises(CheckError, match=r"on node2 is not reached by packets of 1442 bytes"):
        computes.reach(narrow, "192.168.231.100", 1442, "node2")  # type: ignore[arg-type]
    with pytest.raises(CheckError, match=r"packets of 84 bytes"):
        computes.reach(deaf, "192.168.231.100", 1442, "node2")  # type: ignore[arg-type]
