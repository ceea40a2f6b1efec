"""The image on its way from the admin node to the disk."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import io
import mmap
import os
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any, Self, cast

from crowbar_inventory.agent.admin import Admin
from crowbar_inventory.agent.checked import line, number
from crowbar_inventory.agent.disks import Disk
from crowbar_inventory.agent.errors import AbsentError, DamagedError, OrderError
from crowbar_inventory.agent.reporting import Report
from crowbar_inventory.agent.target import ENDS, SECTOR, Target

MIB = 1 << 20
_CHUNK = 4 * MIB  # read at once


@dataclass(frozen=True)
class Image:
    """What is to be written: the digests are SHA-256, of the disk image and of what is sent."""

    url: str
    sha256: str
    size: int
    compressed_sha256: str

    @classmethod
    def read(cls, params: Mapping[str, Any]) -> Image:
        """From an order. Raises OrderError."""
        given = params.get("image")
        if not isinstance(given, dict):
            raise OrderError("image must be an object")
        hexadecimal = r"[0-9a-f]{64}"
        size = number(given, "size", 2 * ENDS, 1 << 50)
        if size % 512:
            raise OrderError("the image's size is no whole number of sectors")
        return cls(
            line(given, "url", r"/[\w./%~+-]*"),
            line(given, "sha256", hexadecimal),
            size,
            line(given, "compressed_sha256", f"({hexadecimal})?", ""),
        )


def write_image(admin: Admin, image: Image, disk: Disk, report: Report) -> None:
    """Stream the image to the disk. Its first MiB comes last: until all is there and verified, nothing boots from it.

    Raises DamagedError if it is not what it should be, OrderError if the disk is at fault.
    """
    target = Target(disk)
    try:
        target.ends()
        with admin.download(image.url) as body, _Unpacking(body) as unpacking:
            head, digest = _pour(unpacking, image, target, report)
        if unpacking.fault:
            raise AbsentError(f"the image stopped coming: {unpacking.fault}")
        if image.compressed_sha256:
            digest, wanted = unpacking.digest(), image.compressed_sha256
        else:
            wanted = image.sha256
        if digest != wanted:
            raise DamagedError(f"the image is damaged: its digest is {digest}, not {wanted}")
        target.write(0, memoryview(head))
        target.finish()
    except OrderError:
        with contextlib.suppress(OrderError):
            target.ends()
        raise
    finally:
        os.close(target.file)


def _pour(unpacking: _Unpacking, image: Image, target: Target, report: Report) -> tuple[mmap.mmap, str]:
    """Write all but the first MiB, which is handed back with the digest of all.

    What was sent is a fifth of what is written, and zstd makes the same of the same: where the digest of what was sent
    is known, that of the rest is not computed.
    """
    head, buffer, done, begun = mmap.mmap(-1, ENDS), mmap.mmap(-1, _CHUNK), 0, time.monotonic()
    digest = None if image.compressed_sha256 else hashlib.sha256()
    with memoryview(buffer) as view:
        while size := unpacking.fill(view):
            if done + size > image.size:
                raise DamagedError(f"the image is longer than the {image.size} bytes that were announced")
            if size % SECTOR:  # it broke off, and part of a sector cannot be written
                done += size
                break
            if digest is not None:
                digest.update(view[:size])
            if done == 0:
                head[:] = view[:ENDS].tobytes().ljust(ENDS, b"\0")
            target.write(done or ENDS, view[0 if done else ENDS : size])
            done += size
            speed = done / MIB / max(time.monotonic() - begun, 0.001)
            report(done * 90 // image.size, f"{done // MIB} of {image.size // MIB} MiB are written, {speed:.0f} MiB/s")
    if done != image.size and not unpacking.fault:
        raise DamagedError(f"the image ended after {done} of {image.size} bytes{unpacking.said()}")
    return head, digest.hexdigest() if digest is not None else ""


class _Unpacking:
    """zstd between the network and the disk, each at its own pace."""

    def __init__(self, body: http.client.HTTPResponse) -> None:
        self._body, self._digest, self.fault = body, hashlib.sha256(), ""

    def __enter__(self) -> Self:
        pipe = subprocess.PIPE
        # Pipes sixteen times as large as usual: a fifth less of the processor's time goes to changing between the two.
        self._zstd = subprocess.Popen(("zstd", "-dcq"), stdin=pipe, stdout=pipe, stderr=pipe, pipesize=MIB)
        pipes = (self._zstd.stdin, self._zstd.stdout, self._zstd.stderr)
        self._in, self._out, self._err = cast("tuple[IO[bytes], io.BufferedReader, IO[bytes]]", pipes)
        self._feeder = threading.Thread(target=self._feed, daemon=True)
        self._feeder.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._zstd.kill()
        with contextlib.suppress(OSError):
            self._body.close()
        self._feeder.join()
        self._out.close()
        self._err.close()
        self._zstd.wait()

    def fill(self, view: memoryview) -> int:
        """Fill the buffer, and how far it could be."""
        filled = 0
        while filled < len(view) and (size := self._out.readinto1(view[filled:])):
            filled += size
        return filled

    def digest(self) -> str:
        """Of what came over the network."""
        return self._digest.hexdigest()

    def said(self) -> str:
        """What zstd complains of."""
        words = self._err.read(200).decode("utf-8", "replace").strip()
        return f": {words}" if words else ""

    def _feed(self) -> None:
        try:
            while data := self._body.read1(MIB):
                self._digest.update(data)
                self._in.write(data)
            if self._body.length:
                self.fault = "the connection ended"
        except (OSError, ValueError, http.client.HTTPException) as error:
            self.fault = str(error) or type(error).__name__
        finally:
            with contextlib.suppress(OSError):
                self._in.close()
