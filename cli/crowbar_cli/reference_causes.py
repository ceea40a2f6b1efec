"""The reference page of likely causes, made from the rules that error cards go by.

`python -m crowbar_cli.reference_causes > docs/reference/causes.md`
"""

from __future__ import annotations

import click

from crowbar.services.cards import load_causes

_HEAD = """\
# Likely causes of failing steps

<!-- Made by `python -m crowbar_cli.reference_causes > docs/reference/causes.md`; a test holds it current. -->

What an error card (`crowbar explain`) recognizes in what a failing step and its services print. The first rule that
matches is told; `crowbar/services/cards/causes.yml` has them all, each with the pattern.

| Rule | A line that it recognizes | Likely cause | What to do |
| --- | --- | --- | --- |
"""


def reference() -> str:
    """The page, in Markdown."""
    rows = (
        f"| `{one.id}` | `{one.example.replace('|', '¦')}` | {one.cause} | {one.advice} |\n" for one in load_causes()
    )
    return _HEAD + "".join(rows)


if __name__ == "__main__":
    click.echo(reference(), nl=False)
