from __future__ import annotations

import pytest

from crowbar_inventory.bmc.sol import ConsoleOverError, SerialLine


def test_keystrokes_go_in_pieces_and_one_at_a_time() -> None:
    line = SerialLine(most=3)
    line.typed(b"hello")
    assert line.due(0) == bytes([1, 0, 0, 0]) + b"hel"
    assert line.due(0.5) is None
    assert line.due(1.5) == bytes([1, 0, 0, 0]) + b"hel"
    assert line.heard(bytes([0, 1, 3, 0])) == (b"", None)
    assert line.due(1.6) == bytes([2, 0, 0, 0]) + b"lo"
    line.heard(bytes([0, 2, 2, 0]))
    assert line.due(99) is None and line.waiting == 0


def test_what_the_bmc_did_not_take_is_sent_as_a_new_packet() -> None:
    line = SerialLine(most=10)
    line.typed(b"hello")
    line.due(0)
    line.heard(bytes([0, 1, 2, 0x40]))
    assert line.due(0) == bytes([2, 0, 0, 0]) + b"llo"


def test_output_is_acknowledged_and_what_comes_again_is_not_shown_twice() -> None:
    line = SerialLine(most=10)
    assert line.heard(bytes([1, 0, 0, 0]) + b"boot") == (b"boot", bytes([0, 1, 4, 0]))
    assert line.heard(bytes([1, 0, 0, 0]) + b"booting") == (b"ing", bytes([0, 1, 7, 0]))
    assert line.heard(bytes([1, 0, 0, 0]) + b"booting") == (b"", bytes([0, 1, 7, 0]))
    assert line.heard(bytes([2, 0, 0, 0]) + b"!") == (b"!", bytes([0, 2, 1, 0]))
    assert line.heard(b"\x01") == (b"", None)


def test_numbers_go_round_without_zero() -> None:
    line = SerialLine(most=1)
    line.typed(b"x" * 31)
    numbers = []
    for _ in range(31):
        packet = line.due(0)
        assert packet is not None
        numbers.append(packet[0])
        line.heard(bytes([0, packet[0], 1, 0]))
    assert numbers == [*range(1, 16), *range(1, 16), 1]


def test_it_is_over_when_the_bmc_says_so_or_says_nothing() -> None:
    line = SerialLine(most=10)
    with pytest.raises(ConsoleOverError):
        line.heard(bytes([0, 0, 0, 0x10]))
    line.typed(b"x")
    assert [line.due(second * 2) for second in range(5)] == [bytes([1, 0, 0, 0]) + b"x"] * 5
    with pytest.raises(ConsoleOverError):
        line.due(9)
