"""A cluster file's machines and networks: what they come to, and every fault with its line."""

from __future__ import annotations

from typing import Any

import pytest

from crowbar.catalog.cluster import Cluster, FileMachine, Matched, VirtualMachine, cluster_of, read_cluster
from crowbar.catalog.load import load_catalog
from crowbar.catalog.source import parse_yaml
from crowbar.errors import InputError
from crowbar.paths import data_dir

WHOLE = """\
bmc: {user: root, password_file: /root/secret}
networks:
  - {name: admin, subnet: 10.0.0.0/24, ranges: {host: [10.0.0.20, 10.0.0.99]}, auto_approve: true}
machines:
  - {name: controller, virtual: {kind: vm, firmware: uefi}, rack_position: R1-U01}
  - {bmc: "ipmi://10.0.1.10-11", group: compute}
  - {name: big, bmc: "redfish://10.0.1.20", login: {user: admin}, mac: "52:54:00:00:00:01", intended_role: store}
  - {name: known}
  - {matched: {group: gpu}, count: 3}
proposals: []
"""


def cluster(text: str) -> Cluster:
    return cluster_of(parse_yaml(text, "c.yml"))


def faults(text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        cluster(text)
    return [str(fault) for fault in caught.value.faults]


def test_a_whole_file() -> None:
    found = cluster(WHOLE)
    assert [one.name for one in found.machines] == ["controller", "bmc-10-0-1-10", "bmc-10-0-1-11", "big", "known"]
    controller, first, _, big, known = found.machines
    assert controller.virtual == VirtualMachine("vm", "uefi")
    assert (first.bmc, first.group, first.login.user, first.login.password_file) == (
        *("ipmi://10.0.1.10", "compute"),
        *("root", "/root/secret"),
    )
    assert (big.bmc, big.login.user, big.login.password_file, big.intended_role) == (
        *("redfish://10.0.1.20", "admin"),
        *("", "store"),
    )
    assert known == FileMachine("known", login=first.login, place="c.yml:8")
    assert found.matched == (Matched("gpu", "", 3, "c.yml:9"),)
    [network] = found.networks
    assert (network.name, network.ranges, network.auto_approve) == ("admin", {"host": ("10.0.0.20", "10.0.0.99")}, True)
    assert found.has_machines


def test_a_file_about_the_nodes_that_there_are() -> None:
    assert cluster("proposals: []") == Cluster()
    assert not Cluster().has_machines


@pytest.mark.parametrize(
    ("machine", "message"),
    [
        ("{}", "c.yml:2: name is missing"),
        ("{name: Bad_Name}", "c.yml:2: machines.0.name: 'Bad_Name' is not allowed"),
        ("{name: a, bmc: 'ipmi://10.0.0.1', virtual: {}}", "known by one of bmc, virtual and matched"),
        ("{name: a, bmc: 10.0.0.1}", "is no BMC's address"),
        ("{name: a, bmc: 'ipmi://admin:pw@10.0.0.1'}", "holds neither user nor password"),
        ("{name: a, bmc: 'ipmi://10.0.0.1-4'}", "a range of BMCs has neither one name nor one MAC"),
        ("{name: a, virtual: {kind: robot}}", "machines.0.virtual.kind"),
        ("{name: a, virtual: {}, mac: '52:54:00:00:00:01'}", "is chosen by its rack"),
        ("{name: a, count: 2}", "count is for matched machines"),
        ("{matched: {}}", "say which: a group, an intended_role, or both"),
        ("{matched: {group: g}, group: other}", "group is what the matching rules say"),
        ("{name: a, gruop: g}", "there is no key 'gruop' here (did you mean 'group'?)"),
        ("{name: a, login: {user: me}}", "there is no bmc to log in to"),
    ],
)
def test_what_is_no_machine(machine: str, message: str) -> None:
    said = faults(f"machines:\n  - {machine}\n")
    assert any(message in fault and fault.startswith("c.yml:2") for fault in said), said


def test_all_faults_at_once_and_no_password_in_them() -> None:
    said = faults(
        "machines:\n  - {name: a, virtual: {}}\n  - {name: a}\n  - {bmc: 'ipmi://u:hunter2@1.2.3.4'}\nbmc: {user: 7}\n"
    )
    assert "hunter2" not in "".join(said)
    assert [fault for fault in said if "bmc.user must be text" in fault]
    said = faults("machines:\n  - {name: a, virtual: {}}\n  - {name: a}\n  - {bmc: 'ipmi://u:hunter2@1.2.3.4'}\n")
    assert [fault.partition(": ")[0] for fault in said] == ["c.yml:4", "c.yml:3"]
    assert "hunter2" not in "".join(said)
    assert "name a is given twice, also in c.yml:2" in said[1]


def test_the_shipped_files_are_sound() -> None:
    catalog, _ = load_catalog()
    for path in (data_dir() / "playbooks" / "clusters").glob("*.yml"):
        found = read_cluster(path)
        named: list[Any] = [one.name for one in found.machines]
        assert len(named) == len(set(named))
        text = path.read_text(encoding="utf-8")
        assert all(barclamp.name in text for barclamp in catalog if barclamp.name in ("nova", "swift")), path
