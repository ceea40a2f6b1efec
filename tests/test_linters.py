"""The linters, each as a test: what they forbid does not pass."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
LINTERS = {
    "ruff check": [BIN / "ruff", "check", "--quiet", "."],
    "ruff format": [BIN / "ruff", "format", "--check", "--quiet", "."],
    "mypy": [BIN / "mypy", "--no-error-summary"],
    "import-linter": [BIN / "lint-imports", "--no-cache"],
    "ansible-lint": [BIN / "ansible-lint", "--offline", "-q"],
}


def _run(argv: list[object]) -> None:
    # ansible-lint runs ansible and yamllint by name, and looks for our collection where Ansible does.
    done = subprocess.run(
        [str(word) for word in argv],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={
            "PATH": f"{BIN}:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(Path.home()),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "playbooks" / "collections"),
        },
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("name", LINTERS)
def test_linter_finds_nothing(name: str) -> None:
    _run(list(LINTERS[name]))


def _tracked() -> list[str]:
    """The tree's own files: images of the tests below .cache have shell scripts and YAML, too."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for path in listed.splitlines() if (ROOT / path).is_file()]


def test_yamllint_finds_nothing() -> None:
    _run([BIN / "yamllint", "--strict", *(path for path in _tracked() if path.endswith((".yml", ".yaml")))])


def test_shellcheck_finds_nothing() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("needs shellcheck")
    scripts = [path for path in _tracked() if _is_shell(ROOT / path)]
    assert "scripts/setup.sh" in scripts
    _run(["shellcheck", *scripts])


def _is_shell(path: Path) -> bool:
    if not path.is_file() or path.suffix == ".j2":
        return False
    with path.open("rb") as file:
        first = file.readline(100)
    return first.startswith(b"#!") and first.split(b"/")[-1].split()[-1] in (b"sh", b"bash")
