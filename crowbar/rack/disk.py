"""A machine's disk: an overlay on the image, so that it is there at once, and gone at once."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from crowbar.apply.keys import KeyPair
from crowbar.errors import EnvironmentFault
from crowbar.provision.resolver import machine_resolv_conf
from crowbar.rack.host import run, tried
from crowbar.rack.record import Record

_SSHD = "HostKey /etc/ssh/ssh_host_ed25519_key\nPasswordAuthentication no\nUseDNS no\n"


def mount(folder: Path, image: Path) -> Path:
    """Mount the machine's disk, if it is not; its root folder. Raises EnvironmentFault."""
    root = folder / "root"
    for part in (folder / "upper", folder / "work", root):
        part.mkdir(exist_ok=True)
    if root.is_mount():
        return root
    if not image.is_dir():
        raise EnvironmentFault(
            f"The image {image} that the machine {folder.name} stands on is gone.",
            hint="`crowbar destroy`, then deploy.",
        )
    layers = f"lowerdir={image},upperdir={folder / 'upper'},workdir={folder / 'work'}"
    try:
        run("mount", "-t", "overlay", "overlay", "-o", layers, str(root))
    except EnvironmentFault as error:
        error.hint = f"{folder} must be on a local file system such as ext4 or xfs: set CROWBAR_STATE_DIR elsewhere."
        raise
    return root


def unmount(folder: Path) -> None:
    """Unmount it, also where a process still holds it: nothing of ours is below."""
    while (folder / "root").is_mount():
        if not tried("umount", str(folder / "root")):
            run("umount", "--lazy", str(folder / "root"))


def remove(folder: Path) -> None:
    """Delete the machine's folder with its disk. Raises EnvironmentFault rather than delete through a mount."""
    unmount(folder)
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    if any(line.split()[4].startswith(f"{folder.resolve()}/") for line in mounts):
        raise EnvironmentFault(f"Something is mounted below {folder}.", hint="See `findmnt`; unmount it and try again.")
    if folder.is_dir():
        shutil.rmtree(folder)


def prepare(root: Path, name: str, record: Record, host_key: KeyPair, login: KeyPair) -> None:
    """Give the disk what makes it this machine: names, network, keys. All can be written again."""
    host0 = [f"Address={record.address}/24", f"Gateway={record.gateway}", "LinkLocalAddressing=no", "IPv6AcceptRA=no"]
    fqdn = f"{name}.{record.domain}"
    texts = {
        "etc/hostname": f"{name}\n",
        "etc/hosts": f"127.0.0.1 localhost\n{record.address} {fqdn} {name}\n",
        "etc/resolv.conf": machine_resolv_conf(),
        "etc/machine-id": f"{uuid.uuid4().hex}\n",
        "etc/systemd/network/10-host0.network": "\n".join(["[Match]", "Name=host0", "", "[Network]", *host0, ""]),
        "etc/ssh/sshd_config.d/10-crowbar.conf": _SSHD,
        "root/.ssh/authorized_keys": f"{login.public}\n",
    }
    for path, text in texts.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.write_text(text, encoding="utf-8")
    (root / "root/.ssh").chmod(0o700)
    (root / "root/.ssh/authorized_keys").chmod(0o600)
    host_key.write(root / "etc/ssh/ssh_host_ed25519_key")
    run("chroot", str(root), "systemctl", "enable", "systemd-networkd.service")
