"""The hook that compiles an image's Python modules, in a root that `chroot` only seems to enter."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from crowbar.provision.image import debootstrap

HOOK = Path(debootstrap.__file__).parent / "hooks" / "compile.sh"
# Runs the command on the root's own paths; it needs no privileges for that.
CHROOT = """\
#!/bin/sh
root=$1
shift
for word do
    shift
    case $word in /*) word=$root$word ;; esac
    set -- "$@" "$word"
done
exec "$@"
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a module for everybody, and one that a package has for itself."""
    root, programs = tmp_path / "root", tmp_path / "programs"
    for folder in ("usr/lib/python3/dist-packages/a", "usr/share/own", "var/tmp"):
        (root / folder).mkdir(parents=True)
    (root / "usr/lib/python3/dist-packages/a/good.py").write_text("x = 1\n")
    (root / "usr/share/own/own.py").write_text("x = 1\n")
    calls = "-p python3-a\n-p own /usr/share/own\n-p own /usr/share/own -V 3.11\n-p gone /usr/share/gone\n"
    (root / "var/tmp/py3compile.calls").write_text(calls)
    program(programs, "chroot", CHROOT)
    return root


def program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


def compiled(root: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{root.parent / 'programs'}:{os.environ['PATH']}"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.run(["sh", HOOK, root], capture_output=True, text=True, check=False, env=environment)


def test_all_modules_are_compiled(root: Path) -> None:
    done = compiled(root)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert {path.name.partition(".")[0] for path in root.rglob("*.pyc")} == {"good", "own"}


def test_without_a_call_of_a_package_only_the_shared_ones_are(root: Path) -> None:
    (root / "var/tmp/py3compile.calls").unlink()
    assert compiled(root).returncode == 0
    assert {path.name.partition(".")[0] for path in root.rglob("*.pyc")} == {"good"}


def test_files_that_cannot_be_compiled_are_told_and_refuse_nothing(root: Path) -> None:
    bad = [root / "usr/lib/python3/dist-packages/a/bad.py", root / "usr/share/own/worse.py"]
    bad[0].write_text("class {{ name }}:\n")
    bad[1].write_bytes(b"x = '\xff'\n")
    done = compiled(root)
    assert done.returncode == 0, done.stderr
    *log, told = done.stdout.splitlines()
    assert told == f"crowbar: Python files that could not be compiled: 2, the first is {str(bad[0])!r}"
    assert any("SyntaxError" in line for line in log)
    assert {path.name.partition(".")[0] for path in root.rglob("*.pyc")} == {"good", "own"}


@pytest.mark.parametrize(
    "script",
    [
        "echo killed; kill -KILL $$",
        "echo 'Traceback (most recent call last):'; echo MemoryError killed; exit 1",
        "echo \"*** Error compiling '/x.py'...\"; echo 'Traceback (most recent call last):'; echo killed; exit 1",
        "echo killed; exit 127",
    ],
)
def test_a_compiler_that_dies_is_a_failure(root: Path, script: str) -> None:
    program(root.parent / "programs", "python3", f"#!/bin/sh\n{script}\n")
    done = compiled(root)
    assert done.returncode == 1
    assert "killed" in done.stdout
    assert done.stderr.startswith("E: the Python modules in /usr/lib/python3/dist-packages could not be compiled")


def test_one_that_dies_on_a_package_s_own_modules_is_one_too(root: Path) -> None:
    script = '#!/bin/sh\ncase "$*" in *usr/share/own*) exit 3 ;; esac\n'
    program(root.parent / "programs", "python3", script)
    done = compiled(root)
    assert done.returncode == 1
    assert "E: the Python modules in /usr/share/own could not be compiled" in done.stderr
