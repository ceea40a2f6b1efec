"""The kernel, and those of its modules that the discovery system needs, out of Debian's package."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from crowbar.errors import EnvironmentFault
from crowbar.provision.discovery.modules import kept, parse_dependencies

_INDEX = ("modules.builtin", "modules.builtin.modinfo", "modules.order")


def take_kernel(unpacked: Path, root: Path, vmlinuz: Path) -> None:
    """The kernel to ``vmlinuz``, its modules into the root, indexed. All three on one file system.

    ``unpacked`` has the package's files. Raises EnvironmentFault.
    """
    modules = next(unpacked.glob("usr/lib/modules/*"), None)
    kernel = next(unpacked.glob("boot/vmlinuz-*"), None)
    if modules is None or kernel is None:
        raise EnvironmentFault("Debian's kernel package has no kernel where it was: this Crowbar is too old for it.")
    (unpacked / "lib").symlink_to("usr/lib")  # where depmod looks
    _index(unpacked, modules.name)
    target = root / "usr/lib/modules" / modules.name
    wanted = kept(parse_dependencies((modules / "modules.dep").read_text(encoding="utf-8")))
    _link(modules, target, [*_INDEX, *wanted])
    _index(root, modules.name)
    shutil.copyfile(kernel, vmlinuz)


def _link(source: Path, target: Path, names: Iterable[str]) -> None:
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        os.link(source / name, target / name)


def _index(root: Path, version: str) -> None:
    done = subprocess.run(["depmod", "-b", str(root), version], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise EnvironmentFault(f"The modules of the kernel {version} could not be indexed: {done.stderr.strip()}")
