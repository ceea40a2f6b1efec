"""What takes minutes to download and to build is shared by all tests that need it, and kept between runs."""

from __future__ import annotations

from pathlib import Path

from crowbar.paths import StateDir

_CACHE = Path(__file__).parents[1] / ".cache"
SHARED = StateDir(_CACHE / "tests")


def state_dir(name: str) -> StateDir:
    """A state folder of that name, kept between runs for its images alone; the discovery systems and packages are all
    tests' own.
    """
    state = StateDir(_CACHE / name)
    state.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in (state.discovery, state.root / "packages"):
        target = SHARED.root / folder.name
        target.mkdir(parents=True, exist_ok=True)
        if not folder.exists():
            folder.symlink_to(target)
    return state
