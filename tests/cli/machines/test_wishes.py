"""What is wished of machines: install, reset, reinstall, inspect, groups and names, delete."""

from __future__ import annotations

import pytest

from crowbar.store.machine_model import Machine, OrderKind, Target
from crowbar.store.model import Health, NodeState
from tests.cli.conftest import Cli
from tests.cli.machines.conftest import hardware, machine, put


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
