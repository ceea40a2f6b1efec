"""The files that dnsmasq reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from crowbar.errors import EnvironmentFault
from crowbar.provision.dnsmasq.host import write


def test_a_full_disk_is_told_and_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = tmp_path / "hosts"
    write({hosts: "before"})
    real = Path.write_text

    def full(path: Path, text: str, encoding: str) -> int:
        real(path, text[:2], encoding=encoding)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as during:
        during.setattr(Path, "write_text", full)
        with pytest.raises(EnvironmentFault, match="hosts: No space left") as error:
            write({hosts: "after"})
    assert error.value.hint
    assert hosts.read_text() == "before"
    write({hosts: "after"})
    assert hosts.read_text() == "after"
