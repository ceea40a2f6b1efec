"""Tables, in a pipe and on terminals of several widths."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

from crowbar_cli.output import table

HEADERS = ("node", "state", "roles", "remark")
ROLES = ", ".join(f"part-{number}" for number in range(20))
ROWS = [
    ("controller", "hardware-installing", ROLES, "its fan [b]is[/b] loud"),
    ("n1", "ready", "-", "x" * 60),
]


def on_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> list[str]:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((columns, 24)))
    return table(HEADERS, ROWS).splitlines()


def test_a_pipe_gets_a_line_for_each_row() -> None:
    lines = table(HEADERS, ROWS).splitlines()
    assert [line.split()[0] for line in lines] == ["NODE", "controller", "n1"]
    assert ROLES in lines[1] and lines[2].endswith("  " + "x" * 60)


def test_a_wide_terminal_gets_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    piped = table(HEADERS, ROWS).splitlines()
    assert on_terminal(monkeypatch, max(map(len, piped))) == piped


@pytest.mark.parametrize("columns", [63, 80, 120, 200])
def test_long_cells_are_folded_into_what_there_is(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    lines = on_terminal(monkeypatch, columns)
    assert max(map(len, lines)) <= columns
    assert [line.split()[:2] for line in lines if line[0] != " "] == [
        ["NODE", "STATE"],
        ["controller", "hardware-installing"],
        ["n1", "ready"],
    ]
    roles, remark = lines[0].index("ROLES"), lines[0].index("REMARK")
    assert " ".join(line[roles:remark].strip() for line in lines[1:] if "part-" in line) == ROLES
    assert "".join(line[remark:] for line in lines if "x" in line[remark:]) == "x" * 60
    assert " ".join(line[remark:] for line in lines[1:] if "x" not in line[remark:]).strip() == "its fan [b]is[/b] loud"


def test_a_terminal_that_is_much_too_narrow_breaks_the_lines_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    piped = table(HEADERS, ROWS).splitlines()
    assert on_terminal(monkeypatch, 50) == piped
