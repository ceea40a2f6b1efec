"""Probes of real things on loopback."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Run


class Answers(http.server.BaseHTTPRequestHandler):
    """Says what is asked for: /204 answers 204, /soon 503 three times, then 200."""

    tries = 0

    def do_GET(self) -> None:
        status = 200
        if self.path == "/soon":
            type(self).tries += 1
            status = 200 if type(self).tries > 2 else 503
        elif self.path[1:].isdigit():
            status = int(self.path[1:])
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/500")
        self.send_header("Content-Length", "4" if status == 500 else "0")
        self.end_headers()
        if status == 500:
            self.wfile.write(b"why?")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as running:
        threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True).start()
        yield f"127.0.0.1:{running.server_port}"
        running.shutdown()


def test_all_is_well(server: str, run_module: Run) -> None:
    checks = [
        {"http": f"http://{server}/"},
        {"http": f"http://{server}/302", "status": [302]},
        {"http": f"http://{server}/soon", "timeout": 10},
        {"tcp": server},
        {"command": ["sh", "-c", 'read word; test "$word$X" = inside'], "stdin": "in\n", "env": {"X": "side"}},
    ]
    answer = run_module("check", {"checks": checks, "timeout": 5})
    assert not answer.get("failed"), answer
    assert answer["changed"] is False


def test_every_fault_is_told_with_what_was_last_seen(server: str, run_module: Run) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"127.0.0.1:{free.getsockname()[1]}"
    checks = [
        {"http": f"http://{server}/500"},
        {"http": f"http://{server}/"},
        {"tcp": closed},
        {"http": f"http://{closed}/"},
        {"name": "the command", "command": ["sh", "-c", "echo its output; exit 4"]},
    ]
    answer = run_module("check", {"checks": checks, "timeout": 0})
    assert answer["failed"]
    assert answer["faults"][0] == f"http http://{server}/500: status 500, not 200. why?"
    assert len(answer["faults"]) == 4
    assert "refused" in answer["faults"][1]
    assert "refused" in answer["faults"][2]
    assert answer["faults"][3] == "the command: status 4. its output"


def test_checks_run_at_the_same_time(run_module: Run) -> None:
    begun = time.monotonic()
    run_module("check", {"checks": [{"command": ["sleep", "0.4"]}] * 6, "timeout": 5})
    assert time.monotonic() - begun < 1.5


@pytest.mark.parametrize("check", [{}, {"tcp": "a:1", "unit": "b"}])
def test_a_check_is_of_exactly_one_kind(check: dict[str, str], run_module: Run) -> None:
    assert run_module("check", {"checks": [check]})["failed"]


def test_what_is_waited_for_is_told_once(tmp_path: Path, run_module: Run, heard: list[str]) -> None:
    stage = tmp_path / "stage"
    stage.write_text("no agent\n")
    script = f"echo looking; cat {stage}; grep --quiet well {stage}"
    threading.Timer(1.5, stage.write_text, ["no network\n"]).start()
    threading.Timer(3, stage.write_text, ["well\n"]).start()
    checks = [{"name": "agents", "command": ["sh", "-c", script]}, {"command": ["true"]}]
    assert not run_module("check", {"checks": checks, "timeout": 20}).get("failed")
    assert heard == ["waits for agents: no agent", "waits for agents: no network"]


def test_a_long_word_is_cut(run_module: Run, heard: list[str]) -> None:
    checks = [{"name": "it", "command": ["sh", "-c", "printf %05000d 0; false"], "timeout": 1}]
    assert run_module("check", {"checks": checks})["failed"]
    assert [len(text) for text in heard] == [300]


def test_nothing_is_told_where_nothing_is_known_to_be_wrong(tmp_path: Path, run_module: Run, heard: list[str]) -> None:
    there = tmp_path / "there"
    threading.Timer(0.7, there.touch).start()
    checks = [{"name": "it", "command": ["test", "-e", str(there)]}, {"name": "a slow one", "command": ["sleep", "2"]}]
    assert not run_module("check", {"checks": checks}).get("failed")
    assert heard == ["waits for it: status 1."]
