"""Rules say what is made of a server by what it is; a file that is wrong says all that is wrong with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from crowbar_inventory.hardware import Hardware, Identity
from crowbar_inventory.parse import parse
from crowbar_inventory.rules import (
    Decision,
    DiskChoice,
    Rule,
    RuleFault,
    Rules,
    RulesError,
    decide,
    load_rules,
    parse_rules,
)
from crowbar_inventory.rules.alias import FIELDS
from crowbar_inventory.rules.conditions import Conditions, Disks, Lldp, Nics
from tests.inventory import outputs

SERVER = parse(outputs.server())[0]
NOTHING = Hardware(Identity())

RULES = """\
rules:
  - name: too small
    when: {memory_mib: "< 8 GiB"}
    refuse: less than 8 GiB of memory

  - name: gpu
    when:
      vendor: [HPE*, dell*]
      gpu: true
      lldp: {system: leaf-*}
    alias: gpu-{n:02}
    group: gpu
    intended_role: nova-compute
    install_disk: {ssd: true, size: ">= 200 GB"}

  - name: others
    group: spare
"""


def _faults(text: str) -> list[str]:
    with pytest.raises(RulesError) as error:
        parse_rules(text, "r.yml")
    return [str(fault) for fault in error.value.faults]


def _fits(condition: str, hardware: Hardware = SERVER) -> bool:
    rules = parse_rules(f"rules: [{{name: it, when: {condition}, group: g}}]")
    return decide(rules, hardware).rule == "it"


def test_the_first_rule_that_fits_decides() -> None:
    assert decide(parse_rules(RULES), SERVER, 7) == Decision(
        rule="gpu",
        alias="gpu-07",
        group="gpu",
        intended_role="nova-compute",
        install_disk="S47MNA0M500001",
        because="rule 'gpu' fits; install disk sda (S47MNA0M500001): the only disk that will do",
        passed_over=("too small: memory_mib is 32768, wanted at most 8191",),
        excluded=("sdb: says that it is failing",),
    )


def test_a_refusal_says_why_and_makes_nothing() -> None:
    found = decide(parse_rules(RULES), replace(SERVER, memory_mib=4096))
    assert found == Decision(
        rule="too small",
        refusal="less than 8 GiB of memory",
        because="rule 'too small' refuses it: less than 8 GiB of memory",
    )


def test_a_rule_that_is_passed_over_says_what_was_missing() -> None:
    found = decide(parse_rules(RULES), replace(SERVER, pci=()))
    assert (found.rule, found.group) == ("others", "spare")
    assert found.passed_over[1] == "gpu: gpu is 0, wanted at least 1"


def test_without_a_rule_a_disk_is_chosen_all_the_same() -> None:
    for rules, why in ((Rules(), "there are no rules"), (parse_rules(RULES[:90]), "no rule fits")):
        found = decide(rules, SERVER)
        assert (found.rule, found.alias, found.install_disk) == ("", "", "S47MNA0M500001")
        assert found.because.startswith(why)


def test_no_disk_is_told_with_the_reasons() -> None:
    found = decide(parse_rules(RULES), SERVER, minimum=10**12)
    assert found.install_disk == ""
    assert found.because == (
        "rule 'gpu' fits; no disk to install on: sda: has 480000000000 bytes, 1000000000000 are needed; "
        "sdb: says that it is failing"
    )
    assert decide(Rules(), NOTHING).because == "there are no rules; no disk to install on: the server has none"


@pytest.mark.parametrize(
    ("holds", "does_not"),
    [
        ("{vendor: dell*}", "{vendor: HP*}"),
        ("{product: '*R6[34]0'}", "{product: R640}"),
        ("{serial: 7dk*}", "{serial: 8DK*}"),
        ("{uuid: 4c4c4544-*}", "{uuid: '0*'}"),
        ("{mac: 24:6e:96:*}", "{mac: 02:00:5e:*}"),  # the BMC's own USB NIC is none
        ("{firmware: 2.*}", "{firmware: 3.*}"),
        ("{cpu: '*6242'}", "{cpu: EPYC*}"),
        ("{architecture: x86_64}", "{architecture: aarch64}"),
        ("{tpm: '2*'}", "{tpm: '1*'}"),
        ("{memory_mib: '>= 32768'}", "{memory_mib: '> 32768'}"),
        ("{memory_mib: 32 GiB}", "{memory_mib: 16384..32767}"),
        ("{memory_mib: {min: 16 GiB, max: 64 GiB}}", "{memory_mib: {max: 31 GiB}}"),
        ("{cpu_threads: 32..64}", "{cpu_threads: '< 64'}"),
        ("{cpu_sockets: 2}", "{cpu_sockets: 1}"),
        ("{virtualization: true}", "{virtualization: false}"),
        ("{boot_mode: uefi}", "{boot_mode: bios}"),
        ("{gpu: true}", "{gpu: false}"),
        ("{gpu: 1}", "{gpu: '>= 2'}"),
        ("{bmc: 10.0.1.0/24}", "{bmc: [10.0.2.0/24, fd00::/8]}"),
        ("{disks: {count: 2}}", "{disks: {count: '>= 3'}}"),
        ("{disks: {rotational: true, size: '>= 4 TB'}}", "{disks: {rotational: true, size: '< 4 TB'}}"),
        ("{disks: {transport: [nvme, sata]}}", "{disks: {model: SAMSUNG*}}"),
        ("{disks: {count: 0, transport: nvme}}", "{disks: {count: 0}}"),
        ("{nics: {speed: '>= 10000', link: true}}", "{nics: {count: 2, speed: '>= 10000'}}"),
        ("{nics: {driver: ixgbe, count: 2}}", "{nics: {driver: mlx5*}}"),
        ("{lldp: {system: leaf-*, port: 'Ethernet1?'}}", "{lldp: {system: leaf-*, port: 'Ethernet2?'}}"),
        ("{lldp: {chassis: 02:aa:*}}", "{lldp: {chassis: 03:*}}"),
        ("{}", "{asset_tag: '*'}"),  # a tag that nobody wrote matches no pattern
    ],
)
def test_conditions(holds: str, does_not: str) -> None:
    assert _fits(holds)
    assert not _fits(does_not)
    assert _fits(holds, NOTHING) == (holds in {"{}", "{disks: {count: 0, transport: nvme}}"})


def test_all_conditions_must_hold() -> None:
    assert _fits("{vendor: dell*, boot_mode: uefi}")
    assert not _fits("{vendor: dell*, boot_mode: bios}")


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("{vendor: Dell*}", "vendor is not told, wanted Dell*"),
        ("{mac: [a, b]}", "mac is not told, wanted a or b"),
        ("{bmc: 10.0.0.9/8}", "bmc is not told, wanted in 10.0.0.0/8"),
        ("{lldp: {system: x}}", "lldp neighbours are not told, none is as wanted"),
        ("{nics: {}}", "0 of its 0 nics are such, wanted at least 1"),
        ("{disks: {count: 1..2}}", "0 of its 0 disks are such, wanted 1 to 2"),
        ("{cpu_threads: 8}", "cpu_threads is 0, wanted 8"),
        ("{virtualization: true}", "virtualization is false"),
        ("{boot_mode: uefi}", "boot_mode is unknown, wanted uefi"),
    ],
)
def test_why_a_server_that_tells_nothing_does_not_fit(condition: str, reason: str) -> None:
    rules = parse_rules(f"rules: [{{name: it, when: {condition}, group: g}}]")
    assert decide(rules, NOTHING).passed_over == (f"it: {reason}",)


@pytest.mark.parametrize(
    ("template", "alias"),
    [
        ("compute-{n}", "compute-3"),
        ("compute-{n:03}", "compute-003"),
        ("{serial}", "7dkrmn2"),
        ("{product}-{serial}", "poweredge-r640-7dkrmn2"),
        ("{vendor}", "dell-inc"),
        ("m-{mac}", "m-246e96000001"),
    ],
)
def test_aliases_are_hosts_names(template: str, alias: str) -> None:
    rules = parse_rules(f"rules: [{{name: a, alias: '{template}'}}]")
    assert decide(rules, SERVER, 3).alias == alias


def test_an_alias_that_the_hardware_gives_no_word_for_is_told() -> None:
    found = decide(parse_rules("rules: [{name: a, alias: 'x-{asset_tag}'}]"), SERVER)
    assert found.alias == ""
    assert "no alias: x-{asset_tag} needs the asset_tag, which the hardware does not tell" in found.because
    strange = replace(SERVER, identity=Identity("", "服务器"))
    found = decide(parse_rules("rules: [{name: a, alias: '{serial}'}]"), strange)
    assert (found.alias, "nothing is left of '服务器'" in found.because) == ("", True)


def test_a_long_alias_fits_a_hosts_name() -> None:
    long = replace(SERVER, product="a" * 62 + " b" * 90)
    assert decide(parse_rules("rules: [{name: a, alias: '{product}'}]"), long).alias == "a" * 62


def test_all_faults_at_once_each_with_its_line() -> None:
    text = """\
rules:
  - name: one
    when:
      memory_mib:
      gpu: maybe
      disks: {size: big, count: 2..1}
      bmc: here
      boot_mode: dos
      speed: 1
      lldp: 3
      virtualization: yes
    alias: x-{place}
  - nme: two
    install_disk: tiniest
    group: ""
  - 7
"""
    assert _faults(text) == [
        "r.yml:4: memory_mib: has no value",
        "r.yml:5: gpu: must be a whole number",
        "r.yml:6: count: no number is in this range",
        'r.yml:6: size: must be a size, such as "480 GB" or "100 GiB"',
        "r.yml:7: bmc: must be a subnet, such as \"10.0.1.0/24\", not 'here'",
        "r.yml:8: boot_mode: Input should be 'bios', 'uefi' or 'unknown'",
        "r.yml:9: 'speed' is not known here",
        "r.yml:10: lldp: must be a mapping",
        "r.yml:11: virtualization: must be true or false",
        f"r.yml:12: alias: has the field 'place'; known are {', '.join(FIELDS)}, and {{n:02}} for digits",
        "r.yml:13: 'nme' is not known here",
        "r.yml:13: name: is missing",
        "r.yml:14: install_disk: must be smallest, largest, first, ssd or a mapping",
        "r.yml:15: group: must be a text",
        "r.yml:16: a rule: must be a mapping",
    ]


def test_rules_that_contradict_each_other_or_themselves() -> None:
    text = """\
rules:
  - {name: a, when: {gpu: true}, refuse: no, group: g}
  - {name: b, when: {gpu: true}}
  - {name: c, group: g}
  - {name: a, when: {gpu: true}, group: g}
"""
    assert _faults(text) == [
        "r.yml:2: 'a' refuses the server, so it can make nothing of it",
        "r.yml:3: 'b' has no alias, group, intended_role, install_disk or refuse",
        "r.yml:5: 'a' is never reached: 'c' before it fits every server",
        "r.yml:5: there is a rule 'a' already",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("rules: [", "r.yml:1: not YAML: "),
        ("a: 1\n---\nb: 2", "r.yml:2: not YAML: but found another document"),
        ("a: &x 1\nb: *x", "r.yml:2: not YAML: aliases"),
        ("!!python/name:os.system x", "r.yml:1: not YAML: tags"),
        ("[" * 50, "r.yml:1: not YAML: nested more than 20 deep"),
        ('"\\UFFFFFFFF"', "r.yml:1: not YAML: "),
        ("\x00", "r.yml:1: not YAML: "),
        ("- 1", "r.yml:1: the file: must be a mapping"),
        ("rules: 3", "r.yml:1: rules: must be a list"),
        ("rules: []\nrules: []", "r.yml:2: 'rules' is there twice, first in line 1"),
        ("? 'a\n\n  b'\n: ~", "r.yml:1: a b: has no value"),
        ("? [a]\n: 1", "r.yml:1: a key must be text"),
        ("<<: {rules: []}", "r.yml:1: '<<' is not known here"),
        ("x" * 300_000, "r.yml:1: has 300000 characters"),
        ("rules: [" + "{name: a, group: g}," * 1001 + "]", "r.yml:1: has 1001 rules; 1000 are allowed"),
    ],
)
def test_files_that_are_none(text: str, fault: str) -> None:
    assert any(found.startswith(fault) for found in _faults(text)), _faults(text)


def test_of_very_many_faults_the_first_are_told() -> None:
    faults = _faults("rules:\n" + "- 1\n" * 150)
    assert (len(faults), faults[0], faults[-1]) == (101, "r.yml:2: a rule: must be a mapping", "r.yml: and 50 more")


@pytest.mark.parametrize("text", ["", "rules: []", "# nothing\n", "{}"])
def test_a_file_without_rules_has_none(text: str) -> None:
    assert parse_rules(text) == Rules()


@pytest.mark.parametrize(
    "template", ["{n.__class__}", "{0}", "{}", "{n!r}", "{n:>9999999}", "{", "{n:{n}}", "a b", "a/../b"]
)
def test_templates_that_reach_for_more_are_faults(template: str) -> None:
    (fault,) = _faults(f"rules: [{{name: a, alias: '{template}'}}]")
    assert fault.startswith("r.yml:1: alias: ")


def test_rules_from_a_file_and_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "rules.yml"
    path.write_text("\ufeff" + RULES, encoding="utf-8")
    assert load_rules(path) == parse_rules(RULES)
    path.write_bytes(b"rules: \xff")
    for wrong in (path, tmp_path, tmp_path / "none"):
        with pytest.raises(RulesError) as error:
            load_rules(wrong)
        assert error.value.faults[0].place == str(wrong)


def test_the_packages_own_example_is_right() -> None:
    import crowbar_inventory.rules as package

    example = (package.__doc__ or "").partition("\n\n")[2]
    assert [rule.name for rule in parse_rules(example).rules] == ["too small", "gpu"]


def test_the_page_has_every_key_and_its_example_is_right() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/matching-rules.md").read_text(encoding="utf-8")
    assert decide(parse_rules(page.split("```")[1].removeprefix("yaml")), SERVER, 3).alias == "gpu-03"
    for part in (Rule, Conditions, Disks, Nics, Lldp, DiskChoice):
        assert [key for key in part.model_fields if f"`{key}`" not in page] == []


KEYS = """
rules name when alias group intended_role install_disk refuse memory_mib gpu disks nics lldp bmc size count smallest
ssd uefi true ~ * {n} {serial} >=5 1..2 10.0.0.0/8 5GB
"""
WORDS = st.sampled_from(KEYS.split())
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | WORDS, inner, max_size=4),
    max_leaves=12,
)
RULE = st.fixed_dictionaries(
    {"name": WORDS}, optional={"when": VALUES, "alias": VALUES, "install_disk": VALUES, "group": VALUES}
)


def _read(text: str) -> Rules | tuple[RuleFault, ...]:
    try:
        return parse_rules(text)
    except RulesError as error:
        return error.faults


@settings(max_examples=150)
@given(
    st.text()
    | VALUES.map(yaml.safe_dump)
    | st.lists(RULE, max_size=2).map(lambda rules: yaml.safe_dump({"rules": rules}))
)
def test_no_text_raises_anything_but_faults(text: str) -> None:
    found = _read(text)
    if isinstance(found, Rules):
        assert decide(found, SERVER).because
    else:
        assert found
        assert all(fault.place and "\n" not in fault.message for fault in found)


@settings(max_examples=50)
@given(st.integers(0, len(RULES)), st.integers(0, len(RULES)), st.text(max_size=4))
def test_a_damaged_file_is_read_or_has_faults(start: int, end: int, text: str) -> None:
    assert _read(RULES[:start] + text + RULES[end:]) != ()
