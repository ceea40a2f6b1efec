"""A real image, small: the base packages and memcached, which brings a service."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import SMALL_PACKAGES

pytestmark = pytest.mark.machine


def test_nothing_starts_by_itself(small_image: Path) -> None:
    assert (small_image / "etc/systemd/system/memcached.service").readlink() == Path("/dev/null")
    assert not (small_image / "etc/systemd/system/ssh.service").exists()
    assert not (small_image / "usr/sbin/policy-rc.d").exists()


def test_nothing_that_differs_from_node_to_node_is_in_it(small_image: Path) -> None:
    assert not list((small_image / "etc/ssh").glob("ssh_host_*"))
    assert (small_image / "etc/machine-id").read_text() == ""


def test_it_has_licences_and_compiled_modules_but_no_manual(small_image: Path) -> None:
    assert (small_image / "usr/share/doc/memcached/copyright").is_file()
    share = small_image / "usr/share"
    kept = [*(share / "man").rglob("*"), *(share / "info").rglob("*"), *(share / "locale").rglob("*.mo")]
    assert not [path for path in kept if not path.is_dir()]
    assert list((small_image / "usr/lib/python3/dist-packages/ansible/__pycache__").glob("*.pyc"))
    compiler = small_image / "usr/bin/py3compile"
    assert "python3" in compiler.read_text().splitlines()[0]
    assert "LD_PRELOAD" not in (small_image / "usr/bin/dpkg").read_bytes().decode(errors="ignore")


def test_a_killed_build_takes_all_its_processes_and_mounts_with_it(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from crowbar.provision.image import *;"
        f"build_image(ImageSpec({SMALL_PACKAGES!r}), Path({str(tmp_path / 'images')!r}), print)"
    )
    process = subprocess.Popen([sys.executable, "-u", "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("installing"):
            break
    process.send_signal(signal.SIGKILL)
    process.communicate()
    time.sleep(0.5)
    assert not [path for path in _command_lines() if str(tmp_path) in path and "mmdebstrap" in path]
    assert str(tmp_path) not in Path("/proc/mounts").read_text()


def _command_lines() -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:  # it has ended since
            continue
    return found
