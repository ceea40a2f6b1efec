"""The firmware's program."""

from __future__ import annotations

import sys
from pathlib import Path

from crowbar.rack.virtual.netboot.firmware import Settings, main

if __name__ == "__main__":
    main(Settings.read(Path(sys.argv[1])))
