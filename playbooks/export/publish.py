# Copyright: Crowbar developers
# SPDX-License-Identifier: Apache-2.0
"""In an exported project there is no engine that takes what a role publishes: it becomes facts of the host.

`crowbar export` puts this beside the collection's other action plugins; other hosts' roles read the facts by hostvars.
"""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Runs the module, then keeps each value as the fact ``crowbar_published_BARCLAMP_NAME``."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The module's result, with the values moved to where Ansible keeps facts."""
        super().run(tmp, task_vars)
        result: dict[str, Any] = self._execute_module(task_vars=task_vars)
        published = result.pop("crowbar_published", {})
        crowbar = self._templar.template(self._templar.available_variables["crowbar"])
        result["ansible_facts"] = {
            f"crowbar_published_{crowbar['barclamp']}_{name}".replace("-", "_"): value
            for name, value in published.items()
        }
        return result
