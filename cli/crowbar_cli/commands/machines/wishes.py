"""The rest of `crowbar machines`: what is wished of machines; `crowbar serve` carries it out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from crowbar_cli.asking import agree
from crowbar_cli.options import Settings, common
from crowbar_cli.output import show
from crowbar_cli.session import opened

F = TypeVar("F", bound=Callable[..., Any])


def _chosen(command: F) -> F:
    for option in (
        click.option("--all", "every", is_flag=True, help="All machines."),
        click.option("--group", "groups", multiple=True, help="All machines of this group."),
        click.argument("wanted", nargs=-1, metavar="[MACHINE]..."),
    ):
        command = option(command)
    return command


def _do(
    settings: Settings,
    chosen: tuple[tuple[str, ...], tuple[str, ...], bool],
    done: tuple[str, str],
    action: Callable[[Any, list[str]], None],
    question: str = "",
) -> None:
    """Do it with the chosen machines, having asked if that is due, and say with which.

    ``done`` is the action's name for programs, and what is now so for people.
    """
    from crowbar_cli.commands.machines.listing import names

    wanted, groups, every = chosen
    with opened(settings) as context:
        found = names(context, wanted, every=every, groups=groups)
        if question:
            agree(f"{question}: {', '.join(found)}?")
        action(context.store, found)
    _tell(settings, done, found)


def _tell(settings: Settings, done: tuple[str, str], names: list[str], empty: str = "") -> None:
    name, words = done
    show(settings, {"action": name, "machines": names}, (words,), [(one,) for one in names], empty)


@click.command()
@_chosen
@click.option("--release", is_flag=True, help="Give them back.")
@common
@click.pass_obj
def allocate(settings: Settings, wanted: tuple[str, ...], groups: tuple[str, ...], every: bool, release: bool) -> None:
    """Reserve machines, so that nothing else takes them.

    \b
    Example:  crowbar machines allocate node1 node2
    """
    from crowbar.services.machines.wishes import allocate as reserve

    what = ("release", "given back") if release else ("allocate", "allocated")
    _do(settings, (wanted, groups, every), what, lambda store, names: reserve(store, names, allocated=not release))


@click.command()
@_chosen
@click.option("--package", "packages", multiple=True, help="A Debian package more in the image.")
@common
@click.pass_obj
def install(
    settings: Settings, wanted: tuple[str, ...], groups: tuple[str, ...], every: bool, packages: tuple[str, ...]
) -> None:
    """Install machines: the install disk of each is wiped, the node image is written to it, and they start from it.

    The image is built first if there is none with these packages and those of the roles that proposals give to nodes.
    `crowbar machines list` shows how far they are. With --all and --group, those that are installed already are left
    alone.

    \b
    Example:  crowbar machines install --all
    Next:     crowbar machines list
    """
    from crowbar.services.machines.wishes import check_install, not_installed
    from crowbar.services.machines.wishes import install as wish
    from crowbar_cli.commands.machines.listing import named, names
    from crowbar_cli.disk_image import provide
    from crowbar_cli.nodes import proposed_packages

    with opened(settings) as context:
        chosen = names(context, wanted, every=every, groups=groups)
        due = [*named(context, wanted), *not_installed(context.store, chosen)]
        found = [name for name in chosen if name in due]
        check_install(context.store, found)  # before minutes are spent on an image
        if found:
            provide(settings, tuple(sorted({*packages, *proposed_packages(context)})))
            wish(context.store, found)
    _tell(settings, ("install", "shall be installed"), found, "All of these machines are installed already.")


@click.command()
@_chosen
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@common
@click.pass_obj
def reinstall(settings: Settings, wanted: tuple[str, ...], groups: tuple[str, ...], every: bool, yes: bool) -> None:
    """Install machines anew. What is on their install disks is lost; other disks stay as they are.

    \b
    Example:  crowbar machines reinstall node3 --yes
    Next:     crowbar machines list
    """
    from crowbar.services.machines.wishes import check_reset
    from crowbar.services.machines.wishes import reset as wish
    from crowbar_cli.disk_image import provide
    from crowbar_cli.nodes import proposed_packages

    def reinstalled(store: Any, names: list[str]) -> None:
        check_reset(store, names)  # before minutes are spent on an image
        with opened(settings) as context:
            packages = proposed_packages(context)
        provide(settings, packages)
        wish(store, names, reinstall=True)

    question = (
        "" if yes else "Their install disks will be lost; other disks stay as they are. Install these machines anew"
    )
    _do(settings, (wanted, groups, every), ("reinstall", "shall be reinstalled"), reinstalled, question)


@click.command()
@_chosen
@common
@click.pass_obj
def inspect(settings: Settings, wanted: tuple[str, ...], groups: tuple[str, ...], every: bool) -> None:
    """Have machines in the discovery system look at their hardware again.

    \b
    Example:  crowbar machines inspect node3
    Next:     crowbar machines show node3
    """
    from crowbar.services.machines.wishes import inspect as wish

    _do(settings, (wanted, groups, every), ("inspect", "shall be inspected"), wish)


@click.command()
@_chosen
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@common
@click.pass_obj
def reset(settings: Settings, wanted: tuple[str, ...], groups: tuple[str, ...], every: bool, yes: bool) -> None:
    """Send machines back to discovery, from whatever they are in.

    \b
    Example:  crowbar machines reset node3
    Next:     crowbar machines list
    """
    from crowbar.services.machines.wishes import reset as wish

    question = "" if yes else "These machines will be discovered anew, and switched off first where they have a BMC"
    _do(settings, (wanted, groups, every), ("reset", "shall be discovered anew"), wish, question)


@click.command()
@click.argument("name", metavar="MACHINE")
@click.argument("alias_name", metavar="ALIAS")
@click.option("--remove", is_flag=True, help="Take the alias away.")
@common
@click.pass_obj
def alias(settings: Settings, name: str, alias_name: str, remove: bool) -> None:
    """Give MACHINE another name, by which commands and cluster files know it, too.

    \b
    Example:  crowbar machines alias d52-54-00-12-34-56 controller
    """
    from crowbar.services.machines.control import known
    from crowbar.services.machines.wishes import add_alias, remove_alias

    with opened(settings) as context:
        machine = known(context.store, name).name
        (remove_alias if remove else add_alias)(context.store, machine, alias_name)
        view = context.store.machines.view(machine)
    aliases = view.aliases if view else ()
    show(settings, {"machine": machine, "aliases": aliases}, ("machine", "aliases"), [(machine, ", ".join(aliases))])


@click.command()
@click.argument("group_name", metavar="GROUP")
@_chosen
@common
@click.pass_obj
def group(settings: Settings, group_name: str, wanted: tuple[str, ...], groups: tuple[str, ...], every: bool) -> None:
    """Put machines into GROUP ("" takes them out of theirs).

    \b
    Example:  crowbar machines group compute node2 node3
    """
    from crowbar.services.machines.wishes import set_group

    what = ("group", f"in group {group_name}" if group_name else "in no group")
    _do(settings, (wanted, groups, every), what, lambda store, names: set_group(store, names, group_name))


@click.command()
@_chosen
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@common
@click.pass_obj
def delete(settings: Settings, wanted: tuple[str, ...], groups: tuple[str, ...], every: bool, yes: bool) -> None:
    """Forget machines, with their hardware, addresses and history. Their disks keep what they have.

    Power off before one that is not to go on as it is: left on, it keeps its address in use. Crowbar gives that to
    another machine only when the network has no other left.

    \b
    Example:  crowbar machines power off node3
              crowbar machines delete node3
    """
    from crowbar.services.machines.wishes import delete as forget

    question = "" if yes else "Forget these machines"
    _do(settings, (wanted, groups, every), ("delete", "forgotten"), forget, question)
