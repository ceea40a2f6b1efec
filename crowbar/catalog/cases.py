"""A barclamp's test cases: attributes as data, and what the roles must render from them (`tests/*.yml`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field, TypeAdapter, ValidationError

from crowbar.catalog.raw import Raw, raw_faults
from crowbar.catalog.source import read_yaml
from crowbar.errors import Fault, InputError


@dataclass(frozen=True)
class Case:
    """One case. ``expect``: role -> path of a file on the node -> texts it must hold.

    A text `/…/` is a regular expression (multi-line), `!…` one that must not be there. The role is rendered for the
    first node that holds it; roles that ``elements`` does not name are on the first node. ``deployed`` are barclamps
    that the cloud has beside those that are required, ``nodes`` the facts of nodes, ``facts`` what roles published,
    ``variables`` what tasks that do not run in a test would have registered.
    """

    name: str
    place: str
    expect: Mapping[str, Mapping[str, list[str]]]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    elements: Mapping[str, list[str]] = field(default_factory=dict)
    deployed: tuple[str, ...] = ()
    nodes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)


class _Case(Raw):
    name: str = Field(min_length=1)
    attributes: dict[str, Any] = Field(default_factory=dict)
    elements: dict[str, list[str]] = Field(default_factory=dict)
    deployed: list[str] = Field(default_factory=list)
    nodes: dict[str, dict[str, Any]] = Field(default_factory=dict)
    facts: dict[str, str] = Field(default_factory=dict)
    variables: dict[str, Any] = Field(default_factory=dict)
    expect: dict[str, dict[str, list[str]]]


_CASES = TypeAdapter(list[_Case])


def read_cases(folder: Path) -> tuple[list[Case], list[Fault]]:
    """The cases in a barclamp's folder, and the faults of the files that hold none.

    A file is one case, or a list of cases.
    """
    cases: list[Case] = []
    faults: list[Fault] = []
    for file in sorted((folder / "tests").glob("*.yml")):
        try:
            cases.extend(_cases(file))
        except InputError as error:
            faults.extend(error.faults or [Fault(str(file), error.message)])
    return cases, faults


def _cases(file: Path) -> Iterator[Case]:
    source = read_yaml(file, mapping=False)
    single = isinstance(source.data, dict)
    try:
        raw = _CASES.validate_python([source.data] if single else source.data)
    except ValidationError as error:
        raise InputError(f"{file} has no test cases.", faults=raw_faults(source, error, [_Case])) from error
    for index, one in enumerate(raw):
        yield Case(
            name=one.name,
            place=source.place(*(() if single else (index,))),
            expect=one.expect,
            attributes=one.attributes,
            elements=one.elements,
            deployed=tuple(one.deployed),
            nodes=one.nodes,
            facts=one.facts,
            variables=one.variables,
        )
