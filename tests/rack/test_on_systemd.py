"""A container machine on a host that systemd runs; the host is itself a container machine."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from crowbar.rack import ContainerMachine

pytestmark = pytest.mark.machine
ROOT = Path(__file__).parents[2]

# The inner machine stands on the outer one's own root; its disk is on a tmpfs, as overlays do not stand on overlays.
PROGRAM = """
import subprocess
from pathlib import Path
from crowbar.rack import ContainerMachine, Status, host

def units():
    return subprocess.run(["systemctl", "list-units", "--all", "--plain", "--no-legend", "crowbar-*"],
                          capture_output=True, text=True, check=True).stdout

assert host.runs_systemd()
machine = ContainerMachine.create(Path("/run/machines/inner"), Path("/"))
machine.start()
assert f"{machine.names.unit}.service" in units()
assert machine.access.run(["hostname"]) == "inner\\n"
assert machine.memory_mib() > 5
machine.kill()
assert machine.status() is Status.STOPPED and not units()
machine.start()
machine.stop()
assert machine.status() is Status.STOPPED and not units()
machine.destroy()
assert machine.status() is Status.ABSENT
leavings = [str(path) for path in Path("/run/systemd/nspawn").glob("*/*")]
assert not leavings, leavings
assert " /run/machines" not in Path("/proc/mounts").read_text()
"""


@pytest.fixture
def host(small_image: Path, tmp_path: Path) -> Iterator[ContainerMachine]:
    machine = ContainerMachine.create(tmp_path / "machines" / "outer", small_image)
    try:
        machine.start()
        yield machine
    finally:
        machine.destroy()


def test_it_is_a_unit_that_comes_and_goes(host: ContainerMachine) -> None:
    code = subprocess.run(["tar", "-C", ROOT, "-c", "crowbar"], capture_output=True, check=True).stdout
    unpack = host.access.argv(["tar", "-C", "/opt", "-x"])
    subprocess.run(unpack, input=code, check=True)
    argv = host.access.argv(["env", "PYTHONPATH=/opt", "python3", "-W", "error", "-c", PROGRAM])
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
