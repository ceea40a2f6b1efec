"""Cluster files with machines, as far as they go without any: plans, choices, faults, and what is left out."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

import pytest

from crowbar.catalog.cluster import cluster_of
from crowbar.catalog.source import parse_yaml
from crowbar.errors import EnvironmentFault, InputError
from crowbar.rack import subnet
from crowbar.services import deploy as service
from crowbar.services.cluster.candidates import candidates
from crowbar.services.cluster.standing import ARRIVAL_SECONDS, PROBLEM_SECONDS, Patience, given_up, left_out, standing
from crowbar.store.machine_model import Machine
from crowbar.store.model import Health, NodeState
from crowbar_cli.cluster import reach
from crowbar_cli.cluster.sources import bmcs
from crowbar_cli.options import Settings
from tests.cli.conftest import Cli

FILE = """\
machines:
  - {name: m1, virtual: {kind: container}, group: makers, rack_position: R1-U01}
  - {name: m2, virtual: {kind: container}, group: makers, rack_position: R2-U01}
  - {name: m3, bmc: "ipmi://192.0.2.3"}
proposals:
  - barclamp: base
    attributes: {folder: /srv/things}
    deployment: {elements: {base-node: {}}}
  - barclamp: smith
    deployment: {elements: {maker-ring: [m3], maker-store: {group: makers, count: 2, spread: rack_position}}}
"""

MAKERS = """\
proposals:
  - barclamp: base
    attributes: {folder: /srv}
    deployment: {elements: {base-node: [n1]}}
  - barclamp: smith
    deployment: {elements: {maker-ring: [n1], maker-store: [n1, n2]}}
"""


def test_the_plan_has_the_machines_way_first(cli: Cli) -> None:
    found = cli.json("plan", cli.file(FILE))
    assert [(one["does"], one["machine"]) for one in found["machines"]] == [
        *(("rack/make", "m1"), ("machine/discover", "m1"), ("machine/install", "m1")),
        *(("rack/make", "m2"), ("machine/discover", "m2"), ("machine/install", "m2")),
        *(("machine/discover", "m3"), ("machine/install", "m3")),
    ]
    keys = [step["key"] for step in found["steps"]]
    assert {"maker/maker-store@m1", "maker/maker-store@m2", "maker/maker-ring@m3", "base/base-node@m3"} <= set(keys)
    assert "base/base-node@n1" not in keys  # a node that the file does not name has not been asked for
    assert any("m1, m2, m3: not installed yet" in note for note in found["notes"])
    shown = cli.ok("plan", cli.file(FILE))
    assert "machine/discover@m3" in shown
    assert "8 machine orders and" in shown
    assert cli.json("machines", "list")["machines"] == []


def test_why_a_role_has_a_node(cli: Cli) -> None:
    found = cli.json("plan", cli.file(FILE), "--why", "m3")["roles"]
    assert [(one["role"], one["chosen"], one["why"]) for one in found] == [
        ("base-node", True, "fits all nodes"),
        ("maker-store", False, "is in group (none), not makers"),
    ]
    assert cli("plan", cli.file(FILE), "--why", "m9").exit_code == 2
    assert cli("plan", "--why", "m1").exit_code == 2


def test_a_choice_that_nobody_fits_is_told_with_its_line(cli: Cli) -> None:
    result = cli("plan", cli.file(FILE.replace("count: 2", "count: 3")))
    assert result.exit_code == 2
    assert "cloud.yml:10: maker-store asks for 3, and 2 fit (group makers, count 3" in result.stderr


def test_all_bmcs_without_a_password_are_told_and_nothing_is_asked(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CROWBAR_BMC_PASSWORD", raising=False)
    text = FILE.replace("m3, bmc", "m3, login: {password_file: /nowhere}, bmc").replace(
        "proposals:", '  - {bmc: "ipmi://192.0.2.4-5"}\nproposals:'
    )
    with cli.context() as context, pytest.raises(InputError) as caught:
        bmcs(cluster_of(parse_yaml(text, "c.yml")), context, None)
    assert [str(fault).partition(" cannot")[0] for fault in caught.value.faults] == [
        "c.yml:4: /nowhere",
        "c.yml:5: the password of ipmi://192.0.2.4 is not given",
        "c.yml:5: the password of ipmi://192.0.2.5 is not given",
    ]


def test_a_password_comes_from_its_file(cli: Cli, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("hunter2\n")
    text = FILE.replace("machines:", f"bmc: {{user: root, password_file: {secret}}}\nmachines:")
    with cli.context() as context:
        found = [one for one in bmcs(cluster_of(parse_yaml(text, "c.yml")), context, None) if one.name == "m3"]
    assert (found[0].credential.username, found[0].credential.password) == ("root", "hunter2")
    assert "hunter2" not in repr(found)


def test_who_is_waited_for_and_who_is_left_out(cli: Cli) -> None:
    cluster = cluster_of(parse_yaml(FILE, "c.yml"))
    with cli.context() as context:
        for name, state in (("m1", NodeState.INSTALLED), ("m2", NodeState.INSTALLING)):
            context.store.machines.save(Machine(name, approved=True))
            context.store.machines.move(name, state, actor="test", reason="so")
        context.store.machines.set_health("m2", Health.PROBLEM, "its disk fails")
        now = standing(context, cluster)
    assert now.waiting == ["m2", "m3"]
    assert now.lines() == ["m1 installed", "m2 installing, problem: its disk fails", "m3 is not known yet"]
    assert given_up(now.views["m2"], PROBLEM_SECONDS - 1) == ""
    assert given_up(now.views["m2"], PROBLEM_SECONDS) == "is installing: its disk fails"
    assert given_up(now.views["m3"], ARRIVAL_SECONDS - 1) == ""
    assert given_up(now.views["m3"], ARRIVAL_SECONDS) == "did not turn up"
    assert left_out(now) == {"m2": "is installing: its disk fails", "m3": "did not turn up"}


def test_how_long_is_waited(cli: Cli) -> None:
    cluster = cluster_of(parse_yaml("machines: [{name: m1}, {matched: {group: gpu}}]\nproposals: []", "c.yml"))
    with cli.context() as context:
        context.store.machines.save(Machine("m1"))
        patience = Patience(0.0)
        assert patience.hopeful(standing(context, cluster), 10.0)
        assert patience.hopeful(standing(context, cluster), 1e6)  # a machine that is on its way is waited for
        context.store.machines.set_health("m1", Health.PROBLEM, "no disk")
        begun = 1e6 + 10
        assert patience.hopeful(standing(context, cluster), begun)
        assert patience.hopeful(standing(context, cluster), begun + PROBLEM_SECONDS - 1)
        assert patience.hopeful(standing(context, cluster), begun + PROBLEM_SECONDS)  # another may turn up
        assert not patience.hopeful(standing(context, cluster), begun + ARRIVAL_SECONDS)


def test_matched_machines_are_those_that_the_rules_sorted(cli: Cli) -> None:
    cluster = cluster_of(parse_yaml("machines: [{matched: {group: gpu}, count: 2}]\nproposals: []", "c.yml"))
    with cli.context() as context:
        context.store.machines.save(Machine("g1", group="gpu"))  # and waits to be approved
        context.store.machines.save(Machine("other"))
        now = standing(context, cluster)
    assert list(now.views) == ["g1"]
    assert now.to_come == {"group gpu": 1}
    assert now.lines() == [
        "g1 discovering, waits for approval: crowbar machines approve g1",
        "1 more of group gpu to turn up",
    ]


def test_of_the_matched_ones_so_many_are_given_roles_as_were_asked_for(cli: Cli) -> None:
    cluster = cluster_of(parse_yaml("machines: [{matched: {group: gpu}, count: 2}]\nproposals: []", "c.yml"))
    with cli.context() as context:
        for name in ("g1", "g2", "g3"):
            context.store.machines.save(Machine(name, group="gpu"))
        assert [one.name for one in candidates(context, cluster)] == ["g1", "g2"]
        assert list(standing(context, cluster).views) == ["g1", "g2"]


def test_a_cloud_is_made_of_the_others_where_that_is_enough(cli: Cli) -> None:
    from crowbar.services import batch
    from crowbar_cli.progress.plain import PlainWatcher

    file = cli.file(MAKERS)
    said: list[str] = []
    with cli.context() as context, PlainWatcher(said.append) as watcher:
        proposals = batch.read(context, file)
        deploy = partial(service.deploy, context, proposals, watcher, cancel=threading.Event(), applier=cli.applier)
        with pytest.raises(InputError) as caught:
            deploy(left_out={"n1": "is installing: no disk"})
        assert any("maker-ring" in str(fault) and "no disk" in str(fault) for fault in caught.value.faults)
        assert context.store.proposals.list() == []
        done = deploy(left_out={"n2": "is discovered"})
        keys = {row.key for row in context.store.deployments.steps(done.id)}
        saved = {p.barclamp: p.elements for p in context.store.proposals.list()}
    assert done.status == "succeeded"
    assert "maker/maker-store@n1" in keys
    assert "maker/maker-store@n2" not in keys
    assert saved["maker"]["maker-store"] == ("n1", "n2")  # the wish stays as it is
    assert any("n2 is left out: it is discovered" in line for line in said)


def test_a_member_that_is_long_in_coming_back_is_not_taken_out_of_the_cloud(cli: Cli) -> None:
    """What others hold of it stays: only its own steps are left out, and run when it is back."""
    from crowbar.services import batch
    from crowbar_cli.progress.plain import PlainWatcher

    file = cli.file(MAKERS)
    why = "is reset: it did not boot"
    with cli.context() as context, PlainWatcher(list[str]().append) as watcher:
        proposals = batch.read(context, file)
        deploy = partial(service.deploy, context, proposals, watcher, cancel=threading.Event(), applier=cli.applier)
        deploy()
        context.store.applied.forget_node("n2")  # as a reinstallation does
        context.store.nodes.set_state("n2", NodeState.RESET, Health.PROBLEM, "it did not boot")
        with pytest.raises(InputError, match="cannot be made"):
            deploy(left_out={"n1": "is reset", "n2": why})
        done = deploy(left_out={"n2": why})
        rows = {row.key: row for row in context.store.deployments.steps(done.id)}
        lost = context.store.nodes.get("n2")
        assert lost is not None
        assert lost.health is Health.PROBLEM
        context.store.nodes.set_state("n2", NodeState.INSTALLED, Health.OK, "")
        back = deploy()
        ran = {row.key for row in context.store.deployments.steps(back.id) if row.status == "succeeded"}
    assert {key for key, row in rows.items() if row.status == "skipped"} == {"maker/maker-store@n2"}
    assert rows["maker/maker-store@n2"].reason == f"left out: n2 {why}"
    assert {row.status for key, row in rows.items() if key.endswith("@n1")} == {"unchanged"}
    assert ran == {"maker/maker-store@n2"}


def test_a_network_that_the_host_reaches_otherwise_is_refused_first(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from ipaddress import IPv4Network

    monkeypatch.setattr(subnet, "host_networks", lambda *, but="": [IPv4Network("198.51.100.0/25")])
    with pytest.raises(EnvironmentFault, match=r"198\.51\.100\.0/24 \(with 198\.51\.100\.0/25\)"):
        reach.check(Settings(cli.state), ("198.51.100.0/24",))
    reach.check(Settings(cli.state), ("203.0.113.0/24",))
