"""One run: the checks in order, whatever becomes of each, and the removal of all that they made."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from keystoneauth1.exceptions import ClientException
from openstack.exceptions import SDKException
from paramiko import SSHException

from crowbar.errors import CrowbarError
from crowbar.verify.cloud import Cloud, sign_in
from crowbar.verify.model import (
    NEEDS,
    Check,
    CheckError,
    CheckName,
    CheckStatus,
    CloudAccess,
    NotHereError,
    Report,
    with_needs,
)
from crowbar.verify.poll import Waiting
from crowbar.verify.removal import remove
from crowbar.verify.run_id import alive, dead_runs, forget, new_run
from crowbar.verify.scenario import CHECKS, SERVICES, Scenario

# What a cloud that misbehaves makes our clients raise. Anything else is a fault of ours, and is not a check's result.
CLOUD_ERRORS = (CrowbarError, SDKException, ClientException, SSHException, OSError, EOFError)
Reporter = Callable[[Check], None]


def verify(
    access: CloudAccess,
    *,
    workdir: Path,
    reporter: Reporter,
    checks: Collection[CheckName] | None = None,
    screenshots: Path | None = None,
) -> Report:
    """Check the cloud behind ``access`` by real clients, then remove all that was made for it.

    ``workdir`` keeps the tiny image for the next run; ``reporter`` is told of each check as it ends, and of those
    that wait for a cloud that was just started; ``checks``
    are the wanted ones (None: all), with which come those that they stand on; ``screenshots`` is a folder for
    pictures of the Dashboard. A failing check is part of the report, not an error. KeyboardInterrupt is raised
    again when everything has been removed.
    """
    wanted = with_needs(CheckName if checks is None else checks)
    session = _Session(reporter, access.password)
    scenario = session.prepare(access, workdir, screenshots, wanted)
    if scenario is None:
        return Report(tuple(session.done.values()))
    leftovers: tuple[str, ...] = ()
    with alive(scenario.run, workdir / "runs"):
        try:
            _remove_dead_runs(scenario.cloud, workdir / "runs")
            for name in wanted:
                if name in CHECKS and name not in session.done:
                    session.check(name, scenario)
        finally:
            leftovers = session.remove(scenario.cloud, scenario.run)
    return Report(tuple(session.done.values()), leftovers)


def _remove_dead_runs(cloud: Cloud, folder: Path) -> None:
    """What killed runs left is removed first. What stays of it is no fault of this run; the next one tries again."""
    dead = dead_runs(folder, time.time())
    if not remove(cloud, dead):
        forget(folder, dead)


class _Session:
    """The results so far, by name."""

    def __init__(self, reporter: Reporter, password: str) -> None:
        self.done: dict[CheckName, Check] = {}
        self._reporter = reporter
        self._password = password

    def prepare(
        self, access: CloudAccess, workdir: Path, screenshots: Path | None, wanted: Collection[CheckName]
    ) -> Scenario | None:
        """Sign in; a cloud that does not let us in fails its first check, and there is nothing to go on with."""
        started = time.monotonic()
        try:
            cloud = sign_in(access, self._waiting(CheckName.CATALOG, started))
            scenario = Scenario(cloud, new_run(), workdir, screenshots, wanted)
        except CLOUD_ERRORS as error:
            self._finish(CheckName.CATALOG, CheckStatus.FAILED, started, _said(error))
            return None
        self._finish(CheckName.CATALOG, CheckStatus.PASSED, started, scenario.catalog())
        return scenario

    def check(self, name: CheckName, scenario: Scenario) -> None:
        """Run one check, unless the cloud has no such service or what it stands on failed."""
        started = time.monotonic()
        status, detail = self._hindrance(name, scenario.cloud)
        if status is None:
            scenario.waiting = self._waiting(name, started)
            try:
                status, detail = CheckStatus.PASSED, CHECKS[name](scenario)
            except NotHereError as reason:
                status, detail = CheckStatus.SKIPPED, reason.message
            except CLOUD_ERRORS as error:
                status, detail = CheckStatus.FAILED, _said(error)
        self._finish(name, status, started, detail)

    def remove(self, cloud: Cloud, run: str) -> tuple[str, ...]:
        """Remove what the run made; what cannot be removed is told, in the check and in the report."""
        started = time.monotonic()
        leftovers = remove(cloud, lambda other: other == run)
        status = CheckStatus.FAILED if leftovers else CheckStatus.PASSED
        detail = "\n".join(leftovers) if leftovers else f"everything named {run}-* is gone"
        self._finish(CheckName.REMOVAL, status, started, detail)
        return leftovers

    def _hindrance(self, name: CheckName, cloud: Cloud) -> tuple[CheckStatus | None, str]:
        if name is CheckName.DASHBOARD and cloud.access.dashboard_url is None:
            return CheckStatus.SKIPPED, "this cloud has no Dashboard"
        types = SERVICES.get(name, ())
        if types and not cloud.has(*types):
            return CheckStatus.SKIPPED, f"the catalogue has no service of type {' or '.join(types)}"
        return _worst(self.done[need] for need in NEEDS[name] if need in self.done)

    def _waiting(self, name: CheckName, started: float) -> Waiting:
        """What tells the reporter that a check is not stuck, but waits."""
        return lambda seen: self._reporter(
            Check(name, CheckStatus.WAITING, time.monotonic() - started, self._masked(seen))
        )

    def _finish(self, name: CheckName, status: CheckStatus, started: float, detail: str) -> None:
        self.done[name] = Check(name, status, time.monotonic() - started, self._masked(detail))
        self._reporter(self.done[name])

    def _masked(self, text: str) -> str:
        return text.replace(self._password, "***") if self._password else text


def _worst(needed: Iterable[Check]) -> tuple[CheckStatus | None, str]:
    """Why a check cannot be run, judging by those that it stands on; (None, "") if it can."""
    by_status = {check.status: check for check in needed}
    if failed := by_status.get(CheckStatus.FAILED):
        return CheckStatus.FAILED, f"not tried, as {failed.name} failed"
    if skipped := by_status.get(CheckStatus.SKIPPED):
        return CheckStatus.SKIPPED, f"not tried, as {skipped.name} was skipped"
    return None, ""


def _said(error: BaseException) -> str:
    text = str(error).strip()
    return text if isinstance(error, CheckError) else f"{type(error).__name__}: {text}"
