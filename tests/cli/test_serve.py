"""`crowbar serve` as a process: how it starts, how it ends, and the unit that starts it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
import structlog

from crowbar.api import server
from crowbar.api.desk import Desk
from crowbar.provision.discovery import DiscoverySystem
from crowbar.services.discovery.booting import Offer
from crowbar.services.machines.acting import Actor
from crowbar.store.machine_model import Machine, Network
from crowbar.store.store import open_store
from crowbar_cli import unit_file
from crowbar_cli.interrupt import serving
from crowbar_cli.unit_file import serve_unit
from crowbar_inventory.rules import Rules
from tests.api.conftest import Client, mac, uuid

from .conftest import BARCLAMPS, Cli

# The command, with a discovery system that needs no building, and DHCP only where the test has a network for it.
PROGRAM = f"""
import sys
from contextlib import nullcontext
from pathlib import Path
import crowbar.catalog.load as load
load.barclamp_dirs = lambda: [Path({str(BARCLAMPS)!r})]
import crowbar.provision.discovery as discovery
def build(folder, progress):
    folder.mkdir(exist_ok=True)
    return discovery.DiscoverySystem(folder / "vmlinuz", folder / "initrd", folder / "root", "0123456789abcdef")
discovery.build_discovery = build
if sys.argv.pop(1) == "no-dhcp":
    import crowbar.api.server as server
    server.dhcp = lambda *_: nullcontext()
from crowbar_cli.main import main
main()
"""
PORT = 48091
PASSWORD = "of a BMC"


@contextmanager
def started(
    cli: Cli, *words: str, prefix: tuple[str, ...] = (), dhcp: str = "no-dhcp"
) -> Iterator[subprocess.Popen[str]]:
    """`crowbar serve`, which has said that it serves."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    environment = {**os.environ, "CROWBAR_STATE_DIR": str(cli.state.root), "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
    argv = [*prefix, sys.executable, "-c", PROGRAM, dhcp, "serve", "--port", str(PORT), *words]
    with subprocess.Popen(argv, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            said = []
            assert process.stderr is not None
            for line in process.stderr:
                said.append(line)
                if line.startswith("Serving"):
                    break
            else:
                pytest.fail("".join(said))
            yield process
        finally:
            process.kill()


def network(cli: Cli, subnet: str = "127.0.0.0/24") -> None:
    with cli.context() as context:
        context.store.networks.save(Network("admin", subnet))


def answers(url: str) -> int:
    """The status that it answers with, as soon as it does."""
    deadline = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def test_sigterm_is_an_orderly_end(cli: Cli) -> None:
    network(cli)
    with started(cli) as process:
        assert answers(f"http://127.0.0.1:{PORT}/boot.ipxe?mac=52:54:00:00:00:01") == 200
        process.terminate()
        _, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert "Traceback" not in err


def test_sigterm_while_it_begins_to_serve_is_one_too(cli: Cli) -> None:
    network(cli)
    with started(cli) as process:
        process.terminate()
        _, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert "Traceback" not in err


def test_ctrl_c_is_told_without_a_traceback(cli: Cli) -> None:
    network(cli)
    with started(cli) as process:
        answers(f"http://127.0.0.1:{PORT}/boot.ipxe")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "crowbar: Stopped." in err


def test_what_is_missing_is_told(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    # Whatever networks this host is in: a test must not serve one of them.
    monkeypatch.setattr("crowbar.api.server._own_addresses", lambda: [("lo", IPv4Address("127.0.0.1"))])
    result = cli("serve")
    assert result.exit_code == 2
    assert "crowbar networks set admin" in result.stderr
    network(cli, "192.0.2.0/24")
    result = cli("serve")
    assert result.exit_code == 2
    assert "no address in the network admin (192.0.2.0/24)" in result.stderr


def test_a_defect_is_logged_without_the_values_that_it_had_in_hand(
    cli: Cli, capsys: pytest.CaptureFixture[str]
) -> None:
    """Passwords of BMCs may be among them."""
    cli("serve")  # it ends, as there is no network; what it logs is arranged before
    try:
        _meet_a_defect(PASSWORD)
    except ValueError:
        structlog.get_logger().exception("machine", machine="node1")
    finally:
        structlog.reset_defaults()
    said = capsys.readouterr().out
    assert PASSWORD not in said
    assert "machine=node1" in said and "in _meet_a_defect" in said and "ValueError: a defect" in said


def _meet_a_defect(password: str) -> None:
    assert password
    raise ValueError("a defect")


def test_a_second_one_is_refused_naming_the_first(cli: Cli) -> None:
    network(cli)
    with started(cli) as process:
        result = cli("serve", "--port", str(PORT + 1))
        assert result.exit_code == 2
        assert f"Another `crowbar serve` is running (process {process.pid} holds" in result.stderr
        assert answers(f"http://127.0.0.1:{PORT}/boot.ipxe?mac=52:54:00:00:00:01") == 200


def test_a_port_that_is_taken_is_told_before_anything_is_begun(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    monkeypatch.setattr("crowbar.api.server.dhcp", lambda *_: begun.append("dhcp"))
    monkeypatch.setattr("crowbar.services.machines.loop.running", lambda *_: begun.append("loop"))
    system = DiscoverySystem(cli.state.root / "vmlinuz", cli.state.root / "initrd", cli.state.root, "0123456789abcdef")
    monkeypatch.setattr("crowbar.provision.discovery.build_discovery", lambda *_: system)
    network(cli)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = cli("serve", "--port", str(port))
    assert result.exit_code == 2
    assert f"Port {port} of 127.0.0.1 cannot be listened on" in result.stderr
    assert begun == []


def test_what_is_sent_over_http_is_what_the_loop_admits_machines_by(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    system = DiscoverySystem(cli.state.root / "vmlinuz", cli.state.root / "initrd", cli.state.root, "0123456789abcdef")
    desks: list[Desk] = []
    actors: list[Actor] = []

    def serve(desk: Desk, listener: socket.socket, begin: Callable[[], object]) -> None:
        desks.append(desk)
        begin()

    @contextmanager
    def running(actor: Actor) -> Iterator[None]:
        actors.append(actor)
        yield

    monkeypatch.setattr("crowbar.provision.discovery.build_discovery", lambda *_: system)
    monkeypatch.setattr("crowbar.api.server.dhcp", lambda *_: nullcontext())
    monkeypatch.setattr("crowbar.api.server.serve_http", serve)
    monkeypatch.setattr("crowbar.services.machines.loop.running", running)
    network(cli)
    assert cli("serve", "--port", str(PORT)).exit_code == 0
    [desk], [actor] = desks, actors
    assert actor.traffic is desk.traffic


def test_the_machines_loop_begins_when_machines_are_answered(tmp_path: Path) -> None:
    """An agent that the loop sends for must not find nobody."""
    place = server.Place("lo", IPv4Address("127.0.0.1"), IPv4Network("127.0.0.0/8"))
    statuses: list[int] = []
    with open_store(f"sqlite:///{tmp_path}/crowbar.db", tmp_path / "secret.key") as store:
        desk = Desk(store, Offer("http://127.0.0.1", "0123456789abcdef"), Rules(), tmp_path, tmp_path)
        with server.listening(place, 0) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/nowhere"

            def ask_and_end() -> None:
                statuses.append(answers(url))
                signal.raise_signal(signal.SIGTERM)

            asking = threading.Thread(target=ask_and_end)
            with suppress(KeyboardInterrupt), serving():
                server.serve_http(desk, listener, asking.start)
            asking.join()
    assert statuses == [404]


def test_an_agent_that_waits_for_orders_is_answered_at_the_end(tmp_path: Path) -> None:
    """It asks again then, and finds who serves next; nothing is cut off, and no traceback told."""
    place = server.Place("lo", IPv4Address("127.0.0.1"), IPv4Network("127.0.0.0/8"))
    answered: list[tuple[int, object]] = []
    with open_store(f"sqlite:///{tmp_path}/crowbar.db", tmp_path / "secret.key") as store:
        store.machines.save(
            Machine("node1", identity_uuid=uuid(1), identity_serial="S1", macs=(mac(1),), approved=True)
        )
        desk = Desk(store, Offer("http://127.0.0.1", "0123456789abcdef"), Rules(), tmp_path, tmp_path)
        with server.listening(place, 0) as listener:
            client = Client(f"http://127.0.0.1:{listener.getsockname()[1]}")

            def wait_for_orders() -> None:
                threading.Timer(1, signal.raise_signal, (signal.SIGTERM,)).start()
                assert client.register(token=client.token()).status == 200
                answer = client.post("orders/next", {})
                answered.append((answer.status, answer.json["order"]))

            asking = threading.Thread(target=wait_for_orders)
            begun = time.monotonic()
            with suppress(KeyboardInterrupt), serving():
                server.serve_http(desk, listener, asking.start)
            asking.join()
            client.close()
    assert answered == [(200, None)]
    assert time.monotonic() - begun < server.GRACE, "nobody had to be cut off"


def test_the_unit_names_this_program_and_this_state(cli: Cli) -> None:
    unit = cli.ok("serve", "--print-unit")
    assert f"ExecStart={Path(sys.executable).with_name('crowbar')} serve\n" in unit
    assert "LimitNOFILE=65536\n" in unit
    assert f"ReadWritePaths={cli.state.root}\n" in unit
    assert "@" not in re.sub(r"@system-service", "", unit)
    assert cli("--state-dir", "/srv/my state", "serve", "--print-unit").exit_code == 2


@pytest.mark.parametrize(
    ("program", "state", "lines"),
    [
        ("/opt/crowbar/bin/crowbar", "/var/lib/crowbar", "PrivateTmp=yes"),
        ("/tmp/checkout/bin/crowbar", "/var/lib/crowbar", "PrivateTmp=no\nReadWritePaths=/tmp"),
        ("/opt/crowbar/bin/crowbar", "/var/tmp/state", "PrivateTmp=no\nReadWritePaths=/tmp"),
    ],
)
def test_the_unit_hides_the_hosts_tmp_unless_it_is_there_itself(
    monkeypatch: pytest.MonkeyPatch, program: str, state: str, lines: str
) -> None:
    monkeypatch.setattr(unit_file, "own_program", lambda: Path(program))
    assert f"\n{lines}\n" in serve_unit(Path(state))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    path = tmp_path / "crowbar-serve.service"
    path.write_text(serve_unit(Path("/var/lib/crowbar")).replace("postgresql.service", ""))
    done = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.machine
def test_it_serves_and_ends_with_the_rights_that_the_unit_leaves_it(cli: Cli) -> None:
    """In a network namespace that ends with it, with real dnsmasq, and no more capabilities than the unit's."""
    network(cli, "192.0.2.0/24")
    [kept] = re.findall(r"^CapabilityBoundingSet=(.*)$", serve_unit(cli.state.root), re.MULTILINE)
    rights = "-all," + ",".join(f"+{word.removeprefix('CAP_').lower()}" for word in kept.split())
    script = (
        "ip link set lo up && ip link add br0 type bridge && ip address add 192.0.2.1/24 dev br0 && ip link set br0 up"
        f' && exec setpriv --bounding-set={rights} --inh-caps={rights} --no-new-privs -- "$@"'
    )
    with started(cli, prefix=("unshare", "--net", "sh", "-c", script, "sh"), dhcp="dhcp") as process:
        url = f"http://192.0.2.1:{PORT}/boot.ipxe?mac=52:54:00:00:00:01"
        code = f"import urllib.request; print(urllib.request.urlopen({url!r}).status)"
        inside = ["nsenter", "--net", f"--target={process.pid}"]
        deadline = time.monotonic() + 20
        while True:
            asked = subprocess.run([*inside, sys.executable, "-c", code], capture_output=True, text=True, check=False)
            if asked.stdout == "200\n":
                break
            assert time.monotonic() < deadline, asked.stderr
        dnsmasq = int((cli.state.dhcp / "pid").read_text())
        assert f"--conf-file={cli.state.dhcp}" in Path(f"/proc/{dnsmasq}/cmdline").read_text()
        process.terminate()
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert not Path(f"/proc/{dnsmasq}").exists()
    with cli.context() as context:
        lines = [event.message for event in context.store.machine_events.timeline("", ["52:54:00:00:00:01"])]
    assert lines == ["dnsmasq serves 192.0.2.0/24 on br0", "52:54:00:00:00:01 is not known: discovery, without a token"]
