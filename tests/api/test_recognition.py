"""Which machine it is that asks: clones, moved cards, servers known by their BMCs; and what each of them is given."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crowbar.store.machine_model import Machine, Target
from crowbar.store.model import NodeState
from crowbar_inventory.bmc.model import Credential
from tests.api.conftest import Admin, Client, inventory, mac, registration, uuid
from tests.api.test_agents import known, messages


def test_a_clone_of_a_machine_at_work_gets_neither_its_token_nor_its_orders(admin: Admin, client: Client) -> None:
    """The servers of one chassis may have one UUID and one serial."""
    known(admin)
    client.register(token=client.token())
    clone = admin.client()
    script = clone.ask("GET", f"/boot.ipxe?mac={mac(2)}&uuid={uuid(1)}&serial=S1&firmware=pcbios").body
    assert b"crowbar.token" not in script
    other = registration(1) | {"boot_mac": mac(2), "boot_id": "boot-clone"}
    other["identity"]["macs"] = [mac(2)]
    stolen = clone.post("register", other | {"token": admin.store.boots.issue("node1")})
    assert stolen.status == 403
    assert clone.post("register", other).json["machine"] == "d52-54-00-00-00-02"
    clone.close()


@pytest.mark.parametrize("open_door", [False, True])
def test_a_card_that_moved_takes_no_installed_machine_along(admin: Admin, client: Client, open_door: bool) -> None:
    known(admin, "d52-54-00-00-00-01")
    admin.store.machines.move("d52-54-00-00-00-01", NodeState.INSTALLED, actor="test", reason="a test")
    network = admin.store.networks.get("admin")
    assert network is not None
    admin.store.networks.save(replace(network, auto_approve=open_door))
    moved = registration(1)
    moved["identity"] |= {"uuid": uuid(9), "serial": "S9"}
    answer = client.post("register", moved)
    assert answer.json["machine"] == f"d52-54-00-00-00-01-{uuid(9)[-12:]}"
    old = admin.store.machines.get("d52-54-00-00-00-01")
    assert old is not None
    assert (old.identity_uuid, old.identity_serial) == (uuid(1), "S1")
    assert client.register(1, boot="boot-0003").status == 403  # the installed one itself, without its boot script


def test_whoever_is_not_approved_gets_no_token_by_asking_for_the_script(client: Client) -> None:
    client.register()
    assert "crowbar.token" not in client.boot_script()


def test_fetching_boot_scripts_ends_nobodys_session(admin: Admin, client: Client) -> None:
    known(admin)
    client.register(token=client.token())
    for _ in range(12):
        client.boot_script()
    assert client.post("inventory", inventory(1)).status == 200


def test_a_server_known_by_its_bmc_and_one_that_booted_become_one(admin: Admin, client: Client) -> None:
    admin.store.machines.save(Machine("bmc-10-0-1-10", bmc="ipmi://10.0.1.10", approved=True, target=Target.INSTALLED))
    admin.store.bmc_credentials.put("bmc-10-0-1-10", Credential("admin", "secret"))
    client.register()
    admin.store.machines.update("d52-54-00-00-00-01", approved=True)
    client.register()
    found = inventory(1)
    found["raw"]["ipmi-lan"] = "IP Address              : 10.0.1.10\nMAC Address             : 52:54:00:00:00:bb\n"
    assert client.post("inventory", found).status == 200
    [view] = admin.store.machines.list()
    assert (view.machine.name, view.aliases) == ("d52-54-00-00-00-01", ("bmc-10-0-1-10",))
    assert (view.machine.bmc, view.machine.target) == ("ipmi://10.0.1.10", Target.INSTALLED)
    assert admin.store.bmc_credentials.get(view.machine.name) == Credential("admin", "secret")


def test_two_machines_with_one_uuid_are_told_apart_and_reported(admin: Admin, client: Client) -> None:
    known(admin)
    other = registration(2)
    other["identity"]["uuid"] = uuid(1)
    assert client.post("register", other).status == 202
    assert {view.machine.name for view in admin.store.machines.list()} == {"node1", "d52-54-00-00-00-02"}
    [clash] = messages(admin, "node1", "identity.clash")
    assert uuid(1) in clash
