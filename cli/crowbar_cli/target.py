"""Where a deployment goes to, and what it would be made of: the part that `plan` and `deploy` share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import click

from crowbar.paths import data_dir

F = TypeVar("F", bound=Callable[..., Any])
NODE_NAME = "node1"


class Place(StrEnum):
    """Which nodes a deployment is for."""

    KNOWN = "known"  # the nodes that the store has
    SINGLE_NODE = "single-node"
    THIS_HOST = "this-host"


@dataclass(frozen=True)
class Target:
    """``file`` is the cluster file; None means the saved proposals."""

    place: Place
    file: Path | None

    @classmethod
    def of(cls, file: Path | None, *, single_node: bool, on_this_host: bool) -> Target:
        """From the command's options.

        Raises click.UsageError if they contradict each other.
        """
        if single_node and on_this_host:
            raise click.UsageError("--single-node and --on-this-host exclude each other.")
        place = Place.SINGLE_NODE if single_node else Place.THIS_HOST if on_this_host else Place.KNOWN
        if file is None and place is not Place.KNOWN:
            file = data_dir() / "playbooks" / "clusters" / "single-node.yml"
        return cls(place, file)


def scope_options(command: F) -> F:
    """Give a command ``--only`` and ``--skip``."""
    for option in (
        click.option("--skip", multiple=True, metavar="NAME", help="Leave this barclamp or node out; may be repeated."),
        click.option("--only", multiple=True, metavar="NAME", help="Only this barclamp or node; may be repeated."),
    ):
        command = option(command)
    return command


def target_options(command: F) -> F:
    """Give a command FILE, ``--single-node`` and ``--on-this-host``."""
    for option in (
        click.option(
            "--on-this-host", is_flag=True, help="The cloud is on this machine itself (Debian 13, systemd, root)."
        ),
        click.option(
            "--single-node", is_flag=True, help="The cloud is in a disposable container machine on this host."
        ),
        click.argument("file", required=False, type=click.Path(path_type=Path)),
    ):
        command = option(command)
    return command
