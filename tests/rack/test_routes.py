"""The host's routes through a machine: set and taken back in a network namespace of its own."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from crowbar.errors import EnvironmentFault
from crowbar.rack import subnet
from crowbar.rack.container import ContainerMachine
from crowbar.rack.record import Record

NAMESPACE = ["unshare", "--map-root-user", "--net"]
# Runs as a program of its own, because a process cannot leave its network namespace for one test.
PROGRAM = """
import subprocess
from crowbar.rack import routes
from crowbar.rack.record import Record

def ip(words):
    return subprocess.run(["ip", *words.split()], capture_output=True, text=True, check=True).stdout

ip("link add cbr-a type bridge")
ip("address add 10.9.1.1/24 dev cbr-a")
ip("link set cbr-a up")
ip("route add 203.0.113.0/24 via 10.9.1.77 dev cbr-a")
for networks in (["198.51.100.0/24"], ["198.51.100.0/24", "192.0.2.7/32"], ["198.51.0.0/16"], [], []):
    routes.settle("cbr-a", Record("/i", "10.9.1.0/24", tuple(networks)))
    print(",".join(sorted(line.split()[0] for line in ip("route").splitlines() if "via 10.9.1.10 " in line)))
assert "203.0.113.0/24 via 10.9.1.77" in ip("route"), "what somebody else set stays"
"""


def test_routes_come_and_go_with_the_record() -> None:
    if subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs network namespaces")
    done = subprocess.run([*NAMESPACE, sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["198.51.100.0/24", "192.0.2.7,198.51.100.0/24", "198.51.0.0/16", "", ""]


def test_a_machine_s_routes_are_changed_unless_the_host_has_them_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = ContainerMachine(tmp_path)
    record = Record("/i", "10.9.1.0/24", ("198.51.100.0/24",), ("/dev/kvm",))
    record.write(tmp_path / "machine.json")
    left_out: list[str] = []

    def host_networks(*, but: str) -> list[IPv4Network]:
        left_out.append(but)
        return [IPv4Network("203.0.113.0/24")]

    monkeypatch.setattr(subnet, "host_networks", host_networks)
    assert not machine.reroute(["198.51.100.0/24"])
    assert machine.reroute(["198.51.0.0/16"])
    assert left_out == [machine.names.bridge]
    assert machine.record == replace(record, routes=("198.51.0.0/16",))
    with pytest.raises(EnvironmentFault, match=r"203\.0\.113\.128/25 .*, 10\.9\.0\.0/16|10\.9\.0\.0/16 .*203"):
        machine.reroute(["203.0.113.128/25", "10.9.0.0/16"])
    assert machine.record.routes == ("198.51.0.0/16",)
