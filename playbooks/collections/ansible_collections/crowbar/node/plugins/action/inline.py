"""Runs whichever module of this collection the task names; meta/runtime.yml sends them here."""

from __future__ import annotations

from typing import Any

from ansible_collections.crowbar.node.plugins.plugin_utils.inline import InlineAction


class ActionModule(InlineAction):
    """The module gets the task's arguments as they are."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module; its result."""
        super().run(tmp, task_vars)
        return self.run_module(self._task.action.rpartition(".")[2], self._task.args, task_vars or {})
