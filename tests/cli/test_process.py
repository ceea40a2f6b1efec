"""What only a real process shows: signals, pipes, the time it takes to start, and what a killed one leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from crowbar.store.model import DeploymentStatus

from .conftest import BARCLAMPS, CLUSTER, Cli

# The command as it is installed, but with made-up barclamps, and nodes that take SECONDS for each step.
PROGRAM = f"""
import sys
from pathlib import Path
import crowbar.catalog.load as load
load.barclamp_dirs = lambda: [Path({str(BARCLAMPS)!r})]
if "deploy" in sys.argv:
    import crowbar.services.deploy as service
    from crowbar.apply.fake import FakeApplier
    ring = {{"maker/maker-ring@n1": {{"ring": b"cmluZw=="}}}}
    applier = FakeApplier(latency=float(sys.argv.pop(1)), publishing=ring)
    service.AnsibleApplier = lambda: applier
from crowbar_cli.main import main
main()
"""


class Crowbar:
    """Runs the command as a process, on the state of ``here``, which runs it in this process."""

    def __init__(self, here: Cli) -> None:
        self.here = here
        self.file = here.file(CLUSTER)
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self.environment = {**os.environ, "CROWBAR_STATE_DIR": str(here.state.root), "PYTHONPATH": path}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return subprocess.run(
            [sys.executable, "-c", PROGRAM, *words],
            env=self.environment,
            text=True,
            capture_output=True,
            check=False,
            timeout=60,
        )

    @contextmanager
    def deploying(self, seconds: float, *words: str) -> Iterator[subprocess.Popen[str]]:
        """A deployment under way: its first step runs."""
        with subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(seconds), "deploy", str(self.file), *words],
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            stream = process.stderr if "json" in words else process.stdout
            assert stream is not None
            for line in stream:
                if " running" in line:
                    break
            try:
                yield process
            finally:
                process.kill()


@pytest.fixture
def crowbar(cli: Cli) -> Crowbar:
    """The command with two nodes."""
    return Crowbar(cli)


def test_an_interrupt_stops_cleanly_and_the_same_command_goes_on(crowbar: Crowbar) -> None:
    with crowbar.deploying(30, "--output", "json") as process:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "stopping" in err
    assert "Traceback" not in err
    document = json.loads(out)
    assert document["deployment"]["status"] == "cancelled"
    assert {step["status"] for step in document["steps"]} == {"cancelled"}
    again = crowbar.here.json("deploy", crowbar.file)
    assert {step["status"] for step in again["steps"]} == {"succeeded"}


def test_a_termination_stops_as_cleanly(crowbar: Crowbar) -> None:
    with crowbar.deploying(30) as process:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "deployment 1 cancelled" in out
    assert "Next: crowbar deploy --resume" in err


def test_a_killed_deployment_leaves_its_rows_and_the_next_goes_on(crowbar: Crowbar) -> None:
    with crowbar.deploying(30) as process:
        process.kill()
        process.wait(timeout=10)
    assert "Deployment 1 was interrupted" in crowbar.here.ok("deploy", crowbar.file)
    with crowbar.here.context() as context:
        statuses = [one.status for one in context.store.deployments.list()]
    assert statuses == [DeploymentStatus.SUCCEEDED, DeploymentStatus.INTERRUPTED]


def test_while_a_deployment_runs_a_second_is_refused_and_its_logs_can_be_followed(crowbar: Crowbar) -> None:
    with crowbar.deploying(1) as process:
        second = crowbar.here("deploy", crowbar.file)
        assert second.exit_code == 2
        assert f"process {process.pid} holds" in second.stderr
        assert crowbar.here.json("status")["running_pid"] == process.pid
        assert "front/front-server@n2 succeeded" in crowbar.here.ok("logs", "--follow")
        process.communicate(timeout=20)
    assert process.returncode == 0


@pytest.mark.parametrize("words", [("--help",), ("status",)])
def test_a_reader_that_leaves_is_no_error(crowbar: Crowbar, words: tuple[str, ...]) -> None:
    theirs, ours = os.pipe()
    os.close(theirs)  # the reader has left before the first byte: whatever is written fails with EPIPE
    with os.fdopen(ours, "wb") as output:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *words],
            env=crowbar.environment,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=30,
        )
    assert (done.returncode, done.stderr) == (1, "")


def test_help_is_quick_and_imports_nothing_heavy(crowbar: Crowbar) -> None:
    began = time.monotonic()
    assert crowbar.run("--help").returncode == 0
    assert time.monotonic() - began < 5  # the aim is 0.4 s; this bound only holds on a busy machine too
    heavy = ("sqlalchemy", "ansible", "openstack", "paramiko", "rich", "jinja2", "yaml", "jsonschema", "pydantic")
    code = f"import sys; import crowbar_cli.main; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", code], env=crowbar.environment, text=True, capture_output=True, check=True
    )
    assert found.stdout.strip() == "[]"


def test_on_a_terminal_the_tree_is_drawn(crowbar: Crowbar) -> None:
    import pty

    ours, theirs = pty.openpty()
    environment = {**crowbar.environment, "TERM": "xterm", "COLUMNS": "100", "LINES": "40"}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "0.1", "deploy", str(crowbar.file)],
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        close_fds=True,
    )
    os.close(theirs)
    os.write(ours, b"l")
    shown = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # the terminal's other end is closed
            break
        if not chunk:
            break
        shown += chunk
    os.close(ours)
    assert process.wait(timeout=30) == 0
    text = shown.decode()
    assert "Deployment 1 succeeded" in text
    assert "maker" in text
    assert "Front: http://192.0.2.2/front" in text


def test_completion_knows_the_commands(crowbar: Crowbar) -> None:
    crowbar.environment |= {"_CROWBAR_COMPLETE": "bash_complete", "COMP_WORDS": "crowbar de", "COMP_CWORD": "1"}
    assert set(crowbar.run().stdout.split()) == {"plain,deploy", "plain,deployments", "plain,destroy"}
