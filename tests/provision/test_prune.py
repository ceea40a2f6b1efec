from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from crowbar.provision import prune as module
from crowbar.provision.prune import mark_used, prune, prune_disks, superseded


@pytest.mark.parametrize(
    ("used", "standing", "expected"),
    [
        ({}, (), []),
        ({"a": 1, "b": 2}, (), []),
        ({"a": 1, "b": 2, "c": 3}, (), ["a"]),
        ({"a": 9, "b": 2, "c": 3, "d": 1}, (), ["d", "b"]),
        ({"a": 1, "b": 2, "c": 3, "d": 4}, ("a", "d"), ["b"]),
    ],
)
def test_all_but_the_two_last_used_and_those_with_machines_may_go(
    used: dict[str, float], standing: tuple[str, ...], expected: list[str]
) -> None:
    assert superseded(used, standing) == expected


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Five images, used one after another, and what else is in their folder."""
    folder = tmp_path / "images"
    for age, name in enumerate("abcde"):
        (folder / name / "root" / "etc").mkdir(parents=True)
        (folder / name / "image.json").write_text("{}")
        os.utime(folder / name / "image.json", (age, age))
    (folder / "build.log").write_text("")
    (folder / "another").mkdir()
    return folder


def left(images: Path) -> set[str]:
    return {path.name for path in images.iterdir()} - {"build.log", "another"}


def test_images_that_nobody_needs_are_deleted(images: Path) -> None:
    told: list[str] = []
    mark_used(images / "b" / "root")
    assert prune(images, {images / "a" / "root", images.parent / "elsewhere" / "c" / "root"}, told.append) == ["c", "d"]
    assert left(images) == {"a", "b", "e"}
    assert told[0] == "deleted the node image c, which was not used any more"
    assert (images / "build.log").exists() and (images / "another").exists()
    assert prune(images, {images / "a" / "root"}, told.append) == []


def test_nothing_is_deleted_through_a_mount(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_mounted_below", lambda folder: folder.name == "a")
    told: list[str] = []
    assert prune(images, (), told.append) == ["b", "c"]
    assert f"the old node image {images / 'a'} stays" in told[0]


def test_a_mount_below_a_folder_is_seen(images: Path) -> None:
    assert not module._mounted_below(images)
    points = [Path(line.split()[4]) for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    assert all(module._mounted_below(point.parent) for point in points if point.parent != Path("/"))


def test_one_that_cannot_be_deleted_is_told_and_is_no_image_any_more(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, *_: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(shutil, "rmtree", refused)
    told: list[str] = []
    assert prune(images, (), told.append) == []
    assert left(images) == {"partial-a", "partial-b", "partial-c", "d", "e"}
    assert all("cannot be deleted: Input/output error" in line for line in told)
    assert prune(images, (), told.append) == []


def test_packed_disks_but_the_two_that_were_chosen_last_are_deleted(tmp_path: Path) -> None:
    for age, name in enumerate("abcd"):
        for suffix in (".raw.zst", ".json"):
            (tmp_path / f"{name}{suffix}").write_text("")
        os.utime(tmp_path / f"{name}.raw.zst", (age, age))
    os.utime(tmp_path / "a.raw.zst")  # it was chosen again
    (tmp_path / ".lock").touch()
    told: list[str] = []
    with (tmp_path / "b.raw.zst").open() as fetching:
        assert prune_disks(tmp_path, told.append) == ["b", "c"]
        assert fetching.read() == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "a.json", "a.raw.zst", "d.json", "d.raw.zst"]
    assert len(told) == 2
    assert prune_disks(tmp_path, told.append) == []
