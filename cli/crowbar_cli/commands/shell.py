"""`crowbar shell`: a shell in the cloud."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crowbar.errors import EnvironmentFault, InputError
from crowbar_cli.options import Settings, common
from crowbar_cli.output import note
from crowbar_cli.session import opened

if TYPE_CHECKING:
    from crowbar.services.context import Context
    from crowbar.store.model import Node


@click.command(short_help="A shell in the cloud.", context_settings={"ignore_unknown_options": True})
@click.option("--node", "name", help="The node, by name or alias.  [default: the only one]")
@click.option("--openstack", is_flag=True, help="A shell on this host, with OpenStack's clients logged in as admin.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@common
@click.pass_obj
@click.pass_context
def shell(ctx: click.Context, settings: Settings, name: str | None, openstack: bool, command: tuple[str, ...]) -> None:
    """Open a root shell on a node by SSH, or run COMMAND there; with --openstack, a shell with the cloud's login.

    Passwords are in no command line: with --openstack they are in the environment of your shell, and end with it.

    \b
    Example:  crowbar shell
              crowbar shell -- systemctl --failed
              crowbar shell --openstack -- openstack server list
    Next:     crowbar verify, which tries the cloud as a user would
    """
    with opened(settings) as context:
        if openstack:
            environment = _environment(context)
            ctx.exit(_run(command or (os.environ.get("SHELL", "/bin/sh"),), environment))
        node = _node(context, name)
    with _ssh(node, command) as argv:
        ctx.exit(_run(argv, dict(os.environ)))


def _environment(context: Context) -> dict[str, str]:
    from crowbar.services.credentials import login

    access = login(context)
    note("OpenStack's clients are logged in as admin in this shell; leave it with `exit`.")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    ours = Path(sys.executable).parent  # where `openstack` was installed with us
    path = f"{ours}:{os.environ.get('PATH', os.defpath)}"
    return {**kept, "PATH": path, **access.environment()}


def _node(context: Context, name: str | None) -> Node:
    nodes = context.store.nodes.list()
    if not nodes:
        raise EnvironmentFault("There is no node yet.", hint="crowbar deploy --single-node")
    if name is None:
        if len(nodes) > 1:
            raise InputError("There is more than one node.", hint=f"--node {' | '.join(node.name for node in nodes)}")
        return nodes[0]
    found = context.store.nodes.get(name)
    if found is None:
        raise InputError(f"There is no node {name!r}.", hint=f"Known: {', '.join(node.name for node in nodes)}.")
    return found


@contextlib.contextmanager
def _ssh(node: Node, command: Sequence[str]) -> Iterator[list[str]]:
    """The command line that reaches the node, its host key pinned."""
    from crowbar.store.model import NodeKind

    if node.kind is NodeKind.HOST:
        yield list(command) or [os.environ.get("SHELL", "/bin/sh")]
        return
    with tempfile.TemporaryDirectory(prefix="crowbar-ssh-") as folder:
        known = Path(folder) / "known_hosts"
        known.write_text(f"crowbar-{node.name} {node.host_key}\n", encoding="utf-8")
        options = {
            "UserKnownHostsFile": str(known),
            "HostKeyAlias": f"crowbar-{node.name}",
            "StrictHostKeyChecking": "yes",
            "IdentitiesOnly": "yes",
            "LogLevel": "ERROR",
        }
        argv = ["ssh", "-p", str(node.ssh_port), *(["-i", node.ssh_key] if node.ssh_key else [])]
        argv += [part for option, value in options.items() for part in ("-o", f"{option}={value}")]
        yield [*argv, f"{node.ssh_user}@{node.address}", *(["--", *command] if command else [])]


def _run(argv: Sequence[str], environment: dict[str, str]) -> int:
    try:
        return subprocess.run(list(argv), env=environment, check=False).returncode
    except FileNotFoundError as error:
        raise EnvironmentFault(
            f"There is no program {argv[0]} here.", hint="apt-get install openssh-client" if argv[0] == "ssh" else ""
        ) from error
