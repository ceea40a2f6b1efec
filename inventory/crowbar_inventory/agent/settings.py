"""What the agent is told when it starts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from crowbar_inventory.agent.errors import OrderError


@dataclass(frozen=True)
class Settings:
    """What the agent was told when it started. ``played`` is the description that plays the hardware's part."""

    url: str
    token: str | None = None
    boot_mac: str = ""
    played: Mapping[str, Any] = field(default_factory=dict)
    state: Path = Path("/run/crowbar")

    @classmethod
    def read(cls, words: Sequence[str]) -> Settings:
        """From words like the kernel's; OrderError when they do not name an admin node."""
        said = dict(word.split("=", 1) for word in words if "=" in word)
        url = said.get("crowbar.url", "").rstrip("/")
        if urlsplit(url).scheme != "http" or not urlsplit(url).hostname:
            raise OrderError("no crowbar.url=http://ADDRESS:PORT was given: the boot script must name the admin node")
        # iPXE and pxelinux write the hardware's type before it: 01-52-54-00-…
        mac = said.get("BOOTIF", "").lower().replace("-", ":")[-17:]
        played = json.loads(Path(said["crowbar.machine"]).read_text("utf-8")) if "crowbar.machine" in said else {}
        state = Path(said.get("crowbar.state", "/run/crowbar"))
        return cls(url, said.get("crowbar.token") or None, mac, played, state)
