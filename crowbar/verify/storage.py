"""Volumes attached to an instance, and objects: what is written must be what is read."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from openstack.exceptions import NotFoundException

from crowbar.verify.cloud import Cloud
from crowbar.verify.guest import Guest
from crowbar.verify.model import CheckError
from crowbar.verify.poll import NotYet, until

_VOLUME_GIB = 1
_WRITTEN = 8 << 20  # bytes written to the volume
_OBJECT = 5 << 20  # bytes of the object
_TIMEOUT = 180.0  # seconds for a volume to get from one state to the next


@dataclass(frozen=True)
class Disk:
    """A volume in an instance: its device there, and the checksum of what was written to its start."""

    volume_id: str
    device: str
    sha256: str


def create_volume(cloud: Cloud, name: str, *, near: str) -> str:
    """Ask for a new volume; its id. It is not waited for.

    Back ends that are directories of their nodes can only serve instances there: it is made on the host of the
    instance ``near``, where Cinder's InstanceLocalityFilter is on; other clouds do not heed that.
    """
    hints = {"local_to_instance": near}
    volume = cloud.connection.block_storage.create_volume(name=name, size=_VOLUME_GIB, scheduler_hints=hints)
    return str(volume.id)


def wait_volume(cloud: Cloud, volume_id: str, wanted: str) -> None:
    """Wait for a volume's status. Raises CheckError at once if it is one of the error states."""

    def probe() -> None:
        status = cloud.connection.block_storage.get_volume(volume_id).status
        if status.startswith("error"):
            raise CheckError(f"Cinder has the volume in status {status!r}, not {wanted!r}.")
        if status != wanted:
            raise NotYet(f"status {status!r}")

    until(f"Volume {wanted}", probe, timeout=_TIMEOUT)


def attach(cloud: Cloud, server_id: str, volume_id: str, guest: Guest) -> Disk:
    """Attach a volume to a running instance, find it there, and write random bytes to it."""
    before = _disks(guest)
    cloud.connection.compute.create_volume_attachment(server_id, volume_id=volume_id)
    wait_volume(cloud, volume_id, "in-use")

    def appeared() -> str:
        new = sorted(_disks(guest) - before)
        if not new:
            raise NotYet(f"the guest has {', '.join(sorted(before))} only")
        return new[0]

    device = f"/dev/{until('The volume in the guest', appeared, timeout=60)}"
    data = secrets.token_bytes(_WRITTEN)
    guest.run(f"dd of={device} bs=1M conv=fsync 2>/dev/null", stdin=data)
    disk = Disk(volume_id, device, hashlib.sha256(data).hexdigest())
    compare(disk, guest)
    return disk


def compare(disk: Disk, guest: Guest) -> None:
    """Read back what was written to a volume. Raises CheckError if it is something else."""
    guest.run("echo 3 > /proc/sys/vm/drop_caches")  # what is read must come from the volume, not from memory
    found = guest.text(f"head -c {_WRITTEN} {disk.device} | sha256sum").split()[0]
    if found != disk.sha256:
        raise CheckError(f"{disk.device} has SHA-256 {found}; what was written has {disk.sha256}.")


def detach(cloud: Cloud, server_id: str, disk: Disk, guest: Guest) -> None:
    """Detach a volume, and see that it is gone from the guest and free in Cinder."""
    cloud.connection.compute.delete_volume_attachment(server_id, disk.volume_id)

    def gone() -> None:
        if disk.device.removeprefix("/dev/") in _disks(guest):
            raise NotYet(f"the guest still has {disk.device}")

    until("Volume gone from the guest", gone, timeout=_TIMEOUT)
    wait_volume(cloud, disk.volume_id, "available")


def _disks(guest: Guest) -> set[str]:
    return set(guest.text("ls /sys/block").split())


def round_trip(cloud: Cloud, name: str) -> str:
    """Put an object into a new container, get it and delete it; says what was moved.

    Raises CheckError if its checksum is another one, or if the object is still there after its deletion.
    """
    store = cloud.connection.object_store
    data = secrets.token_bytes(_OBJECT)
    wanted = hashlib.sha256(data).hexdigest()
    store.create_container(name)
    store.create_object(name, f"{name}-object", data=data)
    found = hashlib.sha256(store.download_object(f"{name}-object", container=name)).hexdigest()
    if found != wanted:
        raise CheckError(f"The object was put with SHA-256 {wanted}, and got with {found}.")
    store.delete_object(f"{name}-object", container=name)
    try:
        store.get_object_metadata(f"{name}-object", container=name)
    except NotFoundException:
        return f"{_OBJECT >> 20} MiB put and got with the same SHA-256, and deleted"
    raise CheckError("The object is still there after its deletion.")
