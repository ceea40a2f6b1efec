"""The agent against an admin node that answers this and that: it tells, asks, and never gives up."""

from __future__ import annotations

import ast
import errno
import json
import stat
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import crowbar_inventory.agent
from crowbar_inventory.agent import admin as http
from crowbar_inventory.agent import agent, reporting
from crowbar_inventory.agent.agent import Agent
from crowbar_inventory.agent.console import Console
from crowbar_inventory.agent.errors import OrderError, UnreachableError
from crowbar_inventory.agent.hardware import collect
from crowbar_inventory.agent.orders import ORDERS
from crowbar_inventory.agent.settings import Settings
from crowbar_inventory.parse import parse
from tests.inventory.admin import SESSION, AdminNode

BACK_OFF = agent.back_off
REGISTER, INVENTORY, NEXT = "/v1/agent/register", "/v1/agent/inventory", "/v1/agent/orders/next"
UUID = "4c4c4544-0031-5910-8052-b4c04f435931"
DMIDECODE = f"""Handle 0x0100, DMI type 1, 27 bytes
System Information
\tManufacturer: Example
\tProduct Name: Machine
\tSerial Number: SN-7
\tUUID: {UUID.upper()}

Handle 0x0300, DMI type 3, 22 bytes
Chassis Information
\tSerial Number: another
"""
LSBLK = json.dumps({"blockdevices": [{"name": "vda", "type": "disk", "size": 1048576, "serial": "DISK-7"}]})


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "back_off", lambda failures: 0.0)
    monkeypatch.setattr(Agent, "wait", lambda self, seconds: None)


@pytest.fixture
def admin() -> Iterator[AdminNode]:
    with AdminNode() as node:
        yield node


@pytest.fixture
def played(tmp_path: Path) -> dict[str, Any]:
    disk = tmp_path / "vda"
    disk.write_bytes(bytes(1 << 20))
    return {"raw": {"dmidecode": DMIDECODE, "lsblk": LSBLK}, "disk": str(disk)}


class Told(list[str]):
    def __contains__(self, part: object) -> bool:
        return any(str(part) in line for line in self)


def _agent(url: str, played: dict[str, Any], state: Path) -> tuple[Agent, Told]:
    told = Told()
    return Agent(Settings(url, "one-time", "52:54:00:00:00:07", played, state), told.append), told


def _steps(one: Agent, count: int) -> None:
    for _ in range(count):
        one.step()


def test_an_order_that_works_in_silence_gives_signs_of_life_until_it_ends(
    admin: AdminNode, played: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/v1/agent/orders/5"

    def work(_agent: Agent, _params: object, report: reporting.Report) -> str:
        report(92, "growing the last partition")
        deadline = time.monotonic() + 20
        while len(admin.bodies(path)) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        return "done"

    monkeypatch.setattr(reporting, "_ALIVE_EVERY", 0.05)
    monkeypatch.setitem(ORDERS, "wipe", work)
    # An admin node that answers one of them badly does not end them.
    admin.answers[path] = deque([(200, {}), (503, {}), (404, {"message": "cancelled"}), (200, {})])
    one, told = _agent(admin.url, played, tmp_path)
    one.obey({"id": 5, "kind": "wipe", "params": {}})
    time.sleep(0.2)
    *running, last = admin.bodies(path)
    assert len(running) >= 4
    assert {(body["status"], body["progress"], body["message"]) for body in running} == {
        ("running", 92, "growing the last partition")
    }
    assert (last["status"], last["message"]) == ("succeeded", "done")
    assert len([line for line in told if "growing" in line]) == 1


def test_who_reports_gives_no_signs_of_life_besides(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[int] = []
    monkeypatch.setattr(reporting, "_REPORT_EVERY", 0.0)
    monkeypatch.setattr(reporting, "_ALIVE_EVERY", 5.0)
    with reporting.Reporting(lambda progress, _: said.append(progress), lambda _: None) as report:
        for progress in range(1, 20):
            report(progress, "on")
            time.sleep(0.005)
    assert said == list(range(1, 20))


def test_the_standard_library_alone() -> None:
    sources = list(Path(crowbar_inventory.agent.__file__).parent.glob("*.py"))
    assert len(sources) > 10
    imported: set[str] = set()
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {name.name for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert not node.level
                imported.add(str(node.module))
    others = {name for name in imported if name.partition(".")[0] not in sys.stdlib_module_names}
    assert {name.rpartition(".")[0] for name in others} == {"crowbar_inventory.agent"}


def test_registers_tells_its_inventory_and_does_an_order(
    admin: AdminNode, played: dict[str, Any], tmp_path: Path
) -> None:
    admin.orders.append({"id": 3, "kind": "inspect", "params": {}})
    one, told = _agent(admin.url, played, tmp_path / "state")
    _steps(one, 3)
    (asked,) = admin.bodies(REGISTER)
    assert asked["identity"]["uuid"] == UUID
    assert asked["identity"]["serial"] == "SN-7"
    assert (asked["protocol"], asked["token"], asked["boot_mac"]) == (1, "one-time", "52:54:00:00:00:07")
    assert len(asked["boot_id"]) == 32
    assert len(admin.bodies(INVENTORY)) == 2  # by itself, and as ordered
    assert admin.outcome("3") == {"status": "succeeded", "progress": 100, "message": "the inventory was taken anew"}
    assert {one.session for one in admin.told if one.path != REGISTER} == {f"Bearer {SESSION}"}
    assert "registered as node-1. welcome" in told
    assert "ordered to inspect" in told


def test_what_it_tells_is_what_the_parser_reads(admin: AdminNode, played: dict[str, Any], tmp_path: Path) -> None:
    one, _ = _agent(admin.url, played, tmp_path / "state")
    _steps(one, 2)
    hardware, unread = parse(admin.bodies(INVENTORY)[0]["raw"])
    assert hardware.identity.serial == "SN-7"
    assert [(disk.name, disk.serial, disk.size) for disk in hardware.disks] == [("vda", "DISK-7", 1 << 20)]
    assert hardware.cpu.architecture
    assert hardware.memory_mib > 0
    assert unread == ()


def test_what_plays_the_hardware_stands_for_this_host(played: dict[str, Any]) -> None:
    raw = collect(played)
    assert raw["dmidecode"] == DMIDECODE
    assert not {"lspci", "smart", "lldp", "ipmi-lan"} & set(raw)  # the host's own are none of the machine's


def test_waits_to_be_approved(admin: AdminNode, played: dict[str, Any], tmp_path: Path) -> None:
    wait = (202, {"message": "waiting for an operator's approval", "interval": 5})
    admin.answers[REGISTER] = deque([wait, wait])
    one, told = _agent(admin.url, played, tmp_path / "state")
    _steps(one, 4)
    assert len(admin.bodies(REGISTER)) == 3
    assert len({body["boot_id"] for body in admin.bodies(REGISTER)}) == 1
    assert told.count("waiting for an operator's approval") == 2
    assert len(admin.bodies(INVENTORY)) == 1


@pytest.mark.parametrize(
    "answer",
    [
        (403, {"message": "this token was used before"}),
        (400, {"message": "this is no identity"}),
        (500, {}),
        (200, {"machine": "node-1"}),
        (200, {"machine": 7, "session": "s"}),
        (200, {"machine": "node-1", "session": "s" * 5000}),
        (202, {"interval": "soon"}),
        (202, {"interval": -1}),
    ],
)
def test_whatever_it_is_answered_it_asks_again(
    answer: tuple[int, dict[str, Any]], admin: AdminNode, played: dict[str, Any], tmp_path: Path
) -> None:
    admin.answers[REGISTER] = deque([answer, answer])
    one, told = _agent(admin.url, played, tmp_path / "state")
    _steps(one, 4)
    assert len(admin.bodies(REGISTER)) == 3
    assert len(admin.bodies(INVENTORY)) == 1
    message = answer[1].get("message", "")
    assert str(message) in told


def test_a_session_that_is_over_is_asked_for_anew(admin: AdminNode, played: dict[str, Any], tmp_path: Path) -> None:
    admin.answers[NEXT] = deque([(409, {"message": "another boot of node-1 has registered"})])
    one, told = _agent(admin.url, played, tmp_path / "state")
    _steps(one, 5)
    assert len(admin.bodies(REGISTER)) == 2
    assert len(admin.bodies(NEXT)) == 2
    assert "another boot of node-1 has registered; registering again" in told


def test_an_admin_node_that_is_away_is_waited_for_with_the_inventory_at_hand(
    played: dict[str, Any], tmp_path: Path
) -> None:
    one, told = _agent("http://127.0.0.1:1", played, tmp_path / "state")
    _steps(one, 3)
    assert "Connection refused; trying again in" in told
    assert sum("trying again" in line for line in told) == 1  # it does not repeat itself
    assert told.count("looking at the hardware") == 1


def test_without_an_address_it_tells_which_cards_have_a_link(
    played: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(self: http.Admin, path: str, body: object) -> None:
        raise UnreachableError("away") from OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr(http.Admin, "post", unreachable)
    monkeypatch.setattr(agent, "nics", lambda played: [{"name": "eno1", "mac": "", "link": False}])
    one, told = _agent("http://127.0.0.1:1", played, tmp_path / "state")
    one.step()
    assert "waiting for an address on eno1 (no link); trying again in" in told


def test_what_is_no_answer_is_none(played: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_REPLY_LIMIT", 100)
    with AdminNode(answers={REGISTER: deque([(200, {"session": "s" * 200, "machine": "m"})])}) as node:
        one, told = _agent(node.url, played, tmp_path / "state")
        one.step()
    assert "answered 200 and no JSON" in told or "answered 200: None" in told
    assert one.admin.session == ""


def test_started_anew_it_is_still_the_same(admin: AdminNode, played: dict[str, Any], tmp_path: Path) -> None:
    first, _ = _agent(admin.url, played, tmp_path / "state")
    _steps(first, 1)
    second, _ = _agent(admin.url, played, tmp_path / "state")
    _steps(second, 1)
    assert len(admin.bodies(REGISTER)) == 1
    assert len(admin.bodies(INVENTORY)) == 1
    kept = tmp_path / "state" / "agent.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    kept.write_text("{", encoding="utf-8")
    third, _ = _agent(admin.url, played, tmp_path / "state")
    _steps(third, 1)
    assert admin.bodies(REGISTER)[1]["boot_id"] != admin.bodies(REGISTER)[0]["boot_id"]


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ({"id": 5, "kind": "dance", "params": {}}, "knows no order 'dance'"),
        ({"id": 5, "kind": "wipe", "params": "all"}, "knows no order 'wipe'"),
        (
            {"id": 5, "kind": "wipe", "params": {"disks": ["sdx"]}},
            "no disks are called 'sdx'; this machine has: vda",
        ),
        ({"id": 5, "kind": "wipe", "params": {"disks": 7}}, "disks must be a list"),
        ({"id": 5, "kind": "install", "params": {}}, "image must be an object"),
    ],
)
def test_an_order_that_cannot_be_done_is_told(
    order: dict[str, Any], message: str, admin: AdminNode, played: dict[str, Any], tmp_path: Path
) -> None:
    admin.orders.append(order)
    one, _ = _agent(admin.url, played, tmp_path / "state")
    _steps(one, 4)
    assert admin.outcome("5")["status"] == "failed"
    assert message in admin.outcome("5")["message"]
    assert len(admin.bodies(NEXT)) == 2  # and it goes on


@pytest.mark.parametrize("order", [{"id": "../../x", "kind": "wipe"}, {"id": 5, "kind": ["wipe"]}, {}])
def test_what_is_no_order_is_not_obeyed(
    order: dict[str, Any], admin: AdminNode, played: dict[str, Any], tmp_path: Path
) -> None:
    admin.orders.append(order)
    one, _ = _agent(admin.url, played, tmp_path / "state")
    _steps(one, 4)
    assert {one.path for one in admin.told} == {REGISTER, INVENTORY, NEXT}


def test_the_outcome_is_told_until_it_is_heard(admin: AdminNode, played: dict[str, Any], tmp_path: Path) -> None:
    admin.orders.append({"id": 5, "kind": "inspect", "params": {}})
    admin.answers["/v1/agent/orders/5"] = deque([(503, {}), (502, {})])
    one, told = _agent(admin.url, played, tmp_path / "state")
    _steps(one, 3)
    assert len(admin.bodies("/v1/agent/orders/5")) == 3
    assert "telling again how the order ended" in told


@pytest.mark.parametrize(
    ("reboot", "fault", "leaves"), [(True, "", ["reboot"]), (True, "no disk", []), (False, "", []), ("yes", "", [])]
)
def test_what_was_installed_is_started_where_no_bmc_can(
    admin: AdminNode,
    played: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    reboot: object,
    fault: str,
    leaves: list[str],
) -> None:
    left: list[str] = []

    def install(*_: object) -> str:
        if fault:
            raise OrderError(fault)
        return "vda is installed"

    monkeypatch.setattr(agent, "leave", left.append)
    monkeypatch.setitem(ORDERS, "install", install)
    admin.orders.append({"id": 5, "kind": "install", "params": {"reboot": reboot}})
    one, _ = _agent(admin.url, played, tmp_path / "state")
    _steps(one, 3)
    assert admin.outcome("5")["status"] == ("failed" if fault else "succeeded")
    assert left == leaves


def test_before_it_leaves_it_says_so(
    admin: AdminNode, played: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[str] = []
    monkeypatch.setattr(agent, "leave", left.append)
    admin.orders.extend([{"id": 5, "kind": "power-off", "params": {}}, {"id": 6, "kind": "reboot", "params": {}}])
    admin.answers["/v1/agent/orders/5"] = deque([(404, {"message": "cancelled"})])
    one, told = _agent(admin.url, played, tmp_path / "state")
    _steps(one, 3)
    assert left == []
    assert "the order is withdrawn (404): cancelled" in told
    _steps(one, 1)
    assert left == ["reboot"]
    assert admin.outcome("6")["status"] == "succeeded"


def test_hardware_that_comes_late_is_told(
    admin: AdminNode, played: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, told = _agent(admin.url, played, tmp_path / "state")
    _steps(one, 3)
    monkeypatch.setattr(agent, "fingerprint", lambda played: ("another disk",))
    _steps(one, 4)
    assert len(admin.bodies(INVENTORY)) == 2
    assert "there is more hardware to see now" in told


def test_settings() -> None:
    words = ["quiet", "crowbar.url=http://10.0.0.1:8000/", "crowbar.token=t=1", "BOOTIF=01-52-54-00-AA-BB-01"]
    settings = Settings.read(words)
    assert (settings.url, settings.token) == ("http://10.0.0.1:8000", "t=1")
    assert settings.boot_mac == "52:54:00:aa:bb:01"
    assert Settings.read(["crowbar.url=http://h", "BOOTIF=52:54:00:aa:bb:01"]).boot_mac == "52:54:00:aa:bb:01"
    for wrong in ([], ["crowbar.url="], ["crowbar.url=file:///etc/passwd"], ["crowbar.url=http://"]):
        with pytest.raises(OrderError, match=r"crowbar\.url"):
            Settings.read(wrong)


def test_it_waits_longer_each_time_and_not_with_all_others() -> None:
    waited = {failures: [BACK_OFF(failures) for _ in range(200)] for failures in (1, 4, 30)}
    assert max(waited[1]) < min(waited[4])
    assert max(waited[4]) < min(waited[30])
    assert 10 < min(waited[30]) < max(waited[30]) <= 30
    assert len(set(waited[30])) > 100


def test_the_console_has_one_line_each(capfd: pytest.CaptureFixture[str]) -> None:
    Console(time.monotonic() - 12.3).say("one\ntwo \x1b[2J" + "x" * 999)
    out = capfd.readouterr().out
    assert out.startswith("[    12.3] crowbar: one two  [2J")
    assert out.count("\n") == 1
    assert len(out) < 450
