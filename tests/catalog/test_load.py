from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from crowbar.catalog.load import barclamp_dirs, load_catalog
from crowbar.catalog.model import AccessKind
from crowbar.catalog.relate import chain
from crowbar.errors import InputError
from crowbar.paths import SITE_BARCLAMPS, data_dir

from .barclamps import attribute, load, schema, write


def faults(*places: Path) -> list[str]:
    """With the folders' own path left out."""
    found = load_catalog(list(places))[1]
    return [str(fault).replace(f"{places[0]}/", "") for fault in found]


def test_a_barclamp_is_all_that_its_folder_says(tmp_path: Path) -> None:
    write(tmp_path, "ground")
    folder = write(
        tmp_path,
        "web",
        aliases=["www"],
        requires=["ground"],
        wants=["cache"],
        networks=["admin"],
        roles={
            "web-server": {"summary": "Serves", "count": {"min": 1, "max": 2}, "packages": ["nginx"], "ports": [80]},
            "web-log": {"summary": "Logs", "after": ["web-server"], "sees_nodes": True, "units": ["log@1.service"]},
        },
        secrets={"key": {"summary": "A key", "kind": "hex", "length": 8}},
        publishes={"url": {"template": "http://x"}, "key": {"secret": "key"}, "seen": {"fact_of": "web-log"}},
        access=[
            {"title": "Web", "url": "http://x", "kind": "web-dashboard"},
            {"title": "API", "url": "http://y"},
        ],
        gate={"role": "web-server"},
    )
    (folder / "gate.yml").write_text("- name: Nothing\n  ansible.builtin.meta: noop\n")
    web = load(tmp_path).get("www")
    assert (web.name, web.requires, web.wants) == ("web", ("ground",), ("cache",))
    assert web.roles["web-log"].path == folder / "roles" / "web_log"
    assert web.roles["web-server"].count.max == 2
    assert web.secrets["key"].length == 8
    assert (web.upstream("web-log"), web.upstream("web-server")) == ({"web-server"}, set())
    assert web.gate is not None and web.gate.role == "web-server"
    assert [one.kind for one in web.access] == [AccessKind.WEB_DASHBOARD, AccessKind.ADDRESS]


def test_every_fault_of_a_manifest_has_its_line(tmp_path: Path) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "barclamp.yml").write_text(
        "name: bad\nsumary: x\nrequires: other\nroles:\n  Server:\n    summary: s\n    ports: [70000, x]\n"
        "    count: {min: 3, max: 1}\n  x: {summary: s, packages: ['a b'], units: [x.exe]}\n"
        "publishes:\n  a: {}\n  b: {template: x, secret: y}\nsecrets: {k: {summary: s, kind: rsa}}\n"
    )
    found = faults(tmp_path)
    for expected in (
        "bad/barclamp.yml:1: summary is missing",
        "bad/barclamp.yml:2: there is no key 'sumary' here (did you mean 'summary'?)",
        "bad/barclamp.yml:3: requires must be a list, is text",
        "bad/barclamp.yml:7: roles.Server.ports.0: Input should be less than or equal to 65535",
        "bad/barclamp.yml:7: roles.Server.ports.1 must be a whole number, is text",
        "bad/barclamp.yml:8: roles.Server.count: max (1) is less than min (3)",
        "bad/barclamp.yml:11: publishes.a: give exactly one of template, secret and fact_of",
        "bad/barclamp.yml:12: publishes.b: give exactly one of template, secret and fact_of",
    ):
        assert expected in found
    assert len(found) == 12


def test_names_in_a_manifest_that_stand_for_nothing(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        "web",
        roles={"a-b": {"summary": "s"}, "c": {"summary": "s", "after": ["a-d", "c"]}},
        secrets={"key": {"summary": "s"}},
        publishes={"x": {"secret": "kye"}, "y": {"fact_of": "d"}},
        choices={"kind": [{"value": "v", "needs": ["kwm"]}]},
        routes=[{"role": "c-a", "attribute": "no.matter"}],
        gate={"role": "a-c"},
    )
    (folder / "roles" / "a_b" / "tasks" / "main.yml").unlink()
    (folder / "roles" / "a_b" / "tasks").rmdir()
    (folder / "roles" / "a_b").rmdir()
    found = [fault.partition(": ")[2] for fault in faults(tmp_path)]
    assert found == [
        "the role's folder roles/a_b/ is missing",
        "the roles come after each other: c -> c",
        "there is no role 'a-d' (did you mean 'a-b'?)",
        "there is no role 'd'",
        "there is no role 'c-a'",
        "there is no role 'a-c' (did you mean 'a-b'?)",
        "there is no secret 'kye' (did you mean 'key'?)",
        "there is no capability 'kwm' (did you mean 'kvm'?)",
        "the file gate.yml is missing",
    ]


def test_a_broken_one_is_named_and_the_others_work(tmp_path: Path) -> None:
    write(tmp_path, "good")
    write(tmp_path, "bad", requires=["missing"])
    write(tmp_path, "user", requires=["bad"])
    (tmp_path / "worse").mkdir()
    (tmp_path / "worse" / "barclamp.yml").write_text("- no\n")
    (tmp_path / "no_barclamp").mkdir()
    catalog, found = load_catalog([tmp_path])
    assert list(catalog.barclamps) == ["good"]
    assert [str(fault).rpartition("/")[2] for fault in found] == [
        "barclamp.yml:4: requires 'missing', which is not known",
        "barclamp.yml:4: requires 'bad', which is broken",
        "barclamp.yml:1: must be a mapping (`key: value` lines), is a list",
    ]
    with pytest.raises(InputError, match="'bad' is broken") as caught:
        catalog.get("bad")
    assert caught.value.faults
    with pytest.raises(InputError, match="no barclamp 'none'"):
        catalog.get("none")


def test_a_cycle_is_named_as_a_chain(tmp_path: Path) -> None:
    write(tmp_path, "a", requires=["b"])
    write(tmp_path, "b", wants=["c"])
    write(tmp_path, "c", requires=["a"])
    write(tmp_path, "d", wants=["a"])
    assert [fault.partition(": ")[2] for fault in faults(tmp_path)] == [
        "the barclamps are in a cycle: a -> b -> c -> a",
        "the barclamps are in a cycle: b -> c -> a -> b",
        "the barclamps are in a cycle: c -> a -> b -> c",
    ]
    assert list(load_catalog([tmp_path])[0].barclamps) == ["d"]


def test_two_barclamps_cannot_have_a_role_of_one_name(tmp_path: Path) -> None:
    write(tmp_path, "a", roles={"server": {"summary": "One"}})
    write(tmp_path, "b", roles={"server": {"summary": "Another"}})
    assert list(load_catalog([tmp_path])[0].barclamps) == ["a"]
    assert [fault.partition(": ")[2] for fault in faults(tmp_path)] == ["'server' is already a role of a"]


def test_the_first_of_two_with_a_name_stays(tmp_path: Path) -> None:
    write(tmp_path / "ours", "web", aliases=["www"])
    write(tmp_path / "site", "web")
    write(tmp_path / "site", "www")
    write(tmp_path / "site", "other", aliases=["web"])
    catalog, found = load_catalog([tmp_path / "ours", tmp_path / "site"])
    assert catalog.get("www").path == tmp_path / "ours" / "web"
    assert list(catalog.barclamps) == ["web"]
    assert [str(fault).partition(": ")[2] for fault in found] == [
        f"'web' is already the name or an alias of {tmp_path / 'ours' / 'web'}",
        f"'web' is already the name or an alias of {tmp_path / 'ours' / 'web'}",
        f"'www' is already the name or an alias of {tmp_path / 'ours' / 'web'}",
    ]


def test_aliases_in_requirements_become_names(tmp_path: Path) -> None:
    write(tmp_path, "quantum", aliases=["neutron"])
    write(tmp_path, "nova", requires=["neutron"])
    assert load(tmp_path).get("nova").requires == ("quantum",)


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"a": {"type": "integer", "default": 1, "title": "t"}}, "attribute a has no description"),
        ({"a": attribute("integer", "x")}, "the default of a is not valid: 'x' is not of type 'integer'"),
        ({"a": attribute("intger", 1)}, "no valid JSON Schema"),
        ({"a": attribute("object", {}, properties={})}, 'attribute a must say `"additionalProperties": false`'),
        (
            {"a": attribute("array", [], items=schema(b={"type": "string"}))},
            "attribute a.[].b has no title and no description and no default",
        ),
    ],
)
def test_a_schema_that_is_wrong(tmp_path: Path, properties: dict[str, object], expected: str) -> None:
    write(tmp_path, "web", attributes=schema(**properties))
    (found,) = faults(tmp_path)
    assert re.match(r"web/schema.json:(5|6|14): ", found)
    assert expected in found


def test_a_schema_must_be_closed_and_of_an_object(tmp_path: Path) -> None:
    write(tmp_path, "web", attributes={"$schema": "http://json-schema.org/draft-07/schema#", "properties": {}})
    assert [fault.partition(": ")[2] for fault in faults(tmp_path)] == [
        "must be https://json-schema.org/draft/2020-12/schema",
        'must say `"type": "object"`',
        'the schema must say `"additionalProperties": false`',
    ]


def test_a_route_that_no_attribute_holds(tmp_path: Path) -> None:
    routes = [{"role": "web-server", "attribute": path} for path in ("net.cidr", "net", "net.cird", "cidr")]
    net = attribute("object", {}, **schema(cidr=attribute("string", "")))
    write(tmp_path, "web", attributes=schema(net=net), routes=routes)
    assert [fault.partition(":")[2] for fault in faults(tmp_path)] == [
        "9: the schema has no attribute net.cird",
        "11: the schema has no attribute cidr",
    ]


def test_a_role_s_digest_is_of_its_content_alone(tmp_path: Path) -> None:
    role = write(tmp_path, "web") / "roles" / "web_server"

    def digest() -> object:
        return tuple(load(tmp_path).get("web").roles["web-server"].files.items())

    before = digest()
    (role / "tasks" / "main.yml").chmod(0o600)
    (role / "__pycache__").mkdir()
    (role / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert digest() == before
    (role / "templates").mkdir()
    (role / "templates" / "a.j2").write_text("a")
    added = digest()
    (role / "templates" / "a.j2").rename(role / "templates" / "b.j2")
    renamed = digest()
    (role / "templates" / "b.j2").write_text("b")
    assert len({before, added, renamed, digest()}) == 4


@pytest.fixture
def package(tmp_path: Path) -> Iterator[Path]:
    """An installed package that brings the barclamp `packaged`, by an entry point."""
    (tmp_path / "their_barclamps").mkdir()
    (tmp_path / "their_barclamps" / "__init__.py").write_text("")
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[crowbar.barclamps]\ntheirs = their_barclamps\n")
    write(tmp_path / "their_barclamps", "packaged")
    sys.path.insert(0, str(tmp_path))
    yield tmp_path / "their_barclamps"
    sys.path.remove(str(tmp_path))
    sys.modules.pop("their_barclamps", None)


@pytest.mark.parametrize("named", [None, "", ":"])
def test_barclamps_come_from_crowbar_the_site_and_packages(
    package: Path, monkeypatch: pytest.MonkeyPatch, named: str | None
) -> None:
    monkeypatch.delenv("CROWBAR_BARCLAMPS", raising=False)
    if named is not None:
        monkeypatch.setenv("CROWBAR_BARCLAMPS", named)
    assert barclamp_dirs() == [data_dir() / "barclamps", SITE_BARCLAMPS, package]
    assert "packaged" in load_catalog()[0].barclamps


def test_the_site_s_barclamps_may_be_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "one", "here")
    write(tmp_path / "two", "there")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CROWBAR_BARCLAMPS", f"{tmp_path / 'one'}:two:{tmp_path / 'three'}")
    assert barclamp_dirs() == [data_dir() / "barclamps", *(tmp_path / name for name in ("one", "two", "three"))]
    catalog, found = load_catalog()
    assert {"here", "there"} <= set(catalog.barclamps)
    assert [str(fault) for fault in found] == [f"$CROWBAR_BARCLAMPS: there is no folder {tmp_path / 'three'}"]


def test_a_folder_that_is_not_there_holds_no_barclamps(tmp_path: Path) -> None:
    assert not load(tmp_path / "none").barclamps


def test_loading_the_shipped_ones_is_quick() -> None:
    load_catalog([data_dir() / "barclamps"])
    began = time.process_time()
    load_catalog([data_dir() / "barclamps"])
    assert time.process_time() - began < 1.5  # measured: 0.09, and many times that beside other work


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ({}, []),
        ({"a": ["b"], "b": ["c"], "c": []}, []),
        ({"a": ["a"]}, ["a", "a"]),
        ({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}, []),
        ({"a": ["b"], "b": ["c", "x"], "c": ["b"]}, ["b", "c", "b"]),
    ],
)
def test_chain(edges: dict[str, list[str]], expected: list[str]) -> None:
    assert chain(edges) == expected


def test_a_schema_that_is_no_json(tmp_path: Path) -> None:
    folder = write(tmp_path, "web")
    (folder / "schema.json").write_text(json.dumps(schema())[:-1])
    assert faults(tmp_path)[0].startswith("web/schema.json:1: not JSON")
