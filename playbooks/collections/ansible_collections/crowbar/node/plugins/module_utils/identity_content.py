"""Bringing about what Keystone is to hold: each kind of thing is read once, and only what differs is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from ansible_collections.crowbar.node.plugins.module_utils.keystone import Keystone, KeystoneError, Login

_DEFAULT = "default"  # the id of the domain that always exists


class Content:
    """Makes domains, projects, roles, users and services true. ``changes`` says what was, or would be, done.

    With ``check_mode`` nothing is sent; ids of what would have been made are then empty.
    """

    def __init__(self, keystone: Keystone, check_mode: bool = False) -> None:
        self._keystone = keystone
        self._check_mode = check_mode
        self.changes: list[str] = []
        self._listed: dict[str, list[dict[str, Any]]] = {}

    def apply(self, wanted: Mapping[str, Any]) -> None:
        """Everything in ``wanted`` (the module's arguments), in the order in which one needs the other."""
        for name in wanted.get("domains") or ():
            self._ensure("domain", {"name": name})
        for project in wanted.get("projects") or ():
            domain = self._domain(project.get("domain"))
            self._ensure("project", _given(project, "name", "description"), domain_id=domain)
        for name in wanted.get("roles") or ():
            self._ensure("role", {"name": name})
        for user in wanted.get("users") or ():
            self._user(user)
        services = wanted.get("services") or ()
        if services:
            self._region(wanted["region"])
        for service in services:
            self._service(service, wanted["region"])

    def _user(self, user: Mapping[str, Any]) -> None:
        domain = user.get("domain") or "Default"
        known = self._find("user", user["name"], domain_id=self._domain(domain))
        if known is None:
            body = {"name": user["name"], "password": user["password"]}
            known = self._create("user", {**body, "domain_id": self._domain(domain)})
        elif not self._keystone.accepts(Login(user["name"], user["password"], domain)):
            self._change(
                f"password of user {user['name']}",
                "PATCH",
                f"/users/{known['id']}",
                {"user": {"password": user["password"]}},
            )
        for grant in user.get("roles") or ():
            self._grant(user["name"], known["id"], grant)

    def _grant(self, user: str, user_id: str, grant: Mapping[str, Any]) -> None:
        role = self._need("role", grant["role"])
        if grant.get("system"):
            target, title = "/system", "system"
        elif grant.get("domain"):
            target, title = f"/domains/{self._domain(grant['domain'])}", f"domain {grant['domain']}"
        else:
            domain = self._domain(grant.get("project_domain"))
            project = self._need("project", grant["project"], domain_id=domain)
            target, title = f"/projects/{project['id']}", f"project {grant['project']}"
        path = f"{target}/users/{user_id}/roles"
        held = self._keystone.get(path)["roles"] if user_id and "//" not in path else []
        if role["id"] not in {each["id"] for each in held}:
            self._change(f"role {grant['role']} of user {user} in {title}", "PUT", f"{path}/{role['id']}")

    def _region(self, name: str) -> None:
        if name not in {region["id"] for region in self._all("region")}:
            self._change(f"region {name}", "PUT", f"/regions/{quote(name, safe='')}", {"region": {}})
            self._listed.pop("region", None)

    def _service(self, service: Mapping[str, Any], region: str) -> None:
        body = {"description": "", **_given(service, "name", "type", "description")}
        known = next((each for each in self._all("service") if each["type"] == service["type"]), None)
        if known is None:
            known = self._create("service", body)
        elif differing := {key: value for key, value in body.items() if known.get(key, "") != value}:
            self._change(f"service {service['type']}", "PATCH", f"/services/{known['id']}", {"service": differing})
        for interface, url in (service.get("endpoints") or {}).items():
            self._endpoint(service["type"], known["id"], interface, region, url)

    def _endpoint(self, kind: str, service_id: str, interface: str, region: str, url: str) -> None:
        title = f"{interface} endpoint of {kind}"
        place = {"service_id": service_id, "interface": interface, "region_id": region}
        known = next((each for each in self._all("endpoint") if place.items() <= each.items()), None)
        if known is None:
            self._change(title, "POST", "/endpoints", {"endpoint": {**place, "url": url}})
        elif known["url"] != url:
            self._change(title, "PATCH", f"/endpoints/{known['id']}", {"endpoint": {"url": url}})

    def _domain(self, name: str | None) -> str:
        return _DEFAULT if name in (None, "", "Default") else str(self._need("domain", name)["id"])

    def _ensure(self, kind: str, body: Mapping[str, Any], **where: str) -> None:
        if self._find(kind, body["name"], **where) is None:
            self._create(kind, {**body, **where})

    def _need(self, kind: str, name: str | None, **where: str) -> dict[str, Any]:
        found = self._find(kind, str(name), **where)
        if found is None:
            raise KeystoneError(f"There is no {kind} {name}.")
        return found

    def _find(self, kind: str, name: str, **where: str) -> dict[str, Any] | None:
        # Keystone's names are the same whatever their case.
        same = (each for each in self._all(kind) if each["name"].casefold() == name.casefold())
        return next((each for each in same if where.items() <= each.items()), None)

    def _all(self, kind: str) -> list[dict[str, Any]]:
        if kind not in self._listed:
            self._listed[kind] = list(self._keystone.get(f"/{kind}s")[f"{kind}s"])
        return self._listed[kind]

    def _create(self, kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
        try:
            answer = self._change(f"{kind} {body['name']}", "POST", f"/{kind}s", {kind: body})
        except KeystoneError as error:
            # Made meanwhile: by another node, or by this request, whose answer was lost.
            del self._listed[kind]
            made = self._find(kind, body["name"]) if error.status == HTTPStatus.CONFLICT else None
            if made is None:
                raise
            return made
        made = answer[kind] if answer else {**body, "id": ""}
        self._all(kind).append(made)
        return made

    def _change(self, title: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        self.changes.append(title)
        return None if self._check_mode else self._keystone.send(method, path, body)


def _given(entry: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: entry[key] for key in _present(entry, keys)}


def _present(entry: Mapping[str, Any], keys: Iterable[str]) -> list[str]:
    return [key for key in keys if entry.get(key) is not None]
