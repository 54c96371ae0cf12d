"""Alarms 报警 over HTTP: lists, counts, one alarm, names, codes that nobody knows."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler

from luwei.web.alarm_routes.counts import alarm_counts, alarm_unknown
from luwei.web.alarm_routes.export import alarms_csv
from luwei.web.alarm_routes.lists import alarms, vehicle_alarms
from luwei.web.alarm_routes.one import alarm
from luwei.web.alarm_routes.types import alarm_types

route_handlers: list[ControllerRouterHandler] = [
    alarms, vehicle_alarms, alarm_counts, alarm_unknown, alarms_csv, alarm_types, alarm,
]  # fmt: skip
