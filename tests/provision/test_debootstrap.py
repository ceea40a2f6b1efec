from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from crowbar.errors import EnvironmentFault
from crowbar.provision.image.debootstrap import Counter, Inputs, command, run

INPUTS = Inputs(*(Path("/state/a folder") / name for name in ("root", "cache", "s", "c", "n", "l")))


def test_all_packages_go_in_at_once_and_secrets_are_no_arguments() -> None:
    argv = command(["keystone", "chrony"], "trixie", INPUTS)
    assert "--include=keystone chrony" in argv
    assert argv[-3:] == ["trixie", "/state/a folder/root", "/state/a folder/s"]
    assert argv[: argv.index("mmdebstrap")][0] == "setpriv"


def test_hooks_survive_a_folder_with_spaces() -> None:
    hooks = [word.partition("=")[2] for word in command([], "trixie", INPUTS) if "-hook=" in word]
    for hook in hooks:
        subprocess.run(["sh", "-n", "-c", hook], check=True)
    assert any("'/state/a folder/cache' '/state/a folder/n'" in hook for hook in hooks)


def test_progress_says_how_many_of_how_many() -> None:
    told: list[str] = []
    counter = Counter(told.append)
    lines = ["0 upgraded, 250 newly installed, 0 to remove", "Need to get 40.0 MB of archives."]
    for line in [*lines, *(f"Unpacking p{n} (1) ..." for n in range(250)), "Setting up p0 (1) ..."]:
        counter.read(line)
    assert told == [
        "installing 250 packages",
        "downloading 40.0 MB",
        "unpacked 100 of 250 packages",
        "unpacked 200 of 250 packages",
        "unpacked 250 of 250 packages",
    ]


def test_what_hooks_say_to_people_is_passed_on() -> None:
    told: list[str] = []
    counter = Counter(told.append)
    for line in ("crowbar: one\n", "I: crowbar: two\n"):
        counter.read(line)
    assert told == ["one"]


def test_a_failure_has_apts_own_words(tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = "echo progress; echo 'E: Unable to locate package nonesuch'; exit 25"
    with pytest.raises(EnvironmentFault, match="Unable to locate package nonesuch") as caught:
        run(["sh", "-c", script], log, lambda line: None)
    assert str(log) in caught.value.hint
    assert log.read_text().startswith("progress\n")


def test_an_interrupt_ends_the_program(tmp_path: Path) -> None:
    def interrupted(_: str) -> None:
        raise KeyboardInterrupt

    pid = tmp_path / "pid"
    script = f"echo $$ >{pid}; echo '1 newly installed'; exec sleep 60"
    with pytest.raises(KeyboardInterrupt):
        run(["sh", "-c", script], tmp_path / "log", interrupted)
    time.sleep(0.1)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
