# Copyright: Crowbar developers
# SPDX-License-Identifier: Apache-2.0
"""systemd units that run with the configuration that is there now."""

from __future__ import annotations

DOCUMENTATION = r"""
module: units
short_description: Run systemd units with their present configuration
description:
  - Unmasks, enables and starts units in the order given; stopped ones are disabled and masked.
  - A unit is restarted when the files it is configured by, or its own unit files, are not those it was started with.
  - That is remembered in C(/run/crowbar/units), so a node that was killed between writing a file and restarting the
    unit is mended by the next run.
options:
  units:
    description: The units.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name; C(.service) may be left out.
        type: str
        required: true
      state:
        description: Whether it runs.
        type: str
        choices: [started, stopped]
        default: started
      enabled:
        description: Whether it starts at boot. By default just when it is to be started.
        type: bool
      config:
        description: Paths or globs of the files it reads when it starts.
        type: list
        elements: str
        default: []
  wait:
    description: TCP ports that must accept connections in the end.
    type: list
    elements: dict
    default: []
    suboptions:
      port:
        description: The port.
        type: int
        required: true
      host:
        description: Address.
        type: str
        default: 127.0.0.1
      timeout:
        description: Seconds.
        type: int
        default: 60
author: Crowbar developers (@crowbar)
"""

EXAMPLES = r"""
- name: Run Keystone
  crowbar.node.units:
    units:
      - {name: keystone, config: [/etc/keystone/keystone.conf, "/etc/keystone/*.ini"]}
    wait:
      - {port: 5000}
"""

RETURN = r"""
actions:
  description: What was done, in order, each as C(verb unit).
  type: list
  returned: always
watched:
  description: Of each unit that goes on running, the files whose change would restart it.
  type: dict
  returned: in check mode
"""

import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.crowbar.node.plugins.module_utils import digests, progress, systemd

_STAMPS = Path("/run/crowbar/units")
_TELL_AFTER = 3.0  # seconds
_OWN_UNITS = "/etc/systemd/system/"


class Units:
    """The wanted units, brought about one after the other. ``actions`` says what was, or would be, done."""

    def __init__(self, wanted: Sequence[Mapping[str, Any]], check_mode: bool) -> None:
        self._wanted = [{**unit, "name": systemd.full_name(unit["name"])} for unit in wanted]
        self._check_mode = check_mode
        self._stamps = digests.Stamps(_STAMPS)
        self.actions: list[str] = []
        self.watched: dict[str, list[str]] = {}

    def apply(self) -> None:
        """Unmask and enable what is to run, then start, restart or stop each in order. Raises SystemdError."""
        known = self._prepared()
        for unit in self._wanted:
            if unit["state"] == "stopped":
                self._stop(known[unit["name"]], bool(unit["enabled"]))
            else:
                self._start(known[unit["name"]], unit["config"])

    @property
    def started(self) -> list[str]:
        """The names of the units that are to run."""
        return [unit["name"] for unit in self._wanted if unit["state"] == "started"]

    def _prepared(self) -> dict[str, systemd.Unit]:
        names = [unit["name"] for unit in self._wanted]
        known = systemd.show(names)
        masked = [name for name in self.started if known[name].load == "masked"]
        if self._do("unmask", masked):
            known = systemd.show(names)
        absent = [name for name in self.started if known[name].load == "not-found"]
        if absent and not self._check_mode:
            raise systemd.SystemdError(f"There is no unit {', '.join(absent)} on this node.")
        if not self._check_mode and self._reload(known):
            known = systemd.show(names)
        off = [unit["name"] for unit in self._wanted if unit["state"] == "started" and unit["enabled"] is False]
        self._do("disable", [name for name in off if known[name].file == "enabled"])
        self._do("enable", [name for name in self.started if name not in off and known[name].file == "disabled"])
        return known

    def _reload(self, known: Mapping[str, systemd.Unit]) -> bool:
        """Have systemd read its files if they are not what it knows; whether that was so.

        Systemd tells it of the units we ask for, but those may start others, as a timer does its service: so our own
        unit files are looked at too.
        """
        own = [str(path) for path in digests.matching([f"{_OWN_UNITS}**/*"]) if not path.is_symlink()]
        digest = digests.of_files(own)
        stale = digest != self._stamps.read("daemon-reload") or any(unit.stale for unit in known.values())
        if stale:
            systemd.call("daemon-reload")
            self._stamps.write("daemon-reload", digest)
        return stale

    def _start(self, unit: systemd.Unit, config: Sequence[str]) -> None:
        patterns = [*config, *unit.paths]
        digest = digests.of_files(patterns)
        newest = max((path.stat().st_mtime for path in digests.matching(patterns)), default=0.0)
        action = systemd.decide(unit, digest, self._stamps.read(unit.name), newest)
        if action is systemd.Do.NOTHING:
            own = (f"{_OWN_UNITS}{unit.name}", *(f"{_OWN_UNITS}{folder}/*" for folder in systemd.drop_ins(unit.name)))
            self.watched[unit.name] = [*patterns, *own]
        else:
            if unit.broken and not self._check_mode:
                systemd.call("reset-failed", unit.name)
            try:
                self._do(action.value, [unit.name])
            except systemd.SystemdError as error:
                raise systemd.SystemdError(f"{error}\n{systemd.journal([unit.name])}") from error
        if not self._check_mode and self._stamps.read(unit.name) != digest:
            self._stamps.write(unit.name, digest)

    def _stop(self, unit: systemd.Unit, enabled: bool) -> None:
        if unit.active not in ("inactive", "failed"):
            self._do("stop", [unit.name])
        if enabled or unit.load == "not-found":
            return
        if unit.file == "enabled":
            self._do("disable", [unit.name])
        own = any(path.startswith(_OWN_UNITS) and not Path(path).is_symlink() for path in unit.paths[:1])
        if unit.load != "masked" and not own:
            self._do("mask", [unit.name])

    def _do(self, verb: str, names: Sequence[str]) -> bool:
        """Have systemctl do it; whether there was anything to do and it was done."""
        self.actions.extend(f"{verb} {name}" for name in names)
        if names and not self._check_mode:
            systemd.call(verb, *names)
        return bool(names) and not self._check_mode


def wait(port: Mapping[str, Any], names: Sequence[str]) -> str:
    """Why the port does not answer, or an empty string: as soon as it does, a unit fails, or the time is over."""
    begun = time.monotonic()
    told = False
    while True:
        try:
            socket.create_connection((port["host"], port["port"]), timeout=5).close()
        except OSError as error:
            if broken := [name for name, unit in systemd.show(names).items() if unit.broken]:
                return f"{', '.join(broken)} failed"
            waited = time.monotonic() - begun
            if waited > port["timeout"]:
                return f"port {port['port']} of {port['host']} did not answer within {port['timeout']} s: {error}"
            if waited > _TELL_AFTER and not told:
                progress.tell(f"waits for port {port['port']} of {port['host']}: {error}")
                told = True
            time.sleep(0.25)
        else:
            return ""


def main() -> None:
    """Run the module."""
    unit = {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
        "enabled": {"type": "bool"},
        "config": {"type": "list", "elements": "str", "default": []},
    }
    port = {
        "port": {"type": "int", "required": True},
        "host": {"type": "str", "default": "127.0.0.1"},
        "timeout": {"type": "int", "default": 60},
    }
    module = AnsibleModule(
        argument_spec={
            "units": {"type": "list", "elements": "dict", "required": True, "options": unit},
            "wait": {"type": "list", "elements": "dict", "default": [], "options": port},
        },
        supports_check_mode=True,
    )
    units = Units(module.params["units"], module.check_mode)
    try:
        units.apply()
        if not module.check_mode:
            _verify(units, module.params["wait"])
    except systemd.SystemdError as error:
        module.fail_json(msg=str(error), actions=units.actions)
    watched = {"watched": units.watched} if module.check_mode else {}
    module.exit_json(changed=bool(units.actions), actions=units.actions, **watched)


def _verify(units: Units, ports: Sequence[Mapping[str, Any]]) -> None:
    """Wait for the ports, then see that no unit has fallen over. Raises SystemdError."""
    late = [why for port in ports if (why := wait(port, units.started))]
    known = systemd.show(units.started)
    broken = [f"{name} is {unit.active} ({unit.sub})" for name, unit in known.items() if unit.broken]
    if late or broken:
        suspects = [name for name, unit in known.items() if unit.broken] or units.started
        raise systemd.SystemdError("\n".join([*broken, *late, systemd.journal(suspects)]))


if __name__ == "__main__":
    main()
