"""Agents over real HTTP: who is let in, what is kept of them, and how they get their orders."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from dataclasses import replace

import pytest

from crowbar.services.discovery import registration as registration_service
from crowbar.store.machine_model import Machine, OrderKind, OrderStatus
from crowbar.store.model import Health, NodeState
from crowbar_inventory.rules import Rules, parse_rules
from tests.api.conftest import Admin, Client, inventory, mac, registration, uuid


def known(admin: Admin, name: str = "node1", number: int = 1) -> None:
    admin.store.machines.save(
        Machine(name, identity_uuid=uuid(number), identity_serial=f"S{number}", macs=(mac(number),), approved=True)
    )


def messages(admin: Admin, name: str, kind: str) -> list[str]:
    machine = admin.store.machines.get(name)
    assert machine is not None
    return [e.message for e in admin.store.machine_events.timeline(name, machine.macs) if e.kind == kind]


def test_a_machine_that_comes_unasked_waits_until_it_is_approved(admin: Admin, client: Client) -> None:
    assert "crowbar.token" not in client.boot_script()
    answer = client.register()
    assert answer.status == 202
    assert "crowbar machines approve d52-54-00-00-00-01" in answer.json["message"]
    assert client.register().status == 202
    [view] = admin.store.machines.list()
    assert (view.machine.name, view.state, view.machine.approved) == (
        "d52-54-00-00-00-01",
        NodeState.DISCOVERING,
        False,
    )
    admin.store.machines.update(view.machine.name, approved=True)
    assert client.register().status == 200
    assert client.post("inventory", inventory(1)).status == 200


def test_without_approval_nothing_but_registering_is_possible(client: Client) -> None:
    client.register()
    for path in ("inventory", "orders/next", "orders/1"):
        assert client.post(path, {}).status == 409


def test_a_network_that_lets_machines_in_by_itself(admin: Admin, client: Client) -> None:
    network = admin.store.networks.get("admin")
    assert network is not None
    admin.store.networks.save(replace(network, auto_approve=True))
    assert client.register().status == 200


def test_inventing_machines_ends_somewhere(admin: Admin, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration_service, "MOST_STRANGERS", 2)
    assert [client.register(number).status for number in (1, 2, 3, 2)] == [202, 202, 403, 202]
    assert len(admin.store.machines.list()) == 2


def test_a_token_lets_in_once(admin: Admin, client: Client) -> None:
    known(admin)
    token = client.token()
    assert client.register(token=token).json["machine"] == "node1"
    answer = client.register(token=token, boot="boot-0002")
    assert answer.status == 403
    assert "used before" in answer.json["message"]
    assert messages(admin, "node1", "agent.refused") == [answer.json["message"]]


def test_an_agent_that_was_started_anew_in_the_same_boot_comes_in_again(admin: Admin, client: Client) -> None:
    known(admin)
    token = client.token()
    client.register(token=token)
    first = client.session
    assert client.register(token=token).status == 200
    assert client.session != first
    client.session = first
    assert client.post("orders/next", {}).status == 409


def test_another_machines_token_is_refused_and_void(admin: Admin, client: Client) -> None:
    known(admin, "node1", 1)
    known(admin, "node2", 2)
    token = client.token(1)
    answer = client.register(2, token=token)
    assert answer.status == 403
    assert "The token is node1's, but this is node2" in answer.json["message"]
    assert messages(admin, "node2", "agent.refused") == messages(admin, "node1", "agent.refused") != []
    assert client.register(1, token=token).status == 403


def test_whose_token_was_stolen_goes_on(admin: Admin, client: Client) -> None:
    known(admin, "node1", 1)
    known(admin, "node2", 2)
    client.register(token=client.token(1))
    session, token = client.session, client.token(1)  # anybody may ask for a boot script
    assert client.register(2, token=token).status == 403
    assert client.session == session
    assert client.post("inventory", inventory(1)).status == 200


def test_an_inventory_that_is_refused_is_a_problem_until_a_good_one_comes(admin: Admin, client: Client) -> None:
    known(admin)
    client.register(token=client.token())
    for _ in range(2):
        assert client.post("inventory", {"raw": {"sysfs": 7}}).status == 400
    view = admin.store.machines.view("node1")
    assert view is not None
    assert (view.health, view.last_error.partition(" The agent")[0]) == (
        Health.PROBLEM,
        "The inventory of its agent was refused: raw/sysfs: Input should be a valid string",
    )
    assert len(messages(admin, "node1", "agent.refused")) == 1
    assert client.post("inventory", inventory(1)).status == 200
    view = admin.store.machines.view("node1")
    assert view is not None and view.health is Health.OK


def test_a_disk_must_hold_the_image(admin: Admin, client: Client) -> None:
    known(admin)
    client.register(token=client.token())
    image = {"size": 21 * 10**9, "sha256": "", "compressed_size": 1, "compressed_sha256": "", "kernel": ""}
    (admin.folder / "disks" / f"{'a' * 32}.raw.zst").write_bytes(b"image")
    (admin.folder / "disks" / f"{'a' * 32}.json").write_text(json.dumps(image))
    assert "has 20000000000 bytes, 21000000000 are needed" in client.post("inventory", inventory(1)).json["message"]
    machine = admin.store.machines.get("node1")
    assert machine is not None and machine.install_disk == ""


def test_a_token_of_nobody_is_refused(client: Client) -> None:
    assert client.register(token="x" * 43).status == 403


def test_a_known_machine_needs_its_token(admin: Admin, client: Client) -> None:
    known(admin)
    client.register(token=client.token())
    assert client.register(boot="boot-0002").status == 403


def test_the_inventory_makes_a_discovered_machine(admin: Admin, client: Client) -> None:
    known(admin)
    client.register(token=client.token())
    answer = client.post("inventory", inventory(1))
    assert answer.status == 200
    assert "Example Box 1" in answer.json["message"]
    view = admin.store.machines.view("node1")
    assert view is not None and view.hardware is not None
    assert view.state is NodeState.DISCOVERED
    assert (view.hardware.memory_mib, view.hardware.disks[0].serial) == (8192, "disk1")
    assert view.machine.install_disk == "disk1"
    assert "sysfs" in admin.store.hardware.raw("node1")


class TestRules:
    @pytest.fixture
    def rules(self) -> Rules:
        return parse_rules(
            "rules:\n- {name: small, when: {memory_mib: '< 4096'}, refuse: too small}\n"
            "- {name: rest, alias: 'box-{n}', group: boxes, intended_role: nova-compute}\n"
        )

    def test_name_group_and_role(self, admin: Admin, client: Client) -> None:
        known(admin)
        client.register(token=client.token())
        client.post("inventory", inventory(1))
        view = admin.store.machines.view("box-1")
        assert view is not None
        assert (view.machine.group, view.machine.intended_role) == ("boxes", "nova-compute")

    def test_each_machine_has_a_number_of_its_own_and_keeps_it(self, admin: Admin) -> None:
        for number in (3, 1, 2, 3):
            client = admin.client()
            if admin.store.machines.get(f"node{number}") is None:
                known(admin, f"node{number}", number)
            client.register(number, token=client.token(number), boot=f"boot-{time.monotonic_ns()}"[-20:])
            assert client.post("inventory", inventory(number)).status == 200
            client.close()
        aliases = {view.machine.name: view.aliases for view in admin.store.machines.list()}
        assert aliases == {"node3": ("box-1",), "node1": ("box-2",), "node2": ("box-3",)}

    def test_a_refusal_is_a_problem_with_its_reason(self, admin: Admin, client: Client) -> None:
        known(admin)
        client.register(token=client.token())
        small = inventory(1)
        small["raw"]["meminfo"] = "MemTotal: 1048576 kB\n"
        assert "too small" in client.post("inventory", small).json["message"]
        view = admin.store.machines.view("node1")
        assert view is not None
        assert (view.health, view.last_error) == (Health.PROBLEM, "too small")


def test_an_order_reaches_the_agent_that_waits_for_it(admin: Admin, client: Client) -> None:
    known(admin)
    client.register(token=client.token())
    given: list[float] = []

    def give() -> None:
        time.sleep(0.5)
        given.append(time.monotonic())
        admin.store.orders.give("node1", OrderKind.INSPECT, {"why": "a test"})

    thread = threading.Thread(target=give)
    thread.start()
    answer = client.post("orders/next", {}).json
    thread.join()
    assert time.monotonic() - given[0] < 2
    assert answer["order"]["kind"] == "inspect"
    number = answer["order"]["id"]
    assert client.post(f"orders/{number}", {"status": "running", "progress": 40, "message": "looking"}).status == 200
    current = admin.store.orders.current("node1")
    assert current is not None
    assert (current.status, current.progress) == (OrderStatus.RUNNING, 40)
    assert client.post("orders/next", {}).json["order"]["id"] == number  # at least once
    assert client.post(f"orders/{number}", {"status": "succeeded", "progress": 100, "message": ""}).status == 200
    assert client.post("orders/next", {}).json["order"] is None
    assert client.post("orders/999", {"status": "failed"}).status == 404


def test_an_order_is_not_handed_to_a_boot_that_is_over(admin: Admin, client: Client) -> None:
    """A machine that lost its power closes no connection: its question for orders is still open."""
    known(admin)
    client.register(token=client.token())
    answers: list[object] = []
    waiting = threading.Thread(target=lambda: answers.append(client.post("orders/next", {}).json.get("order")))
    waiting.start()
    time.sleep(0.3)
    again = admin.client()
    again.register(token=again.token(), boot="boot-0002")
    admin.store.orders.give("node1", OrderKind.INSTALL, {})
    order = again.post("orders/next", {}).json["order"]
    waiting.join()
    again.close()
    assert answers == [None]
    node = admin.store.nodes.get("node1")
    assert node is not None
    assert order["params"]["host_key"]["public"] == node.host_key


def test_a_newer_question_ends_the_older(admin: Admin, client: Client) -> None:
    known(admin)
    client.register(token=client.token())
    again = admin.client()
    again.session = client.session
    answers: list[object] = []
    waiting = threading.Thread(target=lambda: answers.append(client.post("orders/next", {}).json["order"]))
    waiting.start()
    time.sleep(0.3)
    threading.Timer(0.3, lambda: admin.store.orders.give("node1", OrderKind.INSPECT, {})).start()
    order = again.post("orders/next", {}).json["order"]
    waiting.join()
    again.close()
    assert (order["kind"], answers) == ("inspect", [None])


def test_an_installed_systems_host_key_is_pinned_before_it_is_met(admin: Admin, client: Client) -> None:
    known(admin)
    client.register(token=client.token())
    admin.store.orders.give("node1", OrderKind.INSTALL, {"hostname": "node1"})
    order = client.post("orders/next", {}).json["order"]
    node = admin.store.nodes.get("node1")
    assert node is not None
    assert order["params"]["host_key"]["public"] == node.host_key != ""
    assert "PRIVATE KEY" in order["params"]["host_key"]["private"]
    kept = admin.store.orders.current("node1")
    assert kept is not None
    assert "host_key" not in kept.params


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"protocol": 2}, "protocol"),
        ({"boot_mac": "nonsense"}, "boot_mac"),
        ({"token": 7}, "token"),
        ({"identity": {"uuid": [], "macs": ["52:54:00:00:00:01"]}}, "identity/uuid"),
        ({"identity": {"macs": []}}, "identity/macs"),
        ({"boot_id": "x"}, "boot_id"),
    ],
)
def test_wrong_types_are_told_with_their_place(client: Client, change: dict[str, object], place: str) -> None:
    answer = client.post("register", registration(1) | change)
    assert answer.status == 400
    assert answer.json["message"].startswith(place)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff\xfe", b'{"protocol": 1}' * 3, b"9" * 5000, b"[" * 5000])
def test_no_json_is_no_registration(client: Client, body: bytes) -> None:
    assert client.ask("POST", "/v1/agent/register", body).status == 400


def test_what_is_too_large_is_not_read(admin: Admin, client: Client) -> None:
    known(admin)
    client.register(token=client.token())
    big = json.dumps({"raw": {"dmidecode": "x" * (9 << 20)}}).encode()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may hang up before it was told everything
        assert client.ask("POST", "/v1/agent/inventory", big).status == 413
    client.close()
    assert client.ask("GET", "/boot.ipxe?mac=52:54:00:00:00:01").status == 200


def test_inventories_of_wrong_contents_are_kept_and_read_as_far_as_they_go(admin: Admin, client: Client) -> None:
    known(admin)
    client.register(token=client.token())
    assert client.post("inventory", {"raw": {"sysfs": "{", "dmidecode": "\x00\x01", "lsblk": "[]"}}).status == 200
    assert client.post("inventory", {"raw": {"sysfs": 7}}).status == 400
    assert messages(admin, "node1", "inventory.unread")


def test_what_is_served_to_boot(admin: Admin, client: Client) -> None:
    script = client.boot_script()
    assert script.startswith("#!ipxe")
    assert client.ask("GET", f"/discovery/{'0123456789abcdef'}/vmlinuz").body == b"kernel"
    for path in ("/discovery/0123456789abcdef/discovery.json", "/discovery/ffff/vmlinuz", "/images/..%2Fx.raw.zst"):
        assert client.ask("GET", path).status == 404
    (admin.folder / "disks" / f"{'a' * 32}.raw.zst").write_bytes(b"image")
    assert client.ask("GET", f"/images/{'a' * 32}.raw.zst").body == b"image"
    assert client.ask("GET", f"/images/{'b' * 32}.raw.zst").status == 404
    assert client.ask("GET", "/boot.ipxe?mac=oops").status == 400
    loader = client.ask("GET", "/ipxe/snponly.efi").body
    assert loader.startswith(b"MZ")  # a program for UEFI
    assert client.ask("HEAD", "/ipxe/snponly.efi").body == b""
    for path in ("/docs", "/openapi.json", "/redoc"):
        assert client.ask("GET", path).status == 404


@pytest.mark.parametrize(
    ("state", "disk"), [(NodeState.DISCOVERED, False), (NodeState.INSTALLED, True), (NodeState.READY, True)]
)
def test_an_installed_machine_starts_from_its_disk(admin: Admin, client: Client, state: NodeState, disk: bool) -> None:
    known(admin)
    admin.store.machines.move("node1", state, actor="test", reason="a test")
    assert ("sanboot" in client.boot_script()) is disk


def test_a_machine_whose_image_is_written_starts_from_its_disk(admin: Admin, client: Client) -> None:
    known(admin)
    admin.store.machines.move("node1", NodeState.INSTALLING, actor="test", reason="a test")
    order = admin.store.orders.give("node1", OrderKind.INSTALL, {})
    assert "crowbar.token=" in client.boot_script()
    admin.store.orders.next("node1")
    admin.store.orders.report(order.id, "node1", OrderStatus.SUCCEEDED)
    assert "sanboot" in client.boot_script()
