"""The cluster file's reference page, made from the forms that a file is checked against.

`python -m crowbar_cli.reference_cluster > docs/reference/cluster-file.md`
"""

from __future__ import annotations

from collections.abc import Iterator
from inspect import getdoc
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click
from annotated_types import Ge, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from crowbar.catalog.cluster import form
from crowbar.catalog.placement import Selection

_HEAD = """\
# The cluster file

<!-- Made by `python -m crowbar_cli.reference_cluster > docs/reference/cluster-file.md`; a test holds it current. -->

What `crowbar deploy FILE`, `crowbar plan FILE` and `crowbar batch import FILE` read: machines and networks, and
`proposals`, which are [in the format of Crowbar's batch files](barclamp.md#the-cluster-file). The same shape serves for
one node and for a hundred; [rack.yml](../../playbooks/clusters/rack.yml) is an example. Everything is checked before
anything is changed, and all faults are told at once, with their lines. No password stands in the file.
"""
_SECTIONS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("Beside `proposals`", form.ClusterForm),
    ("`bmc`, and a machine's `login`", form.LoginForm),
    ("`networks[]`", form.NetworkForm),
    ("`machines[]`", form.MachineForm),
    ("`machines[].virtual`", form.VirtualForm),
    ("`machines[].matched`", form.MatchedForm),
    ("Nodes of a role: `proposals[].deployment.elements.ROLE`", Selection),
)
_TAIL = """\
A role's nodes are a list of their names, or such a choice. In a file with machines it is made among these alone, in the
file's order; `{}` means all of them. Who holds a role already keeps it for as long as it fits, so that a file which is
deployed again moves nothing. `crowbar plan FILE --why NODE` says for each role why the node was chosen, or was not.
"""
_WORDS = {str: "text", int: "whole number", bool: "true or false"}


def reference() -> str:
    """The page, in Markdown."""
    sections = [f"## {title}\n\n{getdoc(of) or ''}\n\n{_table(of)}\n" for title, of in _SECTIONS]
    return "\n".join([_HEAD, *sections, _TAIL])


def _table(of: type[BaseModel]) -> str:
    rows = [_row(name, info) for name, info in of.model_fields.items()]
    return "\n".join(["| Key | Default | Allowed | What it is |", "| --- | --- | --- | --- |", *rows])


def _row(name: str, info: FieldInfo) -> str:
    default = info.get_default(call_default_factory=True)
    shown = "required" if default is PydanticUndefined else "-" if default in (None, "", [], {}) else f"`{default}`"
    bounds = [
        f"{'at least' if isinstance(one, Ge) else 'at most'} {_bound(one)}" for one in info.metadata if _bound(one)
    ]
    allowed = ", ".join([" or ".join(_kinds(info.annotation)), *bounds]).replace("|", "\\|")
    return f"| `{name}` | {shown} | {allowed} | {info.description or ''} |"


def _bound(one: Any) -> str:
    return str(one.ge) if isinstance(one, Ge) else str(one.le) if isinstance(one, Le) else ""


def _kinds(kind: Any) -> Iterator[str]:
    """The words for what a key may hold."""
    origin = get_origin(kind)
    if kind is NoneType:
        return
    if origin is Annotated:
        yield from _kinds(get_args(kind)[0])
    elif origin is Literal:
        yield from (f"`{one}`" for one in get_args(kind))
    elif origin in (Union, UnionType):
        for one in get_args(kind):
            yield from _kinds(one)
    elif origin is list or kind is list:
        yield "list"
    elif origin is dict or (isinstance(kind, type) and issubclass(kind, (dict, BaseModel))):
        yield "mapping"
    else:
        yield _WORDS.get(kind, str(kind))


if __name__ == "__main__":
    click.echo(reference(), nl=False)
