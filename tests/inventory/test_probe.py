"""The probe, run for real on this host: it says what is true, and leaves nothing."""

from __future__ import annotations

import ast
import json
import os
import platform
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crowbar_inventory import probe
from crowbar_inventory.facts import Capability, parse, probe_source


def test_what_it_prints_are_facts_of_this_host() -> None:
    # On a host whose KVM boots no guest the probe would wait, with a busy core, until it gives up.
    hasty = re.sub(rb"^KVM_SECONDS = 3\.0$", b"KVM_SECONDS = 0.3", probe_source(), count=1, flags=re.MULTILINE)
    assert hasty != probe_source()
    with socket.create_server(("127.0.0.1", 0)) as server:
        run = subprocess.run([sys.executable, "-I", "-"], input=hasty, stdout=subprocess.PIPE, check=True)
        facts = parse(run.stdout.decode())
        assert server.getsockname()[1] in facts.listening
    assert facts.hostname == socket.gethostname()
    assert facts.kernel == os.uname().release
    assert facts.cpus == len(os.sched_getaffinity(0))
    assert facts.systemd == Path("/run/systemd/system").is_dir()
    assert facts.memory_mib > 0
    assert list(Path("/sys/class/net").glob("crowbar-*")) == []


def test_each_capability_has_its_check() -> None:
    assert [check.__name__ for check in probe.CAPABILITIES] == list(Capability)


def test_it_needs_nothing_but_the_standard_library() -> None:
    imports = [node for node in ast.walk(ast.parse(probe_source())) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in imports if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names | {"__future__"}


needs_kvm = pytest.mark.skipif(not os.access("/dev/kvm", os.R_OK | os.W_OK), reason="no /dev/kvm for this user")


def test_the_same_facts_are_found_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "KVM_SECONDS", 0.1)
    facts = parse(json.dumps(probe.facts()))
    assert facts.architecture == platform.machine()
    if os.access("/dev/net/tun", os.R_OK | os.W_OK) and os.geteuid() == 0:
        assert facts.can(Capability.TUN)
    if not Path("/dev/mapper/control").exists():
        assert not facts.can(Capability.DEVICE_MAPPER)
    if "nfs4" in Path("/proc/filesystems").read_text().split() and os.geteuid() == 0:
        assert facts.can(Capability.NFS_CLIENT)


@needs_kvm
def test_the_guest_counts_and_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "_KVM_ROUNDS", 1000)  # few enough for a KVM that interprets
    assert probe._run_guest()
    assert probe.kvm()


@needs_kvm
def test_a_guest_that_does_not_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "_KVM_ROUNDS", 0)  # counts down from 0: through all 2**32
    monkeypatch.setattr(probe, "KVM_SECONDS", 0.3)
    fork, children = os.fork, []

    def remembering_fork() -> int:
        child = fork()
        children.append(child)
        return child

    monkeypatch.setattr(os, "fork", remembering_fork)
    began = time.monotonic()
    assert not probe.kvm()
    assert time.monotonic() - began < 5
    [child] = children
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_a_guest_that_cannot_be_made_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> bool:
        raise PermissionError

    monkeypatch.setattr(probe, "_run_guest", refuse)
    assert not probe.kvm()
    assert not probe.able(refuse)


def test_another_architecture_has_no_kvm_for_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert not probe.kvm()


def test_netlink_families_are_told_apart() -> None:
    assert probe._netlink_family(b"nlctrl")
    assert not probe._netlink_family(b"no_such_family")


def test_an_unknown_system_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> dict[str, str]:
        raise OSError

    monkeypatch.setattr(platform, "freedesktop_os_release", missing)
    monkeypatch.setenv("PATH", "/nonexistent")
    assert probe.distribution() == {"id": "", "version": "", "codename": ""}
    assert probe.virtualization() == "unknown"
