"""Which name servers a machine gets: those of the host that it reaches."""

from __future__ import annotations

from pathlib import Path

from crowbar.provision.resolver import machine_resolv_conf, name_servers


def test_a_machine_gets_the_name_servers_behind_the_hosts_stub(tmp_path: Path) -> None:
    stub, real = tmp_path / "stub", tmp_path / "real"
    stub.write_text("nameserver 127.0.0.53\nsearch example.org\n")
    real.write_text("nameserver ::1\nnameserver 192.0.2.53\nsearch example.org\n")
    assert machine_resolv_conf([stub, real]) == "search example.org\nnameserver 192.0.2.53\n"
    assert machine_resolv_conf([stub]).startswith("#")
    assert name_servers([tmp_path / "absent", stub, real]) == ["192.0.2.53"]
    assert name_servers([stub]) == []
