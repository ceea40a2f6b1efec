"""`barclamps lint DIR`: everything that can be wrong with a barclamp's folder, each fault with its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, TemplateSyntaxError
from jsonschema import Draft202012Validator

from crowbar.catalog.attributes import validate
from crowbar.catalog.cases import read_cases
from crowbar.catalog.choose import AUTO
from crowbar.catalog.load import MANIFEST, SCHEMA, read_barclamp
from crowbar.catalog.model import Barclamp, Catalog
from crowbar.catalog.schema import attribute
from crowbar.catalog.source import Source, read_yaml
from crowbar.catalog.templates import syntax_fault
from crowbar.catalog.uses import uses
from crowbar.catalog.words import nearest
from crowbar.errors import Fault, InputError


def lint(folder: Path, catalog: Catalog | None = None) -> list[Fault]:
    """All faults of the barclamp in ``folder``; with a ``catalog``, also names that stand for nothing in it."""
    folder = folder.resolve()
    if not (folder / MANIFEST).is_file():
        return [Fault(str(folder / MANIFEST), "is missing: a barclamp's folder holds its manifest")]
    found = read_barclamp(folder)
    faults = list(found.faults)
    if not (folder / SCHEMA).is_file():
        faults.append(
            Fault(str(folder / SCHEMA), 'is missing: without attributes it is `{"type": "object"}` and so on')
        )
    faults.extend(_templates(folder))
    faults.extend(_task_files(folder))
    if found.barclamp is not None and found.source is not None:
        faults.extend(_jinja(found.barclamp, found.source))
        faults.extend(_choices(found.barclamp, found.source))
        faults.extend(_roles(found.barclamp, found.source))
        faults.extend(_cases(found.barclamp))
        faults.extend(uses(found.barclamp, found.source))
        if catalog is not None:
            faults.extend(_strangers(found.barclamp, found.source, catalog))
    return list(dict.fromkeys(faults))


def _templates(folder: Path) -> Iterator[Fault]:
    """Role templates that are not Jinja."""
    environment = Environment(autoescape=False)  # noqa: S701  it only parses; nothing is rendered
    for file in sorted(folder.glob("roles/*/templates/**/*.j2")):
        try:
            environment.parse(file.read_text())
        except TemplateSyntaxError as error:
            yield Fault(f"{file}:{error.lineno}", f"not Jinja: {error.message}")
        except UnicodeDecodeError:
            yield Fault(str(file), "not UTF-8 text")


def _task_files(folder: Path) -> Iterator[Fault]:
    """Tasks files that are not lists of tasks with names."""
    files = [*folder.glob("roles/*/tasks/*.yml"), *folder.glob("roles/*/handlers/*.yml"), *folder.glob("gate.yml")]
    for file in sorted(files):
        try:
            source = read_yaml(file, mapping=False)
        except InputError as error:
            yield from error.faults or [Fault(str(file), error.message)]
            continue
        if file.parent.name == "handlers":
            yield source.fault("handlers are lost when an apply is killed: give the unit its `config` instead")
        elif not isinstance(source.data, list) or not source.data:
            yield source.fault("must be a list of tasks")
        else:
            yield from _unnamed(source)


def _unnamed(source: Source) -> Iterator[Fault]:
    for index, task in enumerate(source.data):
        if not isinstance(task, dict):
            yield source.fault("a task is a mapping", index)
        elif not task.get("name"):
            yield source.fault("the task has no name", index)


def _roles(barclamp: Barclamp, source: Source) -> Iterator[Fault]:
    """Role folders without tasks, and those that the manifest does not name."""
    folders = {role.path.name for role in barclamp.roles.values()}
    for role in barclamp.roles.values():
        if not (role.path / "tasks" / "main.yml").is_file():
            yield source.fault(f"{role.path.relative_to(barclamp.path)}/tasks/main.yml is missing", "roles", role.name)
    for folder in sorted(path for path in (barclamp.path / "roles").iterdir() if path.is_dir()):
        if folder.name not in folders:
            yield source.fault(f"roles/{folder.name}/ is there, but no such role", "roles")


def _jinja(barclamp: Barclamp, source: Source) -> Iterator[Fault]:
    """Templates in the manifest that are not Jinja."""
    texts = [(source.place("publishes", name), spec.template) for name, spec in barclamp.publishes.items()]
    for index, access in enumerate(barclamp.access):
        texts += [(source.place("access", index), text) for text in (access.url, access.user, access.secret)]
    for place, text in texts:
        if fault := syntax_fault(text, place):
            yield fault


def _choices(barclamp: Barclamp, source: Source) -> Iterator[Fault]:
    """Choices for attributes that are not there, and values that the schema does not allow."""
    for path, choices in barclamp.choices.items():
        schema = attribute(barclamp.schema, path)
        if schema is None:
            yield source.fault(f"the schema has no attribute {path}", "choices", path)
            continue
        allowed = Draft202012Validator(schema)
        for value in (AUTO, *(choice.value for choice in choices)):
            if not allowed.is_valid(value):
                yield source.fault(f"the schema of {path} does not allow {value!r}", "choices", path)
        if all(choice.needs for choice in choices):
            yield source.fault(f"{path}: the last choice must need nothing, or some node has none", "choices", path)


def _cases(barclamp: Barclamp) -> Iterator[Fault]:
    """Test cases that are none, or that are about what the barclamp does not have."""
    cases, faults = read_cases(barclamp.path)
    yield from faults
    for case in cases:
        yield from validate(barclamp, case.attributes, case.place)
        for role in (*case.expect, *case.elements):
            if role not in barclamp.roles:
                yield Fault(case.place, f"there is no role {role!r}{nearest(role, list(barclamp.roles))}")


def _strangers(barclamp: Barclamp, source: Source, catalog: Catalog) -> Iterator[Fault]:
    """Requirements that the catalog does not have."""
    known = [name for one in catalog for name in (one.name, *one.aliases)]
    for index, name in enumerate(barclamp.requires):
        if catalog.find(name) is None:
            yield source.fault(f"requires {name!r}, which is not known{nearest(name, known)}", "requires", index)
