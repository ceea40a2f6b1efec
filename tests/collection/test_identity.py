"""Keystone's content, against one that speaks its protocol."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import Run
from .fake_keystone import FakeKeystone, serving


@pytest.fixture
def keystone() -> FakeKeystone:
    return FakeKeystone()


@pytest.fixture
def url(keystone: FakeKeystone) -> Iterator[str]:
    with serving(keystone) as url:
        yield url


def wanted(url: str, **more: Any) -> dict[str, Any]:
    endpoints = dict.fromkeys(("public", "internal"), "http://glance:9292")
    return {
        "auth": {"auth_url": url, "password": "root"},
        "domains": ["heat"],
        "projects": [{"name": "service", "description": "Ours"}, "demo", {"name": "stacks", "domain": "heat"}],
        "roles": ["service", "reader"],
        "users": [
            {
                "name": "glance",
                "password": "hunter2",
                "roles": [
                    {"role": "service", "project": "service"},
                    {"role": "reader", "system": True},
                    {"role": "reader", "domain": "heat"},
                ],
            }
        ],
        "services": [{"name": "glance", "type": "image", "description": "Images", "endpoints": endpoints}],
        **more,
    }


def test_everything_is_made_and_nothing_the_second_time(keystone: FakeKeystone, url: str, run_module: Run) -> None:
    first = run_module("identity", wanted(url))
    assert first["changed"], first
    assert keystone.names("projects") == {"admin", "service", "demo", "stacks"}
    assert {one["url"] for one in keystone.things["endpoints"].values()} == {"http://glance:9292"}
    assert set(keystone.things["regions"]) == {"RegionOne"}
    assert {grant.split("/")[1] for grant in keystone.grants} == {"projects", "system", "domains"}
    keystone.changes.clear()
    second = run_module("identity", wanted(url))
    assert (second["changed"], second["changes"], keystone.changes) == (False, [], [])


def test_a_wrong_password_is_set_and_in_no_answer(keystone: FakeKeystone, url: str, run_module: Run) -> None:
    run_module("identity", wanted(url))
    (user,) = [one for one in keystone.things["users"].values() if one["name"] == "glance"]
    user["password"] = "forgotten"
    answer = run_module("identity", wanted(url))
    assert answer["changes"] == ["password of user glance"]
    assert user["password"] == "hunter2"
    assert "hunter2" not in str(answer)


def test_a_moved_service_is_mended(keystone: FakeKeystone, url: str, run_module: Run) -> None:
    run_module("identity", wanted(url))
    moved = [{"name": "glance", "type": "image", "description": "New", "endpoints": {"public": "http://new"}}]
    answer = run_module("identity", wanted(url, services=moved))
    assert answer["changes"] == ["service image", "public endpoint of image"]


def test_what_another_made_meanwhile_is_taken(keystone: FakeKeystone, url: str, run_module: Run) -> None:
    keystone.racing = True
    answer = run_module("identity", wanted(url))
    assert answer["changed"], answer
    assert keystone.names("users") == {"admin", "glance"}
    assert len(keystone.grants) == 3


def test_check_mode_says_what_it_would_do(keystone: FakeKeystone, url: str, run_module: Run) -> None:
    answer = run_module("identity", wanted(url), check_mode=True)
    assert "user glance" in answer["changes"]
    assert keystone.changes == []


def test_it_waits_for_a_keystone_that_comes_up(keystone: FakeKeystone, url: str, run_module: Run) -> None:
    keystone.down = 2
    assert not run_module("identity", {"auth": {"auth_url": url, "password": "root"}}).get("failed")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"auth": {"password": "wrong"}}, "status 401"),
        ({"projects": [{"name": "x", "domain": "nowhere"}]}, "There is no domain nowhere."),
        (
            {"users": [{"name": "u", "password": "p", "roles": [{"role": "nothing", "project": "demo"}]}]},
            "There is no role nothing.",
        ),
    ],
)
def test_what_is_wrong_is_said(url: str, run_module: Run, more: dict[str, Any], words: str) -> None:
    arguments = wanted(url, **more)
    arguments["auth"]["auth_url"] = url
    answer = run_module("identity", arguments)
    assert answer["failed"]
    assert words in answer["msg"]
