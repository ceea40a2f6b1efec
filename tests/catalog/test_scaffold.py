from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from crowbar.catalog.cases import read_cases
from crowbar.catalog.lint import lint
from crowbar.catalog.load import load_catalog
from crowbar.catalog.scaffold import scaffold
from crowbar.errors import EnvironmentFault, InputError
from crowbar.paths import data_dir


def test_a_new_barclamp_lints_clean_and_is_in_the_catalog(tmp_path: Path) -> None:
    folder = scaffold("my_page", tmp_path)
    catalog, faults = load_catalog([data_dir() / "barclamps", tmp_path])
    assert (lint(folder, catalog), faults) == ([], [])
    assert list(catalog.get("my_page").roles) == ["my-page-server"]
    assert not [path for path in folder.rglob("*") if "__" in str(path.relative_to(folder))]
    assert not [path for path in folder.rglob("*") if path.is_file() and "__name" in path.read_text()]


def test_a_new_barclamp_s_files_are_well_formed(tmp_path: Path) -> None:
    folder = scaffold("page", tmp_path)
    ast.parse((folder / "roles" / "page_server" / "files" / "server.py").read_text())
    assert len(read_cases(folder)[0]) == 2
    rules = "{extends: default, rules: {line-length: {max: 120}, document-start: disable, comments: disable}}"
    done = subprocess.run(
        [sys.executable, "-m", "yamllint", "-d", rules, str(folder)], check=False, capture_output=True, text=True
    )
    assert done.stdout == ""


@pytest.mark.parametrize("name", ["", "My", "1a", "a-b", "a__b", "a_", "../x", "a" * 31])
def test_a_name_that_cannot_be(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot be a barclamp's name"):
        scaffold(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()
    with pytest.raises(InputError, match="is there already"):
        scaffold("page", tmp_path)
    assert list((tmp_path / "page").iterdir()) == []


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFault, match="cannot be written"):
        scaffold("page", tmp_path / "file")
