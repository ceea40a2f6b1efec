"""The cluster file: a list `proposals:` in the format of Crowbar's own batch files, read and written."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Discriminator, Field, Tag, ValidationError

from crowbar.catalog.attributes import merge, minimal, unwipeable, wipe
from crowbar.catalog.check import ELEMENTS, by_line, check
from crowbar.catalog.cluster import proposals_of
from crowbar.catalog.model import Barclamp, Catalog, NodeView, WantedProposal
from crowbar.catalog.placement import Candidate, Choice, Selection, choose
from crowbar.catalog.raw import Raw, raw_faults
from crowbar.catalog.source import DataPath, Source, parse_yaml, read_yaml
from crowbar.errors import Fault, InputError

DEFAULT_NAME = "default"
_ALIAS = re.compile(r"@@([^@]+)@@")
_BREAKS = set("\x85\u2028\u2029")  # line breaks to YAML, if they are not escaped
_UNSOUND = ""  # the place of faults that are not told, of an entry whose form is wrong already
_HEADER = """\
# A cloud: its barclamps, their attributes where they differ from the defaults, and the nodes that hold their roles.
# `crowbar deploy FILE` makes it so; `crowbar barclamps show NAME` lists a barclamp's attributes and roles.
"""


def _way(given: Any) -> str:
    return "[selection]" if isinstance(given, (dict, Selection)) else "[nodes]"


# A role's nodes: their names, or what they are chosen by.
_Holders = Annotated[
    Annotated[list[str], Tag("[nodes]")] | Annotated[Selection, Tag("[selection]")], Discriminator(_way)
]


class _Deployment(Raw):
    elements: dict[str, _Holders] = Field(default_factory=dict)


class _Proposal(Raw):
    barclamp: str
    name: str = Field(DEFAULT_NAME, min_length=1, max_length=60)
    attributes: dict[str, Any] = Field(default_factory=dict)
    wipe_attributes: list[str | list[str]] = Field(default_factory=list)
    deployment: _Deployment | None = None


class _Batch(Raw):
    proposals: list[_Proposal] = Field(min_length=1)


def read_batch(
    path: Path,
    catalog: Catalog,
    nodes: Mapping[str, NodeView],
    existing: Sequence[WantedProposal] = (),
    candidates: Sequence[Candidate] = (),
) -> list[WantedProposal]:
    """The proposals of a cluster file, checked together with the ``existing`` ones that it does not name.

    The attributes of a proposal that exists already are kept: `wipe_attributes` takes from them, `attributes` is
    merged over them. Nodes stand in the file by name or as "@@alias@@", or are chosen among the ``candidates``.
    Attributes are returned minimal. Raises InputError with all faults and their lines.
    """
    return parse_batch(read_yaml(path), catalog, nodes, existing, candidates)


def parse_batch(
    source: Source,
    catalog: Catalog,
    nodes: Mapping[str, NodeView],
    existing: Sequence[WantedProposal] = (),
    candidates: Sequence[Candidate] = (),
) -> list[WantedProposal]:
    """As `read_batch`, from a file that was read."""
    source = proposals_of(source)
    raw, unsound, malformed = _entries(source)
    kept = {(one.barclamp, one.name): one for one in existing}
    named = {alias: node.name for node in nodes.values() for alias in (*node.aliases, node.name)}
    choices = {index: _chosen(one, catalog, kept, candidates) for index, one in raw.items()}
    wanted = {index: _wanted(one, catalog, kept, named, choices[index]) for index, one in raw.items()}
    mine = {(one.barclamp, one.name) for one in wanted.values()}
    others = [one for key, one in kept.items() if key not in mine]
    indexes = list(wanted)

    def place(number: int, path: DataPath) -> str:
        if number < len(others):
            return f"the proposal {others[number].barclamp}/{others[number].name}"
        index = indexes[number - len(others)]
        known = index not in unsound or path == ("barclamp",)
        return source.place("proposals", index, *path) if known else _UNSOUND

    # The file's proposals come last: of two that conflict, the fault is where it can be mended.
    found = check(catalog, nodes, [*others, *wanted.values()], place) if wanted else []
    found = [fault for fault in found if fault.place != _UNSOUND]
    found += _unwipeable(raw, catalog, kept, source)
    found += [
        source.fault(f"{role} {choice.problem}", "proposals", index, *ELEMENTS, role)
        for index, by_role in choices.items()
        for role, choice in by_role.items()
        if choice.problem
    ]
    faults = sorted([*malformed, *found], key=by_line)
    if faults:
        raise InputError(f"{source.name} cannot be deployed; nothing was changed.", hint=_hint(catalog), faults=faults)
    return [_minimal(one, catalog.get(one.barclamp)) for one in wanted.values()]


def _entries(source: Source) -> tuple[dict[int, _Proposal], set[int], list[Fault]]:
    """The entries by their index in the file, which of them are unsound, and what is wrong with the file's form.

    Of an unsound entry nothing but its barclamp is known: only what is said of that can be checked.
    """
    try:
        return dict(enumerate(_Batch.model_validate(source.data).proposals)), set(), []
    except ValidationError as error:
        faults = raw_faults(source, error, (_Batch, _Proposal, _Deployment, Selection))
    listed = source.data.get("proposals")
    entries: dict[int, _Proposal] = {}
    unsound: set[int] = set()
    for index, one in enumerate(listed if isinstance(listed, list) else []):
        try:
            entries[index] = _Proposal.model_validate(one)
        except ValidationError:
            if isinstance(one, dict) and isinstance(one.get("barclamp"), str):
                entries[index] = _Proposal(barclamp=one["barclamp"], name=DEFAULT_NAME)
                unsound.add(index)
    return entries, unsound, faults


def dump_batch(proposals: Iterable[WantedProposal], catalog: Catalog) -> str:
    """A cluster file of these proposals, in their order: only what differs from the defaults, each with its title."""
    written = [_written(one, catalog.get(one.barclamp)) for one in proposals]
    text = _yaml({"proposals": written})
    source, lines = parse_yaml(text, ""), text.split("\n")
    for path, line in source.lines.items():
        match path:
            case ("proposals", int() as index, "attributes", *inside) if inside:
                title = _title(catalog.get(written[index]["barclamp"]).schema, inside)
                if title and not _spans_lines(written[index]["attributes"], inside):
                    lines[line - 1] += f"  # {title}"
    return _HEADER + "\n".join(lines)


def _yaml(data: Any) -> str:
    """On as many lines as there are keys and items: what is long is not folded."""
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=math.inf)
    if set(text) & _BREAKS:
        text = yaml.safe_dump(data, sort_keys=False, width=math.inf)
    return str(text)


def _spans_lines(attributes: Any, path: Sequence[str | int]) -> bool:
    """Whether a text is written on several lines: a comment after the first would become part of it."""
    for name in path:
        attributes = attributes[name]
    return isinstance(attributes, str) and "\n" in attributes


def placements(
    source: Source, catalog: Catalog, existing: Sequence[WantedProposal], candidates: Sequence[Candidate]
) -> dict[tuple[str, str], Choice]:
    """Which nodes a file's selections choose, and why, by barclamp and role. The file must be sound."""
    raw, _, _ = _entries(proposals_of(source))
    kept = {(one.barclamp, one.name): one for one in existing}
    return {
        (catalog.get(one.barclamp).name, role): choice
        for one in raw.values()
        for role, choice in _chosen(one, catalog, kept, candidates).items()
    }


def _old(raw: _Proposal, catalog: Catalog, kept: Mapping[tuple[str, str], WantedProposal]) -> WantedProposal:
    """The proposal that is there already, or an empty one."""
    barclamp = catalog.find(raw.barclamp)
    name = barclamp.name if barclamp else raw.barclamp
    return kept.get((name, raw.name), WantedProposal(name, raw.name))


def _chosen(
    raw: _Proposal,
    catalog: Catalog,
    kept: Mapping[tuple[str, str], WantedProposal],
    candidates: Sequence[Candidate],
) -> dict[str, Choice]:
    """By role, which nodes its selection means."""
    holders = _old(raw, catalog, kept).elements
    elements = raw.deployment.elements if raw.deployment is not None else {}
    return {
        role: choose(one, candidates, holders.get(role, ()))
        for role, one in elements.items()
        if isinstance(one, Selection)
    }


def _wanted(
    raw: _Proposal,
    catalog: Catalog,
    kept: Mapping[tuple[str, str], WantedProposal],
    named: Mapping[str, str],
    choices: Mapping[str, Choice],
) -> WantedProposal:
    old = _old(raw, catalog, kept)
    elements = dict(old.elements)
    if raw.deployment is not None:
        elements = {
            role: choices[role].names if isinstance(one, Selection) else tuple(_node(name, named) for name in one)
            for role, one in raw.deployment.elements.items()
        }
    attributes = merge(wipe(old.attributes, raw.wipe_attributes), raw.attributes)
    return WantedProposal(old.barclamp, old.name, attributes, elements)


def _unwipeable(
    raw: Mapping[int, _Proposal], catalog: Catalog, kept: Mapping[tuple[str, str], WantedProposal], source: Source
) -> list[Fault]:
    """Paths in `wipe_attributes` that stand for nothing."""
    faults: list[Fault] = []
    for index, one in raw.items():
        if barclamp := catalog.find(one.barclamp):
            old = _old(one, catalog, kept)
            place = partial(source.place, "proposals", index, "wipe_attributes")
            faults += unwipeable(barclamp, old.attributes, one.wipe_attributes, place)
    return faults


def _node(text: str, named: Mapping[str, str]) -> str:
    """The node's name; of an unknown one the text as it was given, which `check` then finds unknown."""
    match = _ALIAS.fullmatch(text)
    return named.get(match[1] if match else text, text)


def _minimal(proposal: WantedProposal, barclamp: Barclamp) -> WantedProposal:
    attributes = minimal(barclamp, proposal.attributes)
    return WantedProposal(proposal.barclamp, proposal.name, attributes, proposal.elements)


def _written(proposal: WantedProposal, barclamp: Barclamp) -> dict[str, Any]:
    attributes = minimal(barclamp, proposal.attributes)
    elements = {role: list(proposal.elements[role]) for role in barclamp.roles if proposal.elements.get(role)}
    return {
        "barclamp": proposal.barclamp,
        **({"name": proposal.name} if proposal.name != DEFAULT_NAME else {}),
        **({"attributes": attributes} if attributes else {}),
        ELEMENTS[0]: {ELEMENTS[1]: elements},
    }


def _title(schema: Mapping[str, Any], path: Sequence[str | int]) -> str:
    """The title of the attribute at a path; of something inside a list or a free mapping, none."""
    for name in path:
        schema = schema.get("properties", {}).get(name, {})
    return str(schema.get("title", ""))


def _hint(catalog: Catalog) -> str:
    return f"Mend the lines named above. Known barclamps: {', '.join(sorted(catalog.barclamps))}."
