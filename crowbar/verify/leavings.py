"""Every kind of thing that a run makes, how the ones of a run are found, and how one is removed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from openstack import resource

from crowbar.verify.cloud import BLOCK_STORAGE, Cloud
from crowbar.verify.run_id import run_of


@dataclass(frozen=True)
class Leaving:
    """One thing that a run made. ``remove`` asks for its removal; it is gone when it is no longer found."""

    kind: str
    id: str
    label: str
    remove: Callable[[], object]

    def __str__(self) -> str:
        return f"{self.kind} {self.label}"


Mine = Callable[[str], bool]  # is this run (its prefix) one of those to be removed?


@dataclass(frozen=True)
class Kind:
    """One kind of thing: ``find`` lists those of the wanted runs. ``services``: a catalogue without them has none."""

    name: str
    services: tuple[str, ...]
    find: Callable[[Cloud, Mine], Iterable[Leaving]]


def _named(items: Iterable[resource.Resource], mine: Mine) -> Iterator[resource.Resource]:
    for item in items:
        run = run_of(item.name)
        if run and mine(run):
            yield item


def _found(kind: str, items: Iterable[resource.Resource], remove: Callable[[str], object]) -> Iterator[Leaving]:
    for item in items:
        yield Leaving(kind, item.id, item.name, partial(remove, item.id))


def _servers(cloud: Cloud, mine: Mine) -> Iterator[Leaving]:
    client = cloud.connection.compute
    yield from _found("instance", _named(client.servers(all_projects=True), mine), client.delete_server)


def _keypairs(cloud: Cloud, mine: Mine) -> Iterator[Leaving]:
    client = cloud.connection.compute
    users = [user.id for user in _named(cloud.identity.users(), mine)]
    for user in (cloud.user_id, *users):
        for key in _named(client.keypairs(user_id=user), mine):
            yield Leaving("key", f"{user} {key.name}", key.name, partial(client.delete_keypair, key.name, user_id=user))


def _flavors(cloud: Cloud, mine: Mine) -> Iterator[Leaving]:
    client = cloud.connection.compute
    yield from _found("flavor", _named(client.flavors(is_public=None), mine), client.delete_flavor)


def _volumes(cloud: Cloud, mine: Mine) -> Iterator[Leaving]:
    client = cloud.connection.block_storage
    yield from _found("volume", _named(client.volumes(all_projects=True), mine), client.delete_volume)


def _floating_ips(cloud: Cloud, mine: Mine) -> Iterator[Leaving]:
    client = cloud.connection.network
    for address in client.ips():
        run = run_of(address.description)
        if run and mine(run):
            yield Leaving("floating IP", address.id, address.floating_ip_address, partial(client.delete_ip, address.id))


def _routers(cloud: Cloud, mine: Mine) -> Iterator[Leaving]:
    client = cloud.connection.network

    def remove(router_id: str) -> None:
        for port in client.ports(device_id=router_id, device_owner="network:router_interface"):
            client.remove_interface_from_router(router_id, None, port.id)
        client.delete_router(router_id)

    yield from _found("router", _named(client.routers(), mine), remove)


def _ports(cloud: Cloud, mine: Mine) -> Iterator[Leaving]:
    client = cloud.connection.network
    yield from _found("port", _named(client.ports(), mine), client.delete_port)


def _networks(cloud: Cloud, mine: Mine) -> Iterator[Leaving]:
    client = cloud.connection.network
    yield from _found("network", _named(client.networks(), mine), client.delete_network)


def _groups(cloud: Cloud, mine: Mine) -> Iterator[Leaving]:
    client = cloud.connection.network
    projects = {project.id for project in _named(cloud.identity.projects(), mine)}
    groups = list(client.security_groups())
    # Neutron gives each project a group "default" by itself, which would outlive the second project.
    named = {group.id for group in _named(groups, mine)}
    found = [group for group in groups if group.id in named or group.project_id in projects]
    yield from _found("security group", found, client.delete_security_group)


def _images(cloud: Cloud, mine: Mine) -> Iterator[Leaving]:
    client = cloud.connection.image
    found = {item.id: item for view in (None, "community") for item in _named(client.images(visibility=view), mine)}
    yield from _found("image", found.values(), client.delete_image)


def _containers(cloud: Cloud, mine: Mine) -> Iterator[Leaving]:
    client = cloud.connection.object_store

    def remove(name: str) -> None:
        for item in client.objects(name):
            client.delete_object(item, container=name)
        client.delete_container(name)

    for container in _named(client.containers(), mine):
        yield Leaving("container", container.name, container.name, partial(remove, container.name))


def _users(cloud: Cloud, mine: Mine) -> Iterator[Leaving]:
    client = cloud.identity
    yield from _found("user", _named(client.users(), mine), client.delete_user)


def _projects(cloud: Cloud, mine: Mine) -> Iterator[Leaving]:
    client = cloud.identity
    yield from _found("project", _named(client.projects(), mine), client.delete_project)


# In the order of removal, which is the reverse of how one thing stands on another. What stands together goes at once.
WAVES = (
    (
        Kind("instances", ("compute",), _servers),
        Kind("keys", ("compute",), _keypairs),
        Kind("floating IPs", ("network",), _floating_ips),
        Kind("flavors", ("compute",), _flavors),
        Kind("images", ("image",), _images),
        Kind("containers", ("object-store",), _containers),
    ),
    (
        Kind("volumes", BLOCK_STORAGE, _volumes),
        Kind("routers", ("network",), _routers),
        Kind("ports", ("network",), _ports),
    ),
    (
        Kind("networks", ("network",), _networks),
        Kind("security groups", ("network",), _groups),
    ),
    # Keys are found by their users, and security groups by their projects.
    (
        Kind("users", (), _users),
        Kind("projects", (), _projects),
    ),
)
