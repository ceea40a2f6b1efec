"""What the checks are tested against: a cloud of one process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crowbar.verify import CloudAccess
from tests.verify.fake_cloud import FakeCloud, serving


@pytest.fixture
def fake() -> Iterator[FakeCloud]:
    """A cloud that keeps what it is given."""
    with serving() as cloud:
        yield cloud


@pytest.fixture
def access(fake: FakeCloud) -> CloudAccess:
    """How to sign in to it."""
    return CloudAccess(f"{fake.url}/identity/v3", "admin", fake.password, "admin", "RegionOne")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Warnings are errors, but not those that openstacksdk gives to itself, in its own code."""
    for item in items:
        if "/verify/" in item.nodeid:
            item.add_marker(pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedInSDK50Warning"))
