"""The dnsmasq of an admin service that was killed: still there, with our files, and in the way of the next."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

from crowbar.provision.dnsmasq.render import Files

_PATIENCE_MS = 5000


def end_leftover(files: Files) -> bool:
    """End the dnsmasq that was started with these files, if one is there; whether it was.

    Its process id is believed only if that process really has our configuration in its arguments.
    """
    try:
        pid = int(files.pid.read_text(encoding="ascii"))
        handle = os.pidfd_open(pid)
    except (OSError, ValueError):  # no such file, no number in it, no such process
        return False
    try:
        # Held by the descriptor, the id cannot become another's meanwhile.
        if not _is_ours(pid, files):
            return False
        for number in (signal.SIGTERM, signal.SIGKILL):
            signal.pidfd_send_signal(handle, number)
            if _ended(handle):
                break
        return True
    except ProcessLookupError:
        return True
    finally:
        os.close(handle)


def _is_ours(pid: int, files: Files) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return Path(os.fsdecode(words[0])).name == "dnsmasq" and f"--conf-file={files.config}".encode() in words


def _ended(handle: int) -> bool:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(_PATIENCE_MS))
