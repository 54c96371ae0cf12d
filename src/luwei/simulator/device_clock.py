"""The clock of a simulated terminal as it stands in its frames."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

CHINA_H = 8


def device_time(at_s: float, zone_h: int = CHINA_H) -> str:
    """Device time as the standard writes it: China Standard Time; some devices write another zone's."""
    return (datetime.fromtimestamp(at_s, UTC) + timedelta(hours=zone_h)).strftime("%Y-%m-%d %H:%M:%S")
