"""Real container machines: made, cut off, stopped, found again by another process, and gone without a trace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from crowbar.errors import EnvironmentFault, NodeError
from crowbar.rack import ContainerMachine, Status
from crowbar.rack import container as container_module
from crowbar.rack.record import Names
from crowbar.rack.subnet import choosing

pytestmark = pytest.mark.machine
ROUTE = "198.18.77.0/24"  # of the range for benchmarks: nobody's provider network


def _traces(folder: Path) -> list[str]:
    """What there is on the host of the machine in ``folder``; other machines may come and go meanwhile."""
    commands = (["ip", "-br", "link"], ["ip", "route"], ["nft", "list", "ruleset"])
    printed = [subprocess.run(argv, capture_output=True, text=True, check=True).stdout for argv in commands]
    lines = [line for text in (*printed, Path("/proc/mounts").read_text()) for line in text.splitlines()]
    lines += map(str, [*Path("/sys/fs/cgroup").glob("**/crowbar-*"), *Path("/run/systemd/nspawn").glob("*/*")])
    return [line for line in lines if Names.of(folder).tag in line or str(folder) in line]


@pytest.fixture(scope="module")
def machine(small_image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainerMachine]:
    folder = tmp_path_factory.mktemp("machines") / "node7"
    machine = ContainerMachine.create(folder, small_image, routes=[ROUTE])
    try:
        machine.start()
        assert len(_traces(folder)) > len(("bridge", "cable", "two routes", "table", "mount"))
        yield machine
    finally:
        machine.destroy()
    assert _traces(folder) == []
    assert not folder.exists()
    assert machine.status() is Status.ABSENT


def test_it_is_reached_by_its_own_key_as_a_node(machine: ContainerMachine) -> None:
    node = machine.node()
    assert set(node.addresses.values()) == {node.address}
    assert machine.access.run(["hostname", "--fqdn"]).strip() == "node7.crowbar.internal"
    assert machine.shell(["test", "-c", "/dev/net/tun"]) == 0
    assert machine.shell(["false"]) == 1
    presented = machine.access.run(["cat", "/etc/ssh/ssh_host_ed25519_key.pub"])
    assert presented.startswith(node.host_key)


def test_nothing_failed_and_nothing_of_the_packages_runs(machine: ContainerMachine) -> None:
    units = machine.access.run(["systemctl", "list-units", "--plain", "--no-legend", "--state=failed"])
    assert units == ""
    with pytest.raises(NodeError):
        machine.access.run(["systemctl", "is-active", "memcached"])


def test_the_host_reaches_the_clouds_network_through_it(machine: ContainerMachine) -> None:
    route = subprocess.run(["ip", "route", "get", "198.18.77.9"], capture_output=True, text=True, check=True).stdout
    assert f"via {machine.record.address} dev {machine.names.bridge}" in route


def test_what_it_uses_is_known(machine: ContainerMachine) -> None:
    assert 0.05 < machine.cpu_seconds() < 600
    assert 5 < machine.memory_mib() < 2000


def test_power_cut_and_power_on_keep_the_disk(machine: ContainerMachine) -> None:
    machine.access.run(["sh", "-c", "echo kept >/root/file; sync"])
    machine.kill()
    assert machine.status() is Status.STOPPED
    assert machine.cpu_seconds() == 0
    machine.start()
    assert machine.access.run(["cat", "/root/file"]) == "kept\n"


def test_another_process_finds_it(machine: ContainerMachine) -> None:
    found = ContainerMachine.load(machine.folder)
    found.stop()
    assert machine.status() is Status.STOPPED
    found.start()
    found.start()  # and a second time is no harm
    assert machine.status() is Status.RUNNING


def test_it_is_not_made_twice(machine: ContainerMachine, small_image: Path) -> None:
    with pytest.raises(EnvironmentFault, match="already"):
        ContainerMachine.create(machine.folder, small_image)
    with pytest.raises(EnvironmentFault, match=f"{ROUTE} .with {ROUTE}"):
        ContainerMachine.create(machine.folder.with_name("other"), small_image, routes=[ROUTE])
    assert not machine.folder.with_name("other").exists()


def test_two_that_are_made_before_either_is_started_have_networks_of_their_own(
    small_image: Path, tmp_path: Path
) -> None:
    """Two commands of one host make their machines while neither has begun to use its subnet."""
    folders = [tmp_path / "machines" / name for name in ("node5", "node6")]
    try:
        made = [ContainerMachine.create(folder, small_image) for folder in folders]
        assert made[0].record.subnet != made[1].record.subnet
        assert [machine.status() for machine in made] == [Status.STOPPED, Status.STOPPED]
    finally:
        for folder in folders:
            ContainerMachine(folder).destroy()
    assert [_traces(folder) for folder in folders] == [[], []]


def test_while_another_command_chooses_its_subnet_none_is_made(small_image: Path, tmp_path: Path) -> None:
    folder = tmp_path / "machines" / "node4"
    try:
        with ThreadPoolExecutor(1) as pool:
            with choosing():
                making = pool.submit(ContainerMachine.create, folder, small_image)
                time.sleep(1)
                assert not folder.exists()
            assert making.result(60).status() is Status.STOPPED
    finally:
        ContainerMachine(folder).destroy()


def test_a_machine_that_cannot_boot_says_what_its_console_said(
    small_image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = ContainerMachine.create(tmp_path / "machines" / "node8", small_image)
    init = tmp_path / "machines" / "node8" / "root" / "usr" / "lib" / "systemd" / "systemd"
    init.unlink()
    init.write_text("#!/bin/sh\necho no boot today\nexit 1\n")
    init.chmod(0o755)
    monkeypatch.setattr(container_module, "BOOT_TIMEOUT", 5)
    try:
        with pytest.raises(NodeError, match="no boot today"):
            machine.start()
    finally:
        machine.destroy()


@pytest.mark.parametrize("part", ["up", "write", "mount", "prepare", "launch"])
def test_a_machine_whose_making_was_killed_is_taken_away_whole(part: str, small_image: Path, tmp_path: Path) -> None:
    folder = tmp_path / "machines" / "node9"
    program = f"""
import os, signal
from pathlib import Path
from crowbar.apply import keys
from crowbar.rack import ContainerMachine, disk, launch, network
owner = {{"up": network, "write": keys.KeyPair, "mount": disk, "prepare": disk, "launch": launch}}[{part!r}]
real = getattr(owner, {part!r})
def killed(*arguments):
    real(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(owner, {part!r}, killed)
ContainerMachine.create(Path({str(folder)!r}), Path({str(small_image)!r})).start()
"""
    try:
        done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, env=os.environ.copy())
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        assert folder.exists()
    finally:
        ContainerMachine(folder).destroy()
    assert not folder.exists()
    assert _traces(folder) == []
