"""The admin host's own APT settings that decide how an archive is reached: proxies, dates, retries, logins."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from crowbar.errors import EnvironmentFault

# Only these: hooks, index targets and caches of the host's are no business of a node's.
_KEPT = re.compile(
    r"Acquire::(?:(?:http|https|ftp|mirror)::.+|Check-Valid-Until|Check-Date|Min-ValidTime|Max-ValidTime|Max-FutureTime"
    r"|Retries.*|ForceIPv[46]|AllowInsecureRepositories|AllowWeakRepositories)$",
    re.IGNORECASE,
)
# They name programs and files of the host's, which the node has not.
_HOST_ONLY = re.compile(r"::(?:Proxy-Auto-Detect|SslCert|SslKey|CAInfo|CAPath|CrlFile)$", re.IGNORECASE)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

Setting = tuple[str, str]


def host_settings() -> list[Setting]:
    """The settings of `apt-config dump` that decide how archives are reached, with ``::`` names, in its order."""
    try:
        done = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True)
    except FileNotFoundError as error:
        raise EnvironmentFault("This host has no APT.", hint="Run Crowbar on Debian 12 or 13.") from error
    except subprocess.CalledProcessError as error:
        raise EnvironmentFault(
            f"APT cannot read this host's own settings: {error.stderr.strip()}", hint="Mend /etc/apt and try again."
        ) from error
    return list(reaching(parse_dump(done.stdout)))


def parse_dump(dump: str) -> Iterator[Setting]:
    """The names and values in what `apt-config dump` printed; those without a value are left out."""
    for line in dump.splitlines():
        match = re.fullmatch(r'(\S+) "(.*)";', line)
        if match is not None and match[2]:
            yield match[1], match[2]


def reaching(settings: Iterable[Setting]) -> Iterator[Setting]:
    """Those settings that decide how an archive is reached."""
    return ((name, value) for name, value in settings if _KEPT.match(name))


def for_node(settings: Iterable[Setting]) -> Iterator[Setting]:
    """Those that also make sense on another machine: no programs or files of the host's, no proxy on its loopback."""
    for name, value in settings:
        loopback = "::proxy" in name.lower() and urlsplit(value).hostname in _LOOPBACK
        if not loopback and not _HOST_ONLY.search(name):
            yield name, value


def render(settings: Iterable[Setting]) -> str:
    """The settings as a file for apt.conf.d."""
    return "".join(f'{name} "{value}";\n' for name, value in settings)


def host_logins(etc: Path = Path("/etc/apt")) -> str:
    """The archives' user names and passwords (apt_auth.conf(5)) of the host; a secret."""
    paths = [etc / "auth.conf", *sorted((etc / "auth.conf.d").glob("*.conf"))]
    return "".join(path.read_text(encoding="utf-8").rstrip("\n") + "\n" for path in paths if path.is_file())
