"""`--on-this-host`: this machine as the node."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crowbar.errors import EnvironmentFault, Fault
from crowbar.store.model import Node, NodeKind

if TYPE_CHECKING:
    from crowbar.catalog.model import WantedProposal
    from crowbar.services.context import Context

SPACE_NEEDED = 10 * 2**30  # the packages take 3 GiB; the rest is for images, databases and instances
RELEASE = ("debian", "13")
WORKER_PACKAGES = ("ansible-core", "python3-ansible-runner", "python3-apt")
_SHOWN_PACKAGES = 8


def known(context: Context) -> Node | None:
    """The node that this host is, if it has been one before."""
    return next((node for node in context.store.nodes.list() if node.kind is NodeKind.HOST), None)


def described() -> Node:
    """The host as a node, with what was found on it now."""
    from crowbar_inventory.probe import facts

    name = socket.gethostname().partition(".")[0]
    return Node(name, NodeKind.HOST, {"admin": _address()}, aliases=("node",), facts=facts())


def take(context: Context, say: Callable[[str], None]) -> Node:
    """Have this host in the store as a node, with fresh facts and with what runs its steps.

    Raises EnvironmentFault where it cannot be one.
    """
    _install_worker(say)
    node = described()
    context.store.nodes.save(node)
    return node


def _install_worker(say: Callable[[str], None]) -> None:
    """What an image has from the start: the programs that a node applies its roles with."""
    query = ["dpkg-query", "-W", "-f", "${db:Status-Status}\\n", *WORKER_PACKAGES]
    present = subprocess.run(query, capture_output=True, text=True, check=False).stdout.split()
    if present.count("installed") == len(WORKER_PACKAGES):
        return
    say(f"installing {', '.join(WORKER_PACKAGES)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", *WORKER_PACKAGES]):
        command = ["apt-get", "-q", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode != 0:
            raise EnvironmentFault(
                f"{' '.join(command[:3])} failed on this machine: {done.stderr.strip()[-1000:]}",
                hint="Mend the package manager (apt-get -f install), then run the same command again.",
            )


def changes(context: Context, proposals: Mapping[str, WantedProposal], packages: tuple[str, ...]) -> list[str]:
    """What a deployment would change on this machine, in words.

    Raises EnvironmentFault, with all that is in the way: not root, another system than Debian 13 with systemd, too
    little space, a port that something else listens on.
    """
    from crowbar.catalog.words import first_of

    roles = [
        role
        for name, proposal in proposals.items()
        for role in context.catalog.get(name).roles.values()
        if proposal.elements.get(role.name)
    ]
    applied = {one.role for one in context.store.applied.list()}
    wanted_ports = {port: role.name for role in roles if role.name not in applied for port in role.ports}
    faults = obstacles(described().facts, wanted_ports, root=os.geteuid() == 0, free=shutil.disk_usage("/").free)
    if faults:
        raise EnvironmentFault(
            "The cloud cannot be installed on this machine; nothing was changed.",
            faults=faults,
            hint="crowbar deploy --single-node installs it in a container machine, and leaves this one as it is.",
        )
    units = sorted({unit for role in roles for unit in role.units})
    some = first_of(packages, _SHOWN_PACKAGES)
    return [
        f"On this machine ({socket.gethostname()}), as root, Crowbar will:",
        f"  install {len(packages)} Debian packages and what they need: {some}",
        f"  write these services' configuration below /etc, and run {len(units)} units",
        f"  listen on the TCP ports {', '.join(map(str, sorted({port for role in roles for port in role.ports})))}",
        "  set the host name's entry in /etc/hosts, kernel settings, time synchronisation and the APT sources",
        "`crowbar destroy` cannot take that back: use a machine that is meant for it.",
    ]


def obstacles(facts: Mapping[str, Any], ports: Mapping[int, str], *, root: bool, free: int) -> list[Fault]:
    """What is in the way of installing on the host with these ``facts`` (of the probe). Pure.

    ``ports`` maps each port that would be listened on to its role; ``free`` is in bytes.
    """
    release = facts.get("distribution", {})
    found = []
    if not root:
        found.append(Fault("user", "it takes root: use sudo"))
    if (release.get("id"), str(release.get("version"))) != RELEASE:
        found.append(
            Fault(
                "/etc/os-release",
                f"this is {release.get('id') or 'an unknown system'} "
                f"{release.get('version', '')}; it must be Debian 13",
            )
        )
    if not facts.get("systemd"):
        found.append(Fault("/run/systemd/system", "systemd does not run this machine"))
    if free < SPACE_NEEDED:
        found.append(Fault("/", f"{free / 2**30:.1f} GiB are free; {SPACE_NEEDED / 2**30:.0f} GiB are needed"))
    found += _taken(set(facts.get("listening", ())), ports)
    return found


def _taken(listening: set[int], ports: Mapping[int, str]) -> Iterable[Fault]:
    return [
        Fault(f"port {port}", f"{role} needs it, and something listens on it: ss -ltnp 'sport = :{port}'")
        for port, role in sorted(ports.items())
        if port in listening
    ]


def _address() -> str:
    """The address that this host uses towards others; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1: connecting a datagram socket only chooses a route
        except OSError as error:
            raise EnvironmentFault(
                "This machine has no route to other machines, so no address that a cloud could be reached at.",
                hint=f"Configure its network (see `ip route`; {Path('/etc/network')}).",
            ) from error
        return str(probe.getsockname()[0])
