"""Every case in barclamps/*/tests/ renders what it says it renders."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest

from crowbar.catalog.cases import Case, read_cases
from crowbar.catalog.load import load_catalog
from crowbar.catalog.model import Catalog
from crowbar.paths import data_dir

from .clouds import crowbar_variables
from .rendering import rendered_files

FIXTURES = Path(__file__).parents[1] / "fixtures" / "barclamps"
PLACES = [data_dir() / "barclamps", FIXTURES]
FOLDERS = sorted(folder for place in PLACES for folder in place.iterdir() if (folder / "tests").is_dir())


@functools.cache
def catalog() -> Catalog:
    return load_catalog(PLACES)[0]


def cases() -> list[object]:
    return [
        pytest.param(folder.name, case, role, id=f"{folder.name}-{role}-{case.name}")
        for folder in FOLDERS
        for case in read_cases(folder)[0]
        for role in case.expect
    ]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_barclamp_has_cases_for_each_of_its_roles(folder: Path) -> None:
    found, faults = read_cases(folder)
    assert faults == []
    with_templates = {
        role.name for role in catalog().get(folder.name).roles.values() if any(role.path.glob("templates/*"))
    }
    assert with_templates <= {role for case in found for role in case.expect}


@pytest.mark.parametrize(("name", "case", "role"), cases())
def test_case(name: str, case: Case, role: str) -> None:
    barclamp = catalog().get(name)
    seen = {"crowbar": crowbar_variables(catalog(), barclamp, case, role), **case.variables}
    files = rendered_files(barclamp.roles[role].path, seen)
    for path, texts in case.expect[role].items():
        assert path in files, f"{case.place}: {role} does not write {path}, only {', '.join(files)}"
        for text in texts:
            assert _holds(files[path], text), f"{case.place}: {path} should hold {text!r}:\n{files[path]}"


def _holds(content: str, text: str) -> bool:
    if text.startswith("!"):
        return text[1:] not in content
    if len(text) > 2 and text.startswith("/") and text.endswith("/"):
        return re.search(text[1:-1], content, re.MULTILINE) is not None
    return text in content
