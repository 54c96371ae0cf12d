"""Alarm items of active safety as a simulated terminal sends them (苏标 tables 4-15 to 4-17, 粤标 5-15 to 5-17)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from luwei.protocol.jt808.items import Item
from luwei.protocol.safety.alarm_items import ADAS, BSD, DSM, TYRES, WHEELS, SafetyAlarm
from luwei.protocol.safety.alarm_sign import SIGNS
from luwei.protocol.safety.dialects import dialect_named
from luwei.simulator.driver import END, START

LEVEL_SPEED_KMH = 50
"""分级速度阈值: above it an alarm has level 2."""


FILES: Mapping[int, tuple[int, int]] = {0x64: (3, 1), 0x65: (3, 1), 0x66: (0, 0), 0x67: (1, 1)}
"""Pictures and clips of an alarm; a record of the vehicle's state comes with each that has any."""
WHEEL_COUNT = 10
COLD_KPA, LOW_KPA = 830, 610
KEPT = 50
"""Alarms whose files a terminal still has."""


@dataclass(frozen=True, slots=True)
class RaisedAlarm:
    """One alarm: what its files are of. ``time`` as on the wire, place in 1e-6 degrees."""

    identification: bytes
    dialect: str
    item: int
    type: int
    time: str
    lat_e6: int
    lon_e6: int
    speed_kmh: int

    @property
    def event(self) -> str:
        """As file names have it."""
        return f"{self.item:02X}{self.type:02X}"


class SafetyAlarms:
    """Makes the alarms of one terminal; ids and serials run as the standards say."""

    def __init__(self, dialect: str, terminal_id: str) -> None:
        found = dialect_named(dialect)
        assert found is not None, dialect
        self._dialect = found
        self._terminal_id = terminal_id[: found.terminal_id]
        self._rng = Random(f"safety {terminal_id}")
        self._tables: dict[int, type[SafetyAlarm]] = {
            item: next(table for table in tables if table.dialect == dialect)
            for item, tables in ((0x64, ADAS), (0x65, DSM), (0x66, TYRES), (0x67, BSD))
        }
        self._alarm_id = 0
        self._second = ("", 0)
        self._open: dict[int, int] = {}
        self.raised: OrderedDict[bytes, RaisedAlarm] = OrderedDict()
        """The last alarms by identification, the newest last."""

    @property
    def rng(self) -> Random:
        """Where this truck's alarms are drawn from."""
        return self._rng

    def item(
        self,
        event: tuple[int, int],
        time: str,
        speed_kmh: int,
        lat_e6: int,
        lon_e6: int,
        altitude_m: int,
        flag: int = 0,
        number: int = 0,
    ) -> tuple[int, bytes]:
        """One alarm as an additional item: id and value. ``time`` as on the wire; ``flag``: 1 start and 2 end of the
        alarm that the driver counts as ``number``, 0 where neither is told."""
        item, kind = event
        last, sequence = self._second
        sequence = (sequence + 1) & 0xFF if last == time else 0
        self._second = (time, sequence)
        count = sum(FILES[item]) + 1 if sum(FILES[item]) and flag != END else 0
        sign = SIGNS[self._dialect.name](terminal_id=self._terminal_id, time=time, seq=sequence, attachment_count=count)
        table: Any = self._tables[item]
        alarm = table(
            alarm_id=self._id_of(flag, number), flag_status=flag, speed=min(speed_kmh, 250), altitude=altitude_m,
            latitude=lat_e6, longitude=lon_e6, time=time, vehicle_status=0x0401, alarm_sign=sign,
            **self._own(item, kind, speed_kmh),
        )  # fmt: skip
        if count:
            raised = RaisedAlarm(sign.encode(), self._dialect.name, item, kind, time, lat_e6, lon_e6, speed_kmh)
            self.raised[raised.identification] = raised
            if len(self.raised) > KEPT:
                self.raised.popitem(last=False)
        return item, Item.of(item, alarm).raw

    def _id_of(self, flag: int, number: int) -> int:
        """The running number; an end has that of its start."""
        if flag == END and number in self._open:
            return self._open.pop(number)
        alarm_id = self._alarm_id
        self._alarm_id = (alarm_id + 1) & 0xFFFFFFFF
        if flag == START:
            self._open[number] = alarm_id
        return alarm_id

    def _own(self, item: int, kind: int, speed_kmh: int) -> dict[str, Any]:
        """The fields that only this item has."""
        rng, level = self._rng, 2 if speed_kmh > LEVEL_SPEED_KMH else 1
        if item == 0x66:
            return {"count": 1, "events": (self._wheel(kind),)}
        if item == 0x67:
            return {"type": kind}
        if item == 0x65:
            return {"type": kind, "level": level, "fatigue_degree": rng.randrange(3, 9) if kind == 1 else 0}
        return {
            "type": kind, "level": level,
            "front_vehicle_speed": max(0, speed_kmh - rng.randrange(5, 25)) if kind == 1 else 0,
            "front_distance": rng.randrange(8, 27) if kind in (1, 4) else 0,
            "departure_type": rng.choice((1, 2)) if kind == 2 else 0, "road_sign_type": 0, "road_sign_data": 0,
        }  # fmt: skip

    def _wheel(self, bits: int) -> Any:
        entry: Any = WHEELS[0]
        low = bits & (1 << 2 | 1 << 6)
        return entry(
            tyre_position=self._rng.randrange(WHEEL_COUNT), event_type=bits, battery=self._rng.randrange(30, 100),
            pressure=(LOW_KPA if low else COLD_KPA) + self._rng.randrange(-30, 30),
            temperature=self._rng.randrange(95, 110) if bits & 1 << 3 else self._rng.randrange(38, 60),
        )  # fmt: skip
