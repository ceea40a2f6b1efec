"""The stream from a node is read within limits, and nothing that it names is written to disk."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from crowbar.apply.stream import WORKER_ENDED, BoundedReader, process, transmit


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


def test_variables_travel_in_the_first_line_and_not_in_the_bundle(tmp_path: Path) -> None:
    (tmp_path / "play.yml").write_text("[]")
    output = io.BytesIO()
    transmit(output, str(tmp_path), {"crowbar_steps": [{"secrets": {"x": "correct-horse"}}]}, {"A": "b"})
    first, header, *_ = output.getvalue().split(b"\n", 2)
    kwargs = json.loads(first)["kwargs"]
    assert kwargs["extravars"] == {"crowbar_steps": [{"secrets": {"x": "correct-horse"}}]}
    assert kwargs["envvars"] == {"A": "b"}
    assert "zipfile" in json.loads(header)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["play.yml"]
