"""A machine's supervision, with a machine and a BMC that are made of nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crowbar.rack.virtual.faults import Fault, FaultKind
from crowbar.rack.virtual.layout import MachineFolder
from crowbar.rack.virtual.power import Event
from crowbar.rack.virtual.unit import Outcome, Starts, Unit


class FakeServer:
    """Lives until it is told how to end."""

    def __init__(self) -> None:
        self.pid = 0
        self.began: list[tuple[str, FaultKind]] = []
        self.cut = 0
        self.asked = 0
        self.feels: list[FaultKind] = []
        self.ends: asyncio.Queue[Event | OSError] = asyncio.Queue()

    async def run(self, device: str, fault: FaultKind) -> Event:
        self.began.append((device, fault))
        try:
            how = await self.ends.get()
        except asyncio.CancelledError:
            self.cut += 1
            raise
        if isinstance(how, OSError):
            raise how
        return how

    async def ask(self) -> None:
        self.asked += 1

    async def feel(self, fault: FaultKind) -> None:
        self.feels.append(fault)


class FakeSimulator:
    """A BMC that runs."""

    def __init__(self) -> None:
        self.pid = self.starts = 1
        self.feels: list[FaultKind] = []

    async def run(self) -> None:
        await asyncio.Event().wait()

    def feel(self, fault: FaultKind) -> None:
        self.feels.append(fault)


class Site:
    """A unit under way in a folder."""

    def __init__(self, folder: MachineFolder, starts: Starts) -> None:
        self.folder = folder
        self.server = FakeServer()
        self.bmc = FakeSimulator()
        make_bmc: Callable[..., Any] = lambda changed: self.bmc  # noqa: E731
        self.unit = Unit(folder, starts, lambda changed: self.server, make_bmc)
        self.task = asyncio.create_task(self.unit.run())

    async def told(self, *orders: Event | Fault | Outcome) -> None:
        for order in orders:
            self.unit.tell(order)
        for _ in range(20):
            await asyncio.sleep(0)

    @property
    def power(self) -> str:
        return self.folder.power.read_text().strip()

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self.folder.state.read_text())
        return state

    async def over(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture
def folder(tmp_path: Path) -> MachineFolder:
    found = MachineFolder(tmp_path)
    found.boot.write_text("none\n")
    found.power.write_text("1\n")  # from before the power of all went
    return found


def during(folder: MachineFolder, story: Callable[[Site], Any], starts: int = 2, seconds: float = 60) -> None:
    async def run() -> None:
        site = Site(folder, Starts(starts, seconds))
        await site.told()
        try:
            await story(site)
        finally:
            await site.over()

    asyncio.run(run())


def test_it_begins_off_and_boots_once_from_what_was_ordered(folder: MachineFolder) -> None:
    async def story(site: Site) -> None:
        assert site.power == "0"
        folder.boot.write_text("pxe\n")
        await site.told(Event.ON, Event.ON)
        assert site.server.began == [("pxe", FaultKind.NONE)]
        assert (site.power, site.state["power"], site.state["booted"]) == ("1", "on", "pxe")
        await site.told(Event.RESET)
        assert site.server.began[1:] == [("none", FaultKind.NONE)]
        assert site.server.cut == 1

    during(folder, story)


def test_a_guests_reboot_starts_it_anew_and_its_end_switches_it_off(folder: MachineFolder) -> None:
    async def story(site: Site) -> None:
        await site.told(Event.ON)
        site.server.ends.put_nowait(Event.REBOOTED)
        await site.told()
        assert len(site.server.began) == 2 and site.power == "1"
        site.server.ends.put_nowait(Event.ENDED)
        await site.told()
        assert len(site.server.began) == 2 and site.power == "0" and site.state["power"] == "off"

    during(folder, story)


def test_the_end_of_an_earlier_life_does_not_end_this_one(folder: MachineFolder) -> None:
    async def story(site: Site) -> None:
        await site.told(Event.ON, Event.RESET, Outcome(Event.ENDED, 1))
        assert site.power == "1" and len(site.server.began) - site.server.cut == 1

    during(folder, story)


def test_a_machine_that_cannot_be_started_is_off(folder: MachineFolder) -> None:
    async def story(site: Site) -> None:
        await site.told(Event.ON)
        site.server.ends.put_nowait(OSError("no such program"))
        await site.told()
        assert site.power == "0"

    during(folder, story)


def test_orders_go_to_the_machine(folder: MachineFolder) -> None:
    async def story(site: Site) -> None:
        await site.told(Event.SOFT_OFF)
        assert site.server.asked == 0
        await site.told(Event.ON, Event.SOFT_OFF)
        assert site.server.asked == 1 and site.power == "1"
        await site.told(Event.OFF)
        assert site.server.cut == 1 and site.power == "0"
        site.unit.identify(60)
        assert site.state["identify_until"] > 0

    during(folder, story)


def test_faults_reach_both_are_written_down_and_end(folder: MachineFolder) -> None:
    async def story(site: Site) -> None:
        await site.told(Fault.for_seconds(FaultKind.DISK_SMALL, 0.2), Event.ON)
        assert site.server.began == [("none", FaultKind.DISK_SMALL)]
        assert site.server.feels == site.bmc.feels == [FaultKind.DISK_SMALL]
        assert folder.fault.read_text().startswith("disk-small ")
        await asyncio.sleep(0.3)
        await site.told()
        assert site.bmc.feels[-1] is FaultKind.NONE
        assert site.state["fault"] == "none" and folder.fault.read_text() == "none 0.0\n"

    during(folder, story)


def test_a_fault_that_took_the_place_of_another_is_not_lifted_with_it(folder: MachineFolder) -> None:
    async def story(site: Site) -> None:
        await site.told(Fault.for_seconds(FaultKind.BMC_HANG, 0.1), Fault(FaultKind.NIC_DOWN))
        await asyncio.sleep(0.2)
        await site.told()
        assert site.state["fault"] == "nic-down"

    during(folder, story)


def test_a_power_cut_is_off_and_stays_so(folder: MachineFolder) -> None:
    async def story(site: Site) -> None:
        await site.told(Event.ON)
        await site.told(Fault(FaultKind.POWER_CUT))
        assert site.power == "0" and site.server.cut == 1
        await site.told(Fault())
        assert site.power == "0" and len(site.server.began) == 1

    during(folder, story)


def test_a_fault_outlives_the_supervisor(folder: MachineFolder) -> None:
    folder.fault.write_text("bmc-hang 0.0\n")

    async def story(site: Site) -> None:
        assert site.bmc.feels == [FaultKind.BMC_HANG]

    during(folder, story)


def test_what_runs_is_cut_when_supervision_ends(folder: MachineFolder) -> None:
    async def story(site: Site) -> None:
        await site.told(Event.ON)
        await site.over()
        assert site.server.cut == 1

    during(folder, story)


def test_starts_take_turns_by_the_clock_and_a_waiting_one_can_be_called_off(tmp_path: Path) -> None:
    async def story() -> None:
        starts = Starts(1, 0.2)
        folders = [MachineFolder(tmp_path / str(number)) for number in range(3)]
        for folder in folders:
            folder.root.mkdir()
            folder.boot.write_text("none\n")
        sites = [Site(folder, starts) for folder in folders]
        for site in sites:
            await site.told(Event.ON)
        assert [len(site.server.began) for site in sites] == [1, 0, 0]
        assert {site.power for site in sites} == {"1"}
        await sites[1].told(Event.OFF)
        await asyncio.sleep(0.3)
        assert [len(site.server.began) for site in sites] == [1, 0, 1]
        for site in sites:
            await site.over()

    asyncio.run(story())
