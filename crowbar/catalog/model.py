"""What a barclamp is, as immutable values. Reading them from disk is `load`'s work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from crowbar.errors import Fault, InputError


class SecretKind(StrEnum):
    """How the value of a secret is generated."""

    PASSWORD = "password"  # letters and digits  # noqa: S105  the kind, no password
    HEX = "hex"  # lower-case hexadecimal digits
    FERNET = "fernet"  # a urlsafe-base64 Fernet key


@dataclass(frozen=True)
class SecretSpec:
    """A secret that the engine generates once for a barclamp. ``length`` is in characters."""

    name: str
    summary: str
    kind: SecretKind = SecretKind.PASSWORD
    length: int = 32


@dataclass(frozen=True)
class SecretRef:
    """A secret by name: what stands in variables, digests and revisions in place of its value."""

    owner: str  # the barclamp
    name: str
    version: int = 1

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}"


@dataclass(frozen=True)
class FactRef:
    """A value that a step publishes while it runs, by name. ``digest`` is empty while nothing was published."""

    owner: str  # the barclamp
    role: str
    name: str
    digest: str = ""

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}"


@dataclass(frozen=True)
class Count:
    """How many nodes may hold a role; ``max`` of None means any number."""

    min: int = 0
    max: int | None = None


@dataclass(frozen=True)
class Published:
    """A value other barclamps may use: a Jinja expression, a secret's name, or a fact a role makes.

    Exactly one of the three is set. ``fact_of`` is the role whose step publishes the value while it runs.
    """

    name: str
    template: str = ""
    secret: str = ""
    fact_of: str = ""


@dataclass(frozen=True)
class Choice:
    """One value that an attribute set to ``auto`` may take: the first whose ``needs`` a node can do wins."""

    value: str
    needs: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Role:
    """What a node plays in a barclamp. ``path`` is the Ansible role's folder.

    A role ``beside`` another is held by the nodes of that one, and no proposal says so.
    ``files`` has the digest of each file in it, by its name there. ``reads`` names what the role reads of what other
    barclamps publish ("keystone", "keystone.url", or "keystone?": whether it is there), ``reads_roles`` of which roles
    of its own barclamp it reads who holds them; None means that it may be anything.
    """

    name: str
    summary: str
    path: Path
    files: Mapping[str, str] = field(default_factory=dict)
    reads: tuple[str, ...] | None = None
    reads_roles: tuple[str, ...] | None = None
    count: Count = Count()
    beside: str = ""
    after: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    sees_nodes: bool = False
    sees_networks: bool = False

    def reads_published(self, name: str) -> bool:
        """Whether the role reads that value ("keystone.url") of another barclamp."""
        return self.reads is None or any(name == one or name.startswith(f"{one}.") for one in self.reads)

    @property
    def ansible_name(self) -> str:
        """The role's folder name: Ansible wants underscores where Crowbar's names have hyphens."""
        return self.name.replace("-", "_")


@dataclass(frozen=True)
class Gate:
    """The check (``gate.yml``, a tasks file) that runs on the first node of ``role``."""

    role: str
    path: Path
    digest: str


@dataclass(frozen=True)
class Route:
    """A network that is behind the first node of ``role``: ``attribute`` is the path of the one that holds it."""

    role: str
    attribute: str


@dataclass(frozen=True)
class Addressed:
    """Each node of ``role`` has an address in each network that is a key of the object at ``attribute`` (a path)."""

    role: str
    attribute: str


class AccessKind(StrEnum):
    """What is at an address that people use."""

    ADDRESS = "address"  # anything
    WEB_DASHBOARD = "web-dashboard"  # the cloud's web page, which `crowbar verify` signs in to with a browser


@dataclass(frozen=True)
class Access:
    """An address a person uses; ``url``, ``user`` and ``secret`` are templates over the published values."""

    title: str
    url: str
    user: str = ""
    secret: str = ""
    kind: AccessKind = AccessKind.ADDRESS


@dataclass(frozen=True)
class Barclamp:
    """One folder that knows how to install one system."""

    name: str
    summary: str
    path: Path
    schema: Mapping[str, Any]
    roles: Mapping[str, Role]
    aliases: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    wants: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    secrets: Mapping[str, SecretSpec] = field(default_factory=dict)
    publishes: Mapping[str, Published] = field(default_factory=dict)
    choices: Mapping[str, tuple[Choice, ...]] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    addresses: tuple[Addressed, ...] = ()
    gate: Gate | None = None
    access: tuple[Access, ...] = ()

    def upstream(self, role: str) -> set[str]:
        """The roles that ``role`` comes after, directly or not."""
        found: set[str] = set()
        waiting = list(self.roles[role].after)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.roles[name].after
        return found


@dataclass(frozen=True)
class Catalog:
    """All barclamps that work; ``shared_digest`` covers what every step shares (collection, play template).

    ``broken`` has what is wrong with those that were found and do not work, by name.
    """

    barclamps: Mapping[str, Barclamp]
    shared_digest: str
    broken: Mapping[str, tuple[Fault, ...]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Barclamp]:
        return iter(self.barclamps.values())

    def find(self, name: str) -> Barclamp | None:
        """The barclamp of that name or alias, or None."""
        if name in self.barclamps:
            return self.barclamps[name]
        return next((barclamp for barclamp in self if name in barclamp.aliases), None)

    def get(self, name: str) -> Barclamp:
        """The barclamp of that name or alias.

        Raises InputError: with its faults if it is broken, else naming the known ones.
        """
        barclamp = self.find(name)
        if barclamp is None:
            if name in self.broken:
                raise InputError(f"The barclamp {name!r} is broken.", hint="Mend its files.", faults=self.broken[name])
            known = ", ".join(sorted(self.barclamps))
            raise InputError(f"There is no barclamp {name!r}.", hint=f"Known barclamps: {known}.")
        return barclamp


@dataclass(frozen=True)
class WantedProposal:
    """A barclamp's wanted attributes and the nodes that hold its roles, as the catalog sees a proposal.

    ``elements`` maps a role to node names, in the order in which they were given.
    """

    barclamp: str
    name: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    elements: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class NodeView:
    """What a role may know of a node. ``addresses`` maps a network's name to the node's address in it."""

    name: str
    fqdn: str
    addresses: Mapping[str, str]
    aliases: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def capabilities(self) -> frozenset[str]:
        """What the node can do, in the words of the manifests' ``needs``."""
        return frozenset(str(word) for word in self.facts.get("capabilities", ()))
