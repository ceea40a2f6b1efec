"""What is checked, with what access, and what came of it, as immutable values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from crowbar.errors import CrowbarError


@dataclass(frozen=True)
class CloudAccess:
    """How to sign in to the cloud as an administrator; ``dashboard_url`` is None where there is no Dashboard."""

    auth_url: str
    username: str
    password: str = field(repr=False)
    project: str
    region: str
    dashboard_url: str | None = None


class CheckName(StrEnum):
    """Everything that is checked, in the order it is done."""

    CATALOG = "catalog"  # signing in, and reading which services there are
    SERVICES = "services"  # every service answers, and those that work behind the APIs have just reported
    IMAGE = "image"  # the tiny image is uploaded, and its checksum agreed on
    NETWORK = "network"  # a network, a router to the outside, a security group, a floating IP
    INSTANCE = "instance"  # an instance is active
    SECOND_PROJECT = "second-project"  # a second project with a user, a network and an instance of its own
    OBJECT = "object"  # an object is put, got and compared
    CONSOLE = "console"  # the instance's screen, as a browser would get it
    SSH = "ssh"  # logged in to the instance over its floating IP
    METADATA = "metadata"  # the instance reads its own metadata
    TRANSFER = "transfer"  # 20 MB each way
    VOLUME = "volume"  # a volume is attached and written to
    REBOOT = "reboot"  # a hard reboot, after which the instance is reached again
    COMPUTES = "computes"  # an instance on each other hypervisor, reached from the first over the tunnels
    DETACH = "detach"  # the volume still holds what was written, and is detached
    ISOLATION = "isolation"  # the two projects' networks do not reach each other
    DASHBOARD = "dashboard"  # a browser signs in and sees the instance
    REMOVAL = "removal"  # all that was made is gone


class CheckStatus(StrEnum):
    """How a check ended, or is: ``waiting`` is told in between, and is in no report.

    ``skipped`` only where the cloud has no such service in its catalogue, or but one hypervisor.
    """

    WAITING = "waiting"
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


NEEDS: dict[CheckName, tuple[CheckName, ...]] = {
    CheckName.CATALOG: (),
    # Nothing stands on this one: a cloud with one dead compute still has to show what else works.
    CheckName.SERVICES: (CheckName.CATALOG,),
    CheckName.IMAGE: (CheckName.CATALOG,),
    CheckName.NETWORK: (CheckName.CATALOG,),
    CheckName.INSTANCE: (CheckName.IMAGE, CheckName.NETWORK),
    CheckName.SECOND_PROJECT: (CheckName.INSTANCE,),
    CheckName.OBJECT: (CheckName.CATALOG,),
    CheckName.CONSOLE: (CheckName.INSTANCE,),
    CheckName.SSH: (CheckName.INSTANCE,),
    CheckName.METADATA: (CheckName.SSH,),
    CheckName.TRANSFER: (CheckName.SSH,),
    CheckName.VOLUME: (CheckName.SSH,),
    CheckName.REBOOT: (CheckName.SSH,),
    CheckName.COMPUTES: (CheckName.SSH,),
    CheckName.DETACH: (CheckName.VOLUME,),
    CheckName.ISOLATION: (CheckName.SSH, CheckName.SECOND_PROJECT),
    CheckName.DASHBOARD: (CheckName.INSTANCE,),
    CheckName.REMOVAL: (),
}


def with_needs(wanted: Iterable[CheckName]) -> tuple[CheckName, ...]:
    """``wanted`` and every check they stand on, in the order they are done; the removal is always one of them."""
    found = {CheckName.REMOVAL}
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += NEEDS[name]
    return tuple(name for name in CheckName if name in found)


@dataclass(frozen=True)
class Check:
    """One check and what was seen; ``seconds`` is wall time."""

    name: CheckName
    status: CheckStatus
    seconds: float
    detail: str


@dataclass(frozen=True)
class Report:
    """All checks of one run, in order, and what the run made and could not remove."""

    checks: tuple[Check, ...]
    leftovers: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """True if nothing failed and nothing was left behind."""
        return not self.leftovers and all(check.status is not CheckStatus.FAILED for check in self.checks)


class CheckError(CrowbarError):
    """The cloud did not do what it should; the message says what was seen instead."""


class NotHereError(CrowbarError):
    """The cloud is not made so that this can be checked; the message says why."""
