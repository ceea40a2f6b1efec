"""Where Crowbar's data and state are. The one module that knows whether it runs from a checkout or a wheel."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_WHEEL_DATA = _PACKAGE / "_data"


def data_dir() -> Path:
    """The folder that holds `barclamps/` and `playbooks/`: the checkout, or the wheel's own data."""
    return _WHEEL_DATA if _WHEEL_DATA.is_dir() else _PACKAGE.parent


SITE_BARCLAMPS = Path("/etc/crowbar/barclamps")


@dataclass(frozen=True)
class StateDir:
    """The folder that everything a deployment leaves on the admin host is in."""

    root: Path

    @classmethod
    def default(cls) -> StateDir:
        """`$CROWBAR_STATE_DIR`, else /var/lib/crowbar."""
        return cls(Path(os.environ.get("CROWBAR_STATE_DIR", "/var/lib/crowbar")))

    @property
    def database(self) -> Path:
        """The embedded SQLite database."""
        return self.root / "crowbar.db"

    @property
    def secret_key(self) -> Path:
        """The Fernet key that encrypts secrets at rest (mode 0600)."""
        return self.root / "secret.key"

    @property
    def schemas(self) -> Path:
        """Which barclamps' schemas were found faultless; it may be deleted."""
        return self.root / "schemas"

    @property
    def lock(self) -> Path:
        """Held while a deployment runs; the kernel releases it when its holder dies."""
        return self.root / "deploy.lock"

    @property
    def serving(self) -> Path:
        """Held by `crowbar serve` for as long as it serves."""
        return self.root / "serve.lock"

    @property
    def images(self) -> Path:
        """Node images, each in a folder named by its digest."""
        return self.root / "images"

    @property
    def machines(self) -> Path:
        """Container machines, each in a folder named after it."""
        return self.root / "machines"

    @property
    def rack(self) -> Path:
        """The rack of virtual machines."""
        return self.root / "rack"

    @property
    def discovery(self) -> Path:
        """Discovery systems, each in a folder named by its digest."""
        return self.root / "discovery"

    @property
    def disks(self) -> Path:
        """Node images as machines' disks get them."""
        return self.root / "disks"

    @property
    def dhcp(self) -> Path:
        """What dnsmasq reads and writes, and serves by TFTP; none of it is secret."""
        return self.root / "dhcp"

    @property
    def ssh_key(self) -> Path:
        """The private key (0600) that opens the machines that Crowbar installed."""
        return self.root / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """The nodes' pinned host keys, for those who reach them by other programs than ours."""
        return self.root / "known_hosts"

    @property
    def rules(self) -> Path:
        """The matching rules for discovered machines; there may be none."""
        return self.root / "rules.yml"
