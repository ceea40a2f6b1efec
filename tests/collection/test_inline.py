"""Modules that run in Ansible's own process."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from ansible.errors import AnsibleActionFail
from ansible.module_utils import basic
from ansible_collections.crowbar.node.plugins.module_utils import probes
from ansible_collections.crowbar.node.plugins.modules import check
from ansible_collections.crowbar.node.plugins.plugin_utils.inline import InlineAction, called

from crowbar.paths import data_dir

COLLECTION = data_dir() / "playbooks" / "collections" / "ansible_collections" / "crowbar" / "node" / "plugins"


@pytest.fixture(autouse=True)
def no_arguments_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", None)
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", None)


def test_every_module_of_the_collection_has_an_action_for_it() -> None:
    modules = {path.stem for path in (COLLECTION / "modules").glob("*.py")}
    assert {path.stem for path in (COLLECTION / "action").glob("*.py")} == modules
    for name in modules:
        action = importlib.import_module(f"ansible_collections.crowbar.node.plugins.action.{name}")
        assert issubclass(action.ActionModule, InlineAction)


def test_what_it_says_is_the_result(tmp_path: Path) -> None:
    found = called("check", {"checks": [{"command": ["true"]}], "timeout": 1})
    assert found["changed"] is False and "failed" not in found
    missing = str(tmp_path / "missing")
    found = called("check", {"checks": [{"command": ["test", "-e", missing]}], "timeout": 0})
    assert found["failed"] and missing in found["msg"] + str(found["faults"])
    found = called("check", {"checks": [], "chekcs": []})
    assert found["failed"] and "chekcs" in found["msg"]


def test_what_it_tells_before_it_ends_is_heard(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also by one who prints it: ansible-runner of Debian 13 writes what it displays to the module's own output."""
    monkeypatch.setattr(probes, "_TELL_EVERY", 0.1)
    found = called("check", {"checks": [{"name": "it", "command": ["false"]}], "timeout": 1}, print)
    assert found["failed"]
    assert capsys.readouterr().out == "waits for it: status 1.\n"


def test_one_that_says_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "main", lambda: print("half a "))
    with pytest.raises(AnsibleActionFail, match="check ended without a result: half a"):
        called("check", {"checks": []})
