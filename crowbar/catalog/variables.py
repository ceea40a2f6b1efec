"""What a step sees: the `crowbar` mapping of a role on a node. Pure; secrets and run-time facts stay references."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Any

from crowbar.catalog import digest
from crowbar.catalog.attributes import complete
from crowbar.catalog.choose import resolve
from crowbar.catalog.model import Barclamp, Catalog, FactRef, NodeView, Published, Role, SecretRef, WantedProposal
from crowbar.catalog.templates import render
from crowbar.errors import Fault, InputError

_FACTS = ("cpus", "memory_mib", "capabilities", "virtualization")  # what does not change while a node just runs
# Of an input's name.
_DEPTHS = {"attributes": 9, "node": 9, "published": 2, "roles": 1, "secrets": 1, "facts": 1, "networks": 2}

PublishedValues = Mapping[str, Mapping[str, Any]]


class _Nodes(list[dict[str, Any]]):
    """Nodes as roles see them: plain data.

    The same list is in the variables of a thousand steps: its digest is made once, and it is taken as it is where
    references are replaced.
    """

    @cached_property
    def digest(self) -> str:
        return digest.of_value(self)


@dataclass(frozen=True)
class Deployed:
    """All that is wanted: nodes by name, and the proposal of each barclamp by the barclamp's name.

    ``versions`` has the version of each secret by its SecretRef's text (1 if it is not there), ``facts`` the
    values that roles published at run time: references with digests. ``networks`` is what the networks are, by name:
    `subnet`, `prefix` (its length), `gateway`, `vlan`, `mtu`.
    """

    nodes: Mapping[str, NodeView]
    proposals: Mapping[str, WantedProposal]
    domain: str = "crowbar.internal"
    versions: Mapping[str, int] = field(default_factory=dict)
    facts: Collection[FactRef] = ()
    networks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def secret(self, owner: str, name: str) -> SecretRef:
        """The reference to a barclamp's secret, in its present version."""
        return SecretRef(owner, name, self.versions.get(f"{owner}/{name}", 1))

    def all_nodes(self, barclamp: Barclamp) -> list[dict[str, Any]]:
        """Every node as the roles of a barclamp see it, by name."""
        networks = _networks(barclamp)
        if networks not in self._all_nodes:
            nodes = sorted(self.nodes.values(), key=lambda node: node.name)
            self._all_nodes[networks] = _Nodes({**_view(one, networks), "aliases": list(one.aliases)} for one in nodes)
        return self._all_nodes[networks]

    def roles(self, barclamp: Barclamp) -> dict[str, list[dict[str, Any]]]:
        """Each role of a barclamp with the nodes that hold it, in the proposal's order."""
        if barclamp.name not in self._roles:
            elements, networks = self.proposals[barclamp.name].elements, _networks(barclamp)
            self._roles[barclamp.name] = {
                role: _Nodes(_view(self.nodes[name], networks) for name in elements.get(role, ()))
                for role in barclamp.roles
            }
        return self._roles[barclamp.name]

    def attributes(self, barclamp: Barclamp, capabilities: frozenset[str]) -> dict[str, Any]:
        """A barclamp's complete attributes as a node with these capabilities gets them."""
        key = barclamp.name, capabilities
        if key not in self._attributes:
            given = complete(barclamp, self.proposals[barclamp.name].attributes)
            self._attributes[key] = resolve(barclamp, given, capabilities)[0]
        return self._attributes[key]

    # The same lists and attributes are in the variables of every step: made once.

    @cached_property
    def _all_nodes(self) -> dict[frozenset[str] | None, list[dict[str, Any]]]:
        return {}

    @cached_property
    def _roles(self) -> dict[str, dict[str, list[dict[str, Any]]]]:
        return {}

    @cached_property
    def _attributes(self) -> dict[tuple[str, frozenset[str]], dict[str, Any]]:
        return {}


def published(catalog: Catalog, wanted: Deployed) -> dict[str, dict[str, Any]]:
    """What each wanted barclamp publishes: plain values, SecretRefs and FactRefs, by barclamp and name.

    Raises InputError with a fault for each template that does not render.
    """
    values: dict[str, dict[str, Any]] = {}
    faults: list[Fault] = []
    for barclamp in in_order(catalog, wanted.proposals):
        values[barclamp.name] = {}
        context = _context(barclamp, wanted, values)
        for name, spec in barclamp.publishes.items():
            try:
                values[barclamp.name][name] = _value(barclamp, spec, wanted, context)
            except InputError as error:
                faults.extend(error.faults)
    if faults:
        raise InputError("What the barclamps publish to each other cannot be made.", faults=faults)
    return values


def in_order(catalog: Catalog, names: Collection[str]) -> list[Barclamp]:
    """These barclamps, each after those of them that it requires or wants."""
    sorter = TopologicalSorter[str]()
    for name in sorted(names):
        barclamp = catalog.get(name)
        sorter.add(name, *(one for one in (*barclamp.requires, *barclamp.wants) if one in names))
    return [catalog.get(name) for name in sorter.static_order()]


def variables(
    catalog: Catalog, wanted: Deployed, barclamp: str, role: str, node: str, published: PublishedValues
) -> dict[str, Any]:
    """The `crowbar` mapping of a role of a barclamp on a node, with references in place of secrets and facts.

    Do not change what it holds: parts are shared with other steps' variables.
    """
    clamp, view = catalog.get(barclamp), wanted.nodes[node]
    before = clamp.upstream(role)
    result: dict[str, Any] = {
        "barclamp": clamp.name,
        "role": role,
        "domain": wanted.domain,
        "node": {
            **_view(view, _networks(clamp)),
            "address": view.addresses["admin"],
            "facts": {key: view.facts[key] for key in _FACTS if key in view.facts},
        },
        "attributes": wanted.attributes(clamp, view.capabilities),
        "roles": wanted.roles(clamp),
        "published": {name: published[name] for name in (*clamp.requires, *clamp.wants) if name in published},
        "secrets": {name: wanted.secret(clamp.name, name) for name in clamp.secrets},
        # Only of roles that come before: seeing its own would make a role differ from itself after each run.
        "facts": {ref.name: ref for ref in wanted.facts if ref.owner == clamp.name and ref.role in before},
    }
    if clamp.roles[role].sees_nodes:
        result["all_nodes"] = wanted.all_nodes(clamp)
    if clamp.roles[role].sees_networks:
        result["networks"] = {name: wanted.networks[name] for name in view.addresses if name in wanted.networks}
    return result


def inputs(variables: Mapping[str, Any], role: Role, catalog: Catalog) -> dict[str, str]:
    """A digest for each thing that a step is a function of, by a name that people understand.

    Names are `attributes.workers`, `published.web.url`, `roles.web-server`, `node.fqdn`,
    `secrets.service_password` (of which the version counts), `all_nodes`, `tasks/main.yml` of the role's files, and
    so on. Of what other barclamps publish, and of who holds which role, only that counts which the role reads.
    """
    found = {
        **{f"{role.ansible_name}/{name}": content for name, content in role.files.items()},
        "packages": digest.of_value(role.packages),
        "units": digest.of_value(role.units),
        "what all roles share": catalog.shared_digest,
    }
    there = variables.get("published", {})
    found |= {f"published.{one}": str(one[:-1] in there) for one in role.reads or () if one.endswith("?")}
    for top, value in variables.items():
        for name, part in _parts(top, value, _DEPTHS.get(top, 0)):
            if _counts(role, name):
                found[name] = part.digest if isinstance(part, _Nodes) else digest.of_value(_replaced(part, _stamp))
    return found


def _counts(role: Role, name: str) -> bool:
    """Whether the role reads the input of that name: what it does not read is no reason to apply it again."""
    top, _, rest = name.partition(".")
    if top == "published":
        return role.reads_published(rest)
    return top != "roles" or role.reads_roles is None or rest in role.reads_roles


def identity(inputs: Mapping[str, str]) -> str:
    """What a step is, as one digest: the same inputs make the same identity."""
    return digest.of_value(dict(inputs))


def reveal(
    variables: Mapping[str, Any], secret_value: Callable[[SecretRef], str], fact: Callable[[FactRef], str | None]
) -> dict[str, Any]:
    """The variables with the values of secrets and facts. A fact that nobody published yet (None) is left out."""

    def value(ref: SecretRef | FactRef) -> Any:
        return secret_value(ref) if isinstance(ref, SecretRef) else fact(ref)

    return dict(_replaced(variables, value))


def _value(barclamp: Barclamp, spec: Published, wanted: Deployed, context: Mapping[str, Any]) -> Any:
    if spec.secret:
        return wanted.secret(barclamp.name, spec.secret)
    if spec.fact_of:
        ref = FactRef(barclamp.name, spec.fact_of, spec.name)
        same = (one for one in wanted.facts if (one.owner, one.role, one.name) == (ref.owner, ref.role, ref.name))
        return next(same, ref)
    return render(spec.template, context, f"{barclamp.path / 'barclamp.yml'} publishes.{spec.name}")


def _context(barclamp: Barclamp, wanted: Deployed, values: PublishedValues) -> dict[str, Any]:
    """What the templates of `publishes` see. An `auto` attribute is as on the barclamp's first node."""
    roles = wanted.roles(barclamp)
    names = [node["name"] for holders in roles.values() for node in holders]
    first = wanted.nodes[names[0]].capabilities if names else frozenset[str]()
    return {
        "attributes": wanted.attributes(barclamp, first),
        "roles": roles,
        "published": {name: values[name] for name in (*barclamp.requires, *barclamp.wants) if name in values},
    }


def _networks(barclamp: Barclamp) -> frozenset[str] | None:
    """The networks in which its roles see nodes' addresses; None for all. Others are no reason to apply them again."""
    everything = any(role.sees_networks for role in barclamp.roles.values())
    return None if everything else frozenset({"admin", *barclamp.networks})


def _view(node: NodeView, networks: frozenset[str] | None) -> dict[str, Any]:
    seen = {name: one for name, one in node.addresses.items() if networks is None or name in networks}
    return {"name": node.name, "fqdn": node.fqdn, "addresses": seen}


def _parts(name: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if depth and isinstance(value, Mapping) and value:
        for key, one in value.items():
            yield from _parts(f"{name}.{key}", one, depth - 1)
    else:
        yield name, value


def _replaced(value: Any, replace: Callable[[SecretRef | FactRef], Any]) -> Any:
    """Plain data with each reference replaced; an entry whose replacement is None is left out."""
    if isinstance(value, (str, _Nodes)):
        return value
    if isinstance(value, (SecretRef, FactRef)):
        return replace(value)
    if isinstance(value, Mapping):
        pairs = ((key, one, _replaced(one, replace)) for key, one in value.items())
        return {key: new for key, old, new in pairs if new is not None or not isinstance(old, FactRef)}
    if isinstance(value, (list, tuple)):
        return [_replaced(one, replace) for one in value]
    return value


def _stamp(ref: SecretRef | FactRef) -> Any:
    """What stands for a reference in a digest."""
    if isinstance(ref, SecretRef):
        return ["secret", str(ref), ref.version]
    return ["fact", str(ref), ref.digest]
