"""The outcome table: what goes wrong with a machine, in which state, what its health then is, and how it goes on.

The test goes by it, and docs/reference/discovery-faults.md is made of it (`page`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from crowbar.store.machine_model import Target
from crowbar.store.model import Health, NodeState
from crowbar_inventory.bmc.model import Credential
from tests.api.simulation.admin import CREDENTIAL
from tests.api.simulation.hardware import GIGA, small
from tests.api.simulation.rack import Rack
from tests.api.simulation.server import Server

Doing = Callable[[Rack, Server], None]
VICTIM = 0  # a server that nothing is wrong with, but whose boot script another fetches


@dataclass(frozen=True)
class Row:
    """``says`` is the health's message, ``line`` one of the timeline; in both, … is for what varies."""

    what: str
    state: NodeState
    says: str
    goes_on: str
    begin: Doing
    lift: Doing
    line: str = ""
    target: Target = Target.INSTALLED
    health: Health = Health.PROBLEM

    @property
    def goal(self) -> NodeState:
        """Where it gets when the fault is lifted."""
        return NodeState.INSTALLED if self.target is Target.INSTALLED else NodeState.DISCOVERED


def _set(rack: Rack, server: Server, **values: object) -> None:
    for name, value in values.items():
        setattr(server, name, value)


def _bmc(fault: str, rack: Rack, server: Server) -> None:
    rack.have(server.name, fault)


def _mend(rack: Rack, server: Server) -> None:
    rack.mend(server.name)


def _nothing(_server: Server, _point: str) -> None:
    pass


def _dies(point: str, _rack: Rack, server: Server) -> None:
    def at(one: Server, reached: str) -> None:
        one.dead = one.dead or reached == point

    server.at = at


def _lives(_rack: Rack, server: Server) -> None:
    server.dead, server.at = False, _nothing


def _powered(rack: Rack, server: Server) -> None:
    _lives(rack, server)
    rack.call(server.power, True, "pxe", rack.port)


def _credential(password: str, rack: Rack, server: Server) -> None:
    rack.store.bmc_credentials.put(server.name, Credential(CREDENTIAL.username, password))


def _hangs_at(point: str, rack: Rack, server: Server) -> None:
    def at(_one: Server, reached: str) -> None:
        if reached == point:
            server.at = _nothing
            rack.have(server.name, "hang")

    server.at = at


def _reset(rack: Rack, server: Server) -> None:
    rack.store.machines.move(server.name, NodeState.RESET, actor="operator", reason="a test")
    rack.have(server.name, "hang")


def _fails(kind: str, why: str, _rack: Rack, server: Server) -> None:
    server.fails = {kind: why}


def _finds(raw: Callable[[int], dict[str, str]], _rack: Rack, server: Server) -> None:
    server.raw = raw
    if server.agent is not None:
        server.agent.told = False  # an agent looks whether there is another disk, and tells it anew


def _steals(rack: Rack, server: Server) -> None:
    """It boots when the other one is in: before that, who fetches its boot script costs it another boot."""
    victim = rack.servers[f"node{VICTIM}"]
    server.token_of, server.dead = VICTIM, True

    def at(_one: Server, reached: str) -> None:
        if reached == "registered":
            victim.at, server.dead = _nothing, False
            rack.call(server.power, True, "pxe", rack.port)

    victim.at = at


def _replays(rack: Rack, server: Server) -> None:
    def at(one: Server, reached: str) -> None:
        if reached == "registered" and one.replays is None and one.agent is not None:
            one.replays, one.at = one.agent.token, _nothing
            rack.call(one.power, True, "pxe", rack.port)

    server.at = at


def _exhausted(_rack: Rack, _server: Server) -> None:
    """All others have their addresses already: see the test."""


def _widen(rack: Rack, _server: Server) -> None:
    from dataclasses import replace

    network = rack.store.networks.get("admin")
    assert network is not None
    rack.store.networks.save(replace(network, ranges={"host": (network.ranges["host"][0], "127.0.40.1")}))


_SILENT = "No sign of life since …; before: {before}. Its console may tell why: crowbar machines console {name}"
_NOTHING_HEARD = _SILENT.replace("{before}", "nothing was ever heard of its agent")
_AT_BMC = "The BMC of {name} at fake://{name} "
_OBEYS = "Next: See that it can be reached and obeys: crowbar machines power status {name}"
_PASSWORD = "Next: Give the right ones: crowbar machines discover --bmc fake://{name} --name {name} --user USER"
_REFUSED = "The inventory of its agent was refused: {why} The agent goes on trying; what else it said: "
_REFUSED += "crowbar machines show {name} --timeline"
_PAUSES = "It is tried again after growing pauses, at most two minutes."
_BOOTS = "It is made to boot again every ten minutes, by its BMC, until it is heard."
_AGAIN = "The order is given again a minute after it failed, until it succeeds."
_RIGHT = partial(_finds, small)
_S = NodeState

ROWS: tuple[Row, ...] = (
    Row(
        "Its BMC hangs",
        _S.DISCOVERING,
        f"{_AT_BMC}(log in): the BMC does not answer {_OBEYS}",
        _PAUSES,
        partial(_bmc, "hang"),
        _mend,
    ),
    Row(
        "Its BMC is busy",
        _S.DISCOVERING,
        f"{_AT_BMC}(log in): the BMC cannot do this now {_OBEYS}",
        _PAUSES,
        partial(_bmc, "busy"),
        _mend,
        target=Target.DISCOVERED,
    ),
    Row(
        "Its BMC refuses the password",
        _S.DISCOVERING,
        f"{_AT_BMC}(log in): the BMC does not accept the user or the password {_PASSWORD}",
        "It is tried again after growing pauses, at most ten minutes: BMCs lock out who comes too often.",
        partial(_bmc, "refuse"),
        _mend,
        target=Target.DISCOVERED,
    ),
    Row(
        "Crowbar has another password than its BMC",
        _S.DISCOVERING,
        f"{_AT_BMC}(log in): the BMC does not accept the user or the password {_PASSWORD}",
        "A new password is tried at once.",
        partial(_credential, "wrong"),
        partial(_credential, CREDENTIAL.password),
        target=Target.DISCOVERED,
    ),
    Row(
        "Its BMC takes the power order and ignores it",
        _S.DISCOVERING,
        f"{_AT_BMC}(power on): power on: the BMC took the order, but after … s the power is off, not on {_OBEYS}",
        _PAUSES,
        partial(_bmc, "lie"),
        _mend,
        target=Target.DISCOVERED,
    ),
    Row(
        "Its BMC lies: it takes the boot device, and the server boots from its disk",
        _S.DISCOVERING,
        _NOTHING_HEARD,
        _BOOTS,
        partial(_set, ignores_boot_device=True),
        partial(_set, ignores_boot_device=False),
        target=Target.DISCOVERED,
    ),
    Row(
        "Its network card has no link",
        _S.DISCOVERING,
        _NOTHING_HEARD,
        _BOOTS,
        partial(_set, dead=True),  # its firmware gets no address, and asks for no boot script
        partial(_set, dead=False),
        target=Target.DISCOVERED,
    ),
    Row(
        "It dies before its agent registers",
        _S.DISCOVERING,
        _NOTHING_HEARD,
        _BOOTS,
        partial(_dies, "booted"),
        _lives,
        target=Target.DISCOVERED,
    ),
    Row(
        "It dies before it sends its inventory",
        _S.DISCOVERING,
        _SILENT.replace("{before}", "registered"),
        _BOOTS,
        partial(_dies, "registered"),
        _lives,
        target=Target.DISCOVERED,
    ),
    Row(
        "It dies while nothing is wanted of it",
        _S.DISCOVERED,
        _SILENT.replace("{before}", "waits for orders"),
        "It is left alone: its health is well again when its agent is heard.",
        partial(_dies, "idle"),
        _powered,
        target=Target.DISCOVERED,
    ),
    Row(
        "It dies while its disk is wiped",
        _S.HARDWARE_INSTALLING,
        _SILENT.replace("{before}", "…"),
        f"{_BOOTS} The order is then handed out again.",
        partial(_dies, "wipe"),
        _lives,
    ),
    Row(
        "It dies while the image is written",
        _S.INSTALLING,
        _SILENT.replace("{before}", "…"),
        f"{_BOOTS} The image is then written from its beginning.",
        partial(_dies, "install"),
        _lives,
    ),
    Row(
        "Its installed system does not come up",
        _S.INSTALLING,
        _SILENT.replace("{before}", "…"),
        "It is made to boot from its disk again every ten minutes.",
        partial(_dies, "disk"),
        _lives,
    ),
    Row(
        "Its BMC hangs when it shall boot from its disk",
        _S.INSTALLING,
        f"{_AT_BMC}(log in): the BMC does not answer {_OBEYS}",
        _PAUSES,
        partial(_hangs_at, "install"),
        _mend,
    ),
    Row(
        "Its BMC hangs when it was reset",
        _S.RESET,
        f"{_AT_BMC}(log in): the BMC does not answer {_OBEYS}",
        _PAUSES,
        _reset,
        _mend,
        target=Target.DISCOVERED,
    ),
    Row(
        "Its only disk is smaller than the image",
        _S.DISCOVERED,
        "No disk was chosen to install it on: see `crowbar machines show {name}` and the matching rules.",
        "The agent sees a new disk, and tells its inventory anew.",
        partial(_finds, partial(small, disk=3 * GIGA)),
        _RIGHT,
        "…no disk to install on: vda: has 3000000000 bytes, … are needed…",
    ),
    Row(
        "Its only disk says by SMART that it is failing",
        _S.DISCOVERED,
        "No disk was chosen to install it on: see `crowbar machines show {name}` and the matching rules.",
        "The agent sees a new disk, and tells its inventory anew.",
        partial(_finds, partial(small, smart=False)),
        _RIGHT,
        "…no disk to install on: vda: says that it is failing…",
    ),
    Row(
        "Its disk breaks while it is wiped",
        _S.HARDWARE_INSTALLING,
        "The order to wipe failed: vda cannot be written: Input/output error",
        _AGAIN,
        partial(_fails, "wipe", "vda cannot be written: Input/output error"),
        partial(_set, fails={}),
    ),
    Row(
        "Its disk is too small, which only its agent sees",
        _S.INSTALLING,
        "The order to install failed: vda is too small: it has 1 bytes, and the image needs 2",
        _AGAIN,
        partial(_fails, "install", "vda is too small: it has 1 bytes, and the image needs 2"),
        partial(_set, fails={}),
    ),
    Row(
        "The image is damaged on its way, three times",
        _S.INSTALLING,
        "The order to install failed: the image is damaged: its digest is a, not b; given up after 3 tries",
        _AGAIN,
        partial(_fails, "install", "the image is damaged: its digest is a, not b; given up after 3 tries"),
        partial(_set, fails={}),
    ),
    Row(
        "The range of addresses is exhausted",
        _S.INSTALLING,
        "It cannot be installed now. The range 'host' of network admin (…) is exhausted: all … are taken.…",
        "It is tried again every second.",
        _exhausted,
        _widen,
    ),
    Row(
        "Its agent sends 100 MB",
        _S.DISCOVERING,
        _REFUSED.replace("{why}", "The body is larger than 8388608 bytes."),
        "No more than 8 MiB of it are read. A good inventory ends it.",
        partial(_set, floods=True),
        partial(_set, floods=False),
        target=Target.DISCOVERED,
    ),
    Row(
        "Its agent sends wrong types",
        _S.DISCOVERING,
        _REFUSED.replace("{why}", "raw/sysfs: Input should be a valid string"),
        "A good inventory ends it.",
        partial(_set, raw=lambda _number: {"sysfs": 7}),
        partial(_set, raw=small),
        target=Target.DISCOVERED,
    ),
    Row(
        "Its agent comes with another machine's token",
        _S.DISCOVERING,
        _NOTHING_HEARD,
        f"The token is void; the other machine's session goes on. {_BOOTS}",
        _steals,
        partial(_set, token_of=None),
        "The token is node0's, but this is {name}: …",
        target=Target.DISCOVERED,
    ),
    Row(
        "Its agent comes with a token that was used before",
        _S.DISCOVERING,
        _SILENT.replace("{before}", "registered"),
        _BOOTS,
        _replays,
        partial(_set, replays=None),
        "The token was used before, by another boot. Boot again by the boot script.",
        target=Target.DISCOVERED,
    ),
)
KILLED_AT = ("booted", "registered", "inspected", "wipe", "install", "disk")
