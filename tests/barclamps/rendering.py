"""Renders the files that a role would write, with Ansible's own loader, variables and templates, writing nothing."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from crowbar.paths import data_dir

# Read by ansible when it is imported, which is why that happens below.
os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(data_dir() / "playbooks" / "collections")

from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.block import Block
from ansible.playbook.play import Play
from ansible.playbook.play_context import PlayContext
from ansible.playbook.role import Role
from ansible.playbook.role.include import RoleInclude
from ansible.playbook.task import Task
from ansible.plugins.loader import action_loader, init_plugin_loader
from ansible.template import Templar
from ansible.utils.collection_loader import AnsibleCollectionConfig
from ansible.vars.manager import VariableManager

if not AnsibleCollectionConfig.collection_finder:  # other tests need it too, and it may be done but once
    init_plugin_loader([os.environ["ANSIBLE_COLLECTIONS_PATH"]])


def rendered_files(role: Path, variables: Mapping[str, Any]) -> dict[str, str]:
    """What all `crowbar.node.files` tasks of a role would write: path -> text. Links and folders are left out."""
    loader = DataLoader()
    loader.set_basedir(str(role.parent.parent))
    inventory = InventoryManager(loader=loader, sources=["localhost,"])
    manager = VariableManager(loader=loader, inventory=inventory)
    play = Play.load({"name": "case", "hosts": "all", "gather_facts": False}, manager, loader)
    loaded = Role.load(RoleInclude.load(role.name, play, variable_manager=manager, loader=loader), play)
    host = inventory.get_host("localhost")
    files: dict[str, str] = {}
    for task in _tasks(loaded.compile(play)):
        if task.action == "crowbar.node.files":
            known = {**manager.get_vars(play=play, host=host, task=task), **variables}
            files.update(_written(task, known, loader))
    return files


def _tasks(blocks: list[Any]) -> Iterator[Task]:
    for one in blocks:
        if isinstance(one, Block):
            yield from _tasks([*one.block, *one.rescue, *one.always])
        else:
            yield one


def _written(task: Task, variables: dict[str, Any], loader: DataLoader) -> dict[str, str]:
    templar = Templar(loader=loader, variables=variables)
    if not all(templar.evaluate_conditional(condition) for condition in task.when):
        return {}
    ready = task.copy()
    ready.args = templar.template(task.args)
    action = action_loader.get(
        "crowbar.node.files",
        task=ready,
        connection=SimpleNamespace(transport="none", _shell=SimpleNamespace(tmpdir="/nonexistent")),
        play_context=PlayContext(),
        loader=loader,
        templar=templar,
        shared_loader_obj=None,
    )
    handed: dict[str, Any] = {}
    # The one step that would reach the machine: what the plugin hands to the module is what we want to see.
    action._execute_module = lambda **given: handed.update(given["module_args"]) or {}
    action.run(task_vars=variables)
    return {
        entry["dest"]: base64.b64decode(entry["b64"]).decode(errors="replace")
        for entry in handed["files"]
        if "b64" in entry
    }
