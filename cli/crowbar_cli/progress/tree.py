"""The live tree as rich draws it: a pure function of the picture, the width and what the person asked to see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from crowbar.store.model import StepRow, StepStatus
from crowbar_cli.output import seconds
from crowbar_cli.progress.picture import DONE, Picture, doing, lasted, remaining, saying, summary

_MARKS = {
    StepStatus.PENDING: ("·", "dim"),
    StepStatus.RUNNING: ("▶", "bold cyan"),
    StepStatus.SUCCEEDED: ("✓", "green"),
    StepStatus.UNCHANGED: ("=", "dim"),
    StepStatus.FAILED: ("✗", "bold red"),
    StepStatus.CANCELLED: ("-", "yellow"),
    StepStatus.SKIPPED: ("-", "dim"),
}
_SPOKEN_LINES = 6
_NODES_SHOWN = 8  # of a role, those that failed or are at work first; the others are counted
_GOOD = (StepStatus.UNCHANGED, StepStatus.SUCCEEDED)


def draw(picture: Picture, *, lines: bool, height: int = 40) -> RenderableType:
    """The tree, what it waits for, and, with ``lines`` or for a failed step, what the step printed last.

    ``height`` is the terminal's, in lines: barclamps that are done, and then those that have not begun, become one line
    where all would not fit.
    """
    spoken = list(_spoken(picture, lines=lines))
    tree = Tree(_headline(picture), guide_style="dim")
    _add_barclamps(tree, picture, room=max(6, height - len(spoken) - 5))
    parts: list[RenderableType] = [tree, *spoken]
    if picture.deployment is None:
        parts.append(Text(doing(picture), style="italic", no_wrap=True, overflow="ellipsis"))
        if said := saying(picture):
            parts.append(Text(f"  {said}", style="dim italic", no_wrap=True, overflow="ellipsis"))
        more = "l: the running step's last lines   " if picture.rows else ""
        parts.append(Text(f"{more}Ctrl-C: stop cleanly", style="dim", no_wrap=True, overflow="ellipsis"))
    return Group(*parts)


def _headline(picture: Picture) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    if not picture.rows:
        return text.append(f"Preparing, {seconds(picture.elapsed)}", style="bold")
    if picture.deployment is not None:
        end = picture.deployment
        return text.append(
            f"Deployment {end.id} {end.status.value} after {seconds(picture.elapsed)}: ", style="bold"
        ).append(summary(picture))
    text.append(f"{picture.done} of {len(picture.rows)} steps", style="bold")
    text.append(f"   {seconds(picture.elapsed)} elapsed")
    left = remaining(picture)
    return text.append(f", about {seconds(left)} left") if left is not None else text


def _barclamps(picture: Picture) -> list[tuple[str, list[StepRow]]]:
    groups: dict[str, list[StepRow]] = {}
    for row in picture.rows.values():
        groups.setdefault(row.barclamp, []).append(row)
    return list(groups.items())


def overall(rows: Sequence[StepRow]) -> StepStatus:
    """The status of several steps as one: what went wrong first, then what goes on, then what is done."""
    statuses = {row.status for row in rows}
    for status in (StepStatus.FAILED, StepStatus.RUNNING):
        if status in statuses:
            return status
    if StepStatus.PENDING in statuses:
        return StepStatus.RUNNING if statuses & {StepStatus.SUCCEEDED} else StepStatus.PENDING
    for status in (StepStatus.CANCELLED, StepStatus.SKIPPED, StepStatus.SUCCEEDED):
        if status in statuses:
            return status
    return StepStatus.UNCHANGED


def _add_barclamps(tree: Tree, picture: Picture, *, room: int) -> None:
    groups = [(name, rows, overall(rows)) for name, rows in _barclamps(picture)]
    needed = sum(1 + (_height(rows) if _is_open(status) else 0) for _, rows, status in groups)
    folded: set[StepStatus] = set()
    for status in (StepStatus.UNCHANGED, StepStatus.SUCCEEDED, StepStatus.PENDING):
        if needed > room:
            folded.add(status)
            needed -= max(0, sum(group[2] is status for group in groups) - 1)
    for status, chunk in groupby(groups, key=lambda group: group[2]):
        members = list(chunk)
        if status in folded and len(members) > 1:
            names = ", ".join(name for name, _, _ in members)
            tree.add(_line(status, f"{len(members)} barclamps", names))
            continue
        for name, rows, _ in members:
            _add_barclamp(tree, picture, name, rows, status)


def _is_open(status: StepStatus) -> bool:
    return status in (StepStatus.RUNNING, StepStatus.FAILED)


def _height(rows: Sequence[StepRow]) -> int:
    """How many lines a barclamp's steps take."""
    left = [sum(row.status not in _GOOD for row in steps) for steps in _by_role(rows)]
    return sum(1 + min(number, _NODES_SHOWN + 1) for number in left)


def _by_role(rows: Sequence[StepRow]) -> list[list[StepRow]]:
    return [list(group) for _, group in groupby(rows, key=_role)]


def _add_barclamp(tree: Tree, picture: Picture, name: str, rows: Sequence[StepRow], status: StepStatus) -> None:
    branch = tree.add(_line(status, name, _barclamp_detail(picture, rows, status)))
    if not _is_open(status):
        return
    for steps in _by_role(rows):
        if len(steps) == 1:
            branch.add(_line(steps[0].status, _short(steps[0]), _detail(picture, steps[0])))
            continue
        done = f"{sum(row.status in DONE for row in steps)} of {len(steps)}"
        _add_nodes(branch.add(_line(overall(steps), _role(steps[0]), done)), picture, steps)


def _add_nodes(tree: Tree, picture: Picture, steps: Sequence[StepRow]) -> None:
    """A line for each node on which the role is not done; of many, for those that tell most, and how many others."""
    left = [row for row in steps if row.status not in _GOOD]
    rest: Sequence[StepRow] = ()
    if len(left) > _NODES_SHOWN + 1:
        left.sort(key=lambda row: (row.status is not StepStatus.FAILED, row.status is not StepStatus.RUNNING))
        left, rest = left[:_NODES_SHOWN], left[_NODES_SHOWN:]
    for row in left:
        tree.add(_line(row.status, row.node, _detail(picture, row)))
    if rest:
        counts = Counter(row.status.value for row in rest)
        tree.add(_line(overall(rest), f"{len(rest)} more", ", ".join(f"{n} {what}" for what, n in counts.items())))


def _role(row: StepRow) -> str:
    # Of the key and not of the row: a gate's row has the role of the node that it is checked from.
    return _short(row).partition("@")[0]


def _short(row: StepRow) -> str:
    return row.key.partition("/")[2] or row.key


def _barclamp_detail(picture: Picture, rows: Sequence[StepRow], status: StepStatus) -> str:
    if status is StepStatus.UNCHANGED:
        return "unchanged"
    if status is StepStatus.PENDING:
        one_of_each = {_role(row): row for row in rows}.values()  # what a role waits for, it waits for on each node
        others = sorted(
            {key.partition("/")[0] for row in one_of_each for key in picture.blockers(row.key)} - {rows[0].barclamp}
        )
        return f"waits for {', '.join(others)}" if others else ""
    took = sum(lasted(row, picture.now) for row in rows)
    return f"{sum(row.status in DONE for row in rows)} of {len(rows)} steps, {seconds(took)}"


def _detail(picture: Picture, row: StepRow) -> str:
    if row.status is StepStatus.PENDING:
        blockers = [
            key.partition("/")[2] if key.startswith(f"{row.barclamp}/") else key for key in picture.blockers(row.key)
        ]
        return f"waits for {', '.join(blockers)}" if blockers else "next"
    if row.status is StepStatus.RUNNING:
        expected = picture.expected.get(row.key)
        return seconds(lasted(row, picture.now)) + (f" of about {seconds(expected)}" if expected else "")
    if row.status is StepStatus.SUCCEEDED:
        return f"{seconds(lasted(row, picture.now))}, changed {row.changed}"
    return row.error.partition("\n")[0] or row.status.value


def _line(status: StepStatus, name: str, detail: str) -> Text:
    mark, style = _MARKS[status]
    text = Text(no_wrap=True, overflow="ellipsis")
    return text.append(f"{mark} {name}", style=style).append(f"  {detail}" if detail else "", style="dim")


def _spoken(picture: Picture, *, lines: bool) -> Iterator[Text]:
    failed = [row for row in picture.rows.values() if row.status is StepStatus.FAILED]
    shown = failed[-1:] or (picture.running()[:1] if lines else [])
    for row in shown:
        said = (*picture.lines.get(row.key, ()), *row.error.splitlines())
        yield Text(f"{row.key}:", style="bold red" if failed else "bold")
        for line in said[-_SPOKEN_LINES:] or ("(it has printed nothing yet)",):
            yield Text(f"  {line}", no_wrap=True, overflow="ellipsis")
