from __future__ import annotations

import socket
from pathlib import Path

import pytest

from crowbar.errors import EnvironmentFault
from crowbar.provision.image.archives import find_archives, index_digest
from crowbar.provision.image.sources import Source
from tests.provision.mirror import publish, release, serving


def test_only_suites_that_exist_are_taken(tmp_path: Path) -> None:
    publish(tmp_path, "trixie", release("a"))
    with serving(tmp_path) as url:
        candidates = [Source(url, suite, ("main",)) for suite in ("trixie", "trixie-updates")]
        [archive] = find_archives(candidates, "trixie")
    assert archive.source.suite == "trixie"
    assert archive.origin == "Debian"


def test_a_third_partys_suite_of_the_same_name_is_not_debian(tmp_path: Path) -> None:
    publish(tmp_path / "debian", "trixie", release("a"))
    publish(tmp_path / "docker", "trixie", release("b", origin="Docker"))
    with serving(tmp_path) as url:
        candidates = [Source(f"{url}/{name}", "trixie", ("main",)) for name in ("docker", "debian")]
        [archive] = find_archives(candidates, "trixie")
    assert archive.source.uri.endswith("/debian")


def test_a_private_mirror_may_have_another_origin(tmp_path: Path) -> None:
    publish(tmp_path, "trixie", release("a", origin="Example Inc."))
    with serving(tmp_path) as url:
        assert len(find_archives([Source(url, "trixie", ("main",))], "trixie")) == 1


def test_a_mirror_without_the_release_is_named(tmp_path: Path) -> None:
    with serving(tmp_path) as url, pytest.raises(EnvironmentFault, match="has Debian trixie") as caught:
        find_archives([Source(url, "trixie", ("main",))], "trixie")
    assert url in caught.value.message


def test_a_host_without_any_source_is_told() -> None:
    with pytest.raises(EnvironmentFault, match="none is configured"):
        find_archives([], "trixie")


def test_a_mirror_that_is_away_is_reported_with_apts_words() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/debian"
        with pytest.raises(EnvironmentFault, match=r"Could not connect|Connection refused") as caught:
            find_archives([Source(url, "trixie", ("main",))], "trixie")
    assert f"{url}/dists/trixie/InRelease" in caught.value.hint


def test_the_digest_follows_the_packages_and_not_the_signature() -> None:
    assert index_digest(release("a"), ["main"]) == index_digest(release("a", signature="two"), ["main"])
    assert index_digest(release("a"), ["main"]) != index_digest(release("b"), ["main"])
    assert index_digest(release("a"), ["contrib"]) != index_digest(release("a", signature="two"), ["contrib"])


def test_a_release_that_lists_no_index_counts_as_a_whole() -> None:
    assert index_digest("Date: 1", ["main"]) != index_digest("Date: 2", ["main"])
