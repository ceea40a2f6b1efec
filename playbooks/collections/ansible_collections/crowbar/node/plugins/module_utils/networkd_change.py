# Copyright: Crowbar developers
# SPDX-License-Identifier: Apache-2.0
"""A change of systemd-networkd's configuration that is undone unless somebody says that it is good.

What was before is kept in a folder; as long as that is there, crowbar-network-rollback.service puts it back: after a
time by its timer, when the machine starts (before networkd), or when it is asked to.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from ansible_collections.crowbar.node.plugins.module_utils import atomic, networkd, process, systemd

FOLDER = Path("/etc/systemd/network")
_KEPT = Path("/var/lib/crowbar/network")
_BEFORE = "before"  # the name that the script knows
_UNIT = "crowbar-network-rollback"


def present() -> dict[str, str]:
    """Our files that are there, by name."""
    return {file.name: file.read_text() for file in sorted(FOLDER.glob(f"{networkd.PREFIX}*"))}


def begin(before: Mapping[str, str]) -> None:
    """Keep what was before, and have it put back in two minutes. Raises SystemdError."""
    new = _KEPT / f"{_BEFORE}.new"
    forget()
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    for name, text in before.items():
        atomic.write(new / name, text.encode())
    new.rename(_KEPT / _BEFORE)
    systemd.call("daemon-reload")
    systemd.call("restart", f"{_UNIT}.timer")


def make(before: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Write the files, and have networkd follow them. Raises SystemdError."""
    if before == wanted:  # it does not do what they say, or somebody changed something behind its back
        systemd.call("restart", "systemd-networkd.service")
        return
    after = networkd.made_by(wanted)
    for device, text in networkd.made_by(before).items():
        if after.get(device) != text:  # networkd makes devices, and neither changes nor removes them
            process.run(["ip", "link", "delete", device])
    for name in before.keys() - wanted.keys():
        (FOLDER / name).unlink(missing_ok=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in wanted.items():
        atomic.write(FOLDER / name, text.encode())
    done = process.run(["networkctl", "reload"], timeout=30)
    if done.status:
        raise systemd.SystemdError(f"networkctl reload: {done.output}")


def keep() -> None:
    """It is good: nothing is put back any more."""
    process.run(["systemctl", "stop", f"{_UNIT}.timer"])
    forget()


def undo() -> str:
    """Put back what was before; what went wrong with that, or ""."""
    done = process.run(["systemctl", "start", f"{_UNIT}.service"], timeout=60)
    process.run(["systemctl", "stop", f"{_UNIT}.timer"])
    return done.output if done.status else ""


def forget() -> None:
    """Let what was before be gone: at once, as half of it would be wrong to put back."""
    old = _KEPT / f"{_BEFORE}.old"
    shutil.rmtree(old, ignore_errors=True)
    if (_KEPT / _BEFORE).exists():
        (_KEPT / _BEFORE).rename(old)
        shutil.rmtree(old)
