"""Hard-rebooting instances many times over, to see whether one ever loses its network."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from crowbar.verify import networks, servers
from crowbar.verify.cloud import sign_in
from crowbar.verify.image import build_image
from crowbar.verify.model import CheckError, CloudAccess
from crowbar.verify.removal import remove
from crowbar.verify.run import CLOUD_ERRORS
from crowbar.verify.run_id import alive, new_run
from crowbar.verify.scenario import Instance, boot_id, start_instance
from crowbar.verify.servers import Template


@dataclass(frozen=True)
class HardReboot:
    """One hard reboot: ``reached`` if the instance answered by SSH over its floating IP with a new kernel."""

    number: int
    instance: str
    reached: bool
    seconds: float
    detail: str = ""


@dataclass(frozen=True)
class RebootReport:
    """All hard reboots of one run, in the order they were begun."""

    done: tuple[HardReboot, ...]

    @property
    def reboots(self) -> int:
        """How many there were."""
        return len(self.done)

    @property
    def lost(self) -> int:
        """After how many of them the instance was not reached."""
        return sum(not reboot.reached for reboot in self.done)


def hard_reboots(
    access: CloudAccess,
    times: int,
    *,
    workdir: Path,
    instances: int = 2,
    reporter: Callable[[HardReboot], None] | None = None,
) -> RebootReport:
    """Hard-reboot ``instances`` instances ``times`` times together, and log in to the rebooted one each time.

    The instances are rebooted at the same time as each other, which is quicker and harder. A lost one is part of
    the result, and is rebooted on. Raises what the set-up raises, and CheckError if not all that was made could be
    removed.
    """
    cloud, run = sign_in(access), new_run()
    with alive(run, workdir / "runs"):
        try:
            made = _start(access, run, workdir, instances)
            numbers = iter(range(1, times + 1))
            lock = threading.Lock()
            with ThreadPoolExecutor(instances) as pool:
                work = [pool.submit(_worker, instance, numbers, lock, reporter) for instance in made]
            done = [reboot for future in work for reboot in future.result()]
        finally:
            left = remove(cloud, lambda other: other == run)
    if left:
        raise CheckError("What was made for the hard reboots could not all be removed:\n" + "\n".join(left))
    return RebootReport(tuple(sorted(done, key=lambda reboot: reboot.number)))


def _start(access: CloudAccess, run: str, workdir: Path, count: int) -> list[Instance]:
    cloud = sign_in(access)
    image_id = servers.upload(cloud, f"{run}-image", build_image(workdir / "tiny-image"))
    template = Template(image_id, servers.flavor(cloud, f"{run}-flavor"))
    segment = networks.build_segment(cloud, f"{run}-net", networks.external_network(cloud))
    # A connection each: they are used from threads.
    made = [
        start_instance(sign_in(access), f"{run}-{number}", template, segment, 10 + number) for number in range(count)
    ]
    for instance in made:
        servers.wait_active(instance.cloud, instance.id)
    return made


def _worker(
    instance: Instance, numbers: Iterator[int], lock: threading.Lock, reporter: Callable[[HardReboot], None] | None
) -> list[HardReboot]:
    """Reboot one instance for as long as there are numbers left to take."""
    done: list[HardReboot] = []
    with instance.login() as guest:
        before = boot_id(guest)
    while True:
        with lock:
            number = next(numbers, None)
        if number is None:
            return done
        reboot, before = _reboot(instance, number, before)
        done.append(reboot)
        if reporter is not None:
            with lock:
                reporter(reboot)


def _reboot(instance: Instance, number: int, before: str) -> tuple[HardReboot, str]:
    started = time.monotonic()
    detail, after = "", before
    try:
        servers.reboot(instance.cloud, instance.id)
        with instance.login() as guest:
            after = boot_id(guest)
        if after == before:
            detail = "the same kernel is running on"
    except CLOUD_ERRORS as error:
        detail = str(error)
    return HardReboot(number, instance.name, not detail, time.monotonic() - started, detail), after
