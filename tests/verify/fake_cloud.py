"""A cloud of one process: the OpenStack APIs that `crowbar verify` calls, over HTTP, with nothing behind them.

It keeps what is created until it is deleted, so that the shipped clients, waits and removals run as they are.
"""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

Item = dict[str, Any]
VERSIONS = {
    "identity": {"id": "v3.14", "status": "stable", "path": "v3/"},
    "compute": {"id": "v2.1", "status": "CURRENT", "path": "v2.1/", "version": "2.96", "min_version": "2.1"},
    "network": {"id": "v2.0", "status": "CURRENT", "path": "v2.0/"},
    "image": {"id": "v2.17", "status": "CURRENT", "path": "v2/"},
    "volumev3": {"id": "v3.0", "status": "CURRENT", "path": "v3/", "version": "3.71", "min_version": "3.0"},
}


class FakeCloud:
    """The state of the cloud. ``refuse`` maps a collection to how many deletions are answered with 409 first."""

    def __init__(self) -> None:
        self.things: dict[str, dict[str, Item]] = defaultdict(dict)
        self.objects: dict[str, dict[str, bytes]] = {}
        self.refuse: dict[str, int] = {}
        self.services = ["compute", "network", "image", "volumev3", "object-store"]
        self.password = "correct horse"
        self.requests: list[str] = []
        self.server_status = "ACTIVE"
        self.corrupt = False  # answer objects and images with something else than what was put
        self.url = ""
        self.add("networks", {"name": "public", "router:external": True})
        self.add("roles", {"name": "member"})
        self.add("users", {"name": "admin", "domain_id": "default"}, "user-1")
        self.add("services", {"binary": "nova-compute", "host": "node1", "state": "up", "status": "enabled"})
        self.add("agents", {"binary": "ovn-controller", "host": "node1", "alive": True, "admin_state_up": True})
        self.hypervisors("node1")
        self.refusals = 0  # so many requests are answered with 503 first
        self._reports = count()

    def add(self, kind: str, item: Item, identity: str = "") -> Item:
        """Put an item where a client would find it."""
        key = identity or str(uuid.uuid4())
        self.things[kind][key] = {"id": key, "project_id": "project-1", **item}
        return self.things[kind][key]

    def hypervisors(self, *hosts: str, state: str = "up") -> None:
        """Add hypervisors."""
        for host in hosts:
            service = {"host": host, "id": host, "disabled_reason": None}
            self.add(
                "hypervisors", {"hypervisor_hostname": host, "state": state, "status": "enabled", "service": service}
            )

    def report(self, worker: Item) -> Item:
        """A service as it is listed: one that is up has reported since it was listed last."""
        if worker["state"] == "up":
            worker["updated_at"] = f"2026-01-01T00:00:{next(self._reports):06}"
        return worker

    def names(self) -> list[str]:
        """The names of everything that a run may have made."""
        named = [
            str(item.get("name") or item.get("description")) for kind in self.things.values() for item in kind.values()
        ]
        return sorted(name for name in [*named, *self.objects] if name.startswith("crowbar-verify-"))


@contextmanager
def serving() -> Iterator[FakeCloud]:
    """A fake cloud on a free port of loopback; ``url`` is where its services are."""
    cloud = FakeCloud()
    handler = type("Handler", (_Handler,), {"cloud": cloud})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    cloud.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield cloud
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    cloud: FakeCloud
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # one packet an answer: two would wait for each other (Nagle)

    def log_message(self, template: str, *args: object) -> None:
        self.cloud.requests.append(template % args)

    def _any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        raw = self._chunks() if self.headers.get("Transfer-Encoding") == "chunked" else self.rfile.read(length)
        if self.cloud.refusals > 0:
            self.cloud.refusals -= 1
            self._send(503)
            return
        service, *rest = [part for part in self.path.split("?")[0].split("/") if part] or [""]
        if service == "object-store":
            self._object(rest[2:], raw)
        elif not rest:
            self._send(300, {"versions": [_version(self.cloud, service)]})
        elif len(rest) == 1:
            self._send(200, {"version": _version(self.cloud, service)})
        elif rest[1:] == ["auth", "tokens"]:
            self._token(json.loads(raw))
        else:
            rest = rest[2:] if rest[1].startswith("project-") else rest[1:]
            self._item(rest, raw) if rest else self._send(404)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _any  # noqa: N815 - http.server's names

    def _chunks(self) -> bytes:
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def _send(self, status: int, body: Any = None, raw: bytes | None = None, **headers: str) -> None:
        data = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        if body is not None:
            self.send_header("Content-Type", "application/json")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(data)

    def _token(self, body: Item) -> None:
        cloud = self.cloud
        user = body["auth"]["identity"]["password"]["user"]
        known = next((item for item in cloud.things["users"].values() if item["name"] == user["name"]), None)
        if known is None or user["password"] != known.get("password", cloud.password):
            self._send(401, {"error": {"message": "The request you have made requires authentication.", "code": 401}})
            return
        paths = {"volumev3": "volumev3/v3/project-1", "object-store": "object-store/v1/AUTH_project-1"}
        catalog = [
            {"type": name, "name": name, "id": name, "endpoints": [
                {"interface": "public", "region": "RegionOne", "region_id": "RegionOne", "id": name,
                 "url": f"{cloud.url}/{paths.get(name, name)}"}]}
            for name in ("identity", *cloud.services)
        ]  # fmt: skip
        token = {
            "catalog": catalog, "expires_at": "2099-01-01T00:00:00Z", "issued_at": "2026-01-01T00:00:00Z",
            "methods": ["password"], "roles": [], "user": {"id": known["id"], "name": user["name"], "domain": {}},
            "project": {"id": "project-1", "name": "admin", "domain": {"id": "default", "name": "Default"}},
        }  # fmt: skip
        self._send(201, {"token": token}, X_Subject_Token="token")

    def _object(self, path: list[str], raw: bytes) -> None:
        objects = self.cloud.objects
        if not path:
            self._send(200, [{"name": name} for name in objects])
        elif self.command == "PUT" and len(path) == 1:
            objects[path[0]] = {}
            self._send(201)
        elif path[0] not in objects or (len(path) > 1 and path[1] not in objects[path[0]] and self.command != "PUT"):
            self._send(404)
        elif len(path) == 1:
            if self.command == "DELETE":
                del objects[path[0]]
            self._send(204) if self.command == "DELETE" else self._send(200, [{"name": n} for n in objects[path[0]]])
        elif self.command == "PUT":
            objects[path[0]][path[1]] = raw
            self._send(201, ETag=hashlib.md5(raw).hexdigest())
        elif self.command == "DELETE":
            del objects[path[0]][path[1]]
            self._send(204)
        else:
            data = objects[path[0]][path[1]]
            self._send(200, raw=data[::-1] if self.cloud.corrupt else data)

    def _item(self, path: list[str], raw: bytes) -> None:
        kind = path[0].removeprefix("os-").replace("-", "_")
        things = self.cloud.things[kind]
        body = json.loads(raw) if raw and self.headers.get("Content-Type", "").startswith("application/json") else {}
        if len(path) == 1 and self.command == "POST":
            self._create(kind, body)
        elif len(path) == 1 or path[1] == "detail":
            self._list(kind)
        elif path[1] not in things:
            self._send(404, {"NotFound": {"message": f"no {kind} {path[1]}", "code": 404}})
        elif len(path) > 2:
            self._part(kind, things[path[1]], path[2:], raw, body)
        elif self.command == "DELETE":
            self._delete(kind, path[1])
        else:
            item = things[path[1]]
            self._send(200, item if kind == "images" else {_singular(kind): item})

    def _create(self, kind: str, body: Item) -> None:
        given = body.get(_singular(kind), body)
        more: Item = {}
        if kind == "servers":
            more = {"status": self.cloud.server_status, "fault": {"message": "No valid host was found."}}
        elif kind == "floatingips":
            more = {"floating_ip_address": "127.0.0.9"}
        elif kind == "volumes":
            more = {"status": "available"}
        elif kind == "images":
            more = {"status": "queued"}
        item = self.cloud.add(kind, {**given, **more}, given.get("name", "") if kind == "keypairs" else "")
        self._send(201, item if kind == "images" else {_singular(kind): item})

    def _list(self, kind: str) -> None:
        items = list(self.cloud.things[kind].values())
        if kind == "networks" and "router:external=True" in self.path:
            items = [item for item in items if item.get("router:external")]
        if kind == "services":
            items = [self.cloud.report(item) for item in items]
        if kind == "ports":
            items = [item for item in items if "device_owner" not in self.path or item.get("device_owner")]
        wrapped = [{"keypair": item} for item in items] if kind == "keypairs" else items
        self._send(200, {kind: wrapped})

    def _delete(self, kind: str, identity: str) -> None:
        if self.cloud.refuse.get(kind, 0) > 0:
            self.cloud.refuse[kind] -= 1
            self._send(409, {"NeutronError": {"message": f"{kind} in use", "type": "InUse", "detail": ""}})
            return
        del self.cloud.things[kind][identity]
        if kind == "networks":
            subnets = self.cloud.things["subnets"]
            self.cloud.things["subnets"] = {k: v for k, v in subnets.items() if v["network_id"] != identity}
        self._send(204)

    def _part(self, kind: str, item: Item, rest: list[str], raw: bytes, body: Item) -> None:
        if kind == "images":  # the file itself
            stored = raw[::-1] if self.cloud.corrupt else raw
            item |= {"status": "active", "os_hash_algo": "sha512", "os_hash_value": hashlib.sha512(stored).hexdigest()}
            item |= {"checksum": hashlib.md5(raw).hexdigest(), "size": len(raw)}
            self._send(204)
        elif rest == ["action"] and "os-getConsoleOutput" in body:
            self._send(200, {"output": "SeaBIOS\n\ncrowbar-tiny: 1.5 s: kernel is up\n"})
        else:
            self._send(200, {"id": item["id"]})


def _singular(kind: str) -> str:
    return kind.removesuffix("s")


def _version(cloud: FakeCloud, service: str) -> Item:
    version = dict(VERSIONS[service])
    path = version.pop("path")
    return {**version, "links": [{"rel": "self", "href": f"{cloud.url}/{service}/{path}"}]}
