"""A signed-in client of the cloud, and which services its catalogue has."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from keystoneauth1.access import AccessInfo
from keystoneauth1.exceptions import ConnectFailure, HttpServerError
from keystoneauth1.identity.v3 import Password
from keystoneauth1.session import Session
from openstack.connection import Connection
from openstack.identity.v3._proxy import Proxy as IdentityClient

from crowbar.verify.model import CheckError, CloudAccess
from crowbar.verify.poll import NotYet, Waiting, unheard, until

BLOCK_STORAGE = ("block-storage", "volumev3", "volume")  # the types that clouds register Cinder under
_API_TIMEOUT = 120  # seconds; under emulation an API server may have to wait for a busy core
# What the clients would log about an unreachable service is told by the check that needed it.
for _name in ("keystoneauth", "openstack"):
    logging.getLogger(_name).addHandler(logging.NullHandler())
SIGN_IN_TIMEOUT = 180.0  # seconds for a Keystone that was just started, or whose node was
_RETRIES = 3  # connections that are reset: workers of an API server come and go


@dataclass(frozen=True)
class Cloud:
    """A connection scoped to one project. ``services`` are the service types of the catalogue."""

    access: CloudAccess
    connection: Connection
    services: frozenset[str]
    project_id: str
    user_id: str

    def has(self, *types: str) -> bool:
        """True if the catalogue has a service of one of ``types``."""
        return not self.services.isdisjoint(types)

    @property
    def identity(self) -> IdentityClient:
        """The identity service's third API, the only one with projects. Raises CheckError where it is the second."""
        client = self.connection.identity
        if not isinstance(client, IdentityClient):
            raise CheckError(f"{self.access.auth_url} speaks an identity API before version 3.")
        return client


def sign_in(access: CloudAccess, waiting: Waiting = unheard) -> Cloud:
    """A client for ``access``, which has got a token and the catalogue.

    Waits for a Keystone that does not answer (yet). Raises keystoneauth's errors if it answers and lets nobody in,
    CheckError if it is not there in SIGN_IN_TIMEOUT or the catalogue is empty.
    """
    plugin = Password(
        auth_url=access.auth_url,
        username=access.username,
        password=access.password,
        project_name=access.project,
        user_domain_name="Default",
        project_domain_name="Default",
    )
    session = Session(auth=plugin, timeout=_API_TIMEOUT, connect_retries=_RETRIES)
    # From a session: neither the environment nor a clouds.yaml of this host has a say.
    connection = Connection(session=session, region_name=access.region)

    def enter() -> AccessInfo:
        try:
            return plugin.get_access(session)
        except (ConnectFailure, HttpServerError) as error:
            raise NotYet(str(error)) from error

    known = until(f"Keystone at {access.auth_url}", enter, timeout=SIGN_IN_TIMEOUT, waiting=waiting)
    services = frozenset(entry["type"] for entry in known.service_catalog.catalog if entry["endpoints"])
    if not services:
        raise CheckError(f"The catalogue of {access.auth_url} has no services for project {access.project}.")
    return Cloud(access, connection, services, str(known.project_id), str(known.user_id))


def as_user(cloud: Cloud, *, username: str, password: str, project: str) -> Cloud:
    """The same cloud, signed in as another user in another project."""
    return sign_in(replace(cloud.access, username=username, password=password, project=project))
