"""The archive as the kernel reads it, and which modules go into it in which order."""

from __future__ import annotations

import lzma
import stat
from pathlib import Path

from crowbar.verify import initramfs


def parse(data: bytes) -> list[tuple[str, int, bytes, tuple[int, int]]]:
    """Read a newc archive as the kernel's documentation describes it."""
    found: list[tuple[str, int, bytes, tuple[int, int]]] = []
    offset = 0
    while True:
        assert data[offset : offset + 6] == b"070701"
        fields = [int(data[offset + 6 + 8 * n : offset + 14 + 8 * n], 16) for n in range(13)]
        name = data[offset + 110 : offset + 110 + fields[11] - 1].decode()
        start = -(-(offset + 110 + fields[11]) // 4) * 4
        content = data[start : start + fields[6]]
        offset = -(-(start + fields[6]) // 4) * 4
        if name == "TRAILER!!!":
            assert offset == len(data)
            return found
        found.append((name, fields[1], content, (fields[9], fields[10])))


def test_an_archive_holds_what_was_put_in_with_parents_first() -> None:
    entries = [
        initramfs.file("usr/sbin/dropbear", b"ELF", 0o755),
        initramfs.link("bin/sh", "busybox"),
        initramfs.console(),
        initramfs.directory("root", 0o700),
    ]
    found = parse(initramfs.archive(entries))
    names = [name for name, *_ in found]
    assert names == ["bin", "bin/sh", "dev", "dev/console", "root", "usr", "usr/sbin", "usr/sbin/dropbear"]
    by_name = {name: rest for name, *rest in found}
    assert by_name["bin/sh"] == [stat.S_IFLNK | 0o777, b"busybox", (0, 0)]
    assert by_name["dev/console"] == [stat.S_IFCHR | 0o600, b"", (5, 1)]
    assert by_name["usr/sbin/dropbear"] == [stat.S_IFREG | 0o755, b"ELF", (0, 0)]
    assert by_name["root"][0] == stat.S_IFDIR | 0o700
    assert by_name["usr"][0] == stat.S_IFDIR | 0o755


def test_equal_entries_make_equal_archives() -> None:
    one = [initramfs.file("a", b"1"), initramfs.file("b", b"2")]
    assert initramfs.archive(one) == initramfs.archive(reversed(one))


def module(folder: Path, name: str, *needs: str, packed: bool = False) -> None:
    content = b"\x7fELF\0depends=" + ",".join(needs).encode() + b"\0name=" + name.encode() + b"\0"
    path = folder / "lib/modules/6.1/kernel" / f"{name}.ko{'.xz' if packed else ''}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(lzma.compress(content) if packed else content)


def test_modules_come_after_what_they_depend_on_and_once(tmp_path: Path) -> None:
    module(tmp_path, "virtio")
    module(tmp_path, "virtio_ring", "virtio")
    module(tmp_path, "virtio-net", "failover", "virtio_ring", packed=True)
    module(tmp_path, "virtio_blk", "virtio", "virtio_ring")
    found = list(initramfs.modules(tmp_path, ["virtio_net", "virtio_blk", "af_packet"]))
    assert [name for name, _ in found] == ["virtio", "virtio_ring", "virtio_net", "virtio_blk"]
    assert all(content.startswith(b"\x7fELF") for _, content in found)


def test_the_loaders_listing_tells_libraries_from_what_the_kernel_brings() -> None:
    listing = (
        "\tlinux-vdso.so.1 (0x00007ffd5b5f2000)\n"
        "\tlibz.so.1 => /r/lib/x86_64-linux-gnu/libz.so.1 (0x00007f0c5e5c9000)\n"
        "\t/lib64/ld-linux-x86-64.so.2 (0x00007f0c5e650000)\n"
    )
    found = initramfs.shared_libraries(listing)
    assert found["libz.so.1"] == Path("/r/lib/x86_64-linux-gnu/libz.so.1")
    assert "linux-vdso.so.1" not in found
