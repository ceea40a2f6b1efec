"""Templates in manifests: Jinja in its sandbox, where everything undefined is a fault and no secret becomes text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from crowbar.catalog.model import FactRef, SecretRef
from crowbar.errors import Fault, InputError

_PLAIN = (str, int, float, bool, type(None))


def render(text: str, context: Mapping[str, Any], place: str) -> Any:
    """The value of a template. One that is a single `{{ expression }}` keeps the expression's type.

    Raises InputError with a fault at ``place``: a syntax error, an undefined name, a secret inside text.
    """
    try:
        expression = _expression(text)
        if expression is None:
            return _environment.from_string(text).render(_sealed(context))
        value = _environment.compile_expression(expression, undefined_to_none=False)(**_sealed(context))
        return _plain(value)
    except (TemplateError, TypeError, ValueError, LookupError, ArithmeticError) as error:
        message = f"the template {text!r} does not render: {error}"
        raise InputError("A template does not render.", faults=[Fault(place, message)]) from error


def syntax_fault(text: str, place: str) -> Fault | None:
    """What is wrong with the template's syntax, or None."""
    try:
        _environment.parse(text)
    except TemplateError as error:
        return Fault(place, f"the template {text!r} is not Jinja: {error}")
    return None


def _expression(text: str) -> str | None:
    """The expression, if the template is nothing else."""
    match _environment.parse(text).body:
        case [nodes.Output(nodes=[node])] if not isinstance(node, nodes.TemplateData):
            return text.strip().removeprefix("{{").removesuffix("}}").strip("-+")
    return None


@dataclass(frozen=True)
class _Sealed:
    """A reference inside a template: it can be passed on, and not be made text, which would lose what it is."""

    ref: SecretRef | FactRef

    def __str__(self) -> str:
        raise TypeError(f"{self.ref} is kept apart and cannot be part of a text: publish it under its own name")


def _sealed(value: Any) -> Any:
    if isinstance(value, (SecretRef, FactRef)):
        return _Sealed(value)
    if isinstance(value, Mapping):
        return {key: _sealed(one) for key, one in value.items()}
    return list(value) if isinstance(value, list) else value  # Jinja's messages name the type


def _plain(value: Any) -> Any:
    """Plain data that owns its containers."""
    if isinstance(value, StrictUndefined):
        str(value)  # raises what is undefined
    if isinstance(value, _Sealed):
        return value.ref
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    raise TypeError(f"a {type(value).__name__} cannot be published (in Jinja, `| list` makes a list)")


# What is rendered is addresses and settings, not HTML.
_environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
