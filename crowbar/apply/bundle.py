"""A bundle: the private data directory that a node's `ansible-runner worker` is sent, packed as a zip file.

It holds the play, the roles and the collection, and no secret: the variables travel beside it, in the stream's first
line, and reach the disk on neither side (the worker writes them to its own tmpfs).
"""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from crowbar.apply.model import Job
from crowbar.paths import data_dir
from crowbar.store.model import StepKind

PLAY = "play.yml"
_IGNORED = {"__pycache__", "tests", ".ansible"}
_MOST_KEPT = 64  # of about 100 KB each


def render_play(jobs: Sequence[Job]) -> str:
    """The playbook of these jobs, one play each, named by the job's key."""
    described = [
        {
            "key": job.key,
            "kind": job.kind.value,
            "role": job.source.name,
            "file": f"gates/{index}.yml",
            "packages": job.packages,
            "units": job.units,
            "has_removal": (job.source / "tasks" / "remove.yml").is_file(),
        }
        for index, job in enumerate(jobs)
    ]
    return _template().render(jobs=described)


@cache  # compiling it takes longer than all else of a bundle
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(data_dir() / "playbooks"),
        undefined=StrictUndefined,
        trim_blocks=True,
        autoescape=False,  # noqa: S701 (YAML for Ansible, not HTML)
    )
    return environment.get_template("step.yml.j2")


class Bundles:
    """Makes bundles. What is the same for many nodes, the roles and the collection, is packed once."""

    def __init__(self) -> None:
        self._packed: dict[tuple[Path, ...], bytes] = {}
        self._lock = threading.Lock()

    def archive(self, node: str, jobs: Sequence[Job]) -> bytes:
        """The bundle of these jobs for a node, as a zip file."""
        host = {"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3"}
        own: dict[str, str | bytes] = {
            f"project/{PLAY}": render_play(jobs),
            "inventory/hosts.json": json.dumps({"all": {"hosts": {node: host}}}),
            **{f"project/gates/{i}.yml": job.source.read_bytes() for i, job in enumerate(jobs) if _is_gate(job)},
        }
        buffer = io.BytesIO(self._common(jobs))
        with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
            for name, text in own.items():
                archive.writestr(name, text)
        return buffer.getvalue()

    def _common(self, jobs: Sequence[Job]) -> bytes:
        roles = tuple(sorted({job.source for job in jobs if not _is_gate(job)}))
        with self._lock:  # who waits for it needs the same, as a rule
            packed = self._packed.pop(roles, None) or _pack(roles)
            self._packed[roles] = packed  # at the end: the first one is what was not used for longest
            if len(self._packed) > _MOST_KEPT:
                self._packed.pop(next(iter(self._packed)))
        return packed


def _is_gate(job: Job) -> bool:
    return job.kind is StepKind.GATE


def _pack(roles: Sequence[Path]) -> bytes:
    """A zip file of the collection and of these roles."""
    collection = Path("collections") / "ansible_collections" / "crowbar" / "node"
    folders = {Path("project") / collection: data_dir() / "playbooks" / collection}
    folders |= {Path("project") / "roles" / role.name: role for role in roles}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        for place, folder in folders.items():
            for path in _files(folder):
                archive.write(path, place / path.relative_to(folder))
    return buffer.getvalue()


def _files(folder: Path) -> Iterator[Path]:
    """The files below a folder that a node needs."""
    for path in sorted(folder.iterdir()):
        if path.name in _IGNORED or path.suffix == ".pyc":
            continue
        if path.is_dir():
            yield from _files(path)
        else:
            yield path


def extra_variables(jobs: Sequence[Job]) -> dict[str, Any]:
    """What goes beside the bundle: each job's `crowbar` mapping, in the jobs' order."""
    return {"crowbar_steps": [_literal(job.variables) for job in jobs]}


def _literal(value: Any) -> Any:
    """The value with every text that looks like a template marked as none.

    Ansible takes extra variables for templates of the operator's own, and would run what a node published, or what
    stands in an attribute, on the next node.
    """
    match value:
        case str() if any(mark in value for mark in ("{{", "{%", "{#")):
            return {"__ansible_unsafe": value}
        case Mapping():
            return {key: _literal(item) for key, item in value.items()}
        case list() | tuple():
            return [_literal(item) for item in value]
    return value
