"""What systemd says of a node."""

from __future__ import annotations

from fnmatch import fnmatch

FAILED = ("systemctl", "list-units", "--failed", "--plain", "--no-legend")


def failed_units(listed: str) -> set[str]:
    """The units in what FAILED prints, but for sessions.

    A session fails whose program was killed (with the engine) before it could be put into it: rabbitmqctl has such.
    """
    names = {line.split()[0] for line in listed.splitlines() if line.strip()}
    return {name for name in names if not fnmatch(name, "session-*.scope")}
