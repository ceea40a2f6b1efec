"""Variables as Ansible reads them: references become templates, and text that only looks like one stays text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import yaml

from crowbar.catalog.model import FactRef, SecretRef

_LOOKS_LIKE_A_TEMPLATE = ("{{", "{%", "{#")


class Unsafe(str):
    """Text that Ansible must not template."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, _data: Any) -> bool:
        """Write everything out: a file for people has no anchors."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002  PyYAML names it
        """Indent lists within mappings, as Ansible's own linter wants it."""
        super().increase_indent(flow, indentless=False)


def _unsafe(dumper: yaml.SafeDumper, value: Unsafe) -> yaml.ScalarNode:
    return dumper.represent_scalar("!unsafe", str(value))


_Dumper.add_representer(Unsafe, _unsafe)


def to_yaml(value: Any, comment: str = "") -> str:
    """A YAML document, after a comment."""
    head = "".join(f"# {line}\n" for line in comment.splitlines())
    return f"---\n{head}{yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)}"


def fact_variable(ref: FactRef) -> str:
    """The name under which a host keeps a fact that its role published."""
    return f"crowbar_published_{ref.owner}_{ref.name}".replace("-", "_")


def portable(value: Any, publisher: Callable[[FactRef], str]) -> Any:
    """``value`` with references as templates; ``publisher`` names the host that publishes a fact."""
    match value:
        case SecretRef():
            return f"{{{{ crowbar_secrets['{value}'] }}}}"
        case FactRef():
            return f"{{{{ hostvars['{publisher(value)}'].ansible_facts.{fact_variable(value)} }}}}"
        case str() if any(mark in value for mark in _LOOKS_LIKE_A_TEMPLATE):
            return Unsafe(value)
        case Mapping():
            return {str(name): portable(one, publisher) for name, one in value.items()}
        case list() | tuple():
            return [portable(one, publisher) for one in value]
    return value
