"""Installing without starting, in a made-up root whose apt-get only keeps books."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.crowbar.node.plugins.module_utils import quiesce

from .conftest import Run

SERVICE = "[Service]\nExecStart=/bin/true\n"
STARTED = f"{SERVICE}[Install]\nWantedBy=multi-user.target\n"


class FakeSystem(quiesce.System):
    """A root in a folder. ``mirror``: package -> (priority, {path: text}); what apt-get installs from."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.mirror: dict[str, tuple[str, dict[str, str]]] = {}
        self.present: dict[str, str] = {}
        self.commands: list[list[str]] = []
        self.policy_seen = False
        self.broken = False
        self.gone = False  # the mirror

    def run(self, *argv: str) -> str:
        self.commands.append(list(argv))
        match argv:
            case ("dpkg-query", "-W", *_):
                rows = [f"installed {name} {priority}" for name, priority in self.present.items()]
                return "\n".join([*rows, "config-files removed optional"])
            case ("dpkg-query", "-L", *packages):
                return "\n".join(path for name in packages for path in self.mirror[name][1])
            case ("apt-get", *rest) if "install" in rest:
                self.policy_seen = self.at("/usr/sbin/policy-rc.d").read_text().endswith("exit 101\n")
                for name in rest[rest.index("install") + 1 :]:
                    self.unpack(name)
                if self.broken:
                    raise quiesce.QuiesceError("apt-get failed")
            case ("apt-get", *_, "update") if self.gone:
                assert "APT::Update::Error-Mode=any" in argv, "else apt-get takes it for no error"
                raise quiesce.QuiesceError("no mirror")
        return ""

    def unpack(self, name: str) -> None:
        priority, files = self.mirror[name]
        self.present[name] = priority
        for path, text in files.items():
            self.at(path).parent.mkdir(parents=True, exist_ok=True)
            self.at(path).write_text(text)


@pytest.fixture
def system(tmp_path: Path) -> FakeSystem:
    fake = FakeSystem(tmp_path)
    (tmp_path / "usr/sbin").mkdir(parents=True)
    units = "/usr/lib/systemd/system"
    fake.mirror = {
        "keystone": ("optional", {f"{units}/keystone.service": STARTED, "/etc/init.d/keystone": ""}),
        "old": ("optional", {"/etc/init.d/old": "", "/usr/share/doc/old/x.service": STARTED}),
        "helper": (
            "optional",
            {
                f"{units}/helper.service": SERVICE,
                f"{units}/helper@.service": STARTED,
                f"{units}/helper.timer": "[Timer]\n[Install]\nWantedBy=timers.target\n",
                f"{units}/helper.socket": "[Install]\nWantedBy=sockets.target\n",
            },
        ),
        "openssh-server": ("optional", {f"{units}/ssh.service": STARTED}),
        "systemd-resolved": ("optional", {f"{units}/systemd-resolved.service": STARTED}),
        "cron": ("important", {f"{units}/cron.service": STARTED}),
    }
    return fake


def masked(system: FakeSystem) -> list[str]:
    folder = system.at("/etc/systemd/system")
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in folder.iterdir() if entry.readlink() == Path("/dev/null"))


def test_what_came_is_masked_and_the_policy_is_gone(system: FakeSystem) -> None:
    done = quiesce.install(system, ["keystone", "old", "helper"])
    assert done == ["helper.socket", "helper.timer", "keystone.service", "old.service"] == masked(system)
    assert system.policy_seen
    assert not system.at("/usr/sbin/policy-rc.d").exists()
    assert not quiesce.unfinished(system)


def test_the_base_system_is_left_alone(system: FakeSystem) -> None:
    assert quiesce.install(system, ["openssh-server", "systemd-resolved", "cron"]) == []


def test_units_to_keep_are_kept(system: FakeSystem) -> None:
    assert quiesce.install(system, ["keystone", "old"], keep=["old.service"]) == ["keystone.service"]


def test_what_was_there_before_is_not_masked(system: FakeSystem) -> None:
    system.unpack("old")
    assert quiesce.install(system, ["keystone"]) == ["keystone.service"]


def test_a_policy_that_is_not_ours_stays(system: FakeSystem) -> None:
    policy = system.at("/usr/sbin/policy-rc.d")
    policy.write_text("#!/bin/sh\n# somebody's\nexit 101\n")
    quiesce.install(system, ["keystone"])
    assert "somebody's" in policy.read_text()


def test_a_failed_installation_masks_what_it_brought(system: FakeSystem) -> None:
    system.broken = True
    with pytest.raises(quiesce.QuiesceError):
        quiesce.install(system, ["keystone"])
    assert masked(system) == ["keystone.service"]
    # The lists of packages may have been too old: once more with new ones.
    assert [command[-1] for command in system.commands if command[0] == "apt-get"] == ["keystone", "update", "keystone"]


def test_a_mirror_that_does_not_answer_is_told_before_what_it_does_not_give(system: FakeSystem) -> None:
    system.broken = system.gone = True
    with pytest.raises(quiesce.QuiesceError, match=r"^no mirror\napt-get failed$"):
        quiesce.install(system, ["keystone"])


def test_a_mirror_that_is_not_needed_may_be_gone(system: FakeSystem) -> None:
    system.gone = True
    assert quiesce.install(system, ["keystone"]) == ["keystone.service"]


def test_a_killed_installation_is_finished_by_the_next(system: FakeSystem) -> None:
    system.at("/var/lib/crowbar").mkdir(parents=True)
    system.at("/var/lib/crowbar/installing.json").write_text(json.dumps([]))
    system.at("/usr/sbin/policy-rc.d").write_text(quiesce._POLICY)
    system.unpack("keystone")
    assert quiesce.unfinished(system)
    assert quiesce.install(system, ["old"]) == ["keystone.service", "old.service"]
    assert any(command[:2] == ["dpkg", "--configure"] for command in system.commands)
    assert not system.at("/usr/sbin/policy-rc.d").exists()


def test_an_alias_made_at_installation_gives_way_to_the_mask_but_a_file_does_not(system: FakeSystem) -> None:
    folder = system.at("/etc/systemd/system")
    folder.mkdir(parents=True)
    (folder / "keystone.service").symlink_to("/usr/lib/systemd/system/keystone.service")
    assert quiesce.install(system, ["keystone"]) == ["keystone.service"]
    (folder / "old.service").write_text(STARTED)
    assert quiesce.install(system, ["old"]) == []


def test_an_alias_is_not_masked(system: FakeSystem) -> None:
    quiesce.install(system, ["keystone"])
    alias = system.at("/usr/lib/systemd/system/identity.service")
    alias.symlink_to("keystone.service")
    assert quiesce.units_to_mask(system, ["/usr/lib/systemd/system/identity.service"]) == []


def test_missing_packages(system: FakeSystem) -> None:
    system.unpack("old")
    assert quiesce.missing(system, ["old", "removed", "keystone", "keystone"]) == ["keystone", "removed"]


def test_the_command_line_names_what_it_masked(
    system: FakeSystem, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(quiesce, "System", lambda root: system)
    assert quiesce.main(["--root", str(system.root), "--keep", "old.service", "keystone", "old"]) == 0
    assert capsys.readouterr().out == "masked keystone.service\n"
    assert quiesce.main(["--root", str(system.root), "--mask-only", "old"]) == 0
    assert capsys.readouterr().out == "masked old.service\n"
    system.broken = True
    assert quiesce.main(["keystone"]) == 1
    assert "apt-get failed" in capsys.readouterr().err


def test_a_program_that_fails_is_told_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(quiesce.QuiesceError, match=r"(?s)sh -c failed with status 3:.*why"):
        quiesce.System().run("sh", "-c", "echo why; exit 3")


@pytest.mark.parametrize(("absent", "said"), [(["a", "b"], ["installs a, b"]), ([], [])])
def test_what_is_installed_is_told_before_it_is(
    absent: list[str], said: list[str], run_module: Run, heard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quiesce, "missing", lambda _system, _names: absent)
    monkeypatch.setattr(quiesce, "unfinished", lambda _system: True)
    monkeypatch.setattr(quiesce, "install", lambda _system, names, _keep: [f"{name}.service" for name in names])
    assert run_module("packages", {"names": ["a", "b", "c"]})["changed"]
    assert heard == said
