from __future__ import annotations

DOCUMENTATION = r"""
name: nodes
short_description: Crowbar's nodes
description:
  - Asks the C(crowbar) command on this host for the nodes that it knows. Run it as who may read Crowbar's state.
  - "Groups: C(state_installed) and the other states, C(health_ok), C(group_NAME), C(intended_ROLE) (what a matching
    rule made of it), C(role_ROLE) (what a proposal wants of it), C(applied_ROLE) (what it has), and C(reachable),
    which are those that run a system of their own. Dashes become underscores."
  - Each host has what SSH needs, its host key pinned, and C(crowbar_state), C(crowbar_health), C(crowbar_group),
    C(crowbar_intended_role), C(crowbar_roles), C(crowbar_applied), C(crowbar_aliases), C(crowbar_cpus) and
    C(crowbar_memory_mib).
author: Crowbar developers
extends_documentation_fragment:
  - ansible.builtin.constructed
options:
  plugin:
    description: The name of this plugin.
    required: true
    choices: [crowbar.node.nodes]
  command:
    description: The command, if it is neither beside Ansible's own Python nor in C(PATH).
    type: str
    default: crowbar
  state_dir:
    description: Where Crowbar keeps its state, if not at its usual place.
    type: path
    env:
      - name: CROWBAR_STATE_DIR
  timeout:
    description: For how many seconds its answer is awaited.
    type: int
    default: 60
"""

EXAMPLES = r"""
# crowbar.yml
plugin: crowbar.node.nodes

# The same, with a group of one's own
---
plugin: crowbar.node.nodes
state_dir: /srv/crowbar
groups:
  large: crowbar_memory_mib | default(0) > 262144
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable

_SUFFIXES = ("crowbar.yml", "crowbar.yaml")


class InventoryModule(BaseInventoryPlugin, Constructable):
    """Hands over what `crowbar inventory` says; it decides nothing by itself."""

    NAME = "crowbar.node.nodes"

    def verify_file(self, path: str) -> bool:
        """Whether the file is for this plugin, by its name."""
        return bool(super().verify_file(path)) and path.endswith(_SUFFIXES)

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Fill the inventory."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        document = self._ask(Path(path))
        variables = document.pop("_meta")["hostvars"]
        for name in variables:
            self.inventory.add_host(name)
        for group, content in document.items():
            self.inventory.add_group(group)
            for name in content["hosts"]:
                self.inventory.add_host(name, group)
        strict = self.get_option("strict")
        for name, values in variables.items():
            for key, value in values.items():
                self.inventory.set_variable(name, key, value)
            self._set_composite_vars(self.get_option("compose"), values, name, strict=strict)
            self._add_host_to_composed_groups(self.get_option("groups"), values, name, strict=strict)
            self._add_host_to_keyed_groups(self.get_option("keyed_groups"), values, name, strict=strict)

    def _ask(self, path: Path) -> dict[str, Any]:
        command = self.get_option("command")
        beside = Path(sys.executable).parent / command
        program = str(beside) if beside.is_file() else shutil.which(command)
        if program is None:
            raise AnsibleParserError(
                f"{path}: there is no command {command!r}; name it with `command: /path/to/crowbar`."
            )
        state = self.get_option("state_dir")
        argv = [program, "inventory", "--list", *(["--state-dir", state] if state else [])]
        try:
            done = subprocess.run(
                argv,
                capture_output=True,
                text=True,
                check=False,
                stdin=subprocess.DEVNULL,
                timeout=self.get_option("timeout"),
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise AnsibleParserError(f"{path}: {program}: {error}") from error
        if done.returncode:
            raise AnsibleParserError(f"{path}: {program} inventory: {done.stderr.strip()}")
        if done.stderr:
            self.display.warning(done.stderr.strip())
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer
