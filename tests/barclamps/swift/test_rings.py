"""What the ring module decides before Swift's builder moves anything: zones, devices, and what differs."""

from __future__ import annotations

import importlib.util
from types import ModuleType
from typing import Any

import pytest

from crowbar.paths import data_dir


@pytest.fixture(scope="module")
def rings() -> ModuleType:
    """The module of the role swift-ring-compute; it belongs to no package."""
    path = data_dir() / "barclamps/swift/roles/swift_ring_compute/library/swift_rings.py"
    spec = importlib.util.spec_from_file_location("swift_rings", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Builder:
    """Swift's builder as far as devices go: the real one is in the nodes' packages only."""

    def __init__(self) -> None:
        self.devs: list[dict[str, Any] | None] = []
        self.devs_changed = False
        self.version = 0
        self.copies: list[list[int]] = []  # of each partition, the devices

    @property
    def parts(self) -> int:
        return len(self.copies)

    def get_part_devices(self, part: int) -> list[dict[str, Any]]:
        return [device for number in self.copies[part] if (device := self.devs[number])]

    def add_dev(self, device: dict[str, Any]) -> None:
        self.devs.append({**device, "id": len(self.devs), "parts": 0})

    def remove_dev(self, number: int) -> None:
        self.devs[number] = None


def params(*names: str, **given: Any) -> dict[str, Any]:
    """The module's parameters for nodes of these names."""
    nodes = [{"name": name, "addresses": {"storage": f"10.0.0.{index}"}} for index, name in enumerate(names, 1)]
    return {"nodes": nodes, "devices_per_node": 1, "zones": {}, "regions": {}, "weights": {}, **given}


def test_each_node_has_a_zone_of_its_own(rings: ModuleType) -> None:
    assert rings.zones_of(["a", "b", "c"], {}, {}) == {"a": 1, "b": 2, "c": 3}


def test_a_node_keeps_its_zone_when_another_leaves(rings: ModuleType) -> None:
    assert rings.zones_of(["b", "c", "new"], {}, {"a": 1, "b": 2, "c": 3}) == {"b": 2, "c": 3, "new": 1}


def test_the_zone_asked_for_wins(rings: ModuleType) -> None:
    assert rings.zones_of(["a", "b", "c"], {"b": 1, "a": 4}, {"a": 1, "b": 2}) == {"a": 4, "b": 1, "c": 2}


def test_devices_of_a_node(rings: ModuleType) -> None:
    wanted = rings.wanted_devices(params("a", devices_per_node=2, regions={"a": 5}, weights={"a": 30}), 6200, {})
    assert list(wanted) == [("a", "d1"), ("a", "d2")]
    device = wanted["a", "d2"]
    assert (device["region"], device["weight"], device["ip"], device["port"]) == (5, 30.0, "10.0.0.1", 6200)


def test_the_same_devices_in_another_order_change_nothing(rings: ModuleType) -> None:
    builder = Builder()
    forth, back = params("a", "b", "c"), params("a", "b", "c")
    back["nodes"].reverse()
    assert rings.apply_devices(builder, rings.wanted_devices(forth, 6200, {}))
    before = builder.version
    zones = {device["meta"]: device["zone"] for device in builder.devs if device}
    assert not rings.apply_devices(builder, rings.wanted_devices(back, 6200, zones))
    assert builder.version == before


def test_a_node_that_moves_to_another_address_keeps_its_device(rings: ModuleType) -> None:
    builder = Builder()
    rings.apply_devices(builder, rings.wanted_devices(params("a"), 6200, {}))
    moved = params("a")
    moved["nodes"][0]["addresses"]["storage"] = "10.9.9.9"
    assert rings.apply_devices(builder, rings.wanted_devices(moved, 6200, {"a": 1}))
    assert [device and (device["id"], device["ip"]) for device in builder.devs] == [(0, "10.9.9.9")]
    assert builder.devs_changed


def test_a_node_that_leaves_takes_only_its_devices(rings: ModuleType) -> None:
    builder = Builder()
    rings.apply_devices(builder, rings.wanted_devices(params("a", "b"), 6200, {}))
    rings.apply_devices(builder, rings.wanted_devices(params("a"), 6200, {"a": 1}))
    assert [device and device["meta"] for device in builder.devs] == ["a", None]


@pytest.mark.parametrize(
    ("stay", "lost"),
    [("abc", ""), ("ab", ""), ("ac", ""), ("bc", ""), ("a", "1 of 3"), ("b", "1 of 3"), ("d", "3 of 3")],
)
def test_devices_with_the_only_copies_of_partitions_stay(rings: ModuleType, stay: str, lost: str) -> None:
    builder = Builder()
    rings.apply_devices(builder, rings.wanted_devices(params("a", "b", "c"), 6200, {}))
    builder.copies = [[0, 1], [1, 2], [2, 0]]
    wanted = rings.wanted_devices(params(*stay), 6200, {})
    if not lost:
        rings.refuse_loss(builder, wanted)
        return
    with pytest.raises(ValueError, match=f"{lost} partitions have all their copies on "):
        rings.refuse_loss(builder, wanted)
    assert all(builder.devs), "nothing was taken out"


def test_a_ring_is_not_built_that_would_lose_them(rings: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    builder = Builder()
    rings.apply_devices(builder, rings.wanted_devices(params("a"), 6200, {}))
    builder.copies = [[0]]
    monkeypatch.setattr(rings, "open_builder", lambda _path, _params: builder)
    with pytest.raises(ValueError, match="1 of 1 partitions have all their copies on a,"):
        rings.build("object", 6200, {**params("b"), "directory": "/nowhere"}, keep=True)
    assert all(builder.devs)


def test_a_ring_that_holds_nothing_yet_may_lose_any_device(rings: ModuleType) -> None:
    builder = Builder()
    rings.apply_devices(builder, rings.wanted_devices(params("a"), 6200, {}))
    rings.refuse_loss(builder, rings.wanted_devices(params("b"), 6200, {}))


@pytest.mark.parametrize(("weight", "parts", "waits"), [(100, 10, False), (0, 0, False), (100, 0, True), (0, 10, True)])
def test_what_still_waits_for_partitions(rings: ModuleType, weight: int, parts: int, waits: bool) -> None:
    assert rings.unfinished([None, {"weight": weight, "parts": parts}]) is waits


def test_a_name_without_devices_is_pointed_out(rings: ModuleType) -> None:
    assert rings.strangers(params("a", zones={"a": 1, "b": 2}, weights={"c": 1})) == [
        "zones names b, which has no role swift-storage.",
        "weights names c, which has no role swift-storage.",
    ]
