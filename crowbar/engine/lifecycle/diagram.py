"""The table as a reader sees it: `python -m crowbar.engine.lifecycle.diagram [PAGE]` prints it or puts it there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from crowbar.engine.lifecycle.table import ANYTIME, TABLE, Move
from crowbar.store.model import NodeState

BEGIN = "<!-- Made by `python -m crowbar.engine.lifecycle.diagram docs/explanation/node-states.md`: begin -->"
END = "<!-- end -->"


def diagram() -> str:
    """The diagram and the two tables, in Markdown."""
    return "\n\n".join("\n".join(part) for part in (_mermaid(), _states(), _moves()))


def put_into(page: str) -> str:
    """The page with the present diagram between its two marks.

    Raises ValueError if it has no such marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page has no place for the diagram: {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{diagram()}\n\n{END}{after}"


def _mermaid() -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    for state in NodeState:
        yield f'    state "{state}" as {_id(state)}'
    yield '    state "any state" as any'
    yield f"    [*] --> {_id(NodeState.DISCOVERING)}"
    drawn = set()
    for state, move in _own_moves():
        if (state, move.to) not in drawn:  # who makes it is in the table below
            drawn.add((state, move.to))
            yield f"    {_id(state)} --> {_id(move.to)}: {move.by}"
    for move in ANYTIME:
        yield f"    any --> {_id(move.to)}: {move.by}"
    yield f"    {_id(NodeState.DELETING)} --> [*]"
    yield "```"


def _states() -> Iterator[str]:
    yield "| State | What it means | `delayed`, `problem` after | When the admin node is killed and started again |"
    yield "| --- | --- | --- | --- |"
    for state in NodeState:
        rule = TABLE[state]
        silence = f"{rule.delayed:.0f} s, {rule.problem:.0f} s" if rule.delayed and rule.problem else "never"
        yield f"| `{state}` | {rule.meaning} | {silence} | {rule.restart} |"


def _moves() -> Iterator[str]:
    yield "| From | To | Made by | When |"
    yield "| --- | --- | --- | --- |"
    for state, move in _own_moves():
        yield f"| `{state}` | `{move.to}` | {move.by} | {move.why} |"
    for move in ANYTIME:
        excepted = [f"`{state}`" for state in NodeState if move not in TABLE[state].moves]
        yield f"| any but {' and '.join(excepted)} | `{move.to}` | {move.by} | {move.why} |"


def _own_moves() -> Iterator[tuple[NodeState, Move]]:
    for state in NodeState:
        yield from ((state, move) for move in TABLE[state].moves if move not in ANYTIME)


def _id(state: NodeState) -> str:
    return state.replace("-", "_")


def _main(words: list[str]) -> None:
    if not words:
        print(diagram())
        return
    page = Path(words[0])
    page.write_text(put_into(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    _main(sys.argv[1:])
