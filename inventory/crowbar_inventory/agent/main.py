"""Where it begins."""

from __future__ import annotations

import sys
import time
from typing import NoReturn

from crowbar_inventory.agent.agent import VERSION, Agent
from crowbar_inventory.agent.console import Console
from crowbar_inventory.agent.errors import OrderError
from crowbar_inventory.agent.programs import contents
from crowbar_inventory.agent.settings import Settings


def main() -> NoReturn:
    """Words from the arguments, and from the files of them that ``@PATH`` names."""
    words = [word for part in sys.argv[1:] for word in (contents(part[1:]).split() if part[:1] == "@" else [part])]
    played = any(word.startswith("crowbar.machine=") for word in words)
    consoles = [] if played else [*contents("/sys/class/tty/console/active").split(), "ttyS0", "tty0"]
    console = Console(time.monotonic() if played else 0.0, list(dict.fromkeys(consoles)))
    while True:
        try:
            settings = Settings.read(words)
            console.say(f"agent {VERSION} asks {settings.url}, booted from {settings.boot_mac or 'an unknown card'}")
            Agent(settings, console.say).serve()
        except (OrderError, OSError, ValueError) as error:
            console.say(f"{error}; looking again in 10 s")
            time.sleep(10)
