from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crowbar.catalog.lint import lint

from .barclamps import attribute, load, schema, write

ATTRIBUTES = schema(
    port=attribute("integer", 80),
    kind=attribute("string", "auto", enum=["auto", "kvm"]),
    pool=attribute("object", {}, **schema(size=attribute("integer", 1))),
    free=attribute("object", {}, additionalProperties={"type": "string"}),
)


def web(place: Path, tasks: str = "", *, template: str = "", **manifest: Any) -> Path:
    """A clean barclamp whose role has these tasks and this template."""
    folder = write(place, "web", attributes=ATTRIBUTES, **manifest)
    role = folder / "roles" / "web_server"
    if tasks:
        (role / "tasks" / "main.yml").write_text(tasks)
    (role / "templates").mkdir()
    (role / "templates" / "web.conf.j2").write_text(template)
    return folder


def found(folder: Path) -> list[str]:
    return [str(fault).replace(f"{folder}/", "") for fault in lint(folder)]


TEMPLATE = "roles/web_server/templates/web.conf.j2"


def test_a_clean_folder_has_no_faults(tmp_path: Path) -> None:
    template = """\
{{ crowbar.attributes.port }} {{ crowbar['node'] }} {{ crowbar.attributes.free.anything.at.all }}
{% for key, value in crowbar.attributes.free.items() %}{% endfor %}
{{ crowbar.secrets['key'] }} {{ crowbar.roles['web-server'][0].name }} {{ crowbar.published.items() }}
{{ crowbar.published.ground.url if 'ground' in crowbar.published }} {{ crowbar.attributes.pool.size }}
"""
    folder = web(tmp_path, template=template, requires=["ground"], secrets={"key": {"summary": "s"}})
    assert found(folder) == []


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("\n{{ crowbar.secrets.kye }}", "2: crowbar.secrets: 'kye' is no secret in the manifest (did you mean 'key'?)"),
        (
            "{{ crowbar.secrets['kye'] }}",
            "1: crowbar.secrets: 'kye' is no secret in the manifest (did you mean 'key'?)",
        ),
        ("{{ crowbar.published.x.url }}", "1: crowbar.published: 'x' is neither in requires nor in wants"),
        (
            "{% if 'x' not in crowbar.published %}{% endif %}",
            "1: crowbar.published: 'x' is neither in requires nor in wants",
        ),
        (
            "{{ crowbar.attributes.prt }}",
            "1: crowbar.attributes: the schema has no attribute 'prt' (did you mean 'port'?)",
        ),
        ("{{ crowbar.attributes.pool.no }}", "1: crowbar.attributes.pool: the schema has no attribute 'no'"),
        ("{{ crowbar.roles['x'] }}", "1: crowbar.roles: 'x' is no role of this barclamp"),
        ("{{ crowbar.all_nodes }}", "1: web-server uses crowbar.all_nodes, but does not say `sees_nodes: true`"),
        ("a\n{% if %}", "2: not Jinja: Expected an expression, got 'end of statement block'"),
    ],
)
def test_uses_of_what_is_not_there(tmp_path: Path, template: str, expected: str) -> None:
    used = "\n{{ crowbar.secrets.key }}"
    folder = web(tmp_path, template=template + used, requires=["ground"], secrets={"key": {"summary": "s"}})
    assert found(folder) == [f"{TEMPLATE}:{expected}"]


def test_a_secret_that_nothing_uses(tmp_path: Path) -> None:
    secrets = {name: {"summary": "s"} for name in ("idle", "shared")}
    folder = web(tmp_path, secrets=secrets, publishes={"shared": {"secret": "shared"}})
    assert found(folder) == ["barclamp.yml:4: the secret idle is neither used nor published"]


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        ("- meta: noop\n", "tasks/main.yml:1: the task has no name"),
        ("- noop\n", "tasks/main.yml:1: a task is a mapping"),
        ("a: 1\n", "tasks/main.yml:1: must be a list of tasks"),
        ("- name: [\n", "tasks/main.yml:2: not YAML: did not find expected node content"),
    ],
)
def test_tasks_that_are_none(tmp_path: Path, tasks: str, expected: str) -> None:
    assert found(web(tmp_path, tasks)) == [f"roles/web_server/{expected}"]


def test_folders_and_files_that_are_missing_or_too_many(tmp_path: Path) -> None:
    folder = web(tmp_path)
    (folder / "roles" / "web_server" / "tasks" / "main.yml").unlink()
    (folder / "roles" / "other").mkdir()
    (folder / "roles" / "web_server" / "handlers").mkdir()
    (folder / "roles" / "web_server" / "handlers" / "main.yml").write_text("- name: Restart\n  x: y\n")
    (folder / "gate.yml").write_text("- name: Nothing\n  x: y\n")
    (folder / "schema.json").unlink()
    faults = found(folder)
    assert len(faults) == 3
    assert faults[0].startswith("barclamp.yml:1: there is a gate.yml, but no `gate:`")
    assert faults[1].startswith("schema.json: is missing")
    assert faults[2].startswith("roles/web_server/handlers/main.yml:1: handlers are lost")
    (folder / "gate.yml").unlink()
    assert {fault.partition(": ")[2] for fault in found(folder)} >= {
        "roles/web_server/tasks/main.yml is missing",
        "roles/other/ is there, but no such role",
    }
    assert found(tmp_path / "none") == ["barclamp.yml: is missing: a barclamp's folder holds its manifest"]


def test_templates_and_choices_in_the_manifest(tmp_path: Path) -> None:
    folder = web(
        tmp_path,
        publishes={"url": {"template": "{{ a"}},
        access=[{"title": "t", "url": "{% x %}"}],
        choices={
            "kind": [{"value": "kvm", "needs": ["kvm"]}, {"value": "qemu"}],
            "port": [{"value": "kvm", "needs": ["kvm"]}],
            "none": [{"value": "x"}],
        },
    )
    assert [fault.partition(": ")[2] for fault in found(folder)] == [
        "the template '{{ a' is not Jinja: unexpected end of template, expected 'end of print statement'.",
        "the template '{% x %}' is not Jinja: Encountered unknown tag 'x'.",
        "the schema of kind does not allow 'qemu'",
        "the schema of port does not allow 'auto'",
        "the schema of port does not allow 'kvm'",
        "port: the last choice must need nothing, or some node has none",
        "the schema has no attribute none",
    ]


def test_cases_that_are_none(tmp_path: Path) -> None:
    folder = web(tmp_path)
    (folder / "tests").mkdir()
    (folder / "tests" / "a.yml").write_text("- name: x\n  expects: {}\n")
    (folder / "tests" / "b.yml").write_text("name: x\nattributes: {port: x}\nexpect: {web-srver: {/a: [b]}}\n")
    assert found(folder) == [
        "tests/a.yml:1: expect is missing",
        "tests/a.yml:2: there is no key 'expects' here (did you mean 'expect'?)",
        "tests/b.yml:1: port is 'x'; it must be a whole number",
        "tests/b.yml:1: there is no role 'web-srver' (did you mean 'web-server'?)",
    ]


def test_requirements_are_held_against_a_catalog(tmp_path: Path) -> None:
    write(tmp_path / "ours", "ground")
    folder = web(tmp_path / "site", requires=["grond"])
    (fault,) = lint(folder, load(tmp_path / "ours"))
    assert fault.message == "requires 'grond', which is not known (did you mean 'ground'?)"


def test_all_faults_of_a_very_broken_folder_come_at_once(tmp_path: Path) -> None:
    folder = web(tmp_path, "- x: y\n", template="{{", bogus=1)
    (folder / "schema.json").write_text(json.dumps({"type": "array"}))
    assert [fault.partition(": ")[0] for fault in found(folder)] == [
        "barclamp.yml:3",
        "schema.json:1",
        "roles/web_server/templates/web.conf.j2:1",
        "roles/web_server/tasks/main.yml:1",
    ]
