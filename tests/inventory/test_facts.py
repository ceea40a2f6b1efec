"""What a node says of itself is taken only if every word of it is right."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crowbar_inventory.facts import SIZE_LIMIT, Capability, Distribution, FactsError, NodeFacts, parse

GOOD: dict[str, Any] = {
    "hostname": "node1",
    "distribution": {"id": "debian", "version": "13", "codename": "trixie"},
    "kernel": "6.12.48+deb13-amd64",
    "architecture": "x86_64",
    "cpus": 2,
    "memory_mib": 8192,
    "disk_free_mib": 20000,
    "virtualization": "systemd-nspawn",
    "systemd": True,
    "capabilities": ["tun", "kvm"],
    "listening": [443, 22, 22],
}
WORDS = st.from_regex(r"[a-z0-9.]{1,20}", fullmatch=True)
FACTS = st.builds(
    NodeFacts,
    hostname=WORDS.map(lambda word: f"n{word}"),
    distribution=st.builds(Distribution, WORDS, WORDS, WORDS),
    kernel=WORDS,
    architecture=WORDS,
    cpus=st.integers(1, 4096),
    memory_mib=st.integers(1, 1 << 30),
    disk_free_mib=st.integers(0, 1 << 30),
    virtualization=WORDS,
    systemd=st.booleans(),
    capabilities=st.sets(st.sampled_from(Capability)).map(lambda found: tuple(c for c in Capability if c in found)),
    listening=st.sets(st.integers(1, 65535)).map(lambda ports: tuple(sorted(ports))),
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(sorted(GOOD)), inner),
    max_leaves=5,
)


def test_facts_are_typed_and_in_order() -> None:
    facts = parse(json.dumps(GOOD))
    assert facts.distribution == Distribution("debian", "13", "trixie")
    assert facts.capabilities == (Capability.KVM, Capability.TUN)
    assert facts.listening == (22, 443)
    assert facts.can(Capability.TUN)
    assert not facts.can(Capability.LOOP)


@given(FACTS)
def test_facts_come_back_from_what_the_store_keeps(facts: NodeFacts) -> None:
    assert parse(json.dumps(facts.as_mapping())) == facts


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("hostname", "", "hostname: must be a text"),
        ("hostname", "node1\n", "hostname: must be a text"),
        ("hostname", "; reboot", "hostname: must be a text"),
        ("hostname", "n" * 254, "hostname: must be a text"),
        ("kernel", "6.1\x1b[2J", "kernel: must be a text"),
        ("kernel", None, "kernel: must be a text"),
        ("cpus", True, "cpus: must be a whole number"),
        ("cpus", 0, "cpus: must be a whole number"),
        ("cpus", 2.0, "cpus: must be a whole number"),
        ("memory_mib", 1 << 41, "memory_mib: must be a whole number"),
        ("systemd", 1, "systemd: must be true or false"),
        ("capabilities", ["fly"], "capabilities: must be a text that matches kvm|"),
        ("capabilities", "kvm", "capabilities: must be a list"),
        ("capabilities", [["kvm"]], "capabilities: must be a text"),
        ("listening", [0], "listening: must be a whole number"),
        ("listening", [65536], "listening: must be a whole number"),
        ("distribution", [], "distribution.: must be an object"),
        ("distribution", {**GOOD["distribution"], "id": "a b"}, "distribution.id: must be a text"),
        ("distribution", {"id": "debian", "version": "13"}, "distribution.codename: missing"),
        ("colour", "red", "'colour': unknown"),
    ],
)
def test_a_field_that_is_wrong(field: str, value: object, fault: str) -> None:
    with pytest.raises(FactsError) as raised:
        parse(json.dumps({**GOOD, field: value}))
    assert [found.startswith(fault) for found in raised.value.faults] == [True]


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(FactsError) as raised:
        parse('{"cpus": 0, "colour": 1}')
    assert len(raised.value.faults) == 1 + len(GOOD)


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{", '"x"', "[" * 60_000, "1" * 60_000, "x" * (SIZE_LIMIT + 1), json.dumps(GOOD) + "{}"],
)
def test_what_is_no_object(text: str) -> None:
    with pytest.raises(FactsError):
        parse(text)


@given(ANYTHING | st.fixed_dictionaries({name: st.just(value) | ANYTHING for name, value in GOOD.items()}))
def test_nothing_but_facts_errors_come_of_anything(value: object) -> None:
    text = json.dumps(value)
    with contextlib.suppress(FactsError):
        facts = parse(text)
        assert facts == parse(json.dumps(facts.as_mapping()))


@given(st.text())
def test_nothing_but_facts_errors_come_of_any_text(text: str) -> None:
    with pytest.raises(FactsError):
        parse(text)
