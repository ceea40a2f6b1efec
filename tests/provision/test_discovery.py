"""What the discovery system is made of, and when it is built anew; without building one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from crowbar.errors import EnvironmentFault
from crowbar.provision.discovery import build, build_discovery, root, spec
from crowbar.provision.discovery.archive import packed_agent
from crowbar.provision.discovery.modules import WANTED, kept, parse_dependencies
from crowbar.provision.image.archives import Archive
from crowbar.provision.image.sources import Source
from crowbar.provision.image.spec import Supply

DEPENDENCIES = """\
kernel/drivers/net/virtio_net.ko.xz: kernel/drivers/net/net_failover.ko.xz kernel/net/core/failover.ko.xz
kernel/drivers/net/net_failover.ko.xz: kernel/net/core/failover.ko.xz
kernel/net/core/failover.ko.xz:
kernel/sound/core/snd.ko.xz:
kernel/fs/ext4/ext4.ko.xz: kernel/fs/jbd2/jbd2.ko.xz
kernel/fs/jbd2/jbd2.ko.xz:
"""


def test_modules_are_kept_with_what_they_need() -> None:
    found = kept(parse_dependencies(DEPENDENCIES))
    names = {path.rpartition("/")[2].partition(".")[0] for path in found}
    assert names == {"virtio_net", "net_failover", "failover", "ext4", "jbd2"}


@pytest.mark.parametrize("driver", ["drivers/scsi/megaraid/megaraid_sas", "drivers/net/ethernet/intel/ixgbe/ixgbe",
                                    "drivers/nvme/host/nvme", "drivers/char/ipmi/ipmi_si", "crypto/crc32c_generic",
                                    "drivers/ata/ahci", "drivers/char/ipmi/ipmi_devintf", "drivers/virtio/virtio_pci",
                                    "drivers/block/virtio_blk", "drivers/message/fusion/mptsas"])  # fmt: skip
def test_drivers_of_servers_are_kept(driver: str) -> None:
    assert kept({f"kernel/{driver}.ko.xz": []}, WANTED)


def _supply(digest: str, *components: str) -> Supply:
    source = Source("http://mirror.example/debian", "trixie", components or ("main",))
    return Supply((Archive(source, "Debian", digest),), ())


def test_firmware_is_installed_where_the_host_has_it_from_debian() -> None:
    assert set(spec.FIRMWARE).isdisjoint(spec.packages(_supply("one")))
    assert set(spec.FIRMWARE) <= set(spec.packages(_supply("one", "main", "non-free-firmware")))
    assert spec.base_digest(_supply("one")) != spec.base_digest(_supply("one", "main", "non-free-firmware"))


class Usage(NamedTuple):
    total: int
    used: int
    free: int


class Builds(list[str]):
    """What was built, in place of it."""


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> Builds:
    done = Builds()

    def base(folder: Path, supply: Supply, progress: Callable[[str], None]) -> None:
        done.append("base")
        work = folder.with_name("partial-base")
        (work / "root/usr/sbin").mkdir(parents=True)
        (work / "root/usr/sbin/lldpd").write_bytes(b"program")
        (work / "vmlinuz").write_bytes(b"kernel")
        (work / "base.cpio.zst").write_bytes(b"base;")
        build._finish(work, folder, {"wish": spec.wish_digest()})

    def pack(folder: Path, archive: Path) -> None:
        names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        archive.write_bytes("\n".join(names).encode())

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(build, "_PACKAGES", {})
    monkeypatch.setattr(build, "_build_base", base)
    monkeypatch.setattr(build, "pack", pack)
    monkeypatch.setattr(build, "compiled", lambda archive, root: b"compiled " + archive)
    monkeypatch.setattr(build, "host_supply", lambda release: _supply("one"))
    return done


def _quiet(line: str) -> None:
    pass


def test_built_once(builds: Builds, tmp_path: Path) -> None:
    first = build_discovery(tmp_path / "images", _quiet)
    assert build_discovery(tmp_path / "images", _quiet) == first
    assert builds == ["base"]
    assert first.kernel.read_bytes() == b"kernel"
    assert first.initrd.read_bytes().startswith(b"base;init\nusr/lib/crowbar/agent.pyz\n")
    assert (first.root / "usr/lib/crowbar/agent.pyz").read_bytes() == b"compiled " + packed_agent()
    assert os.access(first.root / "usr/sbin/init", os.X_OK)
    assert not list((tmp_path / "images").glob("partial-*"))


def test_another_agent_is_another_system_on_the_same_base(
    builds: Builds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build_discovery(tmp_path / "images", _quiet)
    monkeypatch.setattr(spec, "OWN_FILES", {**spec.OWN_FILES, "usr/lib/crowbar/agent.pyz": (lambda: b"other", 0o644)})
    second = build_discovery(tmp_path / "images", _quiet)
    assert builds == ["base"]
    assert second.digest != first.digest
    assert (second.root / "usr/lib/crowbar/agent.pyz").read_bytes() == b"compiled other"
    assert (first.root / "usr/lib/crowbar/agent.pyz").read_bytes() == b"compiled " + packed_agent()


def test_the_two_that_were_used_last_stay(builds: Builds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, told = tmp_path / "images", list[str]()
    made = []
    for agent in (b"one", b"two", b"three"):
        changed = {**spec.OWN_FILES, "usr/lib/crowbar/agent.pyz": (partial(bytes, agent), 0o644)}
        monkeypatch.setattr(spec, "OWN_FILES", changed)
        made.append(build_discovery(images, told.append))
        os.utime(images / made[-1].digest / "discovery.json", (len(made), len(made)))
    assert [one.initrd.exists() for one in made] == [False, True, True]
    assert [line for line in told if line.startswith("deleted")] == [
        f"deleted the discovery system {made[0].digest[:12]}, which was not used any more"
    ]
    assert builds == ["base"]  # which goes with the last system on it
    for number in range(2):
        monkeypatch.setattr(build, "host_supply", lambda release, number=number: _supply(f"new {number}"))
        last = build_discovery(images, told.append)
        os.utime(images / last.digest / "discovery.json", (10 + number, 10 + number))
    assert len(list(images.glob("base-*"))) == 2
    assert not made[2].initrd.exists() and last.initrd.exists()


def test_other_packages_are_another_base(builds: Builds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build_discovery(tmp_path / "images", _quiet)
    monkeypatch.setattr(build, "host_supply", lambda release: _supply("two"))
    assert build_discovery(tmp_path / "images", _quiet).digest != first.digest
    assert builds == ["base", "base"]


def test_without_the_mirror_the_last_one_is_taken(
    builds: Builds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(release: str) -> Supply:
        raise EnvironmentFault("The package mirror cannot be reached: no route.")

    first = build_discovery(tmp_path / "images", _quiet)
    monkeypatch.setattr(build, "host_supply", away)
    told: list[str] = []
    assert build_discovery(tmp_path / "images", told.append) == first
    assert "built before" in told[0]
    with pytest.raises(EnvironmentFault, match="no route"):
        build_discovery(tmp_path / "none", _quiet)


def test_what_the_host_lacks_is_told_before_anything_is_built(
    builds: Builds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "_PACKAGES", {"nonesuch": "package-a"})
    with pytest.raises(EnvironmentFault, match="discovery system are missing: package-a"):
        build_discovery(tmp_path / "images", _quiet)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(EnvironmentFault, match="needs root"):
        build_discovery(tmp_path / "images", _quiet)
    assert builds == []


def test_no_space(builds: Builds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 2**30))
    with pytest.raises(EnvironmentFault, match=r"1\.0 GiB free; .* needs 2 GiB"):
        build_discovery(tmp_path / "images", _quiet)


@pytest.fixture
def whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root with merged /usr, one program, one library behind a link."""
    whole = tmp_path / "whole"
    for name in ("usr/bin", "usr/sbin", "usr/lib/python3.13/test", "etc/apt"):
        (whole / name).mkdir(parents=True)
    for name in root.PROGRAMS:
        (whole / "usr/bin" / name).write_bytes(b"program")
    (whole / "lib").symlink_to("usr/lib")
    (whole / "usr/lib/libone.so.1.2").write_bytes(b"library")
    (whole / "usr/lib/libone.so.1").symlink_to("libone.so.1.2")
    (whole / "usr/lib/python3.13/os.py").write_bytes(b"module")
    (whole / "usr/lib/python3.13/test/all.py").write_bytes(b"module")
    (whole / "etc/apt/auth.conf").write_bytes(b"login")
    monkeypatch.setattr(root, "_libraries", lambda whole, files: ["/lib/libone.so.1"])
    return whole


def test_a_root_is_reduced_to_what_runs(whole: Path, tmp_path: Path) -> None:
    root.reduce(whole, tmp_path / "root")
    files = {str(path.relative_to(tmp_path / "root")) for path in (tmp_path / "root").rglob("*") if path.is_file()}
    assert {"usr/lib/libone.so.1", "usr/lib/libone.so.1.2", "usr/lib/python3.13/os.py", "usr/bin/lldpd"} <= files
    assert not {"usr/lib/python3.13/test/all.py", "etc/apt/auth.conf"} & files
    assert (tmp_path / "root/lib").readlink() == Path("usr/lib")
    assert (tmp_path / "root/usr/sbin/modprobe").readlink() == Path("/usr/bin/kmod")


def test_a_program_that_is_not_there_is_told(whole: Path, tmp_path: Path) -> None:
    (whole / "usr/bin/lldpd").unlink()
    with pytest.raises(EnvironmentFault, match="has no lldpd"):
        root.reduce(whole, tmp_path / "root")


def test_no_login_of_the_host_is_among_what_is_kept() -> None:
    assert not [name for name in root._KEPT if "apt" in name or name in ("etc", "etc/*", "root")]
