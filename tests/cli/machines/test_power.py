"""`crowbar machines power` and `console`."""

from __future__ import annotations

import importlib
import os
import pty
import threading
from typing import Any

import pytest

from crowbar.errors import NodeError
from crowbar.store.machine_model import Machine
from crowbar_inventory.bmc.fake import FAKES, FakeServer, Fault
from crowbar_inventory.bmc.model import Power
from tests.cli.conftest import Cli
from tests.cli.machines.conftest import CREDENTIAL, machine, wait_for

power_commands = importlib.import_module("crowbar_cli.commands.machines.power")  # its name is also a command's


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
        def lost(console: Any) -> None:
            console.close()
            console.read(0)

        monkeypatch.setattr(power_commands, "_talk", lost)
        result = machines("machines", "console", "bmc-b1")
        assert result.exit_code == NodeError("").exit_code == 1
        assert "The console of bmc-b1 was lost: the console was closed." in result.stderr
