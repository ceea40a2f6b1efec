"""Running this collection's modules in Ansible's own process, where that process is on the node.

Ansible packs a module for every task, hands it to a shell, and starts another Python for it, which takes several times
what our modules do. Where a node applies its roles to itself none of that is needed; and as Ansible forks for each task
anyway, what a module leaves behind in its process is gone with the task.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import sys
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils import basic
from ansible.module_utils.common.json import Direction, get_module_encoder
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.crowbar.node.plugins.module_utils import progress

_COLLECTION = "crowbar.node."
_MODULES = "ansible_collections.crowbar.node.plugins.modules."
_PROFILE = "legacy"  # how Ansible spells arguments for a module like ours


class InlineAction(ActionBase):
    """The action of a module: it gets the task's arguments as they are, unless a subclass makes others of them."""

    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module that the task names; its result."""
        super().run(tmp, task_vars)
        return self.run_module(self._task.action.rpartition(".")[2], self._task.args, task_vars or {})

    def run_module(self, name: str, arguments: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        """Run the module ``crowbar.node.NAME``; its result.

        In this process, unless the node is elsewhere or the task asks for what only Ansible's own way has.
        """
        given = dict(arguments)
        if self._runs_here(variables):
            self._update_module_args(_COLLECTION + name, given, variables)
            return called(name, given, Display().display)
        result: dict[str, Any] = self._execute_module(
            module_name=_COLLECTION + name, module_args=given, task_vars=dict(variables)
        )
        return result

    def _runs_here(self, variables: Mapping[str, Any]) -> bool:
        return (
            self._connection.transport == "local"
            and variables.get("ansible_python_interpreter") == sys.executable
            and not self._play_context.become
            and not self._task.async_val
            and not any(self._task.environment or ())
        )


def called(name: str, arguments: Mapping[str, Any], listener: progress.Listener = progress.nobody) -> dict[str, Any]:
    """What the module says, given its arguments where `AnsibleModule` looks for them.

    ``listener`` hears what it tells before it ends; what that prints is not taken for the module's.
    Raises AnsibleActionFail if its result is none.
    """
    outside = sys.stdout

    def tell(text: str) -> None:
        with contextlib.redirect_stdout(outside):
            listener(text)

    module = importlib.import_module(_MODULES + name)
    encoder = get_module_encoder(_PROFILE, Direction.CONTROLLER_TO_MODULE)
    given = json.dumps({"ANSIBLE_MODULE_ARGS": dict(arguments)}, cls=encoder).encode()
    # There is no public way to them but ansible.module_utils.testing, which sets the same two.
    basic._ANSIBLE_ARGS = given  # noqa: SLF001 (AnsibleModule reads it)
    basic._ANSIBLE_PROFILE = _PROFILE  # noqa: SLF001 (AnsibleModule reads it)
    said = io.StringIO()
    with progress.heard_by(tell), contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        module.main()  # exit_json and fail_json end by SystemExit
    try:
        result: dict[str, Any] = json.loads(said.getvalue())
    except ValueError as error:
        raise AnsibleActionFail(f"Module {name} ended without a result: {said.getvalue()[-500:]}") from error
    return result
