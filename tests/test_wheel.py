"""The wheel: built from the tree, installed into an environment of its own, and run."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT, check=True)
    [path] = folder.glob("crowbar-*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, beside the locked packages of ours but without our editable install."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False, symlinks=True)
    packages = folder / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)  # what an installer does for a pure wheel, entry points apart
    locked = Path(sysconfig.get_path("purelib"))
    # sys.path, not a .pth file: it would bring the editable install's own .pth files in.
    (packages / "locked.pth").write_text(f"import sys; sys.path.append({str(locked)!r})\n")
    return folder


def _crowbar(installed: Path, *words: str) -> str:
    code = "from crowbar_cli.main import main; main()"
    done = subprocess.run(
        [installed / "bin" / "python", "-c", code, *words], cwd="/", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_all_data(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "crowbar/_data/barclamps/keystone/barclamp.yml" in names
    assert any(name.startswith("crowbar/_data/playbooks/collections/") for name in names)
    assert any(name.startswith("crowbar/store/migrations/versions/") for name in names)
    assert "crowbar/provision/image/hooks/customize.sh" in names
    assert "crowbar_cli/units/crowbar-serve.service" in names


def test_the_installed_wheel_runs_from_its_own_files(installed: Path) -> None:
    assert _crowbar(installed, "--version").split()[-1] == "0.1.0"
    assert "keystone" in _crowbar(installed, "barclamps", "list")
    code = "import crowbar; print(crowbar.__file__)"
    done = subprocess.run(
        [installed / "bin" / "python", "-c", code], cwd="/", capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(str(installed))
