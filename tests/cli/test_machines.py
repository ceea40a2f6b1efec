"""`crowbar machines`, on a real store, with BMCs that are fakes."""

from __future__ import annotations

import importlib
import json
import os
import pty
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crowbar.errors import NodeError
from crowbar.store.columns import now
from crowbar.store.machine_model import Machine, MachineEvent, Network, OrderKind, Target
from crowbar.store.model import Health, NodeState
from crowbar_inventory.bmc.fake import FAKES, FakeServer, Fault
from crowbar_inventory.bmc.model import Credential, Power
from crowbar_inventory.hardware import (
    BootMode,
    Cpu,
    Disk,
    Hardware,
    Identity,
    MemoryModule,
    Neighbour,
    Nic,
    PciDevice,
)
from tests.conftest import place

from .conftest import Cli

power_commands = importlib.import_module("crowbar_cli.commands.machines.power")  # its name is also a command's
PASSWORD = "Pa55-of-the-BMCs"
CREDENTIAL = Credential("admin", PASSWORD)


@pytest.fixture
def fakes() -> Iterator[list[FakeServer]]:
    """Three servers, off."""
    FAKES.clear()
    yield [FAKES.add(FakeServer(f"b{number}", CREDENTIAL)) for number in (1, 2, 3)]
    FAKES.clear()


@pytest.fixture
def rack(bare: Cli, migrated: Path, fakes: list[FakeServer], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command with an admin network, and the BMCs' password where it belongs."""
    place(migrated, bare.state.database)
    monkeypatch.setenv("CROWBAR_BMC_PASSWORD", PASSWORD)
    with bare.context() as context:
        context.store.networks.save(Network("admin", "198.51.100.0/24", ranges={"host": ("198.51.100.20",) * 2}))
    return bare


def brought_in(rack: Cli) -> Cli:
    rack.ok("machines", "discover", "--bmc", "fake://b1", "--bmc", "fake://b2", "--bmc", "fake://b3")
    return rack


@pytest.fixture
def machines(rack: Cli) -> Cli:
    """The command with three machines: bmc-b1, bmc-b2 and bmc-b3."""
    return brought_in(rack)


def put(cli: Cli, name: str, state: NodeState, **fields: object) -> None:
    with cli.context() as context:
        context.store.machines.move(name, state, actor="test", reason="a test")
        if fields:
            context.store.machines.update(name, **fields)


def hardware() -> Hardware:
    return Hardware(
        Identity("4c4c4544-0000-1000-8000-000000000001", "S1", frozenset({"52:54:00:00:00:01"})),
        vendor="Example",
        product="Box",
        boot_mode=BootMode.UEFI,
        cpu=Cpu(model="Fast One", sockets=1, cores=4, threads=8),
        memory_mib=8192,
        memory=(MemoryModule("DIMM_A1", 8192),),
        disks=(Disk("sda", 480 * 10**9, "SSD", "D1"),),
        nics=(Nic("eth0", "52:54:00:00:00:01", speed=10000, link=True, neighbour=Neighbour(system="tor1", port="e7")),),
        pci=(PciDevice("0000:01:00.0", "3D controller", "Pixels", "X1", gpu=True),),
    )


def machine(cli: Cli, name: str) -> Machine:
    with cli.context() as context:
        found = context.store.machines.get(name)
    assert found is not None
    return found


class TestDiscover:
    def test_bmcs_are_asked_and_remembered(self, rack: Cli, fakes: list[FakeServer]) -> None:
        fakes[1].power = Power.ON
        refused = rack("machines", "discover", "--bmc", "fake://b1", "--bmc", "fake://b2")
        assert refused.exit_code == 2  # nobody can be asked here
        assert "will be restarted into the discovery system: bmc-b2" in refused.output
        assert rack.json("machines", "list")["machines"] == []
        document = rack.json("machines", "discover", "--bmc", "fake://b1", "--bmc", "fake://b2", "--yes")
        assert [(one["name"], one["power"], one["problem"]) for one in document["machines"]] == [
            ("bmc-b1", "off", ""),
            ("bmc-b2", "on", ""),
        ]
        one = machine(rack, "bmc-b1")
        assert (one.bmc, one.approved, one.target) == ("fake://b1", True, Target.DISCOVERED)
        assert one.identity_serial == "b1"  # by which it is known when it boots
        with rack.context() as context:
            assert context.store.bmc_credentials.get("bmc-b1") == CREDENTIAL

    def test_the_password_is_shown_nowhere_and_kept_only_encrypted(self, rack: Cli, fakes: list[FakeServer]) -> None:
        fakes[1].credential = Credential("admin", "another")
        result = rack("machines", "discover", "--bmc", "fake://b1", "--bmc", "fake://b2")
        shown = result.output + rack.ok("machines", "show", "bmc-b1", "--timeline")
        shown += json.dumps(rack.json("machines", "list"))
        assert PASSWORD not in shown
        kept = b"".join(path.read_bytes() for path in rack.state.root.rglob("*") if path.is_file())
        assert PASSWORD.encode() not in kept

    def test_one_that_refuses_is_told_and_the_others_are_known(self, rack: Cli, fakes: list[FakeServer]) -> None:
        fakes[0].have(Fault.REFUSE)
        result = rack("machines", "discover", "--bmc", "fake://b1", "--bmc", "fake://b2")
        assert result.exit_code == 1
        assert "does not accept the user or the password" in result.stdout
        assert "1 of 2 BMCs did not let Crowbar in" in result.stderr
        assert [one["machine"]["name"] for one in rack.json("machines", "list")["machines"]] == ["bmc-b2"]
        fakes[0].mend()
        assert rack("machines", "discover", "--bmc", "fake://b1", "--bmc", "fake://b2").exit_code == 0

    def test_a_list_with_names_and_credentials(self, rack: Cli, fakes: list[FakeServer]) -> None:
        fakes[2].credential = Credential("root", "a, comma")
        text = (
            'address,user,password,name\n# rack 1\nfake://b1,admin,Pa55-of-the-BMCs,left\nfake://b3,root,"a, comma"\n'
        )
        document = rack.json("machines", "discover", "--csv", str(rack.file(text, "bmcs.csv")))
        assert {one["name"] for one in document["machines"]} == {"left", "bmc-b3"}
        result = rack("machines", "discover", "--csv", "-", stdin="fake://b2\n")
        assert result.exit_code == 0, result.output

    def test_all_faults_of_a_list_and_of_arguments_are_told_at_once(self, rack: Cli) -> None:
        text = f"fake://b1,admin,{PASSWORD},UPPER\nfake://b1,admin\n\nhttp://b2\nipmi://10.0.0.1,a,b{PASSWORD},c,d\n"
        path = rack.file(text, "bmcs.csv")
        result = rack("machines", "discover", "--csv", path, "--bmc", "ipmi://10.0.0.9-3")
        assert result.exit_code == 2
        for words in ("a range goes from the lower", "line 1: its name", "line 2: a user without", "line 4", "line 5"):
            assert words in result.stderr
        assert PASSWORD not in result.output
        assert rack.json("machines", "list") == {"machines": []}

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            ((), "No BMC was named"),
            (("--bmc", "fake://b1", "--bmc", "fake://b1"), "is given twice"),
            (("--bmc", "fake://b1", "--bmc", "fake://b2", "--name", "x"), "of one machine, and these are 2"),
            (("--bmc", "fake://b1", "--name", "No_Name"), "'No_Name' is no host name"),
            (("--bmc", "fake://b1", "--mac", "oops"), "'oops' is no MAC address"),
            (("--csv", "/nowhere/bmcs.csv"), "/nowhere/bmcs.csv cannot be read"),
            (("--bmc", "fake://b1", "--password-file", "/dev/null"), "There is no password in /dev/null"),
            (("--rack",), "There is no rack"),
        ],
    )
    def test_what_is_wrong_is_told_and_nothing_is_changed(self, rack: Cli, words: tuple[str, ...], says: str) -> None:
        result = rack("machines", "discover", *words)
        assert result.exit_code == 2, result.output
        assert says in result.stderr
        assert rack.json("machines", "list") == {"machines": []}

    def test_without_a_password_nobody_is_asked_in_a_script(self, rack: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CROWBAR_BMC_PASSWORD")
        result = rack("machines", "discover", "--bmc", "fake://b1")
        assert result.exit_code == 2
        assert "Set CROWBAR_BMC_PASSWORD or --password-file" in result.stderr
        password = rack.file(f"{PASSWORD}\n", "password")
        rack.ok("machines", "discover", "--bmc", "fake://b1", "--password-file", password)

    def test_a_known_mac_gets_its_address_at_once(self, rack: Cli) -> None:
        rack.ok("machines", "discover", "--bmc", "fake://b1", "--name", "left", "--mac", "52-54-00-00-00-01")
        one = machine(rack, "left")
        assert one.macs == ("52:54:00:00:00:01",)
        assert rack.json("networks", "show", "admin")["addresses"] == [
            {"mac": "52:54:00:00:00:01", "address": "198.51.100.20", "node": "left"}
        ]

    def test_a_bmc_that_is_known_is_its_machines(self, rack: Cli) -> None:
        rack.ok("machines", "discover", "--bmc", "fake://b1", "--name", "left")
        assert rack.json("machines", "discover", "--bmc", "fake://b1")["machines"][0]["name"] == "left"
        result = rack("machines", "discover", "--bmc", "fake://b1", "--name", "right")
        assert result.exit_code == 2
        assert "is already the BMC of left" in result.stderr


def test_those_that_wait_are_seen_and_approved(machines: Cli) -> None:
    with machines.context() as context:
        for number in (1, 2):
            context.store.machines.save(Machine(f"d{number}"))
    assert machines.ok("machines", "list").count("waits for approval") == 2
    assert machines("machines", "approve", "d1", "nobody", "noone").stderr.count("is not known") == 2
    assert not machine(machines, "d1").approved
    assert machines.json("machines", "approve", "d1") == {"action": "approve", "machines": ["d1"]}
    assert machines.json("machines", "approve", "--all")["machines"] == ["d2"]
    assert machines.json("machines", "approve", "--all")["machines"] == []
    assert "No machine waits" in machines("machines", "approve", "--all").stderr
    assert machines("machines", "approve").exit_code == 2


def test_strangers_are_what_dhcp_heard_of_no_machine(machines: Cli) -> None:
    assert "any stranger" in machines("machines", "strangers").stderr
    put(machines, "bmc-b1", NodeState.DISCOVERED, macs=("52:54:00:00:00:01",))
    with machines.context() as context:
        for number in (1, 2, 2):
            mac = f"52:54:00:00:00:0{number}"
            asks = MachineEvent("", now(), "dhcp.discover", "dnsmasq", f"{mac} asks for an address", {"mac": mac})
            context.store.machine_events.append([asks])
        context.store.machine_events.append([MachineEvent("", now(), "dnsmasq.started", "dnsmasq", "dnsmasq serves")])
    document = machines.json("machines", "strangers")
    assert [one["mac"] for one in document["strangers"]] == ["-", "52:54:00:00:00:02"]
    assert "52:54:00:00:00:02 asks" in machines.ok("machines", "strangers")
    assert len(machines.json("machines", "strangers", "52-54-00-00-00-02")["timeline"]) == 2
    assert machines("machines", "strangers", "oops").exit_code == 2


class TestListing:
    def test_what_a_machine_says_cannot_steer_the_terminal(self, machines: Cli) -> None:
        bad = "no disk \x1b]0;x\x07\x9b2J\r\nbye"
        put(machines, "bmc-b1", NodeState.DISCOVERED, last_words=bad)
        with machines.context() as context:
            context.store.machines.set_health("bmc-b1", Health.PROBLEM, bad)
            context.store.machine_events.append([MachineEvent("bmc-b1", now(), "agent.order", "agent", bad)])
        for words in (("list",), ("show", "bmc-b1", "--timeline")):
            shown = machines.ok("machines", *words)
            assert "no disk  ]0;x" in shown
            assert all(char.isprintable() or char == "\n" for char in shown)
            as_json = machines.ok("machines", *words, "--output", "json")
            assert all(char.isprintable() or char == "\n" for char in as_json)
            assert json.dumps(bad)[1:-1] in as_json
        refused = machines("machines", "install", "bmc-b1")  # it quotes what the machine said
        assert "]0;x" in refused.stderr
        assert all(char.isprintable() or char == "\n" for char in refused.stderr)

    def test_filters(self, machines: Cli) -> None:
        put(machines, "bmc-b1", NodeState.DISCOVERED, group="left")
        with machines.context() as context:
            context.store.machines.set_health("bmc-b2", Health.PROBLEM, "it smokes")

        def names(*words: str) -> list[str]:
            return [one["machine"]["name"] for one in machines.json("machines", "list", *words)["machines"]]

        assert names() == ["bmc-b1", "bmc-b2", "bmc-b3"]
        assert names("--state", "discovered") == names("--group", "left") == ["bmc-b1"]
        assert names("--health", "problem") == ["bmc-b2"]
        assert names("--state", "discovered", "--health", "problem") == []
        assert "it smokes" in machines.ok("machines", "list")
        assert "no such machine" in machines("machines", "list", "--group", "right").stderr

    def test_words_that_nothing_can_be_are_refused_all_at_once(self, machines: Cli) -> None:
        result = machines("machines", "list", "--state", "redy", "--health", "fine")
        assert result.exit_code == 2
        assert "--state redy: is none of discovering, discovered" in result.stderr
        assert "--health fine: is none of ok, delayed" in result.stderr

    def test_show_has_the_hardware(self, machines: Cli) -> None:
        with machines.context() as context:
            context.store.hardware.add("bmc-b1", hardware(), {"dmidecode": "raw \x1b[31m text"})
        shown = machines.ok("machines", "show", "bmc-b1")
        for words in ("1 socket, 4 cores, 8 threads", "8192 MiB (DIMM_A1 8192)", "480.0 GB", "tor1 e7", "Pixels X1"):
            assert words in shown
        document = machines.json("machines", "show", "bmc-b1")
        assert document["hardware"]["disks"][0]["serial"] == "D1"
        assert "timeline" not in document
        raw = machines.ok("machines", "show", "bmc-b1", "--raw")
        assert "\x1b" not in raw
        assert json.loads(raw)["dmidecode"].startswith("raw ")
        assert "8 CPU, 8192 MiB, 480 GB" in machines.ok("machines", "list")

    def test_show_has_the_whole_way_by_name_and_mac(self, machines: Cli) -> None:
        put(machines, "bmc-b1", NodeState.DISCOVERED, macs=("52:54:00:00:00:01",))
        with machines.context() as context:
            words = ("dhcp.offer", "dnsmasq", "52:54:00:00:00:01 was offered", {"mac": "52:54:00:00:00:01"})
            context.store.machine_events.append([MachineEvent("", now(), *words)])
        kinds = [event["kind"] for event in machines.json("machines", "show", "bmc-b1", "--timeline")["timeline"]]
        assert kinds == ["power.changed", "bmc.added", "state.changed", "dhcp.offer"]
        shown = machines.ok("machines", "show", "bmc-b1", "--timeline")
        assert "BMC fake://b1 lets admin in; power off" in shown
        assert "+0.0 s" in shown

    def test_an_unknown_machine(self, machines: Cli) -> None:
        result = machines("machines", "show", "nobody")
        assert result.exit_code == 2
        assert "There is no machine 'nobody'" in result.stderr


class TestPower:
    def test_orders_reach_the_bmc_and_the_timeline(self, machines: Cli, fakes: list[FakeServer]) -> None:
        assert "on" in machines.ok("machines", "power", "on", "bmc-b1")
        assert fakes[0].orders == ["power on"]
        assert machine(machines, "bmc-b1").power is Power.ON
        document = machines.json("machines", "power", "status", "--all")
        assert [one["power"] for one in document["machines"]] == ["on", "off", "off"]
        assert "power on" in machines.ok("machines", "show", "bmc-b1", "--timeline")

    def test_one_that_refuses_keeps_no_other_from_it(self, machines: Cli, fakes: list[FakeServer]) -> None:
        fakes[1].have(Fault.REFUSE)
        document = machines.json("machines", "power", "on", "--all", code=1)
        assert [bool(one["problem"]) for one in document["machines"]] == [False, True, False]
        assert "does not accept" in document["machines"][1]["problem"]
        assert (fakes[0].power, fakes[2].power) == (Power.ON, Power.ON)

    def test_who_has_no_bmc_is_told_before_anything_is_ordered(self, machines: Cli, fakes: list[FakeServer]) -> None:
        with machines.context() as context:
            context.store.machines.save(Machine("d1"))
            context.store.machines.save(Machine("d2"))
        result = machines("machines", "power", "on", "--all")
        assert result.exit_code == 2
        assert result.stderr.count("has no BMC that Crowbar knows") == 2
        assert fakes[0].orders == []

    def test_whole_groups_lose_their_power_only_if_somebody_agrees(
        self, machines: Cli, fakes: list[FakeServer]
    ) -> None:
        machines.ok("machines", "group", "left", "bmc-b1", "bmc-b2")
        machines.ok("machines", "power", "on", "--group", "left")
        assert machines("machines", "power", "off", "--group", "left", stdin="n\n").exit_code == 1
        assert machines("machines", "power", "off", "--group", "left", stdin="").exit_code == 2
        assert fakes[0].power is Power.ON
        machines.ok("machines", "power", "off", "--group", "left", "--yes")
        assert (fakes[0].power, fakes[2].orders) == (Power.OFF, [])
        assert "no machine in group 'right'" in machines("machines", "power", "on", "--group", "right").stderr
        assert machines("machines", "power", "explode", "bmc-b1").exit_code == 2

    def test_identify(self, machines: Cli, fakes: list[FakeServer]) -> None:
        machines.ok("machines", "alias", "bmc-b1", "left")
        assert machines.json("machines", "identify", "left", "--seconds", "9") == {"machine": "bmc-b1", "seconds": 9}
        assert fakes[0].identifying == 9
        assert "is out" in machines("machines", "identify", "left", "--seconds", "0").stderr
        assert machines("machines", "identify", "left", "--seconds", "999").exit_code == 2


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class TestConsole:
    def test_it_carries_both_ways_until_the_key_to_leave(
        self, fakes: list[FakeServer], monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
    ) -> None:
        keyboard, terminal = pty.openpty()
        console = FAKES.login("b1", CREDENTIAL, limit=1).console()
        fakes[0].say(b"login: ")
        with os.fdopen(terminal) as stdin:
            monkeypatch.setattr("sys.stdin", stdin)
            talk = threading.Thread(target=power_commands._talk, args=(console,))
            talk.start()
            wait_for(lambda: not fakes[0]._output)  # by then the terminal passes keys on as they are
            os.write(keyboard, b"root\r")
            wait_for(lambda: fakes[0].typed == b"root\r")
            os.write(keyboard, b"\x1d")
            talk.join(20)
        os.close(keyboard)
        assert not talk.is_alive()
        assert capfdbinary.readouterr().out == b"login: "

    def test_one_that_is_lost_is_told(self, machines: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        def lost(console: object) -> None:
            console.close()  # type: ignore[attr-defined]
            console.read(0)  # type: ignore[attr-defined]

        monkeypatch.setattr(power_commands, "_talk", lost)
        result = machines("machines", "console", "bmc-b1")
        assert result.exit_code == NodeError("").exit_code == 1
        assert "The console of bmc-b1 was lost: the console was closed." in result.stderr


class TestWishes:
    @pytest.fixture
    def provided(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
        """The images that were asked for, by their packages."""
        asked: list[tuple[str, ...]] = []
        monkeypatch.setattr("crowbar_cli.disk_image.provide", lambda _settings, packages: asked.append(packages))
        return asked

    def test_install_is_written_down(self, machines: Cli, provided: list[tuple[str, ...]]) -> None:
        document = machines.json("machines", "install", "--all", "--package", "vim")
        assert document == {"action": "install", "machines": ["bmc-b1", "bmc-b2", "bmc-b3"]}
        assert machine(machines, "bmc-b3").target is Target.INSTALLED
        assert provided == [("vim",)]

    def test_all_reasons_against_it_are_told_before_an_image_is_built(
        self, machines: Cli, provided: list[tuple[str, ...]]
    ) -> None:
        put(machines, "bmc-b1", NodeState.READY)
        with machines.context() as context:
            context.store.machines.set_health("bmc-b2", Health.PROBLEM, "too small")
            context.store.hardware.add("bmc-b3", hardware(), {})
            context.store.machines.save(Machine("d1"))
        result = machines("machines", "install", "bmc-b1", "bmc-b2", "bmc-b3", "d1")
        assert result.exit_code == 2
        for words in ("is ready already", "has a problem: too small", "no disk that it could be", "waits for approval"):
            assert words in result.stderr
        assert machines("machines", "install", "nobody").exit_code == 2
        assert provided == []
        assert machine(machines, "bmc-b2").target is Target.DISCOVERED

    def test_all_means_those_that_are_not_installed(self, machines: Cli, provided: list[tuple[str, ...]]) -> None:
        put(machines, "bmc-b1", NodeState.INSTALLED)
        assert machines.json("machines", "install", "--all")["machines"] == ["bmc-b2", "bmc-b3"]
        for name in ("bmc-b2", "bmc-b3"):
            put(machines, name, NodeState.INSTALLED)
        result = machines("machines", "install", "--all")
        assert result.exit_code == 0
        assert "installed already" in result.stderr
        assert len(provided) == 1

    def test_reinstall_asks_before_anything_is_done(self, machines: Cli, provided: list[tuple[str, ...]]) -> None:
        put(machines, "bmc-b1", NodeState.INSTALLED)
        refused = machines("machines", "reinstall", "bmc-b1", stdin="n\n")
        assert refused.exit_code == 1
        assert "install disks will be lost; other disks stay" in refused.stderr
        assert provided == []
        machines.ok("machines", "reinstall", "bmc-b1", "--yes")
        with machines.context() as context:
            view = context.store.machines.view("bmc-b1")
        assert view is not None
        assert (view.state, view.machine.target) == (NodeState.RESET, Target.INSTALLED)

    def test_reset(self, machines: Cli) -> None:
        put(machines, "bmc-b1", NodeState.INSTALLED)
        with machines.context() as context:
            context.store.orders.give("bmc-b1", OrderKind.INSPECT, {})
        refused = machines("machines", "reset", "bmc-b1", stdin="")
        assert refused.exit_code == 2
        assert "switched off first where they have a BMC" in refused.stderr
        assert machines.json("machines", "reset", "bmc-b1", "--yes")["machines"] == ["bmc-b1"]
        with machines.context() as context:
            view = context.store.machines.view("bmc-b1")
            assert not context.store.orders.waiting()
        assert view is not None
        assert view.state is NodeState.RESET
        put(machines, "bmc-b2", NodeState.DELETING)
        refused = machines("machines", "reset", "bmc-b2", "bmc-b3", "--yes")
        assert refused.exit_code == 2
        assert "is deleting, and that cannot be interrupted" in refused.stderr

    def test_inspect_needs_an_agent(self, machines: Cli) -> None:
        put(machines, "bmc-b1", NodeState.DISCOVERED)
        assert "only the discovery system's agent" in machines("machines", "inspect", "bmc-b1", "bmc-b2").stderr
        machines.ok("machines", "inspect", "bmc-b1")
        with machines.context() as context:
            assert list(context.store.orders.waiting()) == ["bmc-b1"]

    def test_aliases(self, machines: Cli) -> None:
        document = machines.json("machines", "alias", "bmc-b1", "left")
        assert document == {"machine": "bmc-b1", "aliases": ["left"]}
        assert machines.json("machines", "show", "left")["machine"]["name"] == "bmc-b1"
        assert "already means node 'bmc-b1'" in machines("machines", "alias", "bmc-b2", "left").stderr
        assert "is no host name" in machines("machines", "alias", "bmc-b2", "No Name").stderr
        assert machines.json("machines", "alias", "bmc-b1", "left", "--remove")["aliases"] == []
        assert "has no alias 'left'" in machines("machines", "alias", "bmc-b1", "left", "--remove").stderr

    def test_groups(self, machines: Cli) -> None:
        assert machines.json("machines", "group", "left", "bmc-b1", "bmc-b2")["machines"] == ["bmc-b1", "bmc-b2"]
        machines.ok("machines", "group", "", "bmc-b2")
        assert (machine(machines, "bmc-b1").group, machine(machines, "bmc-b2").group) == ("left", "")
        assert machines("machines", "group", "a b", "bmc-b1").exit_code == 2

    def test_allocate(self, machines: Cli) -> None:
        assert machines.json("machines", "allocate", "bmc-b1") == {"action": "allocate", "machines": ["bmc-b1"]}
        assert machine(machines, "bmc-b1").allocated
        machines.ok("machines", "allocate", "bmc-b1", "--release")
        assert not machine(machines, "bmc-b1").allocated

    def test_delete(self, machines: Cli) -> None:
        assert machines("machines", "delete", "bmc-b1", stdin="n\n").exit_code == 1
        assert "Nobody can be asked" in machines("machines", "delete", "bmc-b1", stdin="").stderr
        assert machines.json("machines", "delete", "bmc-b1", "--yes")["machines"] == ["bmc-b1"]
        with machines.context() as context:
            assert context.store.machines.get("bmc-b1") is None
            assert context.store.bmc_credentials.get("bmc-b1") is None
        machines.ok("machines", "delete", "--all", "-y")
        assert "There is no machine yet" in machines("machines", "delete", "--all", "--yes").stderr
