"""The module that writes files, on real ones."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.crowbar.node.plugins.module_utils import atomic, render

from .conftest import Run


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_all_kinds_at_once_and_nothing_the_second_time(tmp_path: Path, run_module: Run) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "file").touch()
    files = [
        {"dest": str(tmp_path / "a" / "b.conf"), "b64": b64("one\n"), "mode": "0640"},
        {"dest": str(tmp_path / "keys"), "state": "directory", "mode": "0700"},
        {"dest": str(tmp_path / "link"), "link": "a/b.conf"},
        {"dest": str(tmp_path / "old"), "state": "absent"},
    ]
    first = run_module("files", {"files": files})
    assert first["changed"]
    assert first["paths"] == [entry["dest"] for entry in files]
    assert (tmp_path / "link").read_text() == "one\n"
    assert stat.S_IMODE((tmp_path / "a" / "b.conf").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert not (tmp_path / "old").exists()
    second = run_module("files", {"files": files})
    assert (second["changed"], second["paths"]) == (False, [])


@pytest.mark.parametrize("change", ["content", "mode", "kind"])
def test_what_differs_is_mended(tmp_path: Path, run_module: Run, change: str) -> None:
    path = tmp_path / "file"
    path.write_text("right")
    path.chmod(0o600)
    match change:
        case "content":
            path.write_text("wrong")
        case "mode":
            path.chmod(0o666)
        case "kind":
            path.rename(tmp_path / "elsewhere")
            path.symlink_to("elsewhere")
    answer = run_module("files", {"files": [{"dest": str(path), "b64": b64("right"), "mode": "0600"}]})
    assert answer["changed"]
    assert (path.read_text(), path.is_symlink(), stat.S_IMODE(path.stat().st_mode)) == ("right", False, 0o600)


def test_check_mode_only_looks(tmp_path: Path, run_module: Run) -> None:
    files = [
        {"dest": str(tmp_path / "file"), "b64": b64("x")},
        {"dest": str(tmp_path / "folder"), "state": "directory"},
        {"dest": str(tmp_path / "link"), "link": "file"},
    ]
    answer = run_module("files", {"files": files}, check_mode=True)
    assert answer["paths"] == [entry["dest"] for entry in files]
    assert list(tmp_path.iterdir()) == []


def test_a_diff_says_what_becomes_of_each_path(tmp_path: Path, run_module: Run) -> None:
    conf, mode, gone = tmp_path / "conf", tmp_path / "mode", tmp_path / "gone"
    conf.write_text("one\ntwo")
    for path in (mode, gone):
        path.write_text("x\n")
        path.chmod(0o600)
    large = base64.b64encode(b"\0" * 10).decode()
    files = [
        {"dest": str(conf), "b64": b64("one\n2\n")},
        {"dest": str(mode), "b64": b64("x\n"), "mode": "0644"},
        {"dest": str(gone), "state": "absent"},
        {"dest": str(tmp_path / "new"), "b64": b64("".join(f"{n}\n" for n in range(1000)))},
        {"dest": str(tmp_path / "folder"), "state": "directory"},
        {"dest": str(tmp_path / "link"), "link": "conf"},
        {"dest": str(tmp_path / "binary"), "b64": large},
    ]
    answer = run_module("files", {"files": files}, check_mode=True, diff=True)
    changed, owned, removed, new, *others = [one["prepared"] for one in answer["diff"]]
    name = str(conf).lstrip("/")
    assert changed.splitlines() == [
        *(f"--- a/{name}", f"+++ b/{name}", "@@ -1,2 +1,2 @@"),
        *(" one", "-two", "\\ No newline at end of file", "+2"),
    ]
    assert owned == f"{mode}: owner or mode (0600 now)\n"
    assert removed.endswith("@@ -1 +0,0 @@\n-x\n")
    assert new.startswith("--- /dev/null\n") and new.endswith("(603 more lines)\n")
    assert others == [
        *(f"{tmp_path}/folder: new directory\n", f"{tmp_path}/link: link to conf\n"),
        f"{tmp_path}/binary: 0 bytes become 10\n",
    ]
    assert {path.name for path in tmp_path.iterdir()} == {"conf", "mode", "gone"}
    assert "diff" not in run_module("files", {"files": files[:1]}, check_mode=True)
    assert "diff" not in run_module("files", {"files": files[:1]}, diff=True), "it would be in a deployment's log"


def test_contents_are_not_in_the_answer(tmp_path: Path, run_module: Run) -> None:
    secret = b64("password = hunter2")
    for dest in (tmp_path / "file", tmp_path / "file" / "below"):
        answer = run_module("files", {"files": [{"dest": str(dest), "b64": secret}]})
        assert secret not in str(answer)
        assert answer["invocation"] == {}


def test_an_unknown_owner_is_named_with_its_file(tmp_path: Path, run_module: Run) -> None:
    answer = run_module("files", {"files": [{"dest": str(tmp_path / "x"), "b64": "", "owner": "nobody-here"}]})
    assert answer["failed"]
    assert str(tmp_path / "x") in answer["msg"]
    assert "nobody-here" in answer["msg"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        atomic.write(path, b"new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "old"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("text", "must be a mapping"),
        ({"dest": "/x"}, "exactly one of"),
        ({"dest": "/x", "src": "a", "content": "b"}, "exactly one of"),
        ({"dest": "x", "src": "a"}, "absolute"),
        ({"dest": "/x", "src": "a", "modus": "0644"}, "unknown key 'modus'"),
        ({"dest": "/x", "state": "file"}, "directory or absent"),
        ({"dest": "/x", "copy": "a", "extra": {"DEFAULT": {"a": 1}}}, "extra goes with"),
    ],
)
def test_a_wrong_entry_is_told_with_its_place(entry: Any, words: str) -> None:
    (fault,) = render.faults(3, entry)
    assert fault.startswith("files[3]")
    assert words in fault


def test_ownership_is_the_entry_s_own_before_the_default() -> None:
    defaults = {"owner": "root", "mode": "0640"}
    assert render.ownership({"mode": "0600"}, defaults) == {"owner": "root", "mode": "0600"}
