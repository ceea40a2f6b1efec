"""A deployment begins with its machines on, whether a file names them or not."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import pytest

from crowbar.store.machine_model import Machine
from crowbar_inventory.bmc.fake import FakeServer
from crowbar_inventory.bmc.model import Power, PowerAction
from tests.cli.conftest import CLUSTER, Cli
from tests.cli.machines.conftest import CREDENTIAL

MACHINES = """\
bmc: {user: admin, password_file: /dev/null}
machines:
  - {name: n1, bmc: "ipmi://192.0.2.101"}
  - {name: n2, bmc: "ipmi://192.0.2.102"}
"""


def _listen(stack: ExitStack, port: int, _server: FakeServer, _action: PowerAction) -> None:
    stack.enter_context(socket.create_server(("127.0.0.1", port)))


@pytest.fixture
def off(cli: Cli, fakes: list[FakeServer]) -> Iterator[list[FakeServer]]:
    """The BMCs of n1 and n2, which are installed and off: their SSH, a port of loopback, opens with their power."""
    with ExitStack() as stack, cli.context() as context:
        for name, fake in zip(("n1", "n2"), fakes, strict=False):
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            fake.on_power = partial(_listen, stack, port)
            node = context.store.nodes.get(name)
            assert node is not None
            context.store.machines.save(Machine(name, bmc=f"fake://{fake.name}"))
            context.store.bmc_credentials.put(name, CREDENTIAL)
            context.store.nodes.save(replace(node, addresses={"admin": "127.0.0.1"}, ssh_port=port))
        yield fakes[:2]


def test_a_file_s_machines_are_powered_on(cli: Cli, off: list[FakeServer]) -> None:
    said = cli("deploy", str(cli.file(MACHINES + CLUSTER)), "--no-verify")
    assert said.exit_code == 0, said.output
    assert [fake.power for fake in off] == [Power.ON, Power.ON]
    assert "n2 was off: it is powered on, and awaited" in said.output


def test_without_a_file_those_are_that_have_roles(cli: Cli, off: list[FakeServer]) -> None:
    roles = '[{barclamp: base, deployment: {elements: {base-node: ["@@node@@"]}}}]'  # an alias of n1
    cli.ok("batch", "import", str(cli.file(f"proposals: {roles}\n")))
    cli.ok("deploy")
    assert [fake.orders for fake in off] == [["boot disk", "power on"], []]


def test_a_plan_powers_nothing_on(cli: Cli, off: list[FakeServer]) -> None:
    cli.ok("plan", str(cli.file(MACHINES + CLUSTER)))
    assert [fake.orders for fake in off] == [[], []]
