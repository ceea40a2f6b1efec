"""`--single-node`: the container machine as the node, from the image to the store."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from crowbar.errors import EnvironmentFault
from crowbar.store.model import Node, NodeKind

if TYPE_CHECKING:
    from crowbar.catalog.model import WantedProposal
    from crowbar.rack import ContainerMachine
    from crowbar.services.context import Context

NAME = "node1"
ALIAS = "node"  # what the shipped cluster file calls it: "@@node@@"
_KVM = "/dev/kvm"
_HOST_ONLY = frozenset({"device_mapper", "loop", "nfs_client"})  # what a container cannot do, whatever its host can
_EXAMPLE_ADDRESS = "192.0.2.1"  # the machine gets a free one when it is made

Say = Callable[[str], None]


def machine_of(context: Context, name: str = NAME) -> ContainerMachine:
    """The machine of that name, whether there is one or not."""
    from crowbar.rack import ContainerMachine

    return ContainerMachine(context.state.machines / name)


@cache
def estimated() -> Node:
    """The node as it can be expected to be: what this host can do, without what a container cannot.

    It is found out once a process: whether KVM runs a guest takes seconds.
    """
    from crowbar_inventory.probe import facts

    found = facts()
    abilities = found["capabilities"]
    words = [word for word in abilities if word not in _HOST_ONLY] if isinstance(abilities, list) else []
    addresses = dict.fromkeys(("admin", "public", "storage", "tenant"), _EXAMPLE_ADDRESS)
    return Node(NAME, NodeKind.CONTAINER, addresses, aliases=(ALIAS,), facts={**found, "capabilities": words})


def bring_up(context: Context, packages: tuple[str, ...], proposals: Mapping[str, WantedProposal], say: Say) -> None:
    """Have the machine made (from an image with ``packages``), running, and in the store with its facts.

    A machine that is there is only powered on, and the routes through it are brought up to date. Raises InputError for
    a faulty network that would be behind it, EnvironmentFault where this host cannot, NodeError where the machine does
    not answer.
    """
    from crowbar.apply.facts import gather_facts
    from crowbar.catalog.routes import routes
    from crowbar.provision.prune import prune
    from crowbar.rack import ContainerMachine, Status

    behind = routes(context.catalog, proposals, NAME)
    machine = machine_of(context)
    if machine.status() in (Status.ABSENT, Status.INCOMPLETE):
        image, new = _image(context, packages, say)
        say("making the container machine")
        machine = ContainerMachine.create(machine.folder, image, routes=behind, devices=_devices())
        context.store.applied.forget_node(NAME)  # of a machine of that name that was taken away
        if new:
            prune(context.state.images, _standing(context), say)
    _power_on(machine, behind, say)
    known = context.store.nodes.get(NAME)
    node = replace(machine.node(), aliases=(ALIAS,))
    if known is None or known.host_key != node.host_key:
        say("looking at what the machine can do")
        context.store.nodes.save(replace(node, facts=gather_facts(node).as_mapping()))


def power_on(context: Context, proposals: Mapping[str, WantedProposal], say: Say) -> None:
    """Have every container machine that is a node running, with routes to what the proposals put behind it.

    Raises InputError for a faulty network that would be behind one, EnvironmentFault for one that is gone.
    """
    from crowbar.catalog.routes import routes

    for node in context.store.nodes.list():
        if node.kind is NodeKind.CONTAINER:
            _power_on(machine_of(context, node.name), routes(context.catalog, proposals, node.name), say)


def remove(context: Context) -> list[str]:
    """Take away every container machine, with what the store says of it; their names."""
    names = {node.name for node in context.store.nodes.list() if node.kind is NodeKind.CONTAINER}
    if context.state.machines.is_dir():
        names |= {folder.name for folder in context.state.machines.iterdir() if folder.is_dir()}
    for name in sorted(names):
        machine_of(context, name).destroy()
        context.store.applied.forget_node(name)
        context.store.nodes.delete(name)
    return sorted(names)


def remove_images(context: Context) -> None:
    """Delete the built images and the packages they were built from.

    Raises EnvironmentFault while a machine stands on one.
    """
    if context.state.machines.is_dir() and any(context.state.machines.iterdir()):
        raise EnvironmentFault("A container machine stands on an image.", hint="crowbar destroy")
    for folder in (context.state.images, context.state.root / "packages"):
        if folder.is_dir():
            shutil.rmtree(folder)


def _image(context: Context, packages: tuple[str, ...], say: Say) -> tuple[Path, bool]:
    """The root folder of the image with these packages, and whether it was built just now."""
    from crowbar.provision.image.build import build_image
    from crowbar.provision.image.spec import ImageSpec
    from crowbar.provision.prune import mark_used

    say("looking for the node image")
    image = build_image(ImageSpec(packages), context.state.images, say)
    mark_used(image.path)
    return image.path, image.built


def _standing(context: Context) -> set[Path]:
    """The root folders that container machines stand on."""
    from crowbar.rack import Status

    machines = [machine_of(context, folder.name) for folder in context.state.machines.iterdir() if folder.is_dir()]
    return {Path(one.record.image) for one in machines if one.status() in (Status.STOPPED, Status.RUNNING)}


def _power_on(machine: ContainerMachine, behind: Sequence[str], say: Say) -> None:
    from crowbar.rack import ContainerMachine, Status

    machine = ContainerMachine.load(machine.folder)
    if machine.reroute(behind):
        say(f"through the container machine {machine.name} this host reaches {', '.join(behind) or 'no network'}")
    if machine.status() is not Status.RUNNING:
        say(f"starting the container machine {machine.name}")
    machine.start()  # also mends its network, and returns at once when it answers


def _devices() -> list[str]:
    """The host's KVM, where a guest really runs on it."""
    from crowbar_inventory.probe import able, kvm

    return [_KVM] if Path(_KVM).exists() and able(kvm) else []
