from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crowbar.catalog.model import Catalog, FactRef, NodeView, SecretRef, WantedProposal
from crowbar.catalog.variables import Deployed, identity, in_order, inputs, published, reveal, variables
from crowbar.errors import InputError

from .barclamps import attribute, load, node, schema, write

RING = FactRef("store", "store-ring", "ring", "digest-1")


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    write(
        tmp_path,
        "keystone",
        attributes=schema(port=attribute("integer", 5000), workers=attribute("integer", 2)),
        secrets={"admin_password": {"summary": "s"}, "own": {"summary": "s"}},
        publishes={
            "url": {"template": "http://{{ roles['keystone-server'][0].addresses.admin }}:{{ attributes.port }}/v3"},
            "port": {"template": "{{ attributes.port }}"},
            "hosts": {"template": "{{ roles['keystone-server'] | map(attribute='name') | list }}"},
            "admin_password": {"secret": "admin_password"},
        },
    )
    write(
        tmp_path,
        "store",
        requires=["keystone"],
        roles={
            "store-ring": {"summary": "s"},
            "store-proxy": {"summary": "s", "after": ["store-server"]},
            "store-server": {"summary": "s", "after": ["store-ring"], "sees_nodes": True},
        },
        publishes={
            "ring": {"fact_of": "store-ring"},
            "auth": {"template": "{{ published.keystone.url }}"},
            "same": {"template": "{{ published.keystone.admin_password }}"},
        },
    )
    write(tmp_path, "images", requires=["keystone"], wants=["store"])
    for role in ("images/roles/images_server", "store/roles/store_proxy"):
        task(tmp_path / role, "{{ crowbar.published | to_json }}")
    return load(tmp_path)


def task(role: Path, text: str) -> None:
    """Give the role one task, which uses ``text``."""
    content = f'---\n- name: Say\n  ansible.builtin.debug:\n    msg: "{text}"\n'
    (role / "tasks" / "main.yml").write_text(content)


def cloud(*barclamps: str, **more: Any) -> Deployed:
    nodes = {
        "n1": node("n1", 1, aliases=("ctl",), cpus=2, memory_mib=8, capabilities=["tun"], disk_free=3),
        "n2": node("n2", 2, cpus=4),
    }
    elements: dict[str, dict[str, tuple[str, ...]]] = {
        "keystone": {"keystone-server": ("n1",)},
        "store": {"store-ring": ("n1",), "store-server": ("n2", "n1"), "store-proxy": ("n1",)},
        "images": {"images-server": ("n1",)},
    }
    proposals = {name: WantedProposal(name, "default", {}, elements[name]) for name in barclamps or elements}
    return Deployed(**{"nodes": nodes, "proposals": proposals, "facts": [RING], **more})


def seen(catalog: Catalog, wanted: Deployed, barclamp: str, role: str, on: str = "n1") -> dict[str, Any]:
    return variables(catalog, wanted, barclamp, role, on, published(catalog, wanted))


def digests(catalog: Catalog, wanted: Deployed, barclamp: str, role: str, on: str = "n1") -> dict[str, str]:
    return inputs(seen(catalog, wanted, barclamp, role, on), catalog.get(barclamp).roles[role], catalog)


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def edited(wanted: Deployed, barclamp: str, **attributes: Any) -> Deployed:
    proposal = replace(wanted.proposals[barclamp], attributes=attributes)
    return replace(wanted, proposals={**wanted.proposals, barclamp: proposal})


def test_what_is_published_keeps_its_type_and_its_secrets(catalog: Catalog) -> None:
    secret = SecretRef("keystone", "admin_password", 3)
    assert published(catalog, cloud("keystone", "store", versions={"keystone/admin_password": 3})) == {
        "keystone": {"url": "http://10.0.0.1:5000/v3", "port": 5000, "hosts": ["n1"], "admin_password": secret},
        "store": {"ring": RING, "auth": "http://10.0.0.1:5000/v3", "same": secret},
    }
    assert published(catalog, cloud(facts=()))["store"]["ring"] == FactRef("store", "store-ring", "ring", "")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ attributes.prt }}", "'dict object' has no attribute 'prt'"),
        ("x{{ roles['none'] }}", "'dict object' has no attribute 'none'"),
        ("{{ published.other.url }}", "'dict object' has no attribute 'other'"),
        ("{{ roles['web-server'][0] }}", "list object has no element 0"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ range(3) }}", "a range cannot be published"),
        ("a {{ published.keystone.admin_password }}", "cannot be part of a text"),
        ("{{ published.keystone.admin_password ~ '' }}", "cannot be part of a text"),
        ("{{", "unexpected"),
    ],
)
def test_a_template_that_cannot_be_rendered_is_named(tmp_path: Path, template: str, expected: str) -> None:
    publishes = {"admin_password": {"secret": "p"}}
    write(tmp_path, "keystone", secrets={"p": {"summary": "s"}}, publishes=publishes)
    write(tmp_path, "web", requires=["keystone"], publishes={"bad": {"template": template}})
    wanted = Deployed({}, {name: WantedProposal(name, "default") for name in ("keystone", "web")})
    with pytest.raises(InputError) as caught:
        published(load(tmp_path), wanted)
    (fault,) = caught.value.faults
    assert fault.place == f"{tmp_path}/web/barclamp.yml publishes.bad"
    assert expected in fault.message


def test_a_role_sees_what_the_contract_says(catalog: Catalog) -> None:
    view = seen(catalog, cloud(), "store", "store-server")
    n1 = {"name": "n1", "fqdn": "n1.test", "addresses": {"admin": "10.0.0.1"}}
    n2 = {"name": "n2", "fqdn": "n2.test", "addresses": {"admin": "10.0.0.2"}}
    facts = {"cpus": 2, "memory_mib": 8, "capabilities": ["tun"]}
    assert view["node"] == {**n1, "address": "10.0.0.1", "facts": facts}
    assert view["roles"] == {"store-ring": [n1], "store-server": [n2, n1], "store-proxy": [n1]}
    assert view["all_nodes"] == [{**n1, "aliases": ["ctl"]}, {**n2, "aliases": []}]
    assert (view["barclamp"], view["role"], view["domain"]) == ("store", "store-server", "crowbar.internal")
    assert set(view["published"]) == {"keystone"}
    assert "all_nodes" not in seen(catalog, cloud(), "store", "store-proxy")


def test_wanted_barclamps_are_seen_only_if_they_are_there(catalog: Catalog) -> None:
    assert set(seen(catalog, cloud(), "images", "images-server")["published"]) == {"keystone", "store"}
    without = cloud("keystone", "images")
    assert set(seen(catalog, without, "images", "images-server")["published"]) == {"keystone"}


def test_a_role_sees_the_facts_of_those_before_it_and_never_its_own(catalog: Catalog) -> None:
    assert seen(catalog, cloud(), "store", "store-proxy")["facts"] == {"ring": RING}
    assert seen(catalog, cloud(), "store", "store-server")["facts"] == {"ring": RING}
    assert seen(catalog, cloud(), "store", "store-ring")["facts"] == {}


def test_dependency_order(catalog: Catalog) -> None:
    assert [one.name for one in in_order(catalog, ["images", "store", "keystone"])] == ["keystone", "store", "images"]
    assert [one.name for one in in_order(catalog, ["images", "keystone"])] == ["keystone", "images"]


def test_an_attribute_that_changed_is_named_and_others_see_only_what_is_published(catalog: Catalog) -> None:
    before = cloud()
    workers, port = edited(before, "keystone", workers=3), edited(before, "keystone", port=1)
    role = ("keystone", "keystone-server")
    assert changed(digests(catalog, before, *role), digests(catalog, workers, *role)) == {"attributes.workers"}
    role = ("images", "images-server")
    assert changed(digests(catalog, before, *role), digests(catalog, workers, *role)) == set()
    assert changed(digests(catalog, before, *role), digests(catalog, port, *role)) == {
        "published.keystone.url",
        "published.keystone.port",
        "published.store.auth",
    }


def test_a_new_version_of_a_secret_or_a_fact_is_named(catalog: Catalog) -> None:
    before = cloud()
    after = cloud(versions={"keystone/own": 2, "keystone/admin_password": 2}, facts=[replace(RING, digest="digest-2")])

    def difference(barclamp: str, role: str) -> set[str]:
        return changed(digests(catalog, before, barclamp, role), digests(catalog, after, barclamp, role))

    password = "published.keystone.admin_password"
    assert difference("keystone", "keystone-server") == {"secrets.own", "secrets.admin_password"}
    assert difference("images", "images-server") == {password, "published.store.same", "published.store.ring"}
    assert difference("store", "store-proxy") == {password, "facts.ring"}


def test_volatile_facts_and_other_nodes_do_not_count(catalog: Catalog) -> None:
    before = cloud()
    n1 = before.nodes["n1"]
    busy = replace(before, nodes={**before.nodes, "n1": replace(n1, facts={**n1.facts, "disk_free": 1})})
    more = replace(before, nodes={**before.nodes, "n3": node("n3", 3)})
    role = ("keystone", "keystone-server")
    assert changed(digests(catalog, before, *role), digests(catalog, busy, *role)) == set()
    assert changed(digests(catalog, before, *role), digests(catalog, more, *role)) == set()
    role = ("store", "store-server")
    assert changed(digests(catalog, before, *role), digests(catalog, more, *role)) == {"all_nodes"}


def test_an_address_in_a_network_that_the_barclamp_does_not_name_is_not_seen(tmp_path: Path) -> None:
    write(tmp_path, "plain")
    write(tmp_path, "store", networks=["admin", "storage"])
    write(tmp_path, "layout", roles={"layout-server": {"summary": "s", "sees_networks": True}})
    for name in ("plain", "store", "layout"):
        task(tmp_path / name / "roles" / f"{name}_server", f"{{{{ crowbar.roles['{name}-server'] }}}}")
    found = load(tmp_path)

    def wanted(**addresses: str) -> Deployed:
        nodes = {"n1": node("n1", 1), "n2": node("n2", 2)}
        nodes["n2"] = replace(nodes["n2"], addresses={**nodes["n2"].addresses, **addresses})
        holders = ("n1", "n2")
        proposals = {
            name: WantedProposal(name, "default", elements={f"{name}-server": holders})
            for name in ("plain", "store", "layout")
        }
        return Deployed(nodes, proposals)

    def difference(barclamp: str, **addresses: str) -> set[str]:
        role = f"{barclamp}-server"
        before, after = wanted(storage="10.2.0.2"), wanted(**{"storage": "10.2.0.2", **addresses})
        return changed(digests(found, before, barclamp, role), digests(found, after, barclamp, role))

    assert difference("store", tenant="10.3.0.2") == difference("plain", tenant="10.3.0.2") == set()
    assert difference("plain", storage="10.2.0.9") == set()
    assert difference("store", storage="10.2.0.9") == {"roles.store-server"}
    assert difference("layout", tenant="10.3.0.2") == {"roles.layout-server"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{{ crowbar.published.keystone.port }}", {"published.keystone.port"}),
        ("{{ crowbar.published['keystone']['url'] }}", {"published.keystone.url"}),
        ("{{ crowbar.published.keystone | to_json }}", {"published.keystone.port", "published.keystone.url"}),
        (
            "{{ 'store' in crowbar.published }} {{ crowbar.published.keystone.port }}",
            {"published.keystone.port"},  # what the store publishes is not read, only whether it is there
        ),
        (
            "{{ crowbar.published[which].url }}",
            {"published.keystone.port", "published.keystone.url", "published.store.auth"},
        ),
        ("{{ crowbar[which] }}", {"published.keystone.port", "published.keystone.url", "published.store.auth"}),
        ("nothing", set()),
    ],
)
def test_of_what_others_publish_that_counts_which_the_role_reads(
    catalog: Catalog, tmp_path: Path, text: str, names: set[str]
) -> None:
    task(catalog.get("images").roles["images-server"].path, text)
    again = load(tmp_path)
    before, after = cloud(), edited(cloud(), "keystone", port=1)
    role = ("images", "images-server")
    assert changed(digests(again, before, *role), digests(again, after, *role)) == names


def test_role_content_and_packages_count(catalog: Catalog) -> None:
    role = catalog.get("images").roles["images-server"]
    view = seen(catalog, cloud(), "images", "images-server")
    before = inputs(view, role, catalog)
    after = inputs(view, replace(role, files={"tasks/main.yml": "x"}, packages=("a",), units=("b.service",)), catalog)
    assert changed(before, after) == {"images_server/tasks/main.yml", "packages", "units"}
    shared = inputs(view, role, replace(catalog, shared_digest="x"))
    assert changed(before, shared) == {"what all roles share"}
    assert identity(before) != identity(after) != identity(shared)


def test_reveal_puts_values_in_the_place_of_references(catalog: Catalog) -> None:
    view = seen(catalog, cloud(), "images", "images-server")
    assert "hunter2" not in str(view)
    shown = reveal(view, lambda ref: f"hunter2 {ref} {ref.version}", lambda ref: f"fact {ref} {ref.digest}")
    assert shown["published"]["keystone"]["admin_password"] == "hunter2 keystone/admin_password 1"
    assert shown["published"]["store"]["ring"] == "fact store/ring digest-1"
    assert "ring" not in reveal(view, str, lambda _: None)["published"]["store"]


@given(st.permutations(["a", "b", "c"]), st.dictionaries(st.sampled_from("abc"), st.text(max_size=3)))
def test_an_identity_does_not_depend_on_order(order: list[str], values: dict[str, str]) -> None:
    shuffled = {name: values[name] for name in order if name in values}
    assert identity(values) == identity(shuffled)


def test_a_node_without_capabilities_can_do_nothing() -> None:
    assert NodeView("n", "n", {}).capabilities == frozenset()
