# Copyright: Crowbar developers
# SPDX-License-Identifier: Apache-2.0
"""The networks of a node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: network
short_description: Lay out networks on the node's cards
description:
  - Finds the cards that conduits name, makes bonds, VLANs and bridges of them, and gives them the node's addresses,
    by files of systemd-networkd.
  - Either all of it is as wanted at the end, and whoever reached the node before still does, or all is as it was, and
    the module fails. A node that is killed meanwhile puts back what was before.
  - The role brings the unit C(crowbar-network-rollback), which does that.
options:
  conduits:
    description: Name -> C(interfaces) (C(1g1), C(+10g2) and so on), and C(bond) (C(mode), C(lacp_rate), C(hash_policy),
      C(miimon) in milliseconds) for those that are one.
    type: dict
    required: true
  networks:
    description: The networks; none removes all that was laid out.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What it is called.
        type: str
        required: true
      conduit:
        description: What carries it.
        type: str
        required: true
      address:
        description: The node's address in it with its prefix, C(10.0.0.5/24).
        type: str
        required: true
      gateway:
        description: Its way out.
        type: str
        default: ""
      vlan:
        description: Its tag; 0 for none.
        type: int
        default: 0
      mtu:
        description: In bytes.
        type: int
        default: 1500
      bridge:
        description: Whether the address is on a bridge.
        type: bool
        default: false
      metric:
        description: Of the gateway's route; the lowest is used.
        type: int
        default: 10
  interface_map:
    description: For machines whose product's name matches C(pattern), the order of their buses (C(bus_order)).
    type: list
    elements: dict
    default: []
  probes:
    description: Addresses that must answer afterwards, if they did before. By default, whoever is connected by SSH;
      if nobody is, the gateways.
    type: list
    elements: str
    default: []
  patience:
    description: How long it may take, in seconds; less than the 120 after which the node acts by itself.
    type: int
    default: 45
author: Crowbar developers (@crowbar)
"""

EXAMPLES = r"""
- name: Lay out the admin network, and the storage network on two cards as one
  crowbar.node.network:
    conduits:
      intf0: {interfaces: [1g1]}
      intf1: {interfaces: ["+10g1", "+10g2"], bond: {mode: 802.3ad}}
    networks:
      - {name: admin, conduit: intf0, address: 10.0.0.5/24, gateway: 10.0.0.1}
      - {name: storage, conduit: intf1, address: 10.1.0.5/24, vlan: 100, mtu: 9000}
"""

RETURN = r"""
devices:
  description: Of each network, the device that has the node's address in it.
  type: dict
  returned: always
paths:
  description: The files that changed.
  type: list
  returned: changed
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.crowbar.node.plugins.module_utils import (
    cards,
    conduits,
    differ,
    networkd,
    networkd_change,
    reach,
    systemd,
)

_NETWORK = {
    "name": {"type": "str", "required": True},
    "conduit": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
    "gateway": {"type": "str", "default": ""},
    "vlan": {"type": "int", "default": 0},
    "mtu": {"type": "int", "default": 1500},
    "bridge": {"type": "bool", "default": False},
    "metric": {"type": "int", "default": 10},
}
_NO_BOND = "none"  # a mode
_EVERY = 0.5  # seconds
_LOST = "{what}\nSo the node has put back what it had{worse}."


def made(params: Mapping[str, Any]) -> tuple[list[networkd.Conduit], list[networkd.Net]]:
    """The conduits with their cards, as far as networks use them, and the networks.

    Raises ConduitError.
    """
    nets = [networkd.Net(**one) for one in params["networks"]]
    used = {net.conduit for net in nets}
    named = {name: one for name, one in params["conduits"].items() if name in used}
    order = conduits.bus_order(params["interface_map"], cards.product())
    there = conduits.in_order(cards.cards(), order) if named else []
    found = conduits.resolve({name: one["interfaces"] for name, one in named.items()}, there)
    return [networkd.Conduit(name, tuple(found[name]), _bond(one)) for name, one in named.items()], nets


def _bond(conduit: Mapping[str, Any]) -> networkd.Bond | None:
    """How its cards are one; None if they are not."""
    bond = conduit.get("bond", {})
    return networkd.Bond(**bond) if bond.get("mode", _NO_BOND) != _NO_BOND else None


def cut_off(used: Sequence[networkd.Conduit], nets: Sequence[networkd.Net], peers: Sequence[reach.Peer]) -> list[str]:
    """The addresses by which others reach the node, that are on cards of the conduits, and that it would lose."""
    there = reach.places()
    kept = {net.address.split("/")[0] for net in nets}
    taken = {card.name: one.name for one in used for card in one.cards}
    lost = {peer.mine: reach.owner(peer.mine, there) for peer in peers if peer.mine not in kept}
    return [
        f"conduit {taken[device]} takes {device}, which has {address}: {peer.address} reaches this node by it. "
        "Name its network (admin) too."
        for peer in peers
        for address, device in lost.items()
        if peer.mine == address and device in taken
    ]


def differences(before: Mapping[str, str], after: Mapping[str, str], *, shown: bool) -> dict[str, Any]:
    """What becomes different: the files' paths, and where it is to be shown, texts for people."""
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    paths = {name: str(networkd_change.FOLDER / name) for name in names}
    texts = [{"prepared": differ.unified(path, before.get(name), after.get(name))} for name, path in paths.items()]
    return {"paths": list(paths.values()), **({"diff": texts} if shown else {})}


def change(
    before: Mapping[str, str],
    wanted: Mapping[str, str],
    places: Sequence[tuple[str, str, int]],
    probes: Sequence[str],
    patience: float,
) -> str:
    """Make the change, or leave everything as it was; "" or what went wrong."""
    answering = [one for one in probes if reach.answers(one)]
    if probes and not answering:
        return (
            f"Nothing was changed: none of {', '.join(probes)} answers, so nobody could tell a good change from a bad."
        )
    networkd_change.begin(before)
    try:
        networkd_change.make(before, wanted)
        wrong = wait(places, answering, patience)
    except (systemd.SystemdError, OSError) as error:
        wrong = str(error)
    if not wrong:
        networkd_change.keep()
        return ""
    failed = networkd_change.undo()
    return _LOST.format(what=wrong, worse=f", which went wrong, too: {failed}" if failed else "")


def wait(places: Sequence[tuple[str, str, int]], probes: Sequence[str], patience: float) -> str:
    """Wait until all is as it is to be, and all probes answer; "" or what is not so when the time is over."""
    until = time.monotonic() + patience
    while True:
        wrong = reach.lacking(places, reach.places())
        if not wrong:
            wrong = [
                f"{one}, which reached this node before, does not answer any more"
                for one in probes
                if not reach.answers(one)
            ]
        if not wrong or time.monotonic() > until:
            return "\n".join(wrong)
        time.sleep(_EVERY)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "conduits": {"type": "dict", "required": True},
            "networks": {"type": "list", "elements": "dict", "required": True, "options": _NETWORK},
            "interface_map": {"type": "list", "elements": "dict", "default": []},
            "probes": {"type": "list", "elements": "str", "default": []},
            "patience": {"type": "int", "default": 45},
        },
        supports_check_mode=True,
    )
    try:
        used, nets = made(module.params)
        wanted = networkd.render(used, nets)
    except (conduits.ConduitError, networkd.LayoutError) as error:
        module.fail_json(msg=str(error))
    devices = networkd.devices(used, nets)
    places = [(devices[net.name], net.address, net.mtu) for net in nets]
    before = networkd_change.present()
    if before == wanted and not reach.lacking(places, reach.places()):
        module.exit_json(changed=False, devices=devices)
    peers = reach.peers()
    if lost := cut_off(used, nets, peers):
        module.fail_json(msg="\n".join(lost))
    if not module.check_mode:
        probes = module.params["probes"] or [peer.address for peer in peers] or reach.gateways()
        if wrong := change(before, wanted, places, list(dict.fromkeys(probes)), module.params["patience"]):
            module.fail_json(msg=wrong, devices=devices)
    shown = module.check_mode and module._diff  # noqa: SLF001 (AnsibleModule has no public name for --diff)
    module.exit_json(changed=True, devices=devices, **differences(before, wanted, shown=shown))


if __name__ == "__main__":
    main()
