"""The script that makes Cinder's volume group: what it asks LVM and losetup for, played by stand-ins that record it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from crowbar.paths import data_dir

SCRIPT = data_dir() / "barclamps/cinder/roles/cinder_volume/files/crowbar-cinder-lvm"
_RECORD = '#!/bin/sh\necho "$(basename "$0") $*" >>"$CALLS"\n'
Run = Callable[..., list[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the script; what it called. ``attached`` is the loop device of the file, ``exists``: there is the group."""

    def run_script(*arguments: str, attached: str = "", exists: bool = False, refuses: bool = False) -> list[str]:
        calls, tools = tmp_path / "calls", tmp_path / "tools"
        calls.write_text("")
        tools.mkdir(exist_ok=True)
        losetup = f'case "$*" in *--find*) echo /dev/loop7;; *) echo {attached};; esac\n'
        ends = {"losetup": losetup, "vgs": f"exit {0 if exists else 5}\n", "vgcreate": f"exit {5 if refuses else 0}\n"}
        for tool in ("losetup", "vgs", "vgcreate", "vgchange"):
            (tools / tool).write_text(_RECORD + ends.get(tool, ""))
            (tools / tool).chmod(0o755)
        env = {"PATH": f"{tools}:{os.environ['PATH']}", "CALLS": str(calls)}
        subprocess.run([SCRIPT, *arguments], env=env, check=True, timeout=20)
        return calls.read_text().splitlines()

    return run_script


def test_a_new_group_on_devices(run: Run) -> None:
    assert run("devices", "fast", "/dev/sdb", "/dev/sdc") == [
        "vgs fast",
        "vgcreate fast /dev/sdb /dev/sdc",
        "vgchange --activate y fast",
    ]


def test_a_group_that_exists_is_only_activated(run: Run) -> None:
    assert run("devices", "fast", "/dev/sdb", exists=True) == ["vgs fast", "vgchange --activate y fast"]


def test_a_new_file_is_sparse_private_and_attached(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "volume.raw"
    assert "vgcreate cinder-volumes /dev/loop7" in run("file", "cinder-volumes", str(file), "3")
    state = file.stat()
    assert (state.st_size, state.st_blocks, state.st_mode & 0o777) == (3 << 30, 0, 0o600)


def test_after_a_restart_the_file_is_attached_again(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "volume.raw"
    file.write_text("what LVM wrote")
    calls = run("file", "cinder-volumes", str(file), "3", exists=True)
    assert f"losetup --find --show {file}" in calls
    assert file.read_text() == "what LVM wrote"


def test_a_file_that_is_attached_stays_so(run: Run, tmp_path: Path) -> None:
    calls = run("file", "cinder-volumes", str(tmp_path / "volume.raw"), "3", attached="/dev/loop2", exists=True)
    assert not any("--find" in call for call in calls)


def test_a_device_that_lvm_refuses_fails_the_unit(run: Run) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        run("devices", "fast", "/dev/sdb", refuses=True)
