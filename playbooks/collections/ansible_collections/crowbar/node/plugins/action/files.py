"""Renders the files of a `crowbar.node.files` task and has the module write them, all in one run of it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.template import trust_as_template
from ansible_collections.crowbar.node.plugins.module_utils import ini, render
from ansible_collections.crowbar.node.plugins.plugin_utils.inline import InlineAction


class ActionModule(InlineAction):
    """Templates are looked for, and rendered, as `ansible.builtin.template` does it."""

    _VALID_ARGS = frozenset(("files", "defaults"))

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Render all files, write them; the module's result."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        entries = self._task.args.get("files") or []
        defaults = self._task.args.get("defaults") or {}
        wrong = [fault for index, entry in enumerate(entries) for fault in render.faults(index, entry)]
        if wrong:
            raise AnsibleActionFail("\n".join(wrong))
        files = [self._ready(entry, defaults, variables) for entry in entries]
        return self.run_module("files", {"files": files}, variables)

    def _ready(
        self, entry: Mapping[str, Any], defaults: Mapping[str, Any], variables: dict[str, Any]
    ) -> dict[str, Any]:
        """The entry as the module takes it: what is to be in the file is base64."""
        ready: dict[str, Any] = {"dest": entry["dest"], **render.ownership(entry, defaults)}
        for key in ("link", "state", "b64"):
            if key in entry:
                return {**ready, key: entry[key]}
        if "copy" in entry:
            content = Path(self._find("files", entry["copy"])).read_bytes()
        else:
            text = entry["content"] if "content" in entry else self._rendered(entry, variables)
            content = (ini.merge(text, entry["extra"]) if entry.get("extra") else str(text)).encode()
        return {**ready, "b64": base64.b64encode(content).decode()}

    def _rendered(self, entry: Mapping[str, Any], variables: dict[str, Any]) -> str:
        source = self._find("templates", entry["src"])
        folders = [*variables.get("ansible_search_path", []), self._loader.get_basedir(), Path(source).parent]
        search = [path for folder in folders for path in (f"{folder}/templates", str(folder))]
        templar = self._templar.copy_with_new_env(
            searchpath=search, available_variables={**variables, **(entry.get("vars") or {})}
        )
        text = trust_as_template(self._loader.get_text_file_contents(source))
        try:
            return str(templar.template(text, escape_backslashes=False, overrides={"trim_blocks": True}))
        except AnsibleError as error:
            raise AnsibleActionFail(f"{entry['src']} for {entry['dest']}: {error}") from error

    def _find(self, kind: str, name: str) -> str:
        try:
            return str(self._find_needle(kind, name))
        except AnsibleError as error:
            raise AnsibleActionFail(str(error)) from error
