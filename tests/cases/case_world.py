"""A small world for tests of cases: trucks with terminals and owners, alarms, and readers of what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any

from sqlalchemy import Engine, select, text

from luwei.cases import intake
from luwei.cases.merge import Alarm
from luwei.registry import organisations, terminals, vehicles
from luwei.registry.audit import SYSTEM
from luwei.registry.case import AlarmCase, CaseStep
from luwei.registry.engine import read
from luwei.registry.scope import WHOLE

T0 = 1_795_155_973_000
"""2026-11-20 14:26:13 in China, the alarm of the drawn example."""
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
SIGN = bytes.fromhex("41303030303031261120142613000300")
"""An identification of 16 bytes that counts three files (苏标 table 4-16)."""

_keys = count(1)


@dataclass
class World:
    """Truck 1 of Guangzhou Baiyun with operator and monitor, truck 2 of Shenzhen without either."""

    engine: Engine
    operator: int
    monitor: int
    first: int
    second: int
    terminal: int

    def alarm(self, kind: str, at: int, **values: Any) -> Alarm:
        """An alarm of the first truck, received when it happened."""
        given: dict[str, Any] = {
            "alarm": next(_keys), "phase": 0, "vehicle_id": self.first, "terminal_id": self.terminal, "at": at,
            "received_at": at, "type": kind, "level": 1, "dialect": "subiao", "speed_dkmh": 820,
            "lat_e6": 23_180_000, "lon_e6": 113_260_000,
        }  # fmt: skip
        return Alarm(**given | values)

    def take(self, *alarms: Alarm, at: int | None = None) -> intake.Taken:
        """Take them as received when the last of them was."""
        return intake.take(self.engine, alarms, max(a.received_at for a in alarms) if at is None else at)

    def cases(self) -> list[Any]:
        with read(self.engine) as connection:
            return list(connection.execute(select(*AlarmCase.__table__.columns).order_by(AlarmCase.id)))

    def case(self) -> Any:
        (only,) = self.cases()
        return only

    def case_of(self, key: int) -> Any:
        return next(case for case in self.cases() if case.id == key)

    def steps(self, case: int | None = None) -> list[str]:
        statement = select(CaseStep.act).order_by(CaseStep.id)
        with read(self.engine) as connection:
            return list(connection.scalars(statement if case is None else statement.where(CaseStep.case_id == case)))

    def rows(self, statement: str, **parameters: Any) -> list[Any]:
        with read(self.engine) as connection:
            return list(connection.execute(text(statement), parameters))


def build(engine: Engine) -> World:
    """Fill an empty registry."""
    operator = organisations.create(engine, {"name": "穗岭物流", "city": 440100, "county": 440111}, SYSTEM, WHOLE)
    monitor = organisations.create(engine, {"kind": "monitor", "name": "第三方监控"}, SYSTEM, WHOLE)
    given = {"plate": "粤AD8814", "plate_color": 2, "city": 440100, "county": 440111, "operator_id": operator}
    first = vehicles.create(engine, given | {"monitor_id": monitor}, SYSTEM, WHOLE)
    second = vehicles.create(engine, {"plate": "粤B12345", "plate_color": 2, "city": 440300}, SYSTEM, WHOLE)
    device = {"phone": "13800000001", "terminal_id": "A000001", "vehicle_id": first}
    terminal = terminals.create(engine, device, SYSTEM, WHOLE)
    return World(engine, operator, monitor, first, second, terminal)
