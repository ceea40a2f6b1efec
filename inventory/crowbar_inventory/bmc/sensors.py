"""A BMC's sensors over IPMI. pyghmi knows how to read the records that describe them; it asks through our link."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from typing import Any

from crowbar_inventory.bmc.completion import completion_error
from crowbar_inventory.bmc.model import BmcError, BmcUnreachableError, Sensor
from crowbar_inventory.bmc.wire import Reply, Request

_SENSOR_EVENT, _GET_READING = 0x04, 0x2D
_NOT_PRESENT = (0xCB, 0xCD, 0xD5)
_HEALTH = ((4, "failed"), (2, "critical"), (1, "warning"))  # pyghmi's bits
_MOST_CHARACTERS = 100
Ask = Callable[[Request], Reply]


class _Asker:
    """What pyghmi's reader of sensor records takes for a session. It gives up on a BMC whose records never end."""

    def __init__(self, ask: Ask, limit: float) -> None:
        self._ask = ask
        self._until = time.monotonic() + limit

    def raw_command(
        self, netfn: int, command: int, data: Any = (), rslun: int = 0, **_others: object
    ) -> dict[str, Any]:
        if time.monotonic() > self._until:
            raise BmcUnreachableError("read the sensors: the BMC does not come to an end")
        reply = self._ask(Request(netfn, command, bytes(data), rslun))
        answer: dict[str, Any] = {"code": reply.code, "data": bytearray(reply.data)}
        if reply.code:
            answer["error"] = str(completion_error("read the sensors", reply.code))
        return answer

    def xraw_command(self, netfn: int, command: int, data: Any = (), rslun: int = 0) -> dict[str, Any]:
        answer = self.raw_command(netfn, command, data, rslun)
        if answer["code"]:
            raise completion_error("read the sensors", answer["code"])
        return answer

    @staticmethod
    def get_event_constants() -> Any:
        from pyghmi.ipmi.private import constants

        return constants


def read_sensors(ask: Ask, *, limit: float = 60) -> list[Sensor]:
    """All that give a reading, or say that they have none. Raises BmcError, at the latest after ``limit`` seconds."""
    from pyghmi.exceptions import PyghmiException
    from pyghmi.ipmi import sdr

    # It keeps records by firmware version for all BMCs alike; two of one version may have other sensors.
    sdr.shared_sdrs.clear()
    asker = _Asker(ask, limit)
    try:
        records = sdr.SDR(asker)
        return [sensor for number in records.get_sensor_numbers() for sensor in _read(asker, records.sensors[number])]
    except (PyghmiException, NotImplementedError, LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise BmcError(f"read the sensors: {error or type(error).__name__}") from error
    except struct.error as error:
        raise BmcError("read the sensors: a record is damaged") from error


def _read(asker: _Asker, record: Any) -> list[Sensor]:
    answer = asker.raw_command(_SENSOR_EVENT, _GET_READING, (record.sensor_number,), record.sensor_lun)
    if answer["code"] in _NOT_PRESENT:
        return []
    if answer["code"]:
        raise completion_error("read the sensors", answer["code"])
    reading = record.decode_sensor_reading(asker, answer["data"])
    health = next((name for bit, name in _HEALTH if reading.health & bit), "ok")
    return [
        Sensor(
            name=str(reading.name)[:_MOST_CHARACTERS],
            kind=str(reading.type)[:_MOST_CHARACTERS],
            value=None if reading.value is None else float(reading.value),
            unit=str(reading.units or ""),
            health="unknown" if reading.unavailable else health,
        )
    ]
