"""A small web server: one page, for who knows the password. Settings come from the environment."""

import base64
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

EXPECTED = "Basic " + base64.b64encode(f"reader:{os.environ['PASSWORD']}".encode()).decode()


class Page(BaseHTTPRequestHandler):
    """Answers every path with the greeting."""

    def do_GET(self) -> None:
        known = self.headers.get("Authorization") == EXPECTED
        self.send_response(200 if known else 401)
        if not known:
            self.send_header("WWW-Authenticate", 'Basic realm="page"')
        self.end_headers()
        if known:
            self.wfile.write(os.environ["GREETING"].encode() + b"\n")


ThreadingHTTPServer((os.environ["ADDRESS"], int(os.environ["PORT"])), Page).serve_forever()
