"""The browser's visit, by a real Chromium, to pages that have the Dashboard's elements and nothing else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from crowbar.verify import CloudAccess, dashboard
from crowbar.verify.model import CheckError

pytestmark = pytest.mark.skipif(not Path(dashboard._BROWSER).exists(), reason="there is no Chromium on this host")
LOGIN = (
    "<form method=post action=/horizon/auth/login/><input id=id_username name=username>"
    "<input id=id_password name=password type=password><button id=loginBtn>Sign In</button></form>"
)
USER = "<li class=user-menu><span class=user-name>admin</span></li>"
PAGES = {
    "/horizon/auth/login/": LOGIN,
    "/horizon/project/": f"{USER}<div class=d3_quota_bar><svg width=9 height=9><path d='M0 0h9v9'/></svg></div>",
    "/horizon/project/instances/": f"{USER}<table id=instances><tr><td><a href=#>web</a><td>Active</tr></table>",
    "/horizon/project/network_topology/": (
        f"{USER}<label data-value=normal>Normal</label>"
        "<svg id=topology_canvas><g id=id_4711><rect width=9 height=9 /></g></svg>"
    ),
}


class _Pages(BaseHTTPRequestHandler):
    posted: list[bytes]

    def do_GET(self) -> None:
        self._answer(PAGES.get(self.path, ""))

    def do_POST(self) -> None:
        self.posted.append(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(USER if b"password=secret" in self.posted[-1] else f"Invalid credentials.{LOGIN}")

    def _answer(self, body: str) -> None:
        data = f"<!DOCTYPE html><title>Horizon</title>{body}".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, template: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    """Where the pages are."""
    handler = type("Handler", (_Pages,), {"posted": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/horizon/"
    server.shutdown()
    thread.join()
    server.server_close()


def access(password: str) -> CloudAccess:
    return CloudAccess("http://127.0.0.1/identity/v3", "admin", password, "admin", "RegionOne")


def test_the_instance_is_seen_and_photographed(url: str, tmp_path: Path) -> None:
    said = dashboard.visit(access("secret"), url, ("web", "4711"), tmp_path / "work", tmp_path / "pictures")
    assert "saw web active" in said
    pictures = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert pictures == {f"dashboard-{name}.png" for name in ("login", "overview", "instances", "network-topology")}
    assert not list((tmp_path / "work").iterdir())  # the browser's profile is gone


def test_what_is_not_seen_is_told_with_the_page_that_was(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard, "_SEEN", 3)
    with pytest.raises(CheckError) as caught:
        dashboard.visit(access("wrong"), url, ("web", "4711"), tmp_path, None)
    assert "a page for a signed-in user at" in caught.value.message
    assert "Invalid credentials." in caught.value.message
    assert "wrong" not in caught.value.message


def test_a_dashboard_that_does_not_answer_is_a_failure_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(CheckError, match=r"^The browser failed: .*ERR_CONNECTION_REFUSED") as caught:
        dashboard.visit(access("secret"), f"http://127.0.0.1:{port}/horizon", ("web", "4711"), tmp_path, None)
    assert "\n" not in caught.value.message
