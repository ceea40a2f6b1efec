"""The way out of machines: a bridge, address translation, forwarding, and the host's routes into the cloud."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crowbar.rack import routes
from crowbar.rack.host import run, tried
from crowbar.rack.record import Names, Record

_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
# The first machine that needs forwarding writes down here what it was, the last that goes restores it. Both are
# lost, rightly, when the host is restarted.
_BEFORE = Path("/run/crowbar-ip_forward")
_RULES = """
add table ip {table}
delete table ip {table}
table ip {table} {{
  chain translate {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {subnet} oifname != "{interface}" masquerade
  }}
  chain clamp {{
    type filter hook forward priority filter; policy accept;
    iifname "{interface}" tcp flags syn tcp option maxseg size set rt mtu
    oifname "{interface}" tcp flags syn tcp option maxseg size set rt mtu
  }}
}}
"""


def up(names: Names, record: Record) -> None:
    """Make what is missing of the machine's network; a second time changes nothing.

    Raises EnvironmentFault with the words of `ip` or `nft`.
    """
    bridge = names.bridge
    if not tried("ip", "link", "show", bridge):
        run("ip", "link", "add", bridge, "type", "bridge")
    run("ip", "link", "set", bridge, "addrgenmode", "none", "up")
    run("ip", "address", "replace", f"{record.gateway}/24", "dev", bridge)
    routes.settle(bridge, record)
    open_way(names.table, bridge, record.subnet)


def down(names: Names) -> None:
    """Take the machine's network away, whatever there is of it; routes go with the bridge."""
    tried("ip", "link", "delete", names.bridge)
    close_way(names.table)


def open_way(table: str, interface: str, subnet: str) -> None:
    """Let what is behind ``interface`` with addresses in ``subnet`` reach what the host does, by the host's address.

    ``table`` names all that is made for it; it begins with ``crowbar_``. A second time changes nothing. Raises
    EnvironmentFault with the words of `nft`.
    """
    run("nft", "-f", "-", stdin=_RULES.format(table=table, interface=interface, subnet=subnet))
    _remove_passes(table)
    _insert_passes(table, interface)
    with _forwarding_held():
        if not _BEFORE.exists():
            _BEFORE.write_text(_FORWARDING.read_text())
        if _FORWARDING.read_text().strip() != "1":
            _FORWARDING.write_text("1")


def close_way(table: str) -> None:
    """Undo `open_way`, whatever there is of it."""
    tried("nft", "delete", "table", "ip", table)
    _remove_passes(table)
    with _forwarding_held():
        if _BEFORE.exists() and not _other_tables():
            if _BEFORE.read_text().strip() == "0":
                _FORWARDING.write_text("0")
            _BEFORE.unlink()


def _ruleset(kind: str) -> list[dict[str, Any]]:
    rows = json.loads(run("nft", "--json", "list", "ruleset"))["nftables"]
    return [row[kind] for row in rows if kind in row]


def _other_tables() -> bool:
    return any(table["name"].startswith("crowbar_") for table in _ruleset("table"))


def _insert_passes(table: str, interface: str) -> None:
    """Let those packets pass the host's own forward chains (Docker's, firewalld's): all must accept them."""
    for chain in _ruleset("chain"):
        ours = chain["table"].startswith("crowbar_")
        if ours or chain.get("hook") != "forward" or chain["family"] not in ("ip", "inet"):
            continue
        for side in ("iifname", "oifname"):
            place = (chain["family"], chain["table"], chain["name"])
            run("nft", "insert", "rule", *place, side, interface, "accept", "comment", f'"{table}"')


def _remove_passes(table: str) -> None:
    for rule in _ruleset("rule"):
        if rule.get("comment") == table:
            place = (rule["family"], rule["table"], rule["chain"])
            tried("nft", "delete", "rule", *place, "handle", str(rule["handle"]))


@contextmanager
def _forwarding_held() -> Iterator[None]:
    """Hold a lock on the setting itself: machines come and go in several processes."""
    with _FORWARDING.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
