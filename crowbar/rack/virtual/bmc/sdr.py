"""The sensors of a simulated BMC: their records (IPMI 2.0, chapter 43), as the simulator's command file has them."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_FULL = 0x01
_THRESHOLD = 0x01
_OWNER = 0x20
_TEXT = 0xC0
_UPPER_GOING_HIGH = "000101010000000"  # the events of a sensor with upper thresholds, as the simulator has them


@dataclass(frozen=True)
class SensorSpec:
    """An analog sensor. ``kind`` and ``unit`` are IPMI's numbers; a raw value times ``factor`` is the reading."""

    number: int
    name: str
    kind: int
    unit: int
    factor: int
    raw: int
    warning: int  # raw, upper
    critical: int  # raw, upper
    entity: int

    def record(self) -> bytes:
        """Its full sensor record."""
        readable = 0b111000  # the upper three thresholds
        body = struct.pack(
            "<BBBBBBBBBHHHBBBBBBBBBBBBBBBBBBBBBBBBHB",
            *(_OWNER, 0, self.number, self.entity, 1),
            0x7F,  # it is initialised, and scans
            0x68,  # re-arms by itself; thresholds readable and settable
            *(self.kind, _THRESHOLD),
            *(0, 0, readable << 8 | readable),
            *(0, self.unit, 0, 0),  # unsigned; linear
            *(self.factor, 0, 0, 0, 0, 0),  # M, and no B nor exponents
            *(0, self.raw, self.warning, 0, 0xFF, 0),  # nominal, normal, and what it can read
            *(min(self.critical + 10, 0xFF), self.critical, self.warning, 0, 0, 0, 1, 1),
            0,
            0,
        )
        name = self.name.encode("ascii")
        body += bytes([_TEXT | len(name)]) + name
        return struct.pack("<HBBB", 0, 0x51, _FULL, len(body)) + body

    def commands(self) -> list[str]:
        """The simulator's commands that add it."""
        number = f"0x20 0 {self.number}"
        limits = (min(self.critical + 10, 0xFF), self.critical, self.warning, 0, 0, 0)
        return [
            f"sensor_add {number} {self.kind:#04x} {_THRESHOLD:#04x}",
            f"sensor_set_value {number} {self.raw:#04x} 0",
            f"sensor_set_threshold {number} settable 111000 {' '.join(f'{limit:#04x}' for limit in limits)}",
            f"sensor_set_event_support {number} enable scanning per-state {' '.join([_UPPER_GOING_HIGH] * 4)}",
            f"main_sdr_add 0x20 {' '.join(f'{byte:#04x}' for byte in self.record())}",
        ]


_TEMPERATURE, _FAN, _VOLTAGE_KIND = 0x01, 0x04, 0x02
_CELSIUS, _RPM = 1, 18
SENSORS = (
    SensorSpec(1, "Inlet Temp", _TEMPERATURE, _CELSIUS, 1, 24, 42, 47, 0x37),
    SensorSpec(2, "CPU1 Temp", _TEMPERATURE, _CELSIUS, 1, 41, 90, 100, 0x03),
    SensorSpec(3, "Fan1", _FAN, _RPM, 100, 54, 200, 220, 0x1D),
)
