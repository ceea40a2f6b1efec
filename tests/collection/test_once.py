"""Commands that need to succeed once, really run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.crowbar.node.plugins.module_utils import digests

from .conftest import Run


def counting(log: Path, **more: Any) -> dict[str, Any]:
    return {"name": "count", "argv": ["sh", "-c", f"echo ran >>{log}"], "user": "root", **more}


def test_it_runs_until_it_succeeded_and_again_when_an_input_changes(
    tmp_path: Path, stamps: Path, run_module: Run
) -> None:
    log, config = tmp_path / "log", tmp_path / "config"
    config.write_text("1")
    command = counting(log, inputs=[str(config), "word"])
    assert run_module("once", {"commands": [command]})["ran"] == ["count"]
    assert not run_module("once", {"commands": [command]})["changed"]
    config.write_text("2")
    assert run_module("once", {"commands": [command]})["changed"]
    assert run_module("once", {"commands": [{**command, "inputs": [str(config), "other"]}]})["changed"]
    assert log.read_text() == "ran\n" * 3


def test_a_failure_is_told_and_tried_again(tmp_path: Path, stamps: Path, run_module: Run) -> None:
    command = {"name": "fragile", "argv": ["sh", "-c", "echo the reason; exit 3"], "stdin": "hunter2"}
    for _ in range(2):
        answer = run_module("once", {"commands": [counting(tmp_path / "log"), command]})
        assert answer["failed"]
        assert answer["msg"] == "fragile: sh ended with status 3\nthe reason"
    assert (tmp_path / "log").read_text() == "ran\n"


def test_the_books_tell_what_began_and_did_not_succeed(tmp_path: Path, stamps: Path, run_module: Run) -> None:
    books = digests.Stamps(stamps)
    command = {"name": "m", "argv": ["test", "-e", str(tmp_path / "ready")]}
    assert not books.begun("m")
    assert run_module("once", {"commands": [command]})["failed"]
    assert books.begun("m")
    (tmp_path / "ready").touch()
    assert run_module("once", {"commands": [command]})["changed"]
    assert not books.begun("m")


def test_it_runs_when_what_it_creates_is_gone(tmp_path: Path, stamps: Path, run_module: Run) -> None:
    made = tmp_path / "made"
    command = {"name": "make", "argv": ["touch", str(made)], "creates": str(made)}
    assert run_module("once", {"commands": [command]})["changed"]
    assert not run_module("once", {"commands": [command]})["changed"]
    made.unlink()
    assert run_module("once", {"commands": [command]})["changed"]


def test_what_is_there_but_was_not_made_by_a_whole_run_is_made_again(
    tmp_path: Path, stamps: Path, run_module: Run
) -> None:
    made = tmp_path / "made"
    made.touch()
    assert run_module("once", {"commands": [{"name": "m", "argv": ["true"], "creates": str(made)}]})["changed"]


def test_stdin_and_environment_reach_the_command_and_not_the_answer(
    tmp_path: Path, stamps: Path, run_module: Run
) -> None:
    script = f"cat >{tmp_path}/in; echo $WORD >{tmp_path}/env"
    command = {"name": "x", "argv": ["sh", "-c", script], "stdin": "hunter2", "env": {"WORD": "other-secret"}}
    answer = run_module("once", {"commands": [command]})
    assert (tmp_path / "in").read_text() == "hunter2"
    assert (tmp_path / "env").read_text() == "other-secret\n"
    assert "hunter2" not in str(answer)
    assert "other-secret" not in str(answer)


def test_check_mode_runs_nothing(tmp_path: Path, stamps: Path, run_module: Run) -> None:
    answer = run_module("once", {"commands": [counting(tmp_path / "log")]}, check_mode=True)
    assert answer["ran"] == ["count"]
    assert not (tmp_path / "log").exists()
    assert not stamps.exists()


def test_check_mode_says_whose_change_would_have_it_run(tmp_path: Path, stamps: Path, run_module: Run) -> None:
    (tmp_path / "input").touch()
    command = {**counting(tmp_path / "log"), "inputs": [str(tmp_path / "input"), "secret"]}
    run_module("once", {"commands": [command]})
    answer = run_module("once", {"commands": [command]}, check_mode=True)
    assert (answer["ran"], answer["watched"]) == ([], {"count": [str(tmp_path / "input")]})


def test_a_program_that_is_not_there_is_named(stamps: Path, run_module: Run) -> None:
    answer = run_module("once", {"commands": [{"name": "x", "argv": ["/nonexistent/program"]}]})
    assert "/nonexistent/program: No such file" in answer["msg"]


def test_digests_tell_files_from_words_and_where_one_ends() -> None:
    assert digests.of_inputs(["a", "b"], []) != digests.of_inputs(["ab"], [])
    assert digests.of_inputs(["a"], ["b"]) != digests.of_inputs(["a", "b"], [])
    assert digests.of_inputs([], ["/nonexistent"]) != digests.of_inputs([], ["/nonexistent2"])


def test_a_digest_follows_globs(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.conf").write_text("1")
    before = digests.of_files([f"{tmp_path}/**/*.conf"])
    (tmp_path / "b.conf").write_text("2")
    after = digests.of_files([f"{tmp_path}/**/*.conf"])
    assert before != after
    assert after == digests.of_files([f"{tmp_path}/b.conf", f"{tmp_path}/**/*.conf"])
    assert len(digests.matching([f"{tmp_path}/**/*.conf", f"{tmp_path}/*"])) == 2


def test_a_command_that_runs_is_told(tmp_path: Path, stamps: Path, run_module: Run, heard: list[str]) -> None:
    command = counting(tmp_path / "log", stdin="hunter2")
    for _ in range(2):
        run_module("once", {"commands": [command]})
    assert heard == ["runs count"]
