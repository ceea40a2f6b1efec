"""One deployment at a time: between processes, and whatever becomes of the one that holds the lock."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crowbar.errors import EnvironmentFault
from crowbar.paths import StateDir
from crowbar.services.lock import deployment_lock, running_pid

HOLDER = """
import sys, time
from pathlib import Path
from crowbar.paths import StateDir
from crowbar.services.lock import deployment_lock
with deployment_lock(StateDir(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_it_is_refused_naming_the_holder_and_free_when_that_is_killed(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(EnvironmentFault, match=f"process {holder.pid} holds"), deployment_lock(state):
            pytest.fail("held twice")
        assert running_pid(state) == holder.pid
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert running_pid(state) is None
    with deployment_lock(state):
        assert running_pid(state) == os.getpid()
    assert running_pid(state) is None


def test_its_holder_may_take_it_again_further_in(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    with deployment_lock(state):
        with deployment_lock(state):
            pass
        assert running_pid(state) == os.getpid()


def test_a_process_that_its_holder_started_does_not_keep_it(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    with deployment_lock(state):
        child = subprocess.Popen(["sleep", "30"])
    try:
        assert running_pid(state) is None
    finally:
        child.kill()
        child.wait()
