"""The `crowbar` command. Importing it costs nothing but click: each command imports what it needs when it runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from crowbar import __version__
from crowbar_cli.commands import (
    barclamps,
    batch,
    completion,
    credentials,
    deploy,
    deployments,
    destroy,
    explain,
    export,
    inventory,
    logs,
    machines,
    networks,
    nodes,
    plan,
    proposals,
    rack,
    serve,
    shell,
    status,
    verify,
)
from crowbar_cli.edge import guarded, wants_json
from crowbar_cli.options import common

_ORDER = (
    plan.plan,
    deploy.deploy,
    status.status,
    logs.logs,
    explain.explain,
    deployments.deployments,
    credentials.credentials,
    shell.shell,
    verify.verify,
    destroy.destroy,
    barclamps.barclamps,
    proposals.proposals,
    batch.batch,
    export.export,
    inventory.inventory,
    serve.serve,
    machines.machines,
    nodes.nodes,
    networks.networks,
    rack.rack,
    completion.completion,
)


class Root(click.Group):
    """The group of all commands: listed in the order a user meets them, and with the one error edge around them."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """The commands' names, in the order they were added."""
        return list(self.commands)

    def main(  # type: ignore[override]  # click's overloads promise a value unless standalone; this edge never returns
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> None:
        """Run a command line and leave the process with its exit code."""
        words = list(sys.argv[1:] if args is None else args)
        extra.pop("standalone_mode", None)
        run = super().main
        sys.exit(
            guarded(lambda: run(words, prog_name or "crowbar", standalone_mode=False, **extra), json=wants_json(words))
        )


@click.group("crowbar", cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="crowbar")
@common
def main() -> None:
    """From a rack of powered-off servers to a verified OpenStack cloud.

    \b
    A cloud on this machine, in a disposable container:
        crowbar plan --single-node       what would be done, and why; changes nothing
        crowbar deploy --single-node     do it; the same command goes on after a stop
        crowbar verify                   check the cloud with real clients
        crowbar destroy                  take it away without a trace

    Every command has --help with an example, and --output json for programs. Exit codes: 0 done, 1 it failed,
    2 the input or this host is at fault and nothing was changed, 130 stopped by Ctrl-C.
    """


for _command in _ORDER:
    main.add_command(_command)
