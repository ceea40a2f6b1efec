from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crowbar.catalog.attributes import complete, minimal
from crowbar.catalog.batch import dump_batch, parse_batch, read_batch
from crowbar.catalog.load import load_catalog
from crowbar.catalog.model import Catalog, WantedProposal
from crowbar.catalog.source import parse_yaml
from crowbar.errors import InputError

from .barclamps import attribute, load, node, schema, write

NODES = {"n1": node("n1", 1, aliases=("ctl",)), "n2": node("n2", 2, capabilities=["kvm"])}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    place = tmp_path_factory.mktemp("barclamps")
    write(place, "ground", roles={"ground-node": {"summary": "s"}})
    write(
        place,
        "web",
        aliases=["www"],
        requires=["ground"],
        networks=["admin"],
        roles={
            "web-server": {"summary": "s", "count": {"min": 1, "max": 1}, "conflicts": ["cache-server"]},
            "web-log": {"summary": "s", "count": {"min": 0, "max": 2}},
        },
        attributes=schema(
            workers=attribute("integer", 2, minimum=1, maximum=64),
            pool=attribute("object", {}, **schema(size=attribute("integer", 5), name=attribute("string", "x"))),
            servers=attribute("array", [], items={"type": "string"}),
            motto=attribute("string", ""),
        ),
    )
    write(
        place,
        "cache",
        networks=["storage"],
        attributes=schema(kind=attribute("string", "auto")),
        choices={"kind": [{"value": "kvm", "needs": ["kvm"]}]},
    )
    return load(place)


def parse(text: str, catalog: Catalog, *existing: WantedProposal) -> list[WantedProposal]:
    return parse_batch(parse_yaml(text, "c.yml"), catalog, NODES, existing)


def faults(text: str, catalog: Catalog, *existing: WantedProposal) -> list[str]:
    with pytest.raises(InputError) as caught:
        parse(text, catalog, *existing)
    assert caught.value.exit_code == 2
    return [str(fault) for fault in caught.value.faults]


NO_CHOICE = "cache: no value of kind fits a node that can do nothing special. The choices are kvm (needs kvm)."
GROUND = "- barclamp: ground\n"


def test_a_cluster_file_becomes_proposals(catalog: Catalog) -> None:
    text = f"""\
proposals:
{GROUND}- barclamp: www
  name: front
  attributes: {{workers: 3, pool: {{size: 5}}}}
  deployment:
    elements:
      web-server: ["@@ctl@@"]
      web-log: [n2, "@@n1@@"]
"""
    assert parse(text, catalog) == [
        WantedProposal("ground", "default"),
        WantedProposal("web", "front", {"workers": 3}, {"web-server": ("n1",), "web-log": ("n2", "n1")}),
    ]


def test_all_faults_come_at_once_in_the_order_of_the_file(catalog: Catalog) -> None:
    text = """\
proposals:
- barclamp: web
  attributes:
    workers: 200
    pool:
      sise: 1
  deployment:
    elements:
      web-server: ["@@clt@@", n2]
      web-lock: [n1]
      web-log: [n1, n1]
- barclamp: wbe
- barclamp: www
"""
    assert faults(text, catalog) == [
        "c.yml:2: web requires ground, which has no proposal",
        "c.yml:4: workers is 200; it must be from 1 to 64",
        "c.yml:6: there is no attribute 'sise' in pool (did you mean 'size'?)",
        "c.yml:9: there is no node '@@clt@@' (did you mean 'ctl'?)",
        "c.yml:9: web-server has 2 nodes; it needs exactly 1 node",
        "c.yml:10: web has no role 'web-lock' (did you mean 'web-log'?)",
        "c.yml:11: node n1 is there 2 times",
        "c.yml:12: there is no barclamp 'wbe' (did you mean 'web'?)",
        "c.yml:13: a second proposal of web, as there is one already (c.yml:2)",
        "c.yml:13: web-server has no nodes; it needs exactly 1 node",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("proposals: []", ["c.yml:1: proposals: List should have at least 1 item after validation, not 0"]),
        (
            "proposal: []",
            ["c.yml:1: proposals is missing", "c.yml:1: there is no key 'proposal' here (did you mean 'proposals'?)"],
        ),
        ("proposals: {a: 1}", ["c.yml:1: proposals must be a list, is a mapping"]),
        ("proposals:\n- web", ["c.yml:2: proposals.0 must be a mapping, is text"]),
        (
            "proposals:\n- name: 1\n  deployment:\n    element: {}\n  attributes: []",
            [
                "c.yml:2: barclamp is missing",
                "c.yml:2: proposals.0.name must be text, is a number",
                "c.yml:4: there is no key 'element' here (did you mean 'elements'?)",
                "c.yml:5: proposals.0.attributes must be a mapping, is a list",
            ],
        ),
        (
            "proposals:\n- barclamp: web\n  deployment:\n    elements:\n      web-server: n1",
            [
                "c.yml:2: web requires ground, which has no proposal",
                "c.yml:5: proposals.0.deployment.elements.web-server must be a list, is text",
            ],
        ),
    ],
)
def test_a_file_that_is_no_cluster_file(catalog: Catalog, text: str, expected: list[str]) -> None:
    assert faults(text, catalog) == expected


def test_a_wrong_form_hides_no_other_fault(catalog: Catalog) -> None:
    text = """\
proposals:
- barclamp: ground
  deployments: {}
- barclamp: 7
- barclamp: web
  attributes: {workers: 200}
  deployment: {elements: {web-server: [n1]}}
- barclamp: www
- barclamp: wbe
  attributes: []
colour: red
"""
    assert faults(text, catalog) == [
        "c.yml:3: there is no key 'deployments' here (did you mean 'deployment'?)",
        "c.yml:4: proposals.1.barclamp must be text, is a number",
        "c.yml:6: workers is 200; it must be from 1 to 64",
        "c.yml:8: a second proposal of web, as there is one already (c.yml:5)",
        "c.yml:8: web-server has no nodes; it needs exactly 1 node",
        "c.yml:9: there is no barclamp 'wbe' (did you mean 'web'?)",
        "c.yml:10: proposals.4.attributes must be a mapping, is a list",
        "c.yml:11: there is no key 'colour' here",
    ]


def test_roles_that_conflict_and_nodes_that_cannot(catalog: Catalog) -> None:
    text = f"""\
proposals:
{GROUND}- barclamp: web
  deployment: {{elements: {{web-server: [n1]}}}}
- barclamp: cache
  attributes: {{}}
  deployment:
    elements:
      cache-server: [n1, n2]
"""
    assert faults(text, catalog) == [
        "c.yml:4: node n1 cannot hold both web-server and cache-server",
        f"c.yml:6: node n1: {NO_CHOICE}",
        "c.yml:9: node n1 has no address in the network 'storage', which cache needs",
        "c.yml:9: node n2 has no address in the network 'storage', which cache needs",
    ]


def test_a_broken_barclamp_is_named_with_what_is_wrong_with_it(tmp_path: Path) -> None:
    write(tmp_path, "a", requires=["b"])
    write(tmp_path, "b", requires=["a"])
    catalog, _ = load_catalog([tmp_path])
    (first, second) = faults("proposals:\n- barclamp: a\n- barclamp: b\n", catalog)
    assert first.startswith("c.yml:2: the barclamp 'a' is broken: ")
    assert first.endswith("the barclamps are in a cycle: a -> b -> a")
    assert second.startswith("c.yml:3: the barclamp 'b' is broken: ")


def test_existing_proposals_are_edited_and_count(catalog: Catalog) -> None:
    ground = WantedProposal("ground", "default")
    web = WantedProposal("web", "default", {"workers": 9, "pool": {"size": 1, "name": "y"}}, {"web-server": ("n1",)})
    text = "proposals:\n- barclamp: web\n  wipe_attributes: [pool.name, [workers]]\n  attributes: {motto: m}\n"
    assert parse(text, catalog, ground, web) == [
        WantedProposal("web", "default", {"pool": {"size": 1}, "motto": "m"}, {"web-server": ("n1",)})
    ]
    assert faults("proposals:\n- barclamp: web\n  name: other\n", catalog, ground, web) == [
        "c.yml:2: a second proposal of web, as there is one already (the proposal web/default)",
        "c.yml:2: web-server has no nodes; it needs exactly 1 node",
    ]


def test_wiping_what_there_is_not_is_a_fault(catalog: Catalog) -> None:
    text = f"""\
proposals:
{GROUND}- barclamp: www
  wipe_attributes:
  - pool.sise
  - [pool, size]
  - wrkers
  - []
  - motto.of.all
  - old
  attributes: {{workers: 200}}
  deployment: {{elements: {{web-server: [n1]}}}}
"""
    web = WantedProposal("web", "default", {"old": 1}, {})  # of a schema that had it
    expected = [
        "c.yml:5: there is no attribute 'sise' in pool (did you mean 'size'?)",
        "c.yml:7: there is no attribute 'wrkers' (did you mean 'workers'?)",
        "c.yml:8: there is no attribute without a name",
        "c.yml:9: there is no attribute 'of' in motto",
        "c.yml:11: workers is 200; it must be from 1 to 64",
    ]
    assert faults(text, catalog, web) == expected
    assert faults(text, catalog) == [*expected[:4], "c.yml:10: there is no attribute 'old'", expected[4]]


def test_a_file_that_is_not_there(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_batch(tmp_path / "none.yml", catalog, NODES)


def test_what_is_written_says_what_differs_and_what_it_is(catalog: Catalog) -> None:
    proposals = [
        WantedProposal("ground", "default"),
        WantedProposal(
            "web",
            "front",
            {"workers": 2, "motto": "a: b # c", "pool": {"size": 6}, "servers": ["s"]},
            {"web-log": ("n2",), "web-server": ("n1",)},
        ),
    ]
    assert dump_batch(proposals, catalog).splitlines()[2:] == [
        "proposals:",
        "- barclamp: ground",
        "  deployment:",
        "    elements: {}",
        "- barclamp: web",
        "  name: front",
        "  attributes:",
        "    motto: 'a: b # c'  # A string",
        "    pool:  # A object",
        "      size: 6  # A integer",
        "    servers:  # A array",
        "    - s",
        "  deployment:",
        "    elements:",
        "      web-server:",
        "      - n1",
        "      web-log:",
        "      - n2",
    ]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    attributes=st.fixed_dictionaries(
        {},
        optional={
            "workers": st.integers(1, 64),
            "motto": st.text(max_size=200),
            "servers": st.lists(st.text(max_size=200), max_size=3),
            "pool": st.fixed_dictionaries({}, optional={"size": st.integers(), "name": st.text()}),
        },
    )
)
def test_what_is_written_is_read_back(catalog: Catalog, attributes: dict[str, Any]) -> None:
    web = catalog.get("web")
    proposals = [
        WantedProposal("ground", "default", {}, {"ground-node": ("n1",)}),
        WantedProposal("web", "default", minimal(web, attributes), {"web-server": ("n1",)}),
    ]
    again = parse(dump_batch(proposals, catalog), catalog)
    assert again == proposals
    assert complete(web, again[1].attributes) == complete(web, attributes)
