"""What takes minutes to download and to build is shared by all tests that need it, and kept between runs."""

from __future__ import annotations

from pathlib import Path

from crowbar.paths import StateDir

_CACHE = Path(__file__).parents[1] / ".cache"
SHARED = StateDir(_CACHE / "tests")


def state_dir(name: str, images_of: str = "") -> StateDir:
    """A state folder of that name, kept between runs for its images alone; the discovery systems and packages are all
    tests' own. Its images can be those of another one, which may be in use meanwhile.
    """
    state = StateDir(_CACHE / name)
    state.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    shared = {state.discovery: SHARED.root, state.root / "packages": SHARED.root}
    if images_of:
        shared |= {state.images: _CACHE / images_of, state.disks: _CACHE / images_of}
    for folder, owner in shared.items():
        target = owner / folder.name
        target.mkdir(parents=True, exist_ok=True)
        if not folder.exists():
            folder.symlink_to(target)
    return state
