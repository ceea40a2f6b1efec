"""The collection, importable as Ansible makes it, and its modules run in this process."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from crowbar.paths import data_dir

# Read by ansible when it is imported, which is why that happens below.
os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(data_dir() / "playbooks" / "collections")

from ansible.module_utils.testing import patch_module_args
from ansible.plugins.loader import init_plugin_loader
from ansible.utils.collection_loader import AnsibleCollectionConfig

if not AnsibleCollectionConfig.collection_finder:
    init_plugin_loader([os.environ["ANSIBLE_COLLECTIONS_PATH"]])

from ansible_collections.crowbar.node.plugins.module_utils import probes, progress
from ansible_collections.crowbar.node.plugins.modules import units

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run_module(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a module by its name with its arguments; what it answered."""

    def run(name: str, arguments: Mapping[str, Any], check_mode: bool = False, diff: bool = False) -> dict[str, Any]:
        module = importlib.import_module(f"ansible_collections.crowbar.node.plugins.modules.{name}")
        options = {**arguments, "_ansible_check_mode": check_mode, "_ansible_diff": diff}
        capsys.readouterr()
        with patch_module_args(options), pytest.raises(SystemExit):
            module.main()
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        return answer

    return run


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What modules tell before they end; they do not wait long until they tell."""
    monkeypatch.setattr(probes, "_TELL_EVERY", 0.1)
    monkeypatch.setattr(units, "_TELL_AFTER", 0.1)
    said: list[str] = []
    with progress.heard_by(said.append):
        yield said


@pytest.fixture
def stamps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where `once` and `units` keep what they did, instead of the machine's own folders."""
    folder = tmp_path / "stamps"
    for module, name in (("module_utils.digests", "ONCE"), ("modules.units", "_STAMPS")):
        monkeypatch.setattr(f"ansible_collections.crowbar.node.plugins.{module}.{name}", folder)
    return folder
