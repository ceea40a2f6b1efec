"""`crowbar rack` and what Crowbar remembers of its machines."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from crowbar.rack.virtual.choose import Wanted, new_machine
from crowbar.rack.virtual.record import LinkRecord, RackRecord, save
from crowbar.store.machine_model import Machine
from crowbar_cli.rack_networks import networks_of

from .conftest import Cli

ROOT = Path(__file__).parents[2]
EMPTY = RackRecord("crowbar-test", LinkRecord("10.124.3.0/24", "cra-test"), LinkRecord("10.124.4.0/24", "crb-test"))


def test_a_racks_networks_leave_its_ends_alone() -> None:
    admin, bmc = networks_of(EMPTY)
    assert (admin.subnet, admin.gateway, bmc.subnet) == ("10.124.3.0/24", "10.124.3.1", "10.124.4.0/24")
    first, last = (IPv4Network(admin.subnet)[number] for number in (20, 199))
    assert admin.ranges["host"] == (str(first), str(last))


def test_a_rack_that_is_taken_down_is_forgotten(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crowbar.rack.virtual.down", lambda folder: folder.is_dir())
    assert cli.json("rack", "down", "--yes") == {"removed": False, "forgotten": []}
    one = new_machine("01234567", 1, Wanted(), IPv4Network(EMPTY.bmc.subnet))
    cli.state.rack.mkdir()
    save(cli.state.rack, replace(EMPTY, machines=(one,)))
    with cli.context() as context:
        context.store.machines.save(Machine(one.name, bmc=one.bmc.url))
        context.store.machines.save(Machine("another", bmc="ipmi://198.51.100.7"))
    assert cli("rack", "down", stdin="n\n").exit_code == 1
    assert cli.json("rack", "down", "--yes") == {"removed": True, "forgotten": [one.name]}
    with cli.context() as context:
        assert [machine.name for machine in context.store.machines.all()] == ["another"]


# The commands that scripts/machines.sh runs: each is played by a line of this, which keeps what it heard.
PLAYED = """\
#!/bin/bash
echo "$*" >>"$HEARD"
case "$*" in
serve) echo Serving it; trap 'echo serve ended >>"$HEARD"; exit 0' TERM; while kill -0 $PPID; do sleep 0.05; done ;;
"rack status"*) echo '{"machines": [{"name": "server1"}, {"name": "server2"}]}' ;;
*"--output json")
    count=$(grep -c "list --group rack --output json" "$HEARD")
    states=(discovering discovering discovered installing installed installed installed)
    [ -z "$HEALTH" ] || count=1
    printf '{"machines": ['
    printf '{"machine": {"name": "server1"}, "state": "%s", "health": "ok", "last_error": ""},' "${states[count - 1]}"
    printf '{"machine": {"name": "server2"}, "state": "%s", "health": "%s", "last_error": "it\\\\nsmokes"}' \\
        "${states[count - 1]}" "${HEALTH:-ok}"
    printf ']}' ;;
esac
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """scripts/machines.sh in a tree whose `crowbar` is played, and in which no second passes."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / "scripts").mkdir()
    crowbar = tmp_path / ".venv" / "bin" / "crowbar"
    crowbar.write_text(PLAYED)
    crowbar.chmod(0o755)
    (tmp_path / ".venv" / "bin" / "python").symlink_to("/usr/bin/python3")
    path = tmp_path / "scripts" / "machines.sh"
    text = (ROOT / "scripts" / "machines.sh").read_text()
    path.write_text(text.replace("sleep 3", "sleep 0.01").replace('[ "$(id -u)" -eq 0 ]', "true"))
    path.chmod(0o755)
    return path


def run(script: Path, **variables: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    heard = script.with_name("heard")
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HEARD": str(heard), "LC_ALL": "C.UTF-8", **variables}
    environment["CROWBAR_STATE_DIR"] = str(script.with_name("state"))
    done = subprocess.run([script], env=environment, capture_output=True, text=True, check=False, timeout=60)
    return done, heard.read_text().splitlines()


def test_make_rack_goes_from_powered_off_to_installed(script: Path) -> None:
    done, heard = run(script, MACHINES="2", KIND="container")
    assert done.returncode == 0, done.stderr
    kept = [line for line in heard if not line.endswith("--output json")]
    assert kept[0] == "rack up --machines 2 --kind container --firmware bios"
    assert kept[1:] == [
        "serve",
        "machines discover --rack",
        "machines group rack server1 server2",
        "machines install --group rack",
        "machines list --group rack",
        "serve ended",
    ]
    for state in ("discovering", "discovered", "installing", "installed"):
        assert f"server1 {state} ok" in done.stdout
        assert done.stdout.count(f"server1 {state} ok") == 1  # what did not change is not said again
    assert "all machines are installed" in done.stdout


def test_make_rack_gives_up_after_its_time_and_ends_what_it_started(script: Path) -> None:
    done, heard = run(script, TIMEOUT="2", HEALTH="problem")
    assert done.returncode == 1
    assert "server2 discovering problem it smokes" in done.stdout
    assert "2 machines are not there yet" in done.stderr
    assert heard[-1] == "serve ended"
