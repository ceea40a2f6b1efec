"""What an image is made of, and the digest that names it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from crowbar.errors import EnvironmentFault
from crowbar.paths import data_dir
from crowbar.provision.image import settings
from crowbar.provision.image.archives import Archive, find_archives
from crowbar.provision.image.sources import for_release, host_sources

# What every node needs before a barclamp comes: to boot, to be reached by SSH, to run ansible-runner's worker.
BASE_PACKAGES = (
    "ansible-core",
    "ca-certificates",
    "chrony",
    "dbus",
    "iproute2",
    "iputils-ping",
    "less",
    "nftables",
    "openssh-server",
    "procps",
    "python3",
    "python3-ansible-runner",
    "python3-apt",
    "sudo",
    "systemd",
    "systemd-sysv",
)
_BUILDER = Path(__file__).parent
# Masks what the packages would start; the nodes install packages with the same program.
QUIESCE = data_dir() / "playbooks/collections/ansible_collections/crowbar/node/plugins/module_utils/quiesce.py"


@dataclass(frozen=True)
class ImageSpec:
    """The wish: Debian ``release`` with BASE_PACKAGES and ``packages``."""

    packages: tuple[str, ...]
    release: str = "trixie"

    @property
    def all_packages(self) -> tuple[str, ...]:
        """Every package that is asked for, sorted, once each."""
        return tuple(sorted({*BASE_PACKAGES, *self.packages}))

    @property
    def digest(self) -> str:
        """The name of the wish: packages, release and the builder itself (SHA-256, hexadecimal)."""
        return _digest({"packages": self.all_packages, "release": self.release, "builder": _builder_digest()})


@dataclass(frozen=True)
class Supply:
    """Where the packages come from: the archives that exist, and the host's settings to reach them."""

    archives: tuple[Archive, ...]
    settings: tuple[settings.Setting, ...]
    logins: str = ""

    @property
    def sources(self) -> str:
        """The archives as a deb822 file."""
        return "\n".join(archive.source.stanza() for archive in self.archives)

    @property
    def digest(self) -> str:
        """Changes when the archives offer other packages, or are reached otherwise."""
        contents = sorted((archive.source.suite, archive.digest) for archive in self.archives)
        return _digest({"contents": contents, "settings": sorted(settings.for_node(self.settings))})


def host_supply(release: str) -> Supply:
    """The admin host's own archives, for ``release``. Raises EnvironmentFault if the mirror cannot be reached."""
    candidates = for_release(host_sources(), host=_host_codename(), release=release)
    archives = find_archives(candidates, release)
    return Supply(tuple(archives), tuple(settings.host_settings()), settings.host_logins())


def image_digest(spec: ImageSpec, supply: Supply) -> str:
    """The image's name: it is built anew only when the wish or what the mirror offers changes."""
    return _digest({"spec": spec.digest, "supply": supply.digest})


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


@cache
def _builder_digest() -> str:
    files = [QUIESCE, *sorted(path for path in _BUILDER.rglob("*") if path.suffix in (".py", ".sh"))]
    return _digest([[path.name, hashlib.sha256(path.read_bytes()).hexdigest()] for path in files])


def _host_codename() -> str:
    lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    names = [line.partition("=")[2].strip('"') for line in lines if line.startswith("VERSION_CODENAME=")]
    if not names:
        raise EnvironmentFault("This host is no Debian release.", hint="Run Crowbar on Debian 12 or 13.")
    return names[0]
