"""The table of faults as a page of the documentation:

.venv/bin/python -m tests.api.faults.page > docs/reference/discovery-faults.md
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.api.faults.table import ROWS

_BEFORE = """\
# What goes wrong with a machine, and what comes of it

Each row is a test (`tests/api/faults`). The health is what `crowbar machines list` shows, and its message stands in
`crowbar machines show MACHINE`; `--timeline` has all else. Meanwhile the other machines go their way. When the fault is
over, the machine goes on without anybody's help. Who is not heard is `delayed` before it has a problem;
[the states](../explanation/node-states.md) say after how long. "…" stands for what varies.

"""
_AFTER = """\

The admin node itself may be killed at any moment, and started again: it goes on from what is in its database. A test
kills it by SIGKILL when a machine has fetched its boot script, has registered, has sent its inventory, wipes its disk,
writes the image, and boots from its disk; another, where a machine stays in `hardware-installed`, in `installed` and in
`reset`. No machine is lost, no state is entered twice, and none has a problem after it. Silence counts from when the
admin node is back.
"""


def page() -> Iterator[str]:
    """The documentation's page, line by line."""
    yield from _BEFORE.splitlines()
    yield "| What goes wrong | In state | Health | What it says | How it goes on |"
    yield "| --- | --- | --- | --- | --- |"
    for row in ROWS:
        said = row.says.replace("{name}", "m1").replace("fake://", "ipmi://")
        said += f" Timeline: {row.line.replace('{name}', 'm1').replace('node0', 'm2')}" if row.line else ""
        yield f"| {row.what} | `{row.state}` | {row.health} | {said} | {row.goes_on} |"
    yield from _AFTER.splitlines()


if __name__ == "__main__":
    print("\n".join(page()))
