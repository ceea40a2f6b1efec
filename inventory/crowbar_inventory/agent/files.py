"""What makes an installed system this machine's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from crowbar_inventory.agent.checked import items, line, number, text
from crowbar_inventory.agent.errors import OrderError

_ADDRESS = r"[0-9a-fA-F.:]{2,45}"
_LARGEST = 1 << 20  # characters of a file


def files(params: Mapping[str, Any]) -> dict[str, tuple[str, int]]:
    """What makes the installed system this machine: path -> text and mode. Raises OrderError."""
    name = line(params, "hostname", r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
    domain = line(params, "domain", r"[a-z0-9.-]*", "")
    fqdn = line(params, "fqdn", r"[a-z0-9.-]+", f"{name}.{domain}".rstrip("."))
    key = params.get("host_key")
    keys = [item.strip() for item in items(params, "authorized_keys", str) if "\n" not in item.strip()]
    networks = items(params, "networks", dict, 64)
    address = (line(networks[0], "address", f"({_ADDRESS})?", "") if networks else "") or "127.0.1.1"
    made = {
        "etc/hostname": (f"{name}\n", 0o644),
        "etc/hosts": (
            f"127.0.0.1 localhost\n::1 localhost\n{address} {fqdn}{'' if fqdn == name else ' ' + name}\n",
            0o644,
        ),
        "etc/machine-id": (f"{uuid4().hex}\n", 0o444),
        "root/.ssh/authorized_keys": ("".join(f"{key}\n" for key in keys), 0o600),
    }
    if isinstance(key, dict):
        made["etc/ssh/ssh_host_ed25519_key"] = (text(key, "private", 16384).strip() + "\n", 0o600)
        made["etc/ssh/ssh_host_ed25519_key.pub"] = (text(key, "public", 4096).strip() + "\n", 0o644)
    servers = []
    for network in networks:
        mac = line(network, "mac", r"([0-9a-f]{2}:){5}[0-9a-f]{2}")
        made[f"etc/systemd/network/10-crowbar-{mac.replace(':', '')}.network"] = (_network(network, mac), 0o644)
        servers += items(network, "dns", str, 8)
    if servers:
        resolv = f"search {domain}\n" * bool(domain) + "".join(
            f"nameserver {server}\n" for server in dict.fromkeys(servers)
        )
        made["etc/resolv.conf"] = (resolv, 0o644)
    for extra in items(params, "files", dict):
        path = line(extra, "path", r"/?[\w@.+-]+(/[\w@.+-]+)*").lstrip("/")
        if {".", ".."} & set(path.split("/")):
            raise OrderError(f"path is not acceptable: {path!r}")
        made[path] = (text(extra, "content", _LARGEST), number(extra, "mode", 0, 0o777) if "mode" in extra else 0o644)
    return made


def _network(network: Mapping[str, Any], mac: str) -> str:
    """systemd-networkd's file for one interface; without an address it asks by DHCP."""
    lines = ["[Match]", f"MACAddress={mac}", "", "[Network]"]
    address, gateway = line(network, "address", f"({_ADDRESS})?", ""), line(network, "gateway", f"({_ADDRESS})?", "")
    lines += [f"Address={address}/{number(network, 'prefix', 1, 128)}", "IPv6AcceptRA=no"] if address else ["DHCP=yes"]
    lines += [f"Gateway={gateway}"] * bool(gateway)
    for server in items(network, "dns", str, 8):
        lines.append(f"DNS={line({'dns': server}, 'dns', _ADDRESS)}")
    return "\n".join([*lines, ""])


def put(root: Path, made: Mapping[str, tuple[str, int]]) -> None:
    """Write the files below ``root``, in place of what is there. A secret is never readable by others."""
    for path, (content, mode) in made.items():
        target = root / path
        missing = [folder for folder in (*reversed(target.relative_to(root).parents),) if not (root / folder).is_dir()]
        for folder in missing:
            (root / folder).mkdir(mode=0o700 if folder.name == ".ssh" else 0o755)
        target.unlink(missing_ok=True)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
