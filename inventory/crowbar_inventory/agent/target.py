"""A disk being written."""

from __future__ import annotations

import fcntl
import mmap
import os
import struct

from crowbar_inventory.agent.disks import Disk
from crowbar_inventory.agent.errors import OrderError

SECTOR = 512
ENDS = 1 << 20  # bytes of a disk, where its partition tables are
DISCARD, ZERO_OUT, REREAD = 0x1277, 0x127F, 0x125F  # ioctls of linux/fs.h
_UNIT = 1 << 20  # bytes that are written, or zeroed, at once
_GLANCE = 4096


class Target:
    """A disk being written.

    Zeros are made by the disk itself where it can, which may be much quicker. They are never merely left out: what
    was there before would be in the new files.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_EXCL
        try:
            self.file = os.open(disk.path, flags | os.O_DIRECT)  # errors come at once, and memory stays free
        except OSError:
            try:
                self.file = os.open(disk.path, flags)
            except OSError as error:
                raise OrderError(f"{disk.name} cannot be written: {error.strerror}") from error
        self._zeros = mmap.mmap(-1, _UNIT)
        self._gap = (0, 0)

    def write(self, offset: int, data: memoryview) -> None:
        """Write it there, or note that it is zeros. ``data`` is aligned to pages."""
        for start in range(0, len(data), _UNIT):
            piece = data[start : start + _UNIT]
            if self._is_zeros(piece):
                self._widen(offset + start, len(piece))
            else:
                self._all(offset + start, piece)

    def _is_zeros(self, piece: memoryview) -> bool:
        # Most of what is not shows it at its beginning, and need not be copied for that.
        return all(bytes(part) == self._zeros[: len(part)] for part in (piece[:_GLANCE], piece))

    def ends(self) -> None:
        """Zero both ends: nothing can be booted from it, and no partition is seen."""
        for start in (0, max(0, self._disk.size - ENDS)):
            self.zero(start, min(ENDS, self._disk.size))

    def zero(self, start: int, length: int) -> None:
        """Zero so many bytes from there."""
        try:
            fcntl.ioctl(self.file, ZERO_OUT, struct.pack("QQ", start, length))
        except OSError:  # not a block device, or one that is at fault
            for place in range(start, start + length, _UNIT):
                with memoryview(self._zeros) as zeros:
                    self._all(place, zeros[: min(_UNIT, start + length - place)])

    def finish(self) -> None:
        """Have all on the disk."""
        self._close_gap()
        os.fsync(self.file)

    def _widen(self, start: int, length: int) -> None:
        first, end = self._gap
        if start != end or start - first >= 64 * _UNIT:
            self._close_gap()
            first = start
        self._gap = (first, start + length)

    def _close_gap(self) -> None:
        first, end = self._gap
        self._gap = (0, 0)
        if end > first:
            self.zero(first, end - first)

    def _all(self, offset: int, data: memoryview) -> None:
        while data:
            try:
                done = os.pwrite(self.file, data, offset)
            except OSError as error:
                raise OrderError(f"{self._disk.name} cannot be written at byte {offset}: {error.strerror}") from error
            offset, data = offset + done, data[done:]
