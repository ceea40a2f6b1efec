"""`crowbar completion`: the shell completes commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from crowbar_cli.options import common


@click.command(short_help="Have your shell complete commands.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@common
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the code that teaches SHELL to complete crowbar's commands and options.

    \b
    Example:  crowbar completion bash > /etc/bash_completion.d/crowbar
              crowbar completion zsh > "${fpath[1]}/_crowbar"
              crowbar completion fish > ~/.config/fish/completions/crowbar.fish
    Next:     open a new shell, and type: crowbar <Tab>
    """
    made = get_completion_class(shell)
    if made is None:  # the choice above allows only shells that click knows
        raise LookupError(shell)
    click.echo(made(ctx.find_root().command, {}, "crowbar", "_CROWBAR_COMPLETE").source())
