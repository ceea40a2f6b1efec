"""Schemas that were checked once are not checked again, and those that were not are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crowbar.catalog import known, schema
from crowbar.catalog.known import Known
from crowbar.catalog.load import load_catalog
from crowbar.catalog.source import Source
from crowbar.errors import Fault
from crowbar.paths import StateDir
from crowbar.services.context import open_context

from .barclamps import attribute, write
from .barclamps import schema as made_schema


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the schema files that are checked, from now on."""
    names: list[str] = []
    real = schema.faults

    def noted(source: Source) -> list[Fault]:
        names.append(Path(source.name).parent.name)
        return real(source)

    monkeypatch.setattr(schema, "faults", noted)
    return names


def loaded(place: Path, file: Path) -> list[str]:
    """Load the barclamps of a place as a command does; the faults."""
    what_is_known = Known(file)
    found = load_catalog([place], what_is_known)[1]
    what_is_known.save()
    return [fault.message for fault in found]


def test_a_second_command_checks_only_what_is_new(tmp_path: Path, checked: list[str]) -> None:
    file = tmp_path / "schemas"
    for number, name in enumerate(("one", "two")):
        write(tmp_path / "all", name, attributes=made_schema(size=attribute("integer", number)))
    assert loaded(tmp_path / "all", file) == []
    assert sorted(checked) == ["one", "two"]
    write(tmp_path / "all", "three", attributes=made_schema(size=attribute("integer", 5)))
    checked.clear()
    assert loaded(tmp_path / "all", file) == []
    assert checked == ["three"]


def test_a_schema_that_is_changed_is_checked_and_a_faulty_one_each_time(tmp_path: Path, checked: list[str]) -> None:
    file = tmp_path / "schemas"
    folder = write(tmp_path / "all", "one", attributes=made_schema(size=attribute("integer", 1)))
    assert loaded(tmp_path / "all", file) == []
    (folder / "schema.json").write_text(json.dumps(made_schema(size=attribute("integer", "much"))))
    for _ in range(2):
        checked.clear()
        [message] = loaded(tmp_path / "all", file)
        assert "the default of size is not valid" in message
        assert checked == ["one"]


def test_commands_on_one_state_folder_share_what_they_know(tmp_path: Path, checked: list[str]) -> None:
    for _ in range(2):
        with open_context(StateDir(tmp_path / "state")) as context:
            assert "keystone" in {one.name for one in context.catalog}
    assert checked.count("keystone") == 1


def test_what_is_not_used_any_more_is_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "schemas"
    write(tmp_path / "all", "one", attributes=made_schema(size=attribute("integer", 1)))
    write(tmp_path / "less", "two", attributes=made_schema(size=attribute("integer", 2)))
    loaded(tmp_path / "all", file)
    loaded(tmp_path / "less", file)
    assert len(file.read_text().splitlines()) == 2  # the rules, and the one schema


def test_with_another_library_all_are_checked_again(
    tmp_path: Path, checked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "schemas"
    write(tmp_path / "all", "one", attributes=made_schema(size=attribute("integer", 1)))
    loaded(tmp_path / "all", file)
    monkeypatch.setattr(known, "version", lambda name: f"another {name}")
    loaded(tmp_path / "all", file)
    assert checked == ["one", "one"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"nonsense\n" * 3])
def test_a_file_that_says_nothing_is_replaced(tmp_path: Path, checked: list[str], content: bytes) -> None:
    file = tmp_path / "schemas"
    file.write_bytes(content)
    write(tmp_path / "all", "one", attributes=made_schema(size=attribute("integer", 1)))
    for _ in range(2):
        assert loaded(tmp_path / "all", file) == []
    assert checked == ["one"]


def test_where_nothing_can_be_kept_all_goes_on(tmp_path: Path, checked: list[str]) -> None:
    write(tmp_path / "all", "one", attributes=made_schema(size=attribute("integer", 1)))
    for _ in range(2):
        assert loaded(tmp_path / "all", tmp_path / "no folder" / "schemas") == []
    (tmp_path / "taken").mkdir()
    assert loaded(tmp_path / "all", tmp_path / "taken") == []
    assert checked == ["one", "one", "one"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all", "taken"]  # nothing half-written is left
