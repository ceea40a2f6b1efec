"""What all tests share: the order of slow ones, and what they need of the machine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from crowbar.provision.image import ImageSpec, build_image
from crowbar.store.database import Database, sqlite_url
from crowbar.store.schema import migrate
from tests.built import SHARED

# On a busy machine an example may take any time; what hangs is ended by pytest's own timeout.
settings.register_profile("crowbar", deadline=None)
settings.load_profile("crowbar")
_NEEDED = ("systemd-nspawn", "mmdebstrap", "nft")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Fast tests first, then those with container machines, then the cloud; these two need root and programs."""
    lacking = [program for program in _NEEDED if shutil.which(program) is None]
    reason = "needs root" if os.geteuid() != 0 else f"needs {', '.join(lacking)}" if lacking else ""
    for item in items:
        if reason and _slowness(item):
            item.add_marker(pytest.mark.skip(reason=reason))
    items.sort(key=lambda item: (_slowness(item), -_patience(item)))


def _slowness(item: pytest.Item) -> int:
    return 2 if item.get_closest_marker("cloud") else 1 if item.get_closest_marker("machine") else 0


def _patience(item: pytest.Item) -> float:
    """Of those with machines, two files of which run beside each other, the ones that may take longest go first."""
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0]) if marker and _slowness(item) == 1 else 0.0


# A small image for all tests that need a real one; kept between runs, as it takes twenty seconds to build.
SMALL_PACKAGES = ("memcached", "systemd-container")


@pytest.fixture(scope="session")
def small_image() -> Path:
    """The root folder of an image of the base packages and one service. Never to be written to."""
    return build_image(ImageSpec(SMALL_PACKAGES), SHARED.images, print).path


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database with the newest schema and nothing in it, to be copied: ten times as quick as making one."""
    path = tmp_path_factory.mktemp("migrated") / "crowbar.db"
    database = Database(sqlite_url(path))
    migrate(database)
    database.close()
    return path


def place(database: Path, at: Path) -> None:
    """Put a copy of the database there, in a folder made as the store makes it."""
    at.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copy2(database, at)
