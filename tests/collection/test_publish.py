"""What a node hands over."""

from __future__ import annotations

import base64
from pathlib import Path

from .conftest import Run


def test_texts_and_files_are_handed_over_as_base64(tmp_path: Path, run_module: Run) -> None:
    ring = tmp_path / "ring.gz"
    ring.write_bytes(b"\x1f\x8b\0")
    answer = run_module("publish", {"facts": {"ring": {"path": str(ring)}, "word": "text"}})
    published = {name: base64.b64decode(value) for name, value in answer["crowbar_published"].items()}
    assert published == {"ring": b"\x1f\x8b\0", "word": b"text"}
    assert answer["changed"] is False
    assert answer["invocation"] == {}


def test_a_file_that_is_not_there_is_named_with_its_fact(run_module: Run) -> None:
    answer = run_module("publish", {"facts": {"ring": {"path": "/nonexistent"}}})
    assert answer["failed"]
    assert "fact ring" in answer["msg"]
    assert "/nonexistent" in answer["msg"]
