from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from crowbar.errors import EnvironmentFault
from crowbar.provision.image.settings import for_node, host_logins, host_settings, parse_dump, reaching, render

DUMP = """\
APT "";
APT::Install-Recommends "1";
APT::Update::Post-Invoke-Success:: "rm -rf /";
Acquire::Check-Valid-Until "false";
Acquire::IndexTargets::deb::DEP-11::MetaKey "$(COMPONENT)/dep11";
Acquire::http::Proxy "http://proxy.example:3128/";
Acquire::https::Proxy "http://localhost:8080/";
Acquire::http::Proxy-Auto-Detect "/usr/bin/detect";
Acquire::https::CAInfo "/etc/ssl/own.pem";
Acquire::Retries "5";
Acquire::Languages "none";
DPkg::Pre-Install-Pkgs:: "/usr/sbin/dpkg-preconfigure --apt || true";
"""


def test_only_what_decides_how_archives_are_reached_is_kept() -> None:
    kept = [name for name, _ in reaching(parse_dump(DUMP))]
    assert kept == [
        "Acquire::Check-Valid-Until",
        "Acquire::http::Proxy",
        "Acquire::https::Proxy",
        "Acquire::http::Proxy-Auto-Detect",
        "Acquire::https::CAInfo",
        "Acquire::Retries",
    ]


def test_a_node_gets_nothing_that_only_the_host_has() -> None:
    assert list(for_node(reaching(parse_dump(DUMP)))) == [
        ("Acquire::Check-Valid-Until", "false"),
        ("Acquire::http::Proxy", "http://proxy.example:3128/"),
        ("Acquire::Retries", "5"),
    ]


def test_what_is_rendered_is_read_again() -> None:
    kept = list(parse_dump(DUMP))
    assert list(parse_dump(render(kept))) == kept


def test_logins_of_all_files_together(tmp_path: Path) -> None:
    (tmp_path / "auth.conf.d").mkdir()
    (tmp_path / "auth.conf").write_text("machine a login b password c")
    (tmp_path / "auth.conf.d" / "x.conf").write_text("machine d login e password f\n")
    assert host_logins(tmp_path) == "machine a login b password c\nmachine d login e password f\n"
    assert host_logins(tmp_path / "absent") == ""


def test_the_hosts_own_settings_can_be_read() -> None:
    assert all(name.startswith("Acquire::") for name, _ in host_settings())


def test_a_broken_apt_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise subprocess.CalledProcessError(100, "apt-config", stderr="E: Syntax error /etc/apt/apt.conf.d/x:1")

    monkeypatch.setattr(subprocess, "run", broken)
    with pytest.raises(EnvironmentFault, match="Syntax error"):
        host_settings()
