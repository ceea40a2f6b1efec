"""A systemctl that keeps its units in a JSON file: run as a program, with the file's path in its first line's place.

Units: {name: {load, active, sub, file, stale, begun, fragment, breaks}}; ``breaks``: it fails when it is started.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any


def main(state: Path, arguments: list[str]) -> int:
    units: dict[str, dict[str, Any]] = json.loads(state.read_text())
    arguments = [word for word in arguments if word != "--no-pager"]
    verb, names = arguments[0], [word for word in arguments[1:] if "." in word]
    if verb == "show":
        print("\n\n".join(_shown(name, units.get(name, {"load": "not-found"})) for name in names))
        return 0
    status = max((_do(verb, units[name]) for name in names), default=0)
    if verb == "daemon-reload":
        for unit in units.values():
            unit["stale"] = False
    state.write_text(json.dumps(units))
    return status


def _do(verb: str, unit: dict[str, Any]) -> int:
    match verb:
        case "start" | "restart":
            unit.update(active="failed" if unit.get("breaks") else "active", sub="x", begun=time.monotonic() * 1e6)
            return int(unit["active"] == "failed")
        case "stop":
            unit["active"] = "inactive"
        case "enable" | "disable":
            unit["file"] = f"{verb}d"
        case "mask":
            unit["load"] = "masked"
        case "unmask":
            unit["load"] = "loaded"
        case "reset-failed":
            unit["active"] = "inactive"
    return 0


def _shown(name: str, unit: dict[str, Any]) -> str:
    shown = {
        "Id": name,
        "LoadState": unit.get("load", "loaded"),
        "ActiveState": unit.get("active", "inactive"),
        "SubState": unit.get("sub", "dead"),
        "UnitFileState": unit.get("file", "disabled"),
        "NeedDaemonReload": "yes" if unit.get("stale") else "no",
        "InactiveExitTimestampMonotonic": int(unit.get("begun", 0)),
        "FragmentPath": unit.get("fragment", ""),
        "DropInPaths": "",
    }
    return "\n".join(f"{key}={value}" for key, value in shown.items())


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
