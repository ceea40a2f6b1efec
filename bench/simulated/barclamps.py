"""Thirty barclamps that build on each other: twenty of servers, ten with a role on every node."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

SERVERS, AGENTS = 20, 10


def name_of(number: int) -> str:
    return f"sim{number:02}"


def write(folder: Path) -> list[str]:
    """Write them; their names."""
    return [_write(folder / name_of(number), number) for number in range(SERVERS + AGENTS)]


def on_every_node(number: int) -> bool:
    return not (number + 1) % 3 and number // 3 < AGENTS  # spread over the depth of the whole


def _write(folder: Path, number: int) -> str:
    name = folder.name
    needed = [name_of(other) for other in {number - 1, number - 4, number // 2} if 0 <= other < number]
    roles = {f"{name}-server": {"summary": "Serves", "count": {"min": 1}, "packages": [f"{name}-api"]}}
    if on_every_node(number):
        roles[f"{name}-agent"] = {"summary": "Works", "count": {"min": 1}, "after": [f"{name}-server"]}
    manifest = {
        "name": name,
        "summary": "One of a simulated cluster",
        "requires": sorted(needed),
        "networks": ["admin"],
        "roles": roles,
        "secrets": {"password": {"summary": "A password"}},
        "publishes": {
            "url": {
                "template": f"http://{{{{ roles['{name}-server'][0].addresses.admin }}}}:{{{{ attributes.port }}}}/"
            },
            "password": {"secret": "password"},
        },
        "gate": {"role": f"{name}-server"},
    }
    _put(folder / "barclamp.yml", yaml.safe_dump(manifest, sort_keys=False))
    _put(folder / "schema.json", json.dumps(_schema(number)))
    _put(folder / "gate.yml", "- name: It answers\n  crowbar.node.check:\n    checks: [{tcp: '127.0.0.1:1'}]\n")
    for role in roles:
        _role(folder / "roles" / role.replace("-", "_"), needed)
    return name


def _schema(number: int) -> dict[str, object]:
    port = {"type": "integer", "minimum": 1, "maximum": 65535, "default": 9000 + number, "title": "Port"}
    extra = {
        f"option_{one}": {"type": "string", "maxLength": 80, "default": f"value {one}", "title": "Option"}
        for one in range(15)
    }
    properties = {"port": port, **extra}
    for one in properties.values():
        one["description"] = "What a service has."
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }


def _role(folder: Path, needed: list[str]) -> None:
    used = "\n".join(f"{name} = {{{{ crowbar.published.{name}.url }}}}" for name in needed)
    options = "\n".join(f"option_{one} = {{{{ crowbar.attributes.option_{one} }}}}" for one in range(15))
    text = "[DEFAULT]\nhost = {{ crowbar.node.name }}\npassword = {{ crowbar.secrets.password }}\n"
    _put(folder / "templates" / "service.conf.j2", f"{text}{used}\n{options}\n")
    _put(
        folder / "tasks" / "main.yml",
        "- name: Configuration\n  crowbar.node.files:\n    files: [{dest: /etc/sim.conf, src: service.conf.j2}]\n",
    )


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
