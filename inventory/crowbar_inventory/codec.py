"""Hardware as JSON, and back: what the store keeps and other programs read."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter, ValidationError

from crowbar_inventory.hardware import Hardware

_adapter = TypeAdapter(Hardware)


def to_data(hardware: Hardware) -> dict[str, Any]:
    """The facts as what JSON can say; sets as sorted lists, so that equal facts are equal texts."""
    data: dict[str, Any] = _adapter.dump_python(hardware, mode="json")
    data["cpu"]["flags"].sort()
    data["identity"]["macs"].sort()
    return data


def from_data(data: Any) -> Hardware:
    """The facts again. What an older version did not know yet has its default, what it knew besides is dropped.

    Raises ValueError for what never was such facts.
    """
    try:
        return _adapter.validate_python(data)
    except ValidationError as error:
        raise ValueError(f"these are no facts of hardware: {error.error_count()} faults") from error
