"""The raw form of `barclamp.yml`, checked by pydantic, and what it becomes: the catalog's values."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import Field, StringConstraints, ValidationError, model_validator

from crowbar.catalog import digest
from crowbar.catalog.model import (
    Access,
    AccessKind,
    Addressed,
    Barclamp,
    Choice,
    Count,
    Gate,
    Published,
    Role,
    Route,
    SecretKind,
    SecretSpec,
)
from crowbar.catalog.raw import Raw, raw_faults
from crowbar.catalog.relate import chain
from crowbar.catalog.source import DataPath, Source
from crowbar.catalog.uses import published_reads, role_reads
from crowbar.catalog.words import nearest
from crowbar.errors import Fault

CAPABILITIES = ("kvm", "openvswitch", "device_mapper", "nfs_client", "loop", "tun", "vlan")
GATE_FILE = "gate.yml"

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*([_-][a-z0-9]+)*$", max_length=40)]
_RoleName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)]
_Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
_Package = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9+.-]+$")]
_Unit = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9:_.@\\-]+\.(service|socket|timer|target|path|mount)$")]
_Port = Annotated[int, Field(ge=1, le=65535)]
_T = TypeVar("_T")
_List = Annotated[list[_T], Field(default_factory=list)]  # empty if it is not there
_Map = Annotated[dict[_Key, _T], Field(default_factory=dict)]


class _Count(Raw):
    min: Annotated[int, Field(ge=0)] = 0
    max: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max is not None and self.max < self.min:
            raise ValueError(f"max ({self.max}) is less than min ({self.min})")
        return self


class _Role(Raw):
    summary: _Text
    count: _Count = _Count()
    beside: _RoleName | None = None
    after: _List[_RoleName]
    conflicts: _List[_RoleName]
    packages: _List[_Package]
    units: _List[_Unit]
    ports: _List[_Port]
    sees_nodes: bool = False
    sees_networks: bool = False


class _Secret(Raw):
    summary: _Text
    kind: Annotated[SecretKind, Field(strict=False)] = SecretKind.PASSWORD
    length: Annotated[int, Field(ge=8, le=256)] = 32


class _Published(Raw):
    template: str = ""
    secret: str = ""
    fact_of: str = ""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(map(bool, (self.template, self.secret, self.fact_of))) != 1:
            raise ValueError("give exactly one of template, secret and fact_of")
        return self


class _Choice(Raw):
    value: str
    needs: _List[str]
    why: str = ""


class _Route(Raw):
    role: _RoleName
    attribute: str


class _Addressed(Raw):
    role: _RoleName
    attribute: str


class _Gate(Raw):
    role: _RoleName


class _Access(Raw):
    title: _Text
    url: _Text
    user: str = ""
    secret: str = ""
    kind: Annotated[AccessKind, Field(strict=False)] = AccessKind.ADDRESS


class _Manifest(Raw):
    name: _Name
    summary: _Text
    aliases: _List[_Name]
    requires: _List[_Name]
    wants: _List[_Name]
    networks: _List[_Key]
    roles: Annotated[dict[_RoleName, _Role], Field(min_length=1)]
    secrets: _Map[_Secret]
    publishes: _Map[_Published]
    choices: Annotated[dict[str, Annotated[list[_Choice], Field(min_length=1)]], Field(default_factory=dict)]
    routes: _List[_Route]
    addresses: _List[_Addressed]
    gate: _Gate | None = None
    access: _List[_Access]


_MODELS = (_Manifest, _Role, _Count, _Secret, _Published, _Choice, _Route, _Addressed, _Gate, _Access)


def barclamp(source: Source, folder: Path, schema: dict[str, Any]) -> tuple[Barclamp | None, list[Fault]]:
    """The barclamp that a manifest describes, in its ``folder``, or None and all faults of the manifest."""
    try:
        raw = _Manifest.model_validate(source.data)
    except ValidationError as error:
        return None, raw_faults(source, error, _MODELS)
    faults = _inside(raw, source, folder)
    return (None, faults) if faults else (_built(raw, folder, schema), [])


def _inside(raw: _Manifest, source: Source, folder: Path) -> list[Fault]:
    """Names in the manifest that stand for nothing in it or beside it."""
    faults = list(_roles_wrong(raw, source, folder))
    for kind, name, names, path in _named(raw):
        if name not in names:
            faults.append(source.fault(f"there is no {kind} {name!r}{nearest(name, names)}", *path))
    if raw.name != folder.name:
        faults.append(source.fault(f"the folder is called {folder.name!r}, the barclamp {raw.name!r}", "name"))
    has_gate = (folder / GATE_FILE).is_file()
    if raw.gate and not has_gate:
        faults.append(source.fault(f"the file {GATE_FILE} is missing", "gate"))
    if has_gate and not raw.gate:
        faults.append(source.fault(f"there is a {GATE_FILE}, but no `gate:` that says on which role's node it runs"))
    return faults


def _roles_wrong(raw: _Manifest, source: Source, folder: Path) -> Iterator[Fault]:
    for name in raw.roles:
        path = _role_path(folder, name)
        if not path.is_dir():
            yield source.fault(f"the role's folder {path.relative_to(folder)}/ is missing", "roles", name)
    circle = chain({name: [one for one in role.after if one in raw.roles] for name, role in raw.roles.items()})
    if circle:
        yield source.fault(f"the roles come after each other: {' -> '.join(circle)}", "roles", circle[0], "after")


def _named(raw: _Manifest) -> Iterator[tuple[str, str, Collection[str], DataPath]]:
    """Every name in the manifest that must be one of some others: what it is, the name, the others, where."""
    for name, path in _named_roles(raw):
        yield "role", name, raw.roles, path
    for name, value in raw.publishes.items():
        if value.secret:
            yield "secret", value.secret, raw.secrets, ("publishes", name, "secret")
    for attribute, choices in raw.choices.items():
        for index, choice in enumerate(choices):
            for need in choice.needs:
                yield "capability", need, CAPABILITIES, ("choices", attribute, index, "needs")


def _named_roles(raw: _Manifest) -> Iterator[tuple[str, DataPath]]:
    for role, spec in raw.roles.items():
        yield from ((other, ("roles", role, "after", index)) for index, other in enumerate(spec.after))
        yield from ((other, ("roles", role, "beside")) for other in [spec.beside] if other)
    for name, value in raw.publishes.items():
        if value.fact_of:
            yield value.fact_of, ("publishes", name, "fact_of")
    for index, route in enumerate(raw.routes):
        yield route.role, ("routes", index, "role")
    for index, addressed in enumerate(raw.addresses):
        yield addressed.role, ("addresses", index, "role")
    if raw.gate:
        yield raw.gate.role, ("gate", "role")


def _built(raw: _Manifest, folder: Path, schema: dict[str, Any]) -> Barclamp:
    return Barclamp(
        name=raw.name,
        summary=raw.summary,
        path=folder,
        schema=schema,
        roles={name: _role(name, role, folder) for name, role in raw.roles.items()},
        aliases=tuple(raw.aliases),
        requires=tuple(raw.requires),
        wants=tuple(raw.wants),
        networks=tuple(raw.networks),
        secrets={name: SecretSpec(name, one.summary, one.kind, one.length) for name, one in raw.secrets.items()},
        publishes={name: Published(name, one.template, one.secret, one.fact_of) for name, one in raw.publishes.items()},
        choices={
            path: tuple(Choice(one.value, tuple(one.needs), one.why) for one in choices)
            for path, choices in raw.choices.items()
        },
        routes=tuple(Route(one.role, one.attribute) for one in raw.routes),
        addresses=tuple(Addressed(one.role, one.attribute) for one in raw.addresses),
        gate=Gate(raw.gate.role, folder / GATE_FILE, digest.of_file(folder / GATE_FILE)) if raw.gate else None,
        access=tuple(Access(one.title, one.url, one.user, one.secret, one.kind) for one in raw.access),
    )


def _role(name: str, raw: _Role, folder: Path) -> Role:
    path = _role_path(folder, name)
    return Role(
        name=name,
        summary=raw.summary,
        path=path,
        files=digest.of_each(path),
        reads=published_reads(path),
        reads_roles=role_reads(path),
        count=Count(raw.count.min, raw.count.max),
        beside=raw.beside or "",
        after=tuple(raw.after),
        conflicts=tuple(raw.conflicts),
        packages=tuple(raw.packages),
        units=tuple(raw.units),
        ports=tuple(raw.ports),
        sees_nodes=raw.sees_nodes,
        sees_networks=raw.sees_networks,
    )


def _role_path(folder: Path, role: str) -> Path:
    return folder / "roles" / role.replace("-", "_")
