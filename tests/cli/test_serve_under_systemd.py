"""`crowbar serve` as operators run it: by the unit that it prints, on a host that systemd runs."""

from __future__ import annotations

import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crowbar.paths import StateDir
from crowbar.provision.discovery import build_discovery
from crowbar.services.context import open_context
from crowbar.store.machine_model import Network
from tests.built import SHARED
from tests.provision.admin_host import AdminHost, admin_host
from tests.provision.dnsmasq.lan import DhcpClient, Lan, inside, lan

pytestmark = [pytest.mark.machine, pytest.mark.timeout(900)]
CROWBAR = str(Path(sys.executable).with_name("crowbar"))
STATE = "/var/lib/crowbar"
UNIT = "crowbar-serve.service"
URL = "http://10.99.7.1:8091/boot.ipxe?mac=52:54:00:00:00:01"


@pytest.fixture(scope="module")
def cable() -> Iterator[Lan]:
    with lan("serve") as made:
        yield made


@pytest.fixture(scope="module")
def host(cable: Lan, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdminHost]:
    """With the unit in its place and an admin network; its discovery system is built already."""
    built = build_discovery(SHARED.discovery, print)
    with admin_host(tmp_path_factory.mktemp("admin") / "host", cable.server) as booted:
        state = StateDir(booted.root / STATE.removeprefix("/"))
        shutil.rmtree(state.root, ignore_errors=True)  # this host's own, as it is below
        for name in (built.digest, *(path.name for path in SHARED.discovery.glob("base-*"))):
            shutil.copytree(SHARED.discovery / name, state.discovery / name, symlinks=True)
        with open_context(state) as context:
            context.store.networks.save(
                Network("admin", "10.99.7.0/24", ranges={"dynamic": ("10.99.7.100", "10.99.7.150")})
            )
        unit = booted.run(CROWBAR, "--state-dir", STATE, "serve", "--print-unit")
        (booted.root / f"etc/systemd/system/{UNIT}").write_text(unit, encoding="utf-8")
        booted.run("systemctl", "enable", "--now", UNIT, seconds=600)
        yield booted


def journal(host: AdminHost) -> str:
    return host.run("journalctl", "--no-pager", "-u", UNIT)


def until(host: AdminHost, reached: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, journal(host)
        time.sleep(0.2)


def answers(cable: Lan) -> bool:
    """Whether a machine on the cable would get a boot script."""
    with inside(cable.server):
        try:
            with urllib.request.urlopen(URL, timeout=5) as response:
                return int(response.status) == 200
        except OSError:
            return False


def shown(host: AdminHost) -> dict[str, str]:
    """What systemd says of the unit."""
    return dict(line.split("=", 1) for line in host.run("systemctl", "show", UNIT).splitlines())


def test_the_unit_serves_dhcp_and_boot_scripts(host: AdminHost, cable: Lan) -> None:
    until(host, lambda: answers(cable))
    with DhcpClient(cable, "52:54:00:00:00:01") as client:
        assert client.boot().address.startswith("10.99.7.")
    state = shown(host)
    assert (state["ActiveState"], state["NRestarts"]) == ("active", "0")


def test_killed_it_is_started_again_and_serves(host: AdminHost, cable: Lan) -> None:
    before = shown(host)["MainPID"]
    host.run("systemctl", "kill", "--kill-whom=main", "--signal=SIGKILL", UNIT)
    until(host, lambda: shown(host)["MainPID"] not in (before, "0"))
    until(host, lambda: answers(cable))
    with DhcpClient(cable, "52:54:00:00:00:02") as client:
        assert client.boot().address.startswith("10.99.7.")


def test_stopped_it_ends_in_order_and_leaves_nothing(host: AdminHost, cable: Lan) -> None:
    begun = time.monotonic()
    host.run("systemctl", "stop", UNIT)
    assert time.monotonic() - begun < 20  # it is not killed for being late
    state = shown(host)
    assert (state["ActiveState"], state["Result"]) == ("inactive", "success")
    assert host.tried("pgrep", "--full", f"conf-file={STATE}").returncode == 1
    assert not answers(cable)
    said = journal(host)
    assert "Traceback" not in said
    assert "not permitted" not in said
    assert "Read-only file system" not in said
