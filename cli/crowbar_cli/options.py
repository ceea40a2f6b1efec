"""The options that every command has, and the settings they make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import click

from crowbar.paths import StateDir

F = TypeVar("F", bound=Callable[..., Any])


class Output(StrEnum):
    """The form in which a command shows what it found."""

    TABLE = "table"
    JSON = "json"


@dataclass(frozen=True)
class Settings:
    """What the common options say: where the state is, and how to show things."""

    state: StateDir
    output: Output = Output.TABLE

    @property
    def json(self) -> bool:
        """Whether standard output carries one JSON document and nothing else."""
        return self.output is Output.JSON


def common(command: F) -> F:
    """Give a command (or the group above it) ``--state-dir`` and ``--output``; it gets Settings by pass_obj."""
    command = click.option(
        "--output",
        type=click.Choice([form.value for form in Output]),
        callback=_set_output,
        expose_value=False,
        help="Show a table for people, or JSON for programs.  [default: table]",
    )(command)
    return click.option(
        "--state-dir",
        type=click.Path(file_okay=False, path_type=Path),
        callback=_set_state,
        expose_value=False,
        help="Where Crowbar keeps its state.  [default: $CROWBAR_STATE_DIR, else /var/lib/crowbar]",
    )(command)


def _settings(ctx: click.Context) -> Settings:
    if not isinstance(ctx.obj, Settings):
        ctx.obj = Settings(StateDir.default())
    return ctx.obj


def _set_output(ctx: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    settings = _settings(ctx)
    if value is not None:
        ctx.obj = replace(settings, output=Output(value))


def _set_state(ctx: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
    settings = _settings(ctx)
    if value is not None:
        ctx.obj = replace(settings, state=StateDir(value.absolute()))
