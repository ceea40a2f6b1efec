"""Error cards: every rule recognizes its example, and what a node prints does no harm."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crowbar.errors import InputError
from crowbar.services.cards.causes import Cause, load_causes, match
from crowbar.services.cards.evidence import bounded

CAUSES = load_causes()
NESTED = re.compile(r"\([^()]*[+*}][^()]*\)[+*{]")  # a quantifier on what has one inside: time without end


@pytest.mark.parametrize("cause", CAUSES, ids=[cause.id for cause in CAUSES])
def test_a_rule_is_the_first_that_recognizes_its_example(cause: Cause) -> None:
    found = match([f"2026-11-25T12:00:00 node1 service[1]: {cause.example}"], CAUSES)
    assert found is not None
    assert found.id == cause.id


@pytest.mark.parametrize("cause", CAUSES, ids=[cause.id for cause in CAUSES])
def test_a_rule_looks_at_a_line_in_no_time(cause: Cause) -> None:
    assert not NESTED.search(cause.pattern.pattern)
    assert ".*" not in cause.pattern.pattern and ".+" not in cause.pattern.pattern


def test_no_two_rules_have_one_name() -> None:
    assert len({cause.id for cause in CAUSES}) == len(CAUSES) > 40


@pytest.mark.parametrize("line", ["", "TASK [Configuration]", "ok: [node1]", "changed=3 failed=0", "x" * 100_000])
def test_what_is_no_error_has_no_cause(line: str) -> None:
    assert match([line], CAUSES) is None


def test_a_faulty_file_of_rules_is_told_with_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "causes.yml"
    path.write_text("causes:\n  - {id: Bad Id, match: abcd, example: abcd, cause: because of it, next: do something}\n")
    with pytest.raises(InputError) as caught:
        load_causes(path)
    assert "causes.yml:2" in str(caught.value.faults[0])


def test_what_a_node_prints_is_bounded_and_cannot_speak_to_the_terminal() -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J\u202e" + "y" * 10_000_000 + "\nlast \x00line"
    found = bounded(hostile)
    assert len(found) < 13_000
    assert found.endswith("last  line")
    assert not any(ord(char) < 32 and char != "\n" for char in found)
    assert "\x1b" not in found and "\u202e" not in found
    many = bounded("\n".join(f"line {number}" for number in range(10_000)))
    assert many.splitlines()[-1] == "line 9999"
    assert len(many.splitlines()) <= 60
