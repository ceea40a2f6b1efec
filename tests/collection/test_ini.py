"""Extra settings in INI text."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from ansible_collections.crowbar.node.plugins.module_utils import ini

Settings = Mapping[str, Mapping[str, ini.Scalar]]
TEXT = """\
# A comment
[DEFAULT]
debug = false
hosts = a,
  b,
  c

[database]
# connection = sqlite
connection = mysql://x
retry=3
"""


@pytest.mark.parametrize(
    ("settings", "there", "gone"),
    [
        ({"DEFAULT": {"debug": True}}, ["[DEFAULT]\nhosts = a,\n  b,\n  c\ndebug = true\n\n[database]"], ["false"]),
        ({"DEFAULT": {"hosts": "z"}}, ["debug = false\nhosts = z\n"], ["  b,", "  c"]),
        ({"database": {"retry": 5, "idle": 1.5}}, ["mysql://x\nretry = 5\nidle = 1.5\n"], ["retry=3"]),
        ({"new": {"a": "b"}}, ["retry=3\n\n[new]\na = b\n"], []),
        ({"": {"top": 1}}, ["# A comment\ntop = 1\n[DEFAULT]"], []),
        ({"database": {"connection": "pg"}}, ["# connection = sqlite\nretry=3\nconnection = pg\n"], ["mysql"]),
        ({"new": {}}, [], ["[new]"]),
    ],
)
def test_options_are_replaced_or_added(settings: Settings, there: list[str], gone: list[str]) -> None:
    merged = ini.merge(TEXT, settings)
    assert all(text in merged for text in there), merged
    assert not any(text in merged for text in gone), merged
    assert ini.merge(merged, settings) == merged


def test_text_without_settings_stays_as_it_is() -> None:
    assert ini.merge(TEXT, {}) == TEXT
