"""Proposals made, edited and deleted; each is checked before it is saved, and a faulty one changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from crowbar.catalog.attributes import merge, minimal, unwipeable, wipe
from crowbar.catalog.batch import parse_batch
from crowbar.catalog.check import check
from crowbar.catalog.model import Catalog, Count, WantedProposal
from crowbar.catalog.source import DataPath, parse_yaml
from crowbar.errors import Fault, InputError
from crowbar.services.wanted import node_view
from crowbar.store.model import Node, Proposal

if TYPE_CHECKING:
    from crowbar.services.context import Context

_HINT = "crowbar barclamps show NAME lists a barclamp's roles and attributes."


def wanted(proposal: Proposal) -> WantedProposal:
    """A saved proposal as the catalog sees it."""
    return WantedProposal(proposal.barclamp, proposal.name, proposal.attributes, proposal.elements)


def saved(context: Context) -> list[WantedProposal]:
    """All saved proposals."""
    return [wanted(proposal) for proposal in context.store.proposals.list()]


def get(context: Context, barclamp: str, name: str) -> WantedProposal:
    """A saved proposal, by the barclamp's name or alias.

    Raises InputError if there is none.
    """
    clamp = context.catalog.get(barclamp)
    found = context.store.proposals.get(clamp.name, name)
    if found is None:
        raise InputError(f"There is no proposal {clamp.name}/{name}.", hint="crowbar proposals list")
    return wanted(found)


def suggested(context: Context, barclamp: str, name: str) -> WantedProposal:
    """A new proposal with all defaults; where there is only one node, it holds every role.

    Raises InputError if there is a proposal of that name.
    """
    clamp = context.catalog.get(barclamp)
    if context.store.proposals.get(clamp.name, name) is not None:
        raise InputError(
            f"There is a proposal {clamp.name}/{name} already.", hint=f"crowbar proposals edit {clamp.name}"
        )
    nodes = context.store.nodes.list()
    named = [role.name for role in clamp.roles.values() if not role.beside]
    holders = dict.fromkeys(named, (nodes[0].name,)) if len(nodes) == 1 else {}
    return WantedProposal(clamp.name, name, {}, holders)


def edited(
    context: Context,
    proposal: WantedProposal,
    *,
    settings: Mapping[str, Any],
    unset: Sequence[str] = (),
    roles: Mapping[str, Sequence[str]],
) -> WantedProposal:
    """The proposal with attributes set (dotted path -> value) or back at their defaults, and roles on other nodes.

    Nodes are named by name or alias, also as "@@alias@@". What is set is not checked yet. Raises InputError with a
    fault for each path to unset that stands for no attribute.
    """
    barclamp = context.catalog.get(proposal.barclamp)
    faults = unwipeable(barclamp, proposal.attributes, unset, lambda index: f"--unset {unset[index]}")
    if faults:
        raise InputError("These attributes cannot be unset; nothing was changed.", hint=_HINT, faults=faults)
    attributes = wipe(proposal.attributes, unset)
    for path, value in settings.items():
        attributes = merge(attributes, _nested(path, value))
    elements = dict(proposal.elements) | {role: _names(context, nodes) for role, nodes in roles.items()}
    return replace(proposal, attributes=attributes, elements={role: nodes for role, nodes in elements.items() if nodes})


def parsed_settings(words: Iterable[str]) -> dict[str, Any]:
    """``path=value`` words as dotted path -> value, the value as YAML has it: 4 is a number, [a, b] a list.

    Raises InputError with a fault for each word that is not of that form.
    """
    found: dict[str, Any] = {}
    faults: list[Fault] = []
    for word in words:
        path, equals, text = word.partition("=")
        if not equals or not all(path.split(".")):
            faults.append(Fault(f"--set {word}", "must be PATH=VALUE, such as workers=4 or api.workers=4"))
            continue
        try:
            found[path] = parse_yaml(text, f"--set {path}", mapping=False).data
        except InputError as error:
            faults += error.faults
    if faults:
        raise InputError("These settings cannot be read; nothing was changed.", faults=faults)
    return found


def parsed_text(context: Context, proposal: WantedProposal, text: str, name: str) -> WantedProposal:
    """The proposal as ``text`` (in the cluster file's format) has it. ``name`` is what faults call the text.

    Raises InputError with all faults and their lines, also if the text is about something else.
    """
    others = [one for one in saved(context) if one.barclamp != proposal.barclamp]
    made = parse_batch(parse_yaml(text, name), _drafting(context.catalog), _views(context), others)
    if [(one.barclamp, one.name) for one in made] != [(proposal.barclamp, proposal.name)]:
        raise InputError(f"{name} must hold one proposal, {proposal.barclamp}/{proposal.name}; nothing was changed.")
    return made[0]


def save(context: Context, proposal: WantedProposal) -> Proposal:
    """Save a new revision, attributes reduced to what differs from the defaults; the same content makes none.

    A proposal may be saved before those that it requires, and with roles that no node holds yet: a deployment checks
    that. Raises InputError with all faults that it would bring in.
    """
    others = [one for one in saved(context) if (one.barclamp, one.name) != (proposal.barclamp, proposal.name)]
    catalog = _drafting(context.catalog)
    before = set(_faults(context, catalog, saved(context)))
    faults = [fault for fault in _faults(context, catalog, [*others, proposal]) if fault not in before]
    if faults:
        raise InputError(
            f"The proposal {proposal.barclamp}/{proposal.name} is faulty; nothing was changed.",
            hint=_HINT,
            faults=faults,
        )
    barclamp = context.catalog.get(proposal.barclamp)
    attributes = minimal(barclamp, proposal.attributes)
    return context.store.proposals.save(Proposal(barclamp.name, proposal.name, attributes, proposal.elements))


def delete(context: Context, barclamp: str, name: str) -> None:
    """Delete a proposal; the next deployment removes what it brought from its nodes.

    Raises InputError if there is none, or if another proposal requires it.
    """
    gone = get(context, barclamp, name)
    rest = [one for one in saved(context) if one != gone]
    before = set(_faults(context, context.catalog, saved(context)))
    faults = [fault for fault in _faults(context, context.catalog, rest) if fault not in before]
    if faults:
        raise InputError(
            f"{gone.barclamp} is still needed; nothing was changed.", hint="Delete these first.", faults=faults
        )
    context.store.proposals.delete(gone.barclamp, gone.name)


def forget_orphans(context: Context) -> list[str]:
    """Delete the proposals that name only nodes which are gone: none can be deployed any more. Their barclamps."""
    nodes = {node.name for node in context.store.nodes.list()}
    orphans = [one for one in saved(context) if (named := _named(one)) and nodes.isdisjoint(named)]
    for one in orphans:
        context.store.proposals.delete(one.barclamp, one.name)
    return [one.barclamp for one in orphans]


def _named(proposal: WantedProposal) -> set[str]:
    return {node for nodes in proposal.elements.values() for node in nodes}


def check_saved(context: Context) -> None:
    """Check all saved proposals as the whole that a deployment makes of them.

    Raises InputError with all faults, or if there is no proposal.
    """
    proposals = saved(context)
    if not proposals:
        raise InputError(
            "There is nothing to deploy yet.",
            hint="crowbar deploy --single-node, or crowbar deploy FILE, or crowbar proposals create BARCLAMP",
        )
    faults = _faults(context, context.catalog, proposals)
    if faults:
        raise InputError(
            "The saved proposals cannot be deployed; nothing was changed.",
            hint="crowbar proposals edit BARCLAMP",
            faults=faults,
        )


def _faults(context: Context, catalog: Catalog, proposals: Sequence[WantedProposal]) -> list[Fault]:
    def place(index: int, path: DataPath) -> str:
        one = proposals[index]
        return " ".join([f"proposal {one.barclamp}/{one.name}", ".".join(map(str, path))]).strip()

    return check(catalog, _views(context), proposals, place)


def _views(context: Context) -> dict[str, Any]:
    return {node.name: node_view(node) for node in context.store.nodes.list()}


def _drafting(catalog: Catalog) -> Catalog:
    """The catalog for proposals in the making: what they require may come later, and so may their nodes."""
    eased = {
        barclamp.name: replace(
            barclamp,
            requires=(),
            roles={name: replace(role, count=Count(0, role.count.max)) for name, role in barclamp.roles.items()},
        )
        for barclamp in catalog
    }
    return replace(catalog, barclamps=eased)


def _nested(path: str, value: Any) -> dict[str, Any]:
    for name in reversed(path.split(".")):
        value = {name: value}
    return dict(value)


def _names(context: Context, words: Sequence[str]) -> tuple[str, ...]:
    """The nodes' names; an unknown word stays as it is, for the check to name."""
    found: list[str] = []
    for word in words:
        node: Node | None = context.store.nodes.get(word.removeprefix("@@").removesuffix("@@"))
        found.append(node.name if node else word)
    return tuple(dict.fromkeys(found))
