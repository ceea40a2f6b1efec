from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from crowbar.errors import EnvironmentFault
from crowbar.provision.image import ImageSpec, build, build_image
from crowbar.provision.image.archives import Archive
from crowbar.provision.image.sources import Source
from crowbar.provision.image.spec import Supply

SPEC = ImageSpec(("keystone",))


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def _supply(digest: str) -> Supply:
    return Supply((Archive(Source("http://mirror.example/debian", "trixie", ("main",)), "Debian", digest),), ())


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for images whose builder writes one file instead of running mmdebstrap."""

    def install(argv: list[str], log: Path, progress: Callable[[str], None]) -> None:
        (Path(argv[-2]) / "etc").mkdir(parents=True)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(build, "_TOOLS", {})
    monkeypatch.setattr(build, "run", install)
    monkeypatch.setattr(build, "host_supply", lambda release: _supply("one"))
    monkeypatch.setattr(build, "_quiesce", lambda root: 0)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 2**40))
    return tmp_path / "images"


def _away(_: str) -> Supply:
    raise EnvironmentFault("The package mirror cannot be reached: no route.")


def test_built_once_and_named_by_its_digest(images: Path) -> None:
    first = build_image(SPEC, images, lambda line: None)
    again = build_image(SPEC, images, lambda line: None)
    assert (first.built, again.built) == (True, False)
    assert first.path == again.path == images / first.digest / "root"
    assert (first.path / "etc").is_dir()
    assert sorted(path.name for path in first.path.parent.iterdir()) == ["image.json", "root"]


def test_built_anew_when_the_mirror_has_other_packages(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build_image(SPEC, images, lambda line: None)
    monkeypatch.setattr(build, "host_supply", lambda release: _supply("two"))
    second = build_image(SPEC, images, lambda line: None)
    assert second.built
    assert second.path != first.path


def test_without_the_mirror_the_last_image_of_the_same_wish_is_taken(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build_image(SPEC, images, lambda line: None)
    monkeypatch.setattr(build, "host_supply", _away)
    told: list[str] = []
    assert build_image(SPEC, images, told.append).path == built.path
    assert "built before" in told[0]
    with pytest.raises(EnvironmentFault, match="cannot be reached"):
        build_image(ImageSpec(("glance-api",)), images, told.append)


def test_a_failed_build_leaves_nothing(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(argv: list[str], log: Path, progress: Callable[[str], None]) -> None:
        Path(argv[-2]).mkdir()
        raise EnvironmentFault("dpkg-deb: error: unexpected end of file")

    monkeypatch.setattr(build, "run", fails)
    with pytest.raises(EnvironmentFault):
        build_image(SPEC, images, lambda line: None)
    assert sorted(path.name for path in images.iterdir()) == [".lock", "build.log"]
    assert not (images.parent / "packages").exists()  # a damaged package is not met again


def test_what_a_killed_build_left_is_removed(images: Path) -> None:
    partial = images / "partial-abc" / "root"
    partial.mkdir(parents=True)
    build_image(SPEC, images, lambda line: None)
    assert not partial.exists()


def test_no_space_is_told_before_anything_is_built(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 2**30))
    with pytest.raises(EnvironmentFault, match=r"1\.0 GiB free; .* 6 GiB"):
        build_image(SPEC, images, lambda line: None)
    assert not list(images.glob("partial*"))


def test_not_root(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(EnvironmentFault, match="root"):
        build_image(SPEC, images, lambda line: None)
    assert not images.exists()


def test_missing_programs_are_named_with_their_packages(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_TOOLS", {"nonesuch-a": "package-a", "nonesuch-b": "package-b"})
    with pytest.raises(EnvironmentFault, match="package-a, package-b") as caught:
        build_image(SPEC, images, lambda line: None)
    assert "apt-get install package-a package-b" in caught.value.hint
