"""A bundle: the private data directory that a node's `ansible-runner worker` is sent.

It holds the play, the roles and the collection, and no secret: the variables travel beside it, in the stream's first
line, and reach the disk on neither side (the worker writes them to its own tmpfs).
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from crowbar.apply.model import Job
from crowbar.paths import data_dir
from crowbar.store.model import StepKind

PLAY = "play.yml"
_IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", "tests", ".ansible")


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


@contextlib.contextmanager
def bundle(node: str, jobs: Sequence[Job]) -> Iterator[Path]:
    """A temporary folder with the bundle of these jobs for a node; it is gone when the context is left."""
    with tempfile.TemporaryDirectory(prefix="crowbar-bundle-") as folder:
        root = Path(folder)
        project = root / "project"
        collection = Path("collections") / "ansible_collections" / "crowbar" / "node"
        shutil.copytree(data_dir() / "playbooks" / collection, project / collection, ignore=_IGNORED)
        (project / "gates").mkdir()
        for index, job in enumerate(jobs):
            if job.kind is StepKind.GATE:
                shutil.copy(job.source, project / "gates" / f"{index}.yml")
            elif not (project / "roles" / job.source.name).exists():
                shutil.copytree(job.source, project / "roles" / job.source.name, ignore=_IGNORED)
        (project / PLAY).write_text(render_play(jobs))
        inventory = {
            "all": {"hosts": {node: {"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3"}}}
        }
        (root / "inventory").mkdir()
        (root / "inventory" / "hosts.json").write_text(json.dumps(inventory))
        yield root


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
