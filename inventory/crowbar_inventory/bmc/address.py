"""A BMC's address as text: parsed and written. What is wrong is said together with what would be right."""

from __future__ import annotations

import ipaddress
import re

from crowbar_inventory.bmc.model import BmcAddress

DEFAULT_PORTS = {"ipmi": 623, "redfish": 443, "fake": 0}
_FORMS = "ipmi://HOST[:PORT], redfish://HOST[:PORT][/SYSTEM] or fake://NAME"
_MOST_CHARACTERS = 500
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9_-]{0,62}|[A-Za-z0-9_.-]*[A-Za-z0-9])$")
_PATH = re.compile(r"(/[A-Za-z0-9._~:@!$&'()*+,;=-]+)*/?$")


class AddressError(Exception):
    """An address, or a list of them, is not as it must be. ``faults`` are all of them; none holds a password."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def parse_address(text: str) -> BmcAddress:
    """The address that the text means. Raises AddressError."""
    scheme, host, port, path = split_address(text)
    return BmcAddress(scheme, _host(scheme, host), port, path)


def format_address(address: BmcAddress) -> str:
    """The text form, without a port that goes without saying: ``ipmi://10.0.0.5``."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    port = "" if address.port == DEFAULT_PORTS.get(address.scheme) else f":{address.port}"
    return f"{address.scheme}://{host}{port}{address.path}"


def shown(text: str) -> str:
    """As much of it as is surely an address: what stands beside it by mistake may be a password."""
    match = re.match(r"[A-Za-z]+://[A-Za-z0-9.:\[\]/_-]*|[0-9]+\.[0-9.:-]+|\[?[0-9A-Fa-f]*:[0-9A-Fa-f:]+\]?", text)
    return repr(match[0]) if match else "this"


def split_address(text: str) -> tuple[str, str, int, str]:
    """Scheme, host (unchecked, without brackets), port and path. Raises AddressError."""
    text = text.strip()
    if "@" in text.partition("://")[2].partition("/")[0] or "@" in text.partition("/")[0]:
        raise AddressError("an address holds neither user nor password: give those apart from it")
    if len(text) > _MOST_CHARACTERS:
        raise AddressError(f"an address of {len(text)} characters: it must be like {_FORMS}")
    scheme, mark, rest = text.partition("://")
    scheme = scheme.lower()
    if not mark or scheme not in DEFAULT_PORTS:
        raise AddressError(f"{shown(text)} is no BMC's address: it must be like {_FORMS}")
    authority, slash, path = rest.partition("/")
    path = (slash + path).rstrip("/")
    if path and (scheme != "redfish" or not _PATH.match(path)):
        raise AddressError(f"{shown(text)}: what follows the host is out of place. It must be like {_FORMS}")
    host, port = _split_port(text, authority)
    return scheme, host, DEFAULT_PORTS[scheme] if port is None else port, path


def _split_port(text: str, authority: str) -> tuple[str, int | None]:
    bracketed = re.fullmatch(r"\[([^\[\]]*)\](?::(.*))?", authority)
    if bracketed:
        return bracketed[1], _port(text, bracketed[2])
    if authority.count(":") > 1:
        raise AddressError(f"{shown(text)}: an IPv6 address goes in brackets, as in ipmi://[fd00::5]:623")
    host, colon, port = authority.partition(":")
    return host, _port(text, port if colon else None)


def _port(text: str, port: str | None) -> int | None:
    if port is None:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 2**16:
        raise AddressError(f"{shown(text)}: a port is a number from 1 to 65535")
    return int(port)


def _host(scheme: str, host: str) -> str:
    if scheme != "fake":
        try:
            return str(ipaddress.ip_address(host))
        except ValueError:
            pass
    if _HOST.match(host) and not re.fullmatch(r"[0-9.]+", host):
        return host if scheme == "fake" else host.lower()
    where = shown(f"{scheme}://{host}")
    raise AddressError(f"{where}: the host is neither an IP address nor a host's name. An address is like {_FORMS}")
