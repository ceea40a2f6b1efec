"""Instances of the tiny image: uploaded, launched, waited for, rebooted; and what their consoles say."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from openstack.exceptions import SDKException

from crowbar.verify.cloud import Cloud
from crowbar.verify.image import TinyImage
from crowbar.verify.model import CheckError
from crowbar.verify.poll import NotYet, until

ACTIVE_TIMEOUT = 300.0  # seconds for Nova to start or reboot an instance
_MEMORY, _DISK = 128, 1  # MiB and GiB of the flavor
_CONSOLE_LINES = 12


@dataclass(frozen=True)
class Template:
    """What instances are made from; usable by every project of the cloud."""

    image_id: str
    flavor_id: str


def upload(cloud: Cloud, name: str, image: TinyImage) -> str:
    """Upload the tiny image and return its id.

    Raises CheckError if Glance computed another checksum of it than this host.
    """
    data = image.path.read_bytes()
    made = cloud.connection.image.create_image(
        name,
        data=data,
        disk_format="raw",
        container_format="bare",
        visibility="community",  # the second project boots it too; unlike a public one, nobody is shown it
        min_disk=_DISK,
        hw_rng_model="virtio",  # else the guest waits a second for entropy before it has a host key
        allow_duplicates=True,  # the name is unique: no need to look for another of that name
        wait=True,
    )
    stored = cloud.connection.image.get_image(made.id)
    wanted = hashlib.new(stored.hash_algo or "sha512", data).hexdigest()
    if stored.hash_value != wanted:
        raise CheckError(f"Glance has image {name} with {stored.hash_algo} {stored.hash_value}, sent was {wanted}.")
    return str(made.id)


def flavor(cloud: Cloud, name: str) -> str:
    """A flavor just large enough for the tiny image; its id."""
    return str(cloud.connection.compute.create_flavor(name=name, ram=_MEMORY, vcpus=1, disk=_DISK, is_public=True).id)


def launch(cloud: Cloud, name: str, template: Template, port_id: str, public_key: str, hypervisor: str = "") -> str:
    """Ask for an instance with one port and one key, on that hypervisor if one is named; its id. It is not waited for.

    Naming one is an administrator's right, and needs microversion 2.74 (Train).
    """
    client = cloud.connection.compute
    client.create_keypair(name=name, public_key=public_key)
    server = client.create_server(
        name=name,
        image_id=template.image_id,
        flavor_id=template.flavor_id,
        networks=[{"port": port_id}],
        key_name=name,
        **({"host": hypervisor} if hypervisor else {}),
    )
    return str(server.id)


def wait_active(cloud: Cloud, server_id: str) -> None:
    """Wait until an instance is active and Nova is doing nothing with it.

    Raises CheckError, with Nova's fault and the console's last lines, on an error or after ACTIVE_TIMEOUT.
    """

    def probe() -> None:
        server = cloud.connection.compute.get_server(server_id)
        if server.status == "ERROR":
            fault = (server.fault or {}).get("message", "no fault given")
            raise CheckError(f"Nova reports an error: {fault}\n{console_tail(cloud, server_id)}")
        if server.status != "ACTIVE" or server.task_state:
            raise NotYet(f"status {server.status}, task {server.task_state}, VM state {server.vm_state}")

    until(f"Instance {server_id} active", probe, timeout=ACTIVE_TIMEOUT)


def reboot(cloud: Cloud, server_id: str, kind: Literal["HARD", "SOFT"] = "HARD") -> None:
    """Reboot an instance and wait until Nova says that it is active again."""
    cloud.connection.compute.reboot_server(server_id, kind)
    wait_active(cloud, server_id)


def console(cloud: Cloud, server_id: str) -> str:
    """What an instance has written to its console; empty if Nova cannot tell (yet)."""
    try:
        answer = cloud.connection.compute.get_server_console_output(server_id)
    except SDKException:
        return ""  # an instance that did not start has no console, and this is asked when things went wrong
    return str((answer or {}).get("output") or "")


def console_tail(cloud: Cloud, server_id: str) -> str:
    """The last lines of an instance's console, to be shown under a failure."""
    lines = [line.rstrip() for line in console(cloud, server_id).splitlines() if line.strip()]
    if not lines:
        return "The instance's console is empty."
    return "\n".join(["The instance's console ends:", *(f"  | {line[:160]}" for line in lines[-_CONSOLE_LINES:])])
