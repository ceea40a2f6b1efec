"""Which of the kernel's modules the discovery system keeps: what networks, disks, BMCs and file systems need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

# The beginnings of their paths below kernel/.
WANTED = (
    "arch/x86/crypto/crc32",
    "crypto/crc32",  # without crc32c, ext4 cannot be mounted
    "drivers/ata/",
    "drivers/block/virtio_blk",
    "drivers/block/xen-blkfront",
    "drivers/char/hw_random/virtio",
    "drivers/char/ipmi/",
    "drivers/char/tpm/",
    "drivers/hv/",
    "drivers/message/",
    "drivers/net/ethernet/",
    "drivers/net/hyperv/",
    "drivers/net/virtio_net",
    "drivers/net/vmxnet3/",
    "drivers/net/xen-netfront",
    "drivers/nvme/host/",
    "drivers/pci/controller/vmd",
    "drivers/scsi/",
    "drivers/usb/host/",
    "drivers/usb/storage/",
    "drivers/virtio/",
    "fs/efivarfs",
    "fs/ext4/",
    "fs/fat/",
    "fs/nls/nls_ascii",
    "fs/nls/nls_cp437",
    "fs/nls/nls_utf8",
    "lib/crc",
    "lib/libcrc32c",
)


def parse_dependencies(text: str) -> dict[str, list[str]]:
    """modules.dep(5): each module's path, and the paths of those it needs."""
    lines = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {path: needed.split() for path, _, needed in lines}


def kept(dependencies: Mapping[str, Sequence[str]], wanted: Sequence[str] = WANTED) -> set[str]:
    """The paths of the wanted modules, and of all that they need."""
    found: set[str] = set()
    waiting = [path for path in dependencies if path.removeprefix("kernel/").startswith(tuple(wanted))]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting.extend(dependencies.get(path, ()))
    return found
