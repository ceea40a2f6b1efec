"""Whether the cloud's services are there: its APIs answer, and those that work behind them have reported.

A cloud that has just been started, or lost its power, shows for a minute what was true before: Nova takes a compute
service for up as long as its last report is young, and fails an instance that is asked for before the next one. So a
report counts only if it came after we began to look.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from keystoneauth1.exceptions import ClientException
from openstack.exceptions import SDKException

from crowbar.verify.cloud import BLOCK_STORAGE, Cloud
from crowbar.verify.poll import NotYet, Waiting, unheard, until

SETTLE_TIMEOUT = 240.0  # seconds; on two cores the slowest service was up 68 s after its node was powered on
_ANSWERED = 500  # an API that says less than this is there, whatever it thinks of the request


@dataclass(frozen=True)
class Worker:
    """One of Nova's or Cinder's services or Neutron's agents; ``reported`` is None where its state has to do."""

    program: str
    host: str
    up: bool
    reported: str | None = None

    def settled(self, first: str | None) -> bool:
        """True if it is up, and has reported anew since ``first``."""
        return self.up and (self.reported is None or self.reported != first)

    def __str__(self) -> str:
        since = f", last report {self.reported}" if self.reported else ""
        return f"{self.program} on {self.host} is {'up' if self.up else 'down'}{since}"


def answering(cloud: Cloud, waiting: Waiting = unheard) -> int:
    """Wait until every service of the catalogue answers; how many there are. Raises CheckError naming the silent."""

    def probe() -> None:
        if silent := [problem for name in sorted(cloud.services) if (problem := _silence(cloud, name))]:
            raise NotYet("; ".join(silent))

    until("Every service of the catalogue answers", probe, timeout=SETTLE_TIMEOUT, waiting=waiting)
    return len(cloud.services)


def reporting(cloud: Cloud, waiting: Waiting = unheard) -> int:
    """Wait until every enabled worker is up and has reported since the call; how many there are.

    Raises CheckError naming those that are not.
    """
    first: dict[tuple[str, str], str | None] = {}

    def probe() -> int:
        try:
            workers = tuple(_workers(cloud))
        except (SDKException, ClientException) as error:  # an API that was just started may lose its database once
            raise NotYet(str(error)) from error
        for worker in workers:
            first.setdefault((worker.program, worker.host), worker.reported)
        if late := [one for one in workers if not one.settled(first[one.program, one.host])]:
            raise NotYet("; ".join(map(str, late)))
        return len(workers)

    what = "Every compute and volume service and network agent reports"
    return until(what, probe, timeout=SETTLE_TIMEOUT, waiting=waiting)


def _silence(cloud: Cloud, service: str) -> str:
    session = cloud.connection.session
    where = {"service_type": service, "interface": "public", "region_name": cloud.access.region}
    try:
        status = int(session.get("", endpoint_filter=where, raise_exc=False, redirect=False).status_code)
    except (ClientException, OSError) as error:
        return f"{service}: {error}"
    return f"{service} answers {status}" if status >= _ANSWERED else ""


def _workers(cloud: Cloud) -> Iterator[Worker]:
    """All that are not switched off by the operator, who may have reasons to have them down."""
    connection = cloud.connection
    for types, client in ((("compute",), connection.compute), (BLOCK_STORAGE, connection.block_storage)):
        for service in client.services() if cloud.has(*types) else ():
            # Nova switches a compute service off by itself when it has lost its hypervisor.
            lost = (service.disabled_reason or "").startswith("AUTO:")
            if service.status != "disabled" or lost:
                up = service.state == "up" and not lost
                yield Worker(service.binary, service.host, up, service.updated_at or "never")
    for agent in connection.network.agents() if cloud.has("network") else ():
        if agent.is_admin_state_up:
            # Neutron asks OVN's agents for a sign of life each half minute only.
            yield Worker(agent.binary, agent.host, agent.is_alive)
