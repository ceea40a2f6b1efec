"""Where people log in to the cloud, and with what."""

from __future__ import annotations

import json
import os
import shlex
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crowbar.catalog.model import AccessKind, SecretRef
from crowbar.catalog.templates import render
from crowbar.catalog.variables import published
from crowbar.errors import EnvironmentFault, InputError
from crowbar.services.wanted import deployed, merged

if TYPE_CHECKING:
    from crowbar.services.context import Context

CLOUD = "crowbar"  # the cloud's name in clouds.yaml
_LOGIN = ("url", "region", "admin_user", "admin_project", "admin_password")


@dataclass(frozen=True)
class AccessPoint:
    """An address for people. ``secret`` names the password, ``owner/name``; both it and ``user`` may be empty."""

    barclamp: str
    title: str
    url: str
    user: str
    secret: str
    kind: AccessKind = AccessKind.ADDRESS


@dataclass(frozen=True)
class Login:
    """How OpenStack's clients log in as the cloud's administrator."""

    auth_url: str
    region: str
    username: str
    project: str
    password: str = field(repr=False)

    def environment(self) -> dict[str, str]:
        """The variables that OpenStack's clients read."""
        return {
            "OS_AUTH_URL": self.auth_url,
            "OS_IDENTITY_API_VERSION": "3",
            "OS_PASSWORD": self.password,
            "OS_PROJECT_DOMAIN_NAME": "Default",
            "OS_PROJECT_NAME": self.project,
            "OS_REGION_NAME": self.region,
            "OS_USERNAME": self.username,
            "OS_USER_DOMAIN_NAME": "Default",
        }

    def openrc(self) -> str:
        """A file to be sourced by a shell."""
        return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in self.environment().items())

    def clouds_yaml(self) -> str:
        """A clouds.yaml with the one cloud "crowbar"."""
        auth = {
            "auth_url": self.auth_url,
            "username": self.username,
            "password": self.password,
            "project_name": self.project,
            "user_domain_name": "Default",
            "project_domain_name": "Default",
        }
        cloud = {"auth": auth, "region_name": self.region, "identity_api_version": 3}
        return json.dumps({"clouds": {CLOUD: cloud}}, indent=2) + "\n"  # JSON is YAML, and quotes every value


def access_points(context: Context) -> list[AccessPoint]:
    """The addresses that the deployed barclamps offer to people; none before the first deployment.

    Raises InputError if a manifest's template does not render.
    """
    values = _published(context)
    return [
        AccessPoint(
            name,
            access.title,
            str(render(access.url, own, f"{name} access url")),
            str(render(access.user, own, f"{name} access user")),
            _secret(access.secret, own, name),
            access.kind,
        )
        for name, own in values.items()
        for access in context.catalog.get(name).access
    ]


def password(context: Context, secret: str) -> str:
    """The value of the secret ``owner/name``.

    Raises InputError if there is none.
    """
    ref = next((ref for ref in context.store.secrets.refs() if str(ref) == secret), None)
    if ref is None:
        raise InputError(f"There is no secret {secret!r} yet.", hint="crowbar deploy makes it.")
    return context.store.secrets.value(ref)


def login(context: Context) -> Login:
    """How to log in to the cloud's identity service: the barclamp that publishes what a client needs for it.

    Raises EnvironmentFault if none is deployed.
    """
    for values in _published(context).values():
        if all(name in values for name in _LOGIN):
            ref = values["admin_password"]
            secret = context.store.secrets.value(ref) if isinstance(ref, SecretRef) else str(ref)
            return Login(
                str(values["url"]),
                str(values["region"]),
                str(values["admin_user"]),
                str(values["admin_project"]),
                secret,
            )
    raise EnvironmentFault("There is no cloud to log in to yet.", hint="crowbar deploy --single-node")


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read (0600), whole or not at all.

    Raises InputError if it cannot be written.
    """
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # made 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from error


def _published(context: Context) -> Mapping[str, Mapping[str, Any]]:
    """What the barclamps that have been applied publish."""
    applied = {one.barclamp for one in context.store.applied.list()}
    proposals = {name: one for name, one in merged(context, ()).items() if name in applied}
    known = {node.name for node in context.store.nodes.list()}
    gone = [
        name for one in proposals.values() for nodes in one.elements.values() for name in nodes if name not in known
    ]
    return {} if gone else published(context.catalog, deployed(context, proposals))


def _secret(template: str, own: Mapping[str, Any], barclamp: str) -> str:
    return str(render(template, own, f"{barclamp} access secret"))
