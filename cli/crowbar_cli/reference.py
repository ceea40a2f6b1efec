"""The CLI's reference page, made from click: `python -m crowbar_cli.reference > docs/reference/cli.md`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from crowbar_cli.main import main

_HEAD = """\
# The `crowbar` command

<!-- Made by `python -m crowbar_cli.reference > docs/reference/cli.md`; a test holds it to the command's own help. -->

Every command takes `--state-dir DIRECTORY` (where Crowbar keeps its state; default `$CROWBAR_STATE_DIR`, else
/var/lib/crowbar), `--output table|json`, and `--help`. With `--output json`, standard output holds one JSON document
(for `logs`, one a line) and everything said to people goes to standard error; an error is the object
`{"error": {"message", "hint", "faults": [{"place", "message"}], "exit_code"}}`.

| Exit code | Meaning |
| --- | --- |
| 0 | It is done. |
| 1 | It failed: a step, a check of the cloud, a node. |
| 2 | The input or this host is at fault; nothing was changed. |
| 130 | Stopped by Ctrl-C; the same command goes on from there. |

`$CROWBAR_DATABASE` names another database than the embedded one, such as `postgresql://user@host/crowbar`.
`$CROWBAR_BARCLAMPS` names other folders, separated by colons, than /etc/crowbar/barclamps for the site's own barclamps.
"""
_EVERYWHERE = frozenset({"--state-dir", "--output", "--help"})


def reference() -> str:
    """The page, in Markdown."""
    return "\n".join([_HEAD, *_commands(main, click.Context(main, info_name="crowbar"))]).rstrip() + "\n"


def _commands(group: click.Group, context: click.Context) -> Iterator[str]:
    for name, command in group.commands.items():
        inner = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group):
            yield f"## {inner.command_path}\n\n{_text(command)}\n"
            yield from _commands(command, inner)
        else:
            yield from _command(command, inner)


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    depth = "##" if context.parent and context.parent.command is main else "###"
    arguments = [part for part in command.collect_usage_pieces(context) if part != "[OPTIONS]"]
    yield f"{depth} {context.command_path}\n"
    yield f"    {' '.join([context.command_path, '[OPTIONS]', *arguments])}\n"
    yield f"{_text(command)}\n"
    options = list(_options(command, context))
    if options:
        yield "| Option | What it does |\n| --- | --- |\n" + "\n".join(options) + "\n"


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context) if isinstance(parameter, click.Option) else None
        if record is not None and not _EVERYWHERE.intersection(parameter.opts):
            names, meaning = (part.replace("|", "\\|") for part in record)
            yield f"| `{names}` | {' '.join(meaning.split())} |"


def _text(command: click.Command) -> str:
    """The help text as Markdown: the paragraphs that click must not wrap are code."""
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    return "\n\n".join(_paragraph(paragraph) for paragraph in paragraphs)


def _paragraph(text: str) -> str:
    if not text.startswith("\b"):
        return text
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines()[1:])


if __name__ == "__main__":
    click.echo(reference(), nl=False)
