"""A machine's network, made and taken away in a network namespace of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.machine

# Runs as a program of its own, because a process cannot leave its network namespace for one test.
PROGRAM = """
import subprocess
from pathlib import Path
from crowbar.rack import network
from crowbar.rack.record import Names, Record

names = [Names("0000000a"), Names("0000000b")]
records = [Record("/i", "10.9.1.0/24", ("172.24.4.0/24",)), Record("/i", "10.9.2.0/24")]
network._BEFORE = Path(__import__("sys").argv[1]) / "before"

def out(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout

def host():
    return out("ip", "-br", "link"), out("ip", "route"), out("nft", "list", "ruleset"), forwarding()

def forwarding():
    return Path("/proc/sys/net/ipv4/ip_forward").read_text().strip()

network._FORWARDING.write_text("0")
out("nft", "add table inet fw; add chain inet fw forward { type filter hook forward priority 0; policy drop; }")
before = host()
for name, record in zip(names, records):
    network.up(name, record)
once = host()
network.up(names[0], records[0])
assert host()[:2] == once[:2], "a second time changes nothing"
assert out("nft", "list", "chain", "inet", "fw", "forward").count("accept") == 4
assert "172.24.4.0/24 via 10.9.1.10 dev cbr-0000000a" in once[1]
assert "masquerade" in once[2] and "maxseg" in once[2]
network.down(names[0])
assert forwarding() == "1", "the other one needs it"
network.down(names[1])
assert host() == before
network.down(names[1])
"""


def test_network_leaves_the_host_as_it_was(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("network")
    argv = ["unshare", "--net", sys.executable, "-c", PROGRAM, str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
