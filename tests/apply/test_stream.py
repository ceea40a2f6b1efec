"""The stream from a node is read within limits, and nothing that it names is written to disk."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from crowbar.apply.model import Outcome
from crowbar.apply.stream import WORKER_ENDED, BoundedReader, process, transmit
from crowbar.apply.translate import Translator
from crowbar.paths import data_dir


def stream(*parts: dict[str, Any] | bytes) -> io.BytesIO:
    return io.BytesIO(
        b"".join(part if isinstance(part, bytes) else json.dumps(part).encode() + b"\n" for part in parts)
    )


def event(counter: int = 1, uuid: str = "u") -> dict[str, Any]:
    return {"event": "verbose", "counter": counter, "uuid": uuid, "stdout": "hello"}


def artifacts(name: str) -> tuple[dict[str, Any], bytes]:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, "owned")
    return {"zipfile": len(buffer.getvalue())}, base64.b64encode(buffer.getvalue())


def test_events_are_handed_on_and_artifacts_are_passed_over(tmp_path: Path) -> None:
    seen: list[Any] = []
    header, body = artifacts("../../escaped")
    source = stream(event(), header, body, event(2), {"status": "successful"}, {"eof": True})
    assert process(source, str(tmp_path / "scratch"), seen.append) == ("successful", "")
    assert [item["counter"] for item in seen] == [1, 2]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_event_named_like_a_path_is_not_written(tmp_path: Path) -> None:
    process(stream(event(uuid="/../../../evil"), {"eof": True}), str(tmp_path / "scratch"), lambda item: None)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_stream_that_ends_early_is_an_error_with_its_reason(tmp_path: Path) -> None:
    status, explanation = process(stream(event()), str(tmp_path), lambda item: None)
    assert (status, explanation) == ("error", WORKER_ENDED)


@pytest.mark.parametrize("line", [b"5\n", b"null\n", b'{"zipfile": "x"}\n', b"[" * 5000 + b"\n", b"\xff\xfe\n"])
def test_a_line_that_is_no_event_is_a_broken_stream_not_a_defect(tmp_path: Path, line: bytes) -> None:
    assert process(stream(line), str(tmp_path), lambda item: None)[0] == "error"


def test_artifacts_that_end_early_are_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="end early"):
        process(stream({"zipfile": 1000}, b"AAAA"), str(tmp_path), lambda item: None)


def test_a_line_without_end_is_refused_before_it_is_held_in_memory(tmp_path: Path) -> None:
    reader = BoundedReader(io.BytesIO(b"x" * 100), line_limit=10)
    with pytest.raises(OSError, match="over 10 bytes"):
        reader.readline()


def test_the_sum_is_limited_too() -> None:
    reader = BoundedReader(io.BytesIO(b"1234\n" * 10), total_limit=12)
    with pytest.raises(OSError, match="more than it may"):
        [reader.readline() for _ in range(3)]


RUNNER = Path(sys.executable).with_name("ansible-runner")
# Ansible's own Python: where a host has the same, modules run in Ansible's process.
OWN = RUNNER.with_name("ansible-playbook").read_text().partition("\n")[0].removeprefix("#!")


def worked(play: list[dict[str, Any]], tmp_path: Path, variables: Mapping[str, Any], options: str = "") -> bytes:
    """What ansible-runner's own worker answers to a bundle with this play and our collection."""
    host = {"ansible_connection": "local", "ansible_python_interpreter": OWN}
    collections = data_dir() / "playbooks" / "collections"
    buffer, output = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("project/play.yml", json.dumps(play))
        archive.writestr("inventory/hosts.json", json.dumps({"all": {"hosts": {"n1": host}}}))
        for path in collections.rglob("*.py"):
            archive.write(path, Path("project/collections") / path.relative_to(collections))
    transmit(output, buffer.getvalue(), variables, {"A": "battery", "ANSIBLE_NOCOLOR": "1"}, options)
    assert json.loads(output.getvalue().split(b"\n", 1)[0])["kwargs"]["extravars"] == variables
    worker = [str(RUNNER), "worker", "--private-data-dir", str(tmp_path / "job")]
    environment = {**os.environ, "PATH": f"{RUNNER.parent}:{os.environ['PATH']}"}
    return subprocess.run(worker, input=output.getvalue(), capture_output=True, check=False, env=environment).stdout


def test_ansible_runners_own_worker_takes_what_is_sent_and_runs_it(tmp_path: Path) -> None:
    """Variables travel in the first line, and not in the bundle."""
    task = {"ansible.builtin.debug": {"msg": "{{ word }} {{ A }}"}}
    play = {"hosts": "all", "gather_facts": False, "vars": {"A": "{{ lookup('env', 'A') }}"}, "tasks": [task]}
    answer = worked([play], tmp_path, {"word": "correct-horse"}, "--check")
    said: list[Any] = []
    assert process(io.BytesIO(answer), str(tmp_path / "scratch"), said.append) == ("successful", "")
    [result] = [one["event_data"]["res"] for one in said if one["event"] == "runner_on_ok"]
    assert result["msg"] == "correct-horse battery"


class Lines:
    """What a step printed before its task ended."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.ended = False

    def started(self, key: str) -> None: ...

    def finished(self, key: str, outcome: Outcome) -> None: ...

    def line(self, key: str, text: str) -> None:
        if not self.ended:
            self.said.append(text)

    def event(self, key: str, kind: str, text: str, data: Mapping[str, object] | None = None) -> None:
        self.ended = True


def test_what_a_module_waits_for_is_a_line_of_its_step(tmp_path: Path) -> None:
    check = {"checks": [{"name": "the thing", "command": ["false"]}], "timeout": 4}
    task = {"name": "Gate", "crowbar.node.check": check}
    play = {"name": "a/gate@n1", "hosts": "all", "gather_facts": False, "tasks": [task]}
    sink = Lines()
    process(io.BytesIO(worked([play], tmp_path, {})), str(tmp_path / "scratch"), Translator(["a/gate@n1"], sink))
    assert sink.said == ["TASK Gate", "waits for the thing: status 1."]
