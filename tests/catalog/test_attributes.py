from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crowbar.catalog.attributes import complete, minimal, unwipeable, validate, wipe
from crowbar.catalog.model import Barclamp

from .barclamps import attribute, schema

SCHEMA = schema(
    workers=attribute("integer", 2, minimum=1, maximum=64),
    kind=attribute("string", "file", enum=["file", "swift"]),
    name=attribute("string", "x", pattern="^[a-z]+$", maxLength=5),
    ratio=attribute("number", 1.5, exclusiveMinimum=0),
    debug=attribute("boolean", False),
    servers=attribute("array", ["a"], items={"type": "string"}, maxItems=2, uniqueItems=True),
    pool=attribute(
        "object", {}, **schema(size=attribute("integer", 5, minimum=0, maximum=9), ttl=attribute("integer", 60))
    ),
    disks=attribute(
        "array",
        [],
        items={**schema(path=attribute("string", "/dev/x"), size=attribute("integer", 1)), "required": ["path"]},
    ),
    zones=attribute(
        "object", {"one": {"weight": 1}}, additionalProperties=schema(weight=attribute("integer", 10, maximum=100))
    ),
    extra_settings=attribute("object", {}, additionalProperties={"type": "object"}),
    admin_password=attribute("string", "", maxLength=3),
    port={
        "title": "t",
        "description": "d",
        "default": "auto",
        "anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1, "maximum": 9}],
    },
)
CLAMP = Barclamp("web", "Web", Path("/none"), SCHEMA, {})
DEFAULTS: dict[str, Any] = {
    "workers": 2,
    "kind": "file",
    "name": "x",
    "ratio": 1.5,
    "debug": False,
    "servers": ["a"],
    "pool": {"size": 5, "ttl": 60},
    "disks": [],
    "zones": {"one": {"weight": 1}},
    "extra_settings": {},
    "admin_password": "",
    "port": "auto",
}
GIVEN = st.fixed_dictionaries(
    {},
    optional={
        "workers": st.integers(1, 3),
        "kind": st.sampled_from(["file", "swift"]),
        "servers": st.lists(st.sampled_from(["a", "b"]), unique=True),
        "pool": st.fixed_dictionaries({}, optional={"size": st.integers(4, 6), "ttl": st.integers(59, 61)}),
        "disks": st.lists(st.fixed_dictionaries({"path": st.just("/p")}, optional={"size": st.integers(0, 2)})),
        "zones": st.dictionaries(
            st.sampled_from(["one", "two"]), st.fixed_dictionaries({}, optional={"weight": st.integers(1, 10)})
        ),
        "extra_settings": st.dictionaries(
            st.sampled_from("ab"), st.dictionaries(st.sampled_from("cd"), st.integers(0, 1))
        ),
    },
)


def faults(attributes: dict[str, Any]) -> list[str]:
    return [fault.message for fault in validate(CLAMP, attributes, "here")]


def test_defaults_are_filled_in_everywhere() -> None:
    assert complete(CLAMP, {}) == DEFAULTS
    given = {"pool": {"size": 1}, "servers": [], "disks": [{"path": "/a"}], "zones": {"two": {}}}
    assert complete(CLAMP, given) == {
        **DEFAULTS,
        "pool": {"size": 1, "ttl": 60},
        "servers": [],
        "disks": [{"path": "/a", "size": 1}],
        "zones": {"one": {"weight": 1}, "two": {"weight": 10}},
    }


def test_completing_changes_neither_the_schema_nor_what_was_given() -> None:
    given: dict[str, Any] = {"pool": {"size": 1}}
    made = complete(CLAMP, given)
    made["servers"].append("b")
    made["zones"]["three"] = {}
    made["pool"]["ttl"] = 0
    assert given == {"pool": {"size": 1}}
    assert complete(CLAMP, {}) == DEFAULTS


def test_minimal_is_only_what_differs() -> None:
    assert minimal(CLAMP, DEFAULTS) == {}
    given = {**DEFAULTS, "workers": 3, "pool": {"size": 5, "ttl": 1}, "zones": {"one": {"weight": 1}, "two": {}}}
    assert minimal(CLAMP, given) == {"workers": 3, "pool": {"ttl": 1}, "zones": {"two": {}}}
    assert minimal(CLAMP, {"debug": 0}) == {"debug": 0}  # wrong, and not the default: it must be reported


@settings(max_examples=40)
@given(GIVEN)
def test_completing_the_minimal_gives_the_same(attributes: dict[str, Any]) -> None:
    whole = complete(CLAMP, attributes)
    least = minimal(CLAMP, attributes)
    assert complete(CLAMP, least) == whole
    assert complete(CLAMP, whole) == whole
    assert minimal(CLAMP, whole) == minimal(CLAMP, least) == least


@settings(max_examples=40)
@given(GIVEN)
def test_wiping_all_returns_to_the_defaults(attributes: dict[str, Any]) -> None:
    assert complete(CLAMP, wipe(attributes, list(attributes))) == DEFAULTS


def test_wipe() -> None:
    given = {"a": {"b": {"c": 1, "d": 2}}, "e.f": 3, "g": 4}
    assert wipe(given, ["a.b.c", ["e.f"], "g.h", "x.y.z", "i"]) == {"a": {"b": {"d": 2}}, "g": 4}
    assert given["g"] == 4
    assert wipe(given, [[], ""]) == given


@pytest.mark.parametrize(
    "path",
    ["pool", "pool.ttl", "zones.any", "zones.any.weight", "extra_settings.a.b.c", ["extra_settings", "a.b"], "port"],
)
def test_what_the_schema_allows_can_be_wiped_whether_it_is_there_or_not(path: str | list[str]) -> None:
    assert unwipeable(CLAMP, {}, [path], str) == []


@pytest.mark.parametrize("path", ["pol", "pool.tll", "zones.any.wait", "workers.a", "servers.0", "", [], "pool.ttl.x"])
def test_what_the_schema_does_not_allow_cannot_be_wiped(path: str | list[str]) -> None:
    (fault,) = unwipeable(CLAMP, {}, [path], str)
    assert fault.place == "0"
    assert fault.message.startswith("there is no attribute ")


def test_what_an_earlier_schema_allowed_can_be_wiped() -> None:
    given = {"old": {"name": 1}}
    assert unwipeable(CLAMP, given, ["old", "old.name"], str) == []
    assert [str(fault) for fault in unwipeable(CLAMP, given, ["workers", "old.nme"], str)] == [
        "1: there is no attribute 'old'"
    ]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"workers": "2"}, "workers is '2'; it must be a whole number"),
        ({"workers": 0}, "workers is 0; it must be from 1 to 64"),
        ({"workers": True}, "workers is true; it must be a whole number"),
        ({"kind": "swifd"}, "kind is 'swifd'; it must be one of file, swift (did you mean 'swift'?)"),
        ({"name": "A"}, "name is 'A'; it must look like ^[a-z]+$"),
        ({"name": "abcdef"}, "name is 'abcdef'; its length must be at most 5"),
        ({"ratio": 0}, "ratio is 0; it must be more than 0"),
        ({"debug": "no"}, "debug is 'no'; it must be true or false"),
        ({"servers": ["a", "b", "c"]}, "servers is a list; its number of items must be at most 2"),
        ({"servers": ["a", "a"]}, "servers is a list; an item is there twice"),
        ({"servers": [1]}, "servers.0 is 1; it must be text"),
        ({"servers": None}, "servers is nothing; it must be a list"),
        ({"pool": {"sise": 1}}, "there is no attribute 'sise' in pool (did you mean 'size'?)"),
        ({"pool": {"size": 10}}, "pool.size is 10; it must be from 0 to 9"),
        ({"pool": 3}, "pool is 3; it must be a mapping"),
        ({"wrkers": 1}, "there is no attribute 'wrkers' (did you mean 'workers'?)"),
        ({"zones": {"x": {"weight": 101}}}, "zones.x.weight is 101; it must be at most 100"),
        ({"port": 10}, "port is 10; it must fit one of: auto; a whole number from 1 to 9"),
        ({"name": "a" * 100}, f"name is 'a{'a' * 75}...; its length must be at most 5"),
    ],
)  # fmt: skip
def test_a_wrong_attribute_in_words(attributes: dict[str, Any], expected: str) -> None:
    assert expected in faults(attributes)


def test_all_faults_are_found_and_placed() -> None:
    found = validate(CLAMP, {"workers": 0, "pool": {"size": "x", "no": 1}}, lambda path: "/".join(map(str, path)))
    assert [fault.place for fault in found] == ["pool/no", "pool/size", "workers"]


def test_defaults_are_valid() -> None:
    assert faults({}) == []
    assert faults(DEFAULTS) == []


def test_the_value_of_a_secret_is_not_shown() -> None:
    (found,) = faults({"admin_password": "hunter2"})
    assert found == "admin_password is a value that is not shown; its length must be at most 3"
