"""The small parts of a machine: names, records, keys, name servers, argument vectors, processes."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from crowbar.apply.keys import KeyPair
from crowbar.errors import EnvironmentFault, NodeError
from crowbar.rack import host, launch, processes
from crowbar.rack.container import ContainerMachine, Status
from crowbar.rack.record import Names, Record
from crowbar.rack.ssh import Access

RECORD = Record("/images/a/root", "10.1.2.0/24", ("172.24.4.0/24",), ("/dev/kvm",))


def test_names_fit_the_kernels_limits_and_differ_by_folder(tmp_path: Path) -> None:
    one, two = Names.of(tmp_path / "one"), Names.of(tmp_path / "two")
    assert one != two
    assert len(one.bridge) <= 15
    assert len(f"vb-{one.machine}") <= 15


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    RECORD.write(tmp_path / "machine.json")
    assert Record.read(tmp_path / "machine.json") == RECORD
    assert (str(RECORD.gateway), str(RECORD.address)) == ("10.1.2.1", "10.1.2.10")


def test_keys_are_what_openssh_reads_and_nobody_else(tmp_path: Path) -> None:
    pair = KeyPair.make()
    pair.write(tmp_path / "key")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    argv = ["ssh-keygen", "-y", "-f", str(tmp_path / "key")]
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip() == pair.public
    assert pair.public != KeyPair.make().public


def test_nspawn_gets_the_devices_and_its_own_name(tmp_path: Path) -> None:
    argv = launch.nspawn(Names("0badcafe"), RECORD, tmp_path / "node1" / "root")
    assert {"--machine=cb-0badcafe", "--hostname=node1", "--bind=/dev/kvm", "--bind=/dev/net/tun"} <= set(argv)


def test_a_process_that_is_no_machine_is_not_taken_for_one() -> None:
    with subprocess.Popen(["sleep", "60", "--", "--machine=cb-0badcafe"]) as process:
        assert processes.find("cb-0badcafe") is None
        process.kill()
    assert processes.usage("cb-0badcafe") == processes.Usage(0, 0)


def test_a_command_that_fails_is_shown_as_one_to_paste() -> None:
    with pytest.raises(EnvironmentFault, match="`sh -c 'echo no >&2; exit 3'` failed: no"):
        host.run("sh", "-c", "echo no >&2; exit 3")


def test_a_host_that_lacks_programs_or_root_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(EnvironmentFault, match="package-x"):
        host.check({"nonesuch": "package-x"})
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(EnvironmentFault, match="needs root"):
        host.check()


def test_a_machine_that_is_not_there(tmp_path: Path) -> None:
    assert ContainerMachine(tmp_path / "node1").status() is Status.ABSENT
    (tmp_path / "node1").mkdir()
    assert ContainerMachine(tmp_path / "node1").status() is Status.INCOMPLETE
    with pytest.raises(EnvironmentFault, match="no machine"):
        ContainerMachine.load(tmp_path / "node1")


def test_waiting_for_ssh_ends_when_the_machine_has(tmp_path: Path) -> None:
    access = Access("127.0.0.1", tmp_path / "key", tmp_path / "known", port=1)
    with pytest.raises(NodeError, match="stopped while it started"):
        access.wait(lambda: False, timeout=5)
    with pytest.raises(NodeError, match="within 0 s"):
        access.wait(lambda: True, timeout=0)


def test_ssh_trusts_the_pinned_key_alone(tmp_path: Path) -> None:
    access = Access("192.0.2.1", tmp_path / "key", tmp_path / "known")
    access.pin("ssh-ed25519 AAAA")
    assert (tmp_path / "known").read_text() == "192.0.2.1 ssh-ed25519 AAAA\n"
    argv = access.argv(["echo", "a b"])
    assert "StrictHostKeyChecking=yes" in argv
    assert argv[-2:] == ["root@192.0.2.1", "echo 'a b'"]
