"""A Redfish service on loopback, over TLS, with what a server's BMC has: just enough, and strict about it."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from crowbar_inventory.bmc.model import BmcAddress, Credential

CREDENTIAL = Credential("root", "not-4-U")
SYSTEM = "/redfish/v1/Systems/1"


def documents() -> dict[str, Any]:
    def link(path: str) -> dict[str, str]:
        return {"@odata.id": path}

    def collection(*paths: str) -> dict[str, Any]:
        return {"Members": [link(path) for path in paths], "Members@odata.count": len(paths), "Name": "of"}

    return {
        "/redfish/v1/": {
            "@odata.id": "/redfish/v1/",
            "Id": "root",
            "Name": "root",
            "RedfishVersion": "1.6.0",
            "Systems": link("/redfish/v1/Systems"),
            "Managers": link("/redfish/v1/Managers"),
            "Chassis": link("/redfish/v1/Chassis"),
        },
        "/redfish/v1/Systems": collection(SYSTEM),
        SYSTEM: {
            "@odata.id": SYSTEM,
            "Id": "1",
            "Name": "server",
            "PowerState": "Off",
            "Manufacturer": "Crowbar",
            "Model": "Virtual\nserver",
            "SerialNumber": "S-4711",
            "UUID": "A1B2C3D4-0000-4000-8000-000000000001",
            "IndicatorLED": "Off",
            "Boot": {
                "BootSourceOverrideEnabled": "Disabled",
                "BootSourceOverrideTarget": "None",
                "BootSourceOverrideMode": "UEFI",
                "BootSourceOverrideTarget@Redfish.AllowableValues": ["None", "Pxe", "Hdd", "BiosSetup"],
            },
            "Actions": {
                "#ComputerSystem.Reset": {
                    "target": f"{SYSTEM}/Actions/ComputerSystem.Reset",
                    "ResetType@Redfish.AllowableValues": ["On", "ForceOff", "GracefulShutdown", "ForceRestart"],
                }
            },
            "Links": {"Chassis": [link("/redfish/v1/Chassis/1")], "ManagedBy": [link("/redfish/v1/Managers/1")]},
        },
        "/redfish/v1/Managers": collection("/redfish/v1/Managers/1"),
        "/redfish/v1/Managers/1": {
            "@odata.id": "/redfish/v1/Managers/1",
            "Id": "1",
            "Name": "BMC",
            "FirmwareVersion": "2.71",
            "EthernetInterfaces": link("/redfish/v1/Managers/1/EthernetInterfaces"),
        },
        "/redfish/v1/Managers/1/EthernetInterfaces": collection("/redfish/v1/Managers/1/EthernetInterfaces/1"),
        "/redfish/v1/Managers/1/EthernetInterfaces/1": {
            "MACAddress": "52:54:00:AB:CD:EF",
            "IPv4Addresses": [{"Address": "10.9.0.5", "Gateway": "10.9.0.1", "AddressOrigin": "DHCP"}],
        },
        "/redfish/v1/Chassis": collection("/redfish/v1/Chassis/1"),
        "/redfish/v1/Chassis/1": {
            "@odata.id": "/redfish/v1/Chassis/1",
            "Id": "1",
            "Name": "chassis",
            "ChassisType": "RackMount",
            "Thermal": link("/redfish/v1/Chassis/1/Thermal"),
            "Power": link("/redfish/v1/Chassis/1/Power"),
        },
        "/redfish/v1/Chassis/1/Thermal": {
            "Temperatures": [{"Name": "CPU Temp", "ReadingCelsius": 42, "Status": {"Health": "OK"}}],
            "Fans": [{"FanName": "Fan 1", "Reading": 900, "ReadingUnits": "RPM", "Status": {"Health": "Critical"}}],
        },
        "/redfish/v1/Chassis/1/Power": {"PowerSupplies": [{"Name": "PSU 1", "LastPowerOutputWatts": None}, "rubbish"]},
        "/redfish/v1/AccountService": {"Accounts": link("/redfish/v1/AccountService/Accounts")},
        "/redfish/v1/AccountService/Accounts": collection("/redfish/v1/AccountService/Accounts/2"),
        "/redfish/v1/AccountService/Accounts/2": {"Id": "2", "UserName": "root"},
    }


class RedfishServer(ThreadingHTTPServer):
    """``documents`` are what it serves, ``orders`` what it was told; ``fault`` is an answer to all requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.documents = documents()
        self.orders: list[str] = []
        self.ignore = False
        self.fault: tuple[int, bytes] | None = None

    @property
    def address(self) -> BmcAddress:
        return BmcAddress("redfish", "127.0.0.1", self.server_address[1])

    @property
    def system(self) -> dict[str, Any]:
        system: dict[str, Any] = self.documents[SYSTEM]
        return system

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that do not trust the certificate hang up; that is theirs to tell."""


class _Handler(BaseHTTPRequestHandler):
    server: RedfishServer
    timeout = 30

    def do_GET(self) -> None:
        if self._allowed():
            document = self.server.documents.get(self.path.rstrip("/") + ("/" if self.path == "/redfish/v1/" else ""))
            self._answer(404 if document is None else 200, document or {})

    def do_PATCH(self) -> None:
        body = self._body()
        if self._allowed():
            self.server.orders.append(f"patch {json.dumps(body, sort_keys=True)}")
            for name, value in body.items():
                if isinstance(value, dict):
                    self.server.documents[self.path][name].update(value)
                else:
                    self.server.documents[self.path][name] = value
            self._answer(200, {})

    def do_POST(self) -> None:
        kind = self._body().get("ResetType")
        if self._allowed():
            self.server.orders.append(f"reset {kind}")
            if not self.server.ignore:
                off = kind in ("ForceOff", "GracefulShutdown")
                self.server.system["PowerState"] = "Off" if off else "On"
            self._answer(204, None)

    def _body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def _allowed(self) -> bool:
        pair = f"{CREDENTIAL.username}:{CREDENTIAL.password}".encode()
        if self.server.fault:
            self._send(*self.server.fault)
        elif (
            self.path != "/redfish/v1/" and self.headers["Authorization"] != f"Basic {base64.b64encode(pair).decode()}"
        ):
            self._answer(401, {"error": {"code": "Base.1.0.NoValidSession", "message": "no"}})
        else:
            return True
        return False

    def _answer(self, status: int, document: Any) -> None:
        self._send(status, b"" if document is None else json.dumps(document).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed one as BMCs have it, for a name that is not the host's; and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bmc.factory")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("bmc.factory")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, key_pem = folder / "bmc.pem", folder / "bmc.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, key_pem


@contextlib.contextmanager
def serving(pem: Path, key: Path) -> Iterator[RedfishServer]:
    server = RedfishServer()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    # Not in accept(), where one silent client would hold up the others.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
