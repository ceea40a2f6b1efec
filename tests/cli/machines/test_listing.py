"""What `crowbar machines` tells of machines, and of strangers."""

from __future__ import annotations

import json

from crowbar.store.columns import now
from crowbar.store.machine_model import MachineEvent
from crowbar.store.model import Health, NodeState
from tests.cli.conftest import Cli
from tests.cli.machines.conftest import hardware, put


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
