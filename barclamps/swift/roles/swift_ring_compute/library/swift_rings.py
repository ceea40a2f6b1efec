#!/usr/bin/python
"""Builds Swift's rings for a wanted set of devices, by the smallest change to the rings there are."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: swift_rings
short_description: Build the rings of a Swift cluster
description:
  - Makes or changes account, container, and object rings so that they hold exactly the wanted devices.
  - Devices that have the only copies of partitions are not taken out, and the module fails before it changes anything.
  - A device is known by its node and name. Rings whose devices and settings are as wanted are left alone, to the byte.
options:
  directory: {description: Folder of the builder and ring files, type: path, default: /etc/swift}
  rings: {description: Port of the server behind each ring, type: dict, required: true}
  nodes:
    description: Storage nodes, in any order, each with name and addresses.storage.
    type: list
    elements: dict
    required: true
  devices_per_node: {description: "Devices of each node, named d1, d2 and so on", type: int, default: 1}
  zones: {description: Node name to zone; other nodes keep theirs or get a zone of their own, type: dict, default: {}}
  regions: {description: Node name to region; 1 if not named, type: dict, default: {}}
  weights: {description: Node name to weight of its devices; 100 if not named, type: dict, default: {}}
  replicas: {description: Copies; at most one for each device that has a weight, type: int, required: true}
  part_power: {description: Power of two of the number of partitions, type: int, required: true}
  min_part_hours: {description: Hours in which a moved partition is not moved again, type: int, default: 1}
  overload: {description: Part of its weight that a device may take beyond it, type: float, default: 0.0}
"""
EXAMPLES = """
- name: Rings
  swift_rings:
    rings: {account: 6202, container: 6201, object: 6200}
    nodes: [{name: node1, addresses: {storage: 10.0.0.11}}]
    replicas: 3
    part_power: 14
"""
RETURN = """
paths: {description: Ring files, type: dict, returned: always}
"""

Device = dict[str, Any]


def zones_of(nodes: Iterable[str], asked: Mapping[str, int], current: Mapping[str, int]) -> dict[str, int]:
    """The zone of each node: the one asked for, else the one it has, else the lowest that no node has."""
    nodes = list(nodes)
    zones = {node: asked.get(node, current.get(node, 0)) for node in nodes}
    taken = set(zones.values())
    for node in nodes:
        if not zones[node]:
            zones[node] = next(zone for zone in range(1, len(nodes) + len(taken) + 1) if zone not in taken)
            taken.add(zones[node])
    return zones


def wanted_devices(params: Mapping[str, Any], port: int, current: Mapping[str, int]) -> dict[tuple[str, str], Device]:
    """Every device that a ring should hold, by node and name. ``current`` is the zone of each node in the ring."""
    zones = zones_of((node["name"] for node in params["nodes"]), params["zones"], current)
    devices = {}
    for node in params["nodes"]:
        name, address = node["name"], node["addresses"]["storage"]
        for number in range(1, params["devices_per_node"] + 1):
            devices[name, f"d{number}"] = {
                "region": params["regions"].get(name, 1),
                "zone": zones[name],
                "ip": address,
                "port": port,
                "replication_ip": address,
                "replication_port": port,
                "device": f"d{number}",
                "weight": float(params["weights"].get(name, 100)),
                "meta": name,
            }
    return devices


def refuse_loss(builder: Any, wanted: Iterable[tuple[str, str]]) -> None:
    """Raise ValueError if partitions have all their copies on devices that are to leave: nobody could copy them."""
    kept = set(wanted)
    leaving = {dev["id"]: dev["meta"] for dev in builder.devs if dev and (dev["meta"], dev["device"]) not in kept}
    if not leaving:
        return
    copies = ([dev["id"] for dev in builder.get_part_devices(part)] for part in range(builder.parts))
    lost = [on for on in copies if on and leaving.keys() >= set(on)]
    if lost:
        nodes = sorted({leaving[number] for on in lost for number in on})
        raise ValueError(
            f"{len(lost)} of {builder.parts} partitions have all their copies on {' and '.join(nodes)}, and would be "
            f"lost. Next: leave {nodes[0]} in the role with the weight 0 (weights), deploy, and take it out when the "
            "others have its copies (swift-recon --replication)."
        )


def apply_devices(builder: Any, wanted: Mapping[tuple[str, str], Device]) -> bool:
    """Add, remove, and alter the builder's devices; whether any differed. Nothing is moved yet."""
    current = {(dev["meta"], dev["device"]): dev for dev in builder.devs if dev}
    for key in sorted(current.keys() - wanted.keys()):
        builder.remove_dev(current[key]["id"])
    for key in sorted(wanted.keys() - current.keys()):
        builder.add_dev(dict(wanted[key]))
    altered = current.keys() != wanted.keys()
    for key in sorted(current.keys() & wanted.keys()):
        different = {name: value for name, value in wanted[key].items() if current[key][name] != value}
        current[key].update(different)
        altered |= bool(different)
    if altered:
        builder.devs_changed = True
        builder.version += 1
    return altered


def apply_settings(builder: Any, params: Mapping[str, Any], wanted: Iterable[Device]) -> bool:
    """Set what concerns the whole ring; whether anything differed.

    Raises ValueError where nothing could hold data.
    """
    usable = sum(device["weight"] > 0 for device in wanted)
    if not usable:
        raise ValueError("No device of the ring has a weight above 0. Next: give one node a weight, or another node.")
    settings = {
        "replicas": min(params["replicas"], usable),
        "min_part_hours": params["min_part_hours"],
        "overload": params["overload"],
    }
    different = [name for name, value in settings.items() if getattr(builder, name) != value]
    builder.set_replicas(settings["replicas"])
    builder.change_min_part_hours(settings["min_part_hours"])
    builder.set_overload(settings["overload"])
    return bool(different)


def unfinished(devices: Iterable[Device | None]) -> bool:
    """Whether an earlier change still waits for partitions that may be moved again by now."""
    return any(dev and (dev["weight"] > 0) != (dev["parts"] > 0) for dev in devices)


def open_builder(path: Path, params: Mapping[str, Any]) -> Any:
    """The builder kept in ``path``, or a new one.

    Raises ValueError where the partition power differs: the data would all be in the wrong places.
    """
    from swift.common.ring.builder import RingBuilder  # it is on the node only, with the role's packages

    if not path.exists():
        return RingBuilder(params["part_power"], 1, params["min_part_hours"])
    builder = RingBuilder.load(str(path))
    if builder.part_power != params["part_power"]:
        raise ValueError(
            f"{path} has partition power {builder.part_power}, and {params['part_power']} is asked for: it cannot be "
            f"changed once the ring exists. Next: set part_power back to {builder.part_power}."
        )
    return builder


def build(name: str, port: int, params: Mapping[str, Any], *, keep: bool) -> tuple[bool, bool]:
    """Bring one ring to what is wanted; whether it changed, and whether partitions wait for min_part_hours.

    ``keep`` leaves the files alone. The result depends only on what is there and what is wanted: the seed is fixed.
    """
    ring, builder_file = (Path(params["directory"], f"{name}.{kind}") for kind in ("ring.gz", "builder"))
    builder = open_builder(builder_file, params)
    wanted = wanted_devices(params, port, {dev["meta"]: dev["zone"] for dev in builder.devs if dev})
    refuse_loss(builder, wanted)
    altered = apply_devices(builder, wanted)
    altered |= apply_settings(builder, params, wanted.values())
    moved = 0
    if altered or unfinished(builder.devs):
        moved, _balance, _removed = builder.rebalance(seed=name)
        builder.validate()
    if (altered or moved or not ring.exists()) and not keep:
        save(builder, ring, builder_file)
    return altered or bool(moved), unfinished(builder.devs)


def save(builder: Any, ring: Path, builder_file: Path) -> None:
    """Write ring and builder. The builder comes last: killed in between, the next run makes the same ring again."""
    new = builder_file.with_suffix(".new")
    builder.save(str(new))
    builder.get_ring().save(str(ring))
    new.replace(builder_file)


def strangers(params: Mapping[str, Any]) -> list[str]:
    """What is said of nodes that have no devices: it has no effect, and may be a slip of the pen."""
    known = {node["name"] for node in params["nodes"]}
    return [
        f"{kind} names {node}, which has no role swift-storage."
        for kind in ("zones", "regions", "weights")
        for node in sorted(params[kind].keys() - known)
    ]


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "default": "/etc/swift"},
            "rings": {"type": "dict", "required": True},
            "nodes": {"type": "list", "elements": "dict", "required": True},
            "devices_per_node": {"type": "int", "default": 1},
            "zones": {"type": "dict", "default": {}},
            "regions": {"type": "dict", "default": {}},
            "weights": {"type": "dict", "default": {}},
            "replicas": {"type": "int", "required": True},
            "part_power": {"type": "int", "required": True},
            "min_part_hours": {"type": "int", "default": 1},
            "overload": {"type": "float", "default": 0.0},
        },
        supports_check_mode=True,
    )
    warnings.simplefilter("ignore")  # Swift's libraries warn on stderr, which Ansible would take for a fault
    for warning in strangers(module.params):
        module.warn(warning)
    from swift.common.exceptions import SwiftException  # as above

    changed = False
    for name, port in sorted(module.params["rings"].items()):
        try:
            different, waiting = build(name, int(port), module.params, keep=module.check_mode)
        except (ValueError, OSError, SwiftException) as error:
            module.fail_json(msg=f"{name} ring: {error}")
        changed |= different
        if waiting:
            module.warn(f"{name} ring: partitions wait for min_part_hours; apply this role again after it.")
    paths = {name: str(Path(module.params["directory"], f"{name}.ring.gz")) for name in module.params["rings"]}
    module.exit_json(changed=changed, paths=paths)


if __name__ == "__main__":
    main()
