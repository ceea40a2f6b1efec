"""What a node's root has on a disk of its own beside what is in the image: how it boots, and how it is reached."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

# Real servers need the drivers of the whole kernel: Debian's cloud kernel has none for RAID controllers or IPMI.
DISK_PACKAGES = ("e2fsprogs", "initramfs-tools", "kmod", "linux-image-amd64", "udev", "zstd")

# GRUB finds itself and the root by the disk it was started from: another disk may hold the same image. The links
# /vmlinuz and /initrd.img follow the newest kernel, so an upgraded one is booted without any GRUB on the node.
_GRUB = """\
if [ "$grub_platform" = pc ]; then
  if serial --unit=0 --speed=115200; then
    terminal_input console serial
    terminal_output console serial
  fi
fi
set timeout_style=hidden
set timeout=1
set gfxpayload=keep
probe --set=root_uuid --fs-uuid $root
menuentry "Crowbar node" {{
  linux /vmlinuz root=UUID=$root_uuid {arguments}
  initrd /initrd.img
}}
menuentry "Crowbar node, the kernel before" {{
  linux /vmlinuz.old root=UUID=$root_uuid {arguments}
  initrd /initrd.img.old
}}
"""
ARGUMENTS = ("ro", "console=tty0", "console=ttyS0,115200", "loglevel=4", "systemd.gpt_auto=no", "panic=60")
# All that a root may lie on, and nothing else: a third of Debian's default, which has network cards and keyboards of
# all kinds. Without crc32c_generic ext4 does not mount. What udev knows of devices' makers, 13 MB, goes again: it names
# and describes, and the root's own udev does so later.
_HOOK = """\
#!/bin/sh
[ "$1" != prereqs ] || exec echo udev
. /usr/share/initramfs-tools/hook-functions
auto_add_modules block ata scsi usb_storage
manual_add_modules ext4 crc32c_generic sd_mod virtio_pci xhci_pci ehci_pci atkbd i8042 usbhid hid_generic
rm -f "$DESTDIR/usr/lib/udev/hwdb.bin"
"""
# It would be started twice, the first time to see whether its settings are right: the second says so, too.
_SSH_UNIT = "[Service]\nExecStartPre=\n"
_SSHD = "HostKey /etc/ssh/ssh_host_ed25519_key\nPasswordAuthentication no\nUseDNS no\n"


def additions(arguments: Iterable[str] = ARGUMENTS) -> dict[str, tuple[str, int]]:
    """Text and mode of each file that is added, by its path below the root."""
    return {
        "boot/grub/grub.cfg": (_GRUB.format(arguments=" ".join(arguments)), 0o644),
        "etc/fstab": ("LABEL=root / ext4 errors=remount-ro 0 1\n", 0o644),
        "etc/initramfs-tools/conf.d/crowbar": ("MODULES=list\nCOMPRESS=zstd\nFSTYPE=ext4\nRESUME=none\n", 0o644),
        "etc/initramfs-tools/hooks/crowbar": (_HOOK, 0o755),
        # One key, which the installer puts in beforehand so that it can be pinned.
        "etc/ssh/sshd_config.d/10-crowbar.conf": (_SSHD, 0o644),
        "etc/systemd/system/ssh.service.d/10-crowbar.conf": (_SSH_UNIT, 0o644),
    }


def write_additions(folder: Path) -> None:
    """The files below a folder that is laid over the image; its folders are made as they are in a Debian root."""
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    for name, (text, mode) in additions().items():
        path = folder / name
        for parent in reversed(path.relative_to(folder).parents):
            (folder / parent).mkdir(exist_ok=True)
            (folder / parent).chmod(0o755)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
