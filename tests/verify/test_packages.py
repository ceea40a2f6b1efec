"""What apt says, as values; and faults of the admin host told with the command that showed them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from crowbar.errors import EnvironmentFault
from crowbar.verify import packages
from crowbar.verify.packages import Package
from crowbar.verify.process import run


def test_the_promised_files_are_read_in_a_fixed_order() -> None:
    text = (
        "'http://deb.example/z_1.0_amd64.deb' z_1%3a1.0_amd64.deb 12 SHA256:ff\n"
        "Warning: something else\n"
        "'http://deb.example/a_2.deb' a_2.deb 34 SHA256:00\n"
    )
    assert packages.parse_uris(text) == (Package("a_2.deb", "SHA256:00"), Package("z_1%3a1.0_amd64.deb", "SHA256:ff"))


def test_dependencies_are_real_packages_each_once() -> None:
    text = (
        "dropbear-bin\n  Depends: libc6\n |Depends: zlib1g\n  Depends: <virtual>\n    libfoo\n"
        "zlib1g\n  PreDepends: libc6\n  Recommends: nothing\n"
    )
    assert packages.parse_depends(text) == ("libc6", "zlib1g")


def test_a_download_that_is_not_what_apt_promised_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(*argv: str, cwd: Path | None = None) -> str:
        assert cwd is not None
        (cwd / "a.deb").write_bytes(b"something else")
        return " ".join(argv)

    monkeypatch.setattr(packages, "_apt", download)
    with pytest.raises(EnvironmentFault, match=r"a\.deb is not the file that apt promised"):
        packages.unpack(["a"], [Package("a.deb", "SHA256:" + "0" * 64)], tmp_path / "one")
    with pytest.raises(EnvironmentFault, match=r"apt did not download b\.deb"):
        packages.unpack(["b"], [Package("b.deb", "SHA256:" + "0" * 64)], tmp_path / "two")


def test_an_unknown_package_is_told_with_what_to_do() -> None:
    with pytest.raises(EnvironmentFault) as caught:
        packages.resolve(["crowbar-has-no-such-package"])
    assert "apt-get download --print-uris crowbar-has-no-such-package" in caught.value.message
    assert "apt-get update" in caught.value.hint


def test_a_missing_program_a_failing_one_and_a_slow_one() -> None:
    with pytest.raises(EnvironmentFault, match="Cannot try: there is no program 'crowbar-no-such'") as caught:
        run(["crowbar-no-such"], why="try")
    assert "scripts/setup.sh" in caught.value.hint
    with pytest.raises(EnvironmentFault, match="ended with 3:\nso it goes"):
        run([sys.executable, "-c", "import sys; print('so it goes', file=sys.stderr); sys.exit(3)"], why="try")
    with pytest.raises(EnvironmentFault, match=r"took more than 0\.1 s"):
        run(["sleep", "5"], why="try", timeout=0.1)
