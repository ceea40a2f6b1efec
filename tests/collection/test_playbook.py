"""The collection as Ansible runs it: one real play on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crowbar.paths import data_dir

PLAY = """\
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {name: demo}
"""
TASKS = """\
- name: Write files
  crowbar.node.files:
    defaults: {mode: "0600"}
    files:
      - {dest: "{{ target }}/a.conf", src: a.conf.j2, vars: {word: inner}, extra: {DEFAULT: {debug: true}}}
      - {dest: "{{ target }}/b.txt", content: "{{ password }}\\n"}
      - {dest: "{{ target }}/c.bin", copy: c.bin, mode: "0644"}
- name: Check
  crowbar.node.check:
    checks: [{command: [test, -e, "{{ target }}/a.conf"], user: "{{ me }}"}]
- name: Publish
  crowbar.node.publish:
    facts: {b: {path: "{{ target }}/b.txt"}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    role = tmp_path / "roles" / "demo"
    for folder, name, text in (
        ("tasks", "main.yml", TASKS),
        ("templates", "a.conf.j2", "{% include 'part.j2' %}\n\nword = {{ word }}\n"),
        ("templates", "part.j2", "[DEFAULT]\npassword = {{ password }}"),
        ("files", "c.bin", "{{ not a template }}"),
    ):
        (role / folder).mkdir(parents=True, exist_ok=True)
        (role / folder / name).write_text(text)
    (tmp_path / "play.yml").write_text(PLAY)
    return tmp_path


PROGRAM = Path(sys.executable).with_name("ansible-playbook")
OWN = PROGRAM.read_text().partition("\n")[0].removeprefix("#!")  # the Python that runs it
ANOTHER = "/usr/bin/python3"


def play(project: Path, *more: str, interpreter: str = OWN) -> subprocess.CompletedProcess[str]:
    variables = {"target": project, "password": "hunter2hunter2", "ansible_python_interpreter": interpreter}
    given = [word for name, value in variables.items() for word in ("-e", f"{name}={value}")]
    environment = {
        # Coverage of Ansible's own processes would only cost time.
        **{name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")},
        "ANSIBLE_COLLECTIONS_PATH": str(data_dir() / "playbooks" / "collections"),
        "ANSIBLE_LOCAL_TEMP": str(project / "tmp"),
        "ANSIBLE_REMOTE_TEMP": str(project / "tmp"),
        "LC_ALL": "C.UTF-8",
    }
    me = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    command = [str(PROGRAM), "-i", "localhost,", "-c", "local", "play.yml", *given, "-e", f"me={me}", *more]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("interpreter", "shells"), [(OWN, False), (ANOTHER, True)])
def test_a_play_writes_checks_and_publishes_without_showing_a_secret(
    project: Path, interpreter: str, shells: bool
) -> None:
    """Also by Ansible's own way, with a shell and another Python for each module, as from elsewhere."""
    first = play(project, "-vvv", "--diff", interpreter=interpreter)
    assert first.returncode == 0, first.stdout + first.stderr
    assert ("EXEC /bin/sh" in first.stdout) is shells
    assert "changed=1" in first.stdout
    assert (project / "a.conf").read_text() == "[DEFAULT]\npassword = hunter2hunter2\nword = inner\ndebug = true\n"
    assert (project / "b.txt").read_text() == "hunter2hunter2\n"
    assert (project / "c.bin").read_text() == "{{ not a template }}"
    assert "hunter2" not in first.stdout + first.stderr


def test_what_is_undefined_is_named_with_its_template(project: Path) -> None:
    (project / "roles/demo/templates/part.j2").write_text("{{ nobody_knows }}")
    done = play(project)
    assert done.returncode != 0
    assert "nobody_knows" in done.stdout
    assert "a.conf.j2" in done.stdout
    assert not (project / "b.txt").exists()
