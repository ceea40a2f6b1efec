from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from crowbar.catalog.source import LIMIT, parse_yaml, read_json, read_yaml
from crowbar.errors import InputError


def faults(text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        parse_yaml(text, "f")
    return [str(fault) for fault in caught.value.faults]


def bomb() -> str:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    return "\n".join(levels)


def test_everything_has_its_line() -> None:
    source = parse_yaml("a: 1\nb:\n  - x\n  - y: 2\n", "f")
    assert source.data == {"a": 1, "b": ["x", {"y": 2}]}
    assert source.place("b", 1, "y") == "f:4"
    assert source.place("b", 0) == "f:3"
    assert source.place("b", 7, "no", "such") == "f:2"
    assert source.place("nowhere") == "f:1"


def test_keys_are_text_and_dates_stay_text() -> None:
    data = parse_yaml("on: yes\n8080: 2026-11-21\n~: 0x10\n", "f").data
    assert data == {"on": True, "8080": "2026-11-21", "~": 16}


def test_aliases_are_followed() -> None:
    data = parse_yaml("a: &x {b: [1]}\nc: *x\nd: *x\n", "f").data
    assert data["c"] == data["d"] == {"b": [1]}
    assert data["c"] is not data["d"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\na: 2\na: 3", ["f:2: 'a' is there twice, first in line 1", "f:3: 'a' is there twice, first in line 1"]),
        ("- 1", ["f:1: must be a mapping (`key: value` lines), is a list"]),
        ("", ["f:1: must be a mapping (`key: value` lines), is nothing"]),
        ("a: 1\n---\nb: 2", ["f:3: a second document begins: a file holds one"]),
        ("a: *x", ["f:1: the alias *x stands for nothing that ended before it"]),
        ("a: &x [*x]", ["f:1: the alias *x stands for nothing that ended before it"]),
        ("a: .nan", ["f:1: '.nan' is not a finite number"]),
        ("a:\n  <<: {b: 1}", ["f:2: merge keys (`<<`) are not allowed: write the values out"]),
        ("? [1]\n: 2", ["f:1: a key must be text"]),
        ("a: 1\nb: @@node@@", ["f:2: not YAML: found character that cannot start any token"]),
        ("a: \x07", ["f:1: not YAML: it has control characters"]),
        ("a: !!int x", ["f:1: 'x' is no value of the type int"]),
        ("a: " + "9" * 5000, [f"f:1: '{'9' * 60}'... is no value of the type int"]),
        ("a: !!set {b}", ["f:1: the tag tag:yaml.org,2002:set is not allowed"]),
        ("a: [!x 1, !y 2]", ["f:1: the tag !x is not allowed", "f:1: the tag !y is not allowed"]),
    ],
)
def test_a_fault_has_a_line_and_says_what_is_wrong(text: str, expected: list[str]) -> None:
    assert faults(text) == expected


def test_a_python_object_is_refused_and_not_made() -> None:
    assert faults("a: !!python/object/apply:os.system [exit]") == [
        "f:1: the tag tag:yaml.org,2002:python/object/apply:os.system is not allowed"
    ]


@pytest.mark.parametrize("text", ["a: " + "[" * 200_000, "a: " + "{a: " * 50_000, "[" * 200_000])
def test_a_text_nested_without_end_is_refused(text: str) -> None:
    assert "nested more than 60 deep" in faults(text)[0]


def test_an_alias_bomb_is_refused_at_once() -> None:
    began = time.monotonic()
    assert "values once its aliases" in faults(bomb())[0]
    assert time.monotonic() - began < 1


def test_a_huge_file_is_refused_without_being_read(tmp_path: Path) -> None:
    file = tmp_path / "huge.yml"
    with file.open("wb") as out:
        out.truncate(100 * 1024 * 1024)
    began = time.monotonic()
    with pytest.raises(InputError) as caught:
        read_yaml(file)
    assert time.monotonic() - began < 1
    assert str(caught.value.faults[0]) == f"{file}: has {100 * 1024 * 1024} bytes; {LIMIT} are allowed"


def test_a_file_that_is_no_text_or_not_there(tmp_path: Path) -> None:
    file = tmp_path / "f.yml"
    file.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(InputError, match="not UTF-8 text") as caught:
        read_yaml(file)
    assert caught.value.faults[0].place == f"{file}:2"
    with pytest.raises(InputError, match="No such file"):
        read_yaml(tmp_path / "none.yml")
    with pytest.raises(InputError, match="Is a directory"):
        read_yaml(tmp_path)


def test_json_has_lines_too(tmp_path: Path) -> None:
    file = tmp_path / "f.json"
    file.write_text('{\n\t"a": {\n\t\t"b": [1,\n 2]\n}}')
    assert read_json(file).place("a", "b", 1) == f"{file}:4"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1,\n "a": 2}', "'a' is there twice"),
        ('{\n"a": }', ":2: not JSON"),
        ("[]", "must be an object, is a list"),
        ('{"a": NaN}', "NaN"),
        ("[" * 100_000, "nested too deep"),
    ],
)
def test_json_that_is_wrong(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "f.json"
    file.write_text(text)
    with pytest.raises(InputError, match=expected):
        read_json(file)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=40)
@given(st.dictionaries(st.text(), PLAIN))
def test_what_yaml_writes_is_read_back(data: object) -> None:
    assert parse_yaml(yaml.safe_dump(data, allow_unicode=False), "f").data == data


@given(st.text())
def test_any_text_is_data_or_a_fault(text: str) -> None:
    with contextlib.suppress(InputError):
        parse_yaml(text, "f", mapping=False)
