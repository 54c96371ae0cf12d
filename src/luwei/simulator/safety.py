"""Alarm items of active safety as a simulated terminal sends them (苏标 tables 4-15 to 4-17, 粤标 5-15 to 5-17)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from luwei.protocol.jt808.items import Item
from luwei.protocol.safety.alarm_items import ADAS, DSM, SafetyAlarm
from luwei.protocol.safety.alarm_sign import SIGNS
from luwei.protocol.safety.dialects import dialect_named

EVENTS: Mapping[int, tuple[int, int]] = {1: (0x65, 0x01), 2: (0x65, 0x02), 4: (0x65, 0x03)}
"""Abnormal behaviour of item 0x18 → item and type of the alarm: fatigue, phone call, smoking."""
LANE_DEPARTURE = (0x64, 0x02)
LEVEL_SPEED_KMH = 50
"""分级速度阈值: above it an alarm has level 2."""


FILES: Mapping[int, tuple[int, int]] = {0x64: (3, 1), 0x65: (3, 1)}
"""Pictures and clips of an alarm; a record of the vehicle's state comes with each."""
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
            for item, tables in ((0x64, ADAS), (0x65, DSM))
        }
        self._alarm_id = 0
        self._second = ("", 0)
        self.raised: OrderedDict[bytes, RaisedAlarm] = OrderedDict()
        """The last alarms by identification, the newest last."""

    def lane_departure(self, moving: bool) -> bool:
        """Whether the truck leaves its lane in this report."""
        return moving and self._rng.random() < 2e-3

    def item(
        self, event: tuple[int, int], time: str, speed_kmh: int, lat_e6: int, lon_e6: int, altitude_m: int
    ) -> tuple[int, bytes]:
        """One alarm as an additional item: id and value. ``time`` as on the wire."""
        item, kind = event
        last, number = self._second
        number = (number + 1) & 0xFF if last == time else 0
        self._second = (time, number)
        sign = SIGNS[self._dialect.name](
            terminal_id=self._terminal_id, time=time, seq=number, attachment_count=sum(FILES[item]) + 1
        )
        own: dict[str, Any] = (
            {"front_vehicle_speed": 0, "front_distance": 0, "departure_type": self._rng.choice((1, 2)),
             "road_sign_type": 0, "road_sign_data": 0}
            if item == 0x64
            else {"fatigue_degree": self._rng.randrange(3, 9) if kind == 1 else 0}
        )  # fmt: skip
        table: Any = self._tables[item]
        alarm = table(
            alarm_id=self._alarm_id, flag_status=0, type=kind, level=2 if speed_kmh > LEVEL_SPEED_KMH else 1,
            speed=min(speed_kmh, 250), altitude=altitude_m, latitude=lat_e6, longitude=lon_e6, time=time,
            vehicle_status=0x0401, alarm_sign=sign, **own,
        )  # fmt: skip
        self._alarm_id = (self._alarm_id + 1) & 0xFFFFFFFF
        raised = RaisedAlarm(sign.encode(), self._dialect.name, item, kind, time, lat_e6, lon_e6, speed_kmh)
        self.raised[raised.identification] = raised
        if len(self.raised) > KEPT:
            self.raised.popitem(last=False)
        return item, Item.of(item, alarm).raw
