"""One 0x0801 as it came over the bus: what the terminal says of its file, and the bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta, timezone
from typing import Any

from luwei.protocol.fields import Scope, time_value
from luwei.protocol.jt808.messages.location import LocationBasic
from luwei.protocol.jt808.messages.media import MediaUpload

EARLY_HEAD = 16
"""Length of what stands before the data in 2011; later editions have a location there."""
_CHINA = timezone(timedelta(hours=8))
_FIXED, _SOUTH, _WEST = 1, 2, 3
"""Status bits (2019 table 24)."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A whole file. Place and time are None where the terminal gives none that can be read."""

    source: int
    vehicle_id: int
    terminal_id: int
    phone: str
    received_at: int
    edition: int
    multimedia_id: int
    kind: int
    format: int
    event: int
    channel: int
    taken_at: int | None
    lat_e6: int | None
    lon_e6: int | None
    speed_dkmh: int | None
    alarm: int | None
    status: int | None
    data: bytes

    @staticmethod
    def of(rows: Sequence[dict[str, Any]]) -> Upload:
        """From all parts in their order. Raises ProtocolError where the head is shorter than the standard's."""
        first = rows[0]
        head, layout = first["head"], max(first["edition"], 2013)
        if len(head) == EARLY_HEAD:
            layout = 2011
        read, _ = MediaUpload.read(head, 0, len(head), Scope(layout))
        return Upload(
            source=first["file"],
            vehicle_id=first["vehicle_id"],
            terminal_id=first["terminal_id"],
            phone=first["phone"],
            received_at=first["received_at"],
            edition=first["edition"],
            multimedia_id=read.multimedia_id,
            kind=read.type,
            format=read.format,
            event=read.event,
            channel=read.channel,
            **_place(read.location),
            data=b"".join(row["data"] for row in rows),
        )


def _place(location: LocationBasic | None) -> dict[str, int | None]:
    if location is None:
        return dict.fromkeys(("taken_at", "lat_e6", "lon_e6", "speed_dkmh", "alarm", "status"))
    status = location.status
    instant = time_value(location.time)
    latitude, longitude = location.latitude, location.longitude
    placed = bool(status >> _FIXED & 1) and latitude <= 90_000_000 and longitude <= 180_000_000
    return {
        "taken_at": None if instant is None else round(instant.replace(tzinfo=_CHINA).timestamp() * 1000),
        "lat_e6": (-latitude if status >> _SOUTH & 1 else latitude) if placed else None,
        "lon_e6": (-longitude if status >> _WEST & 1 else longitude) if placed else None,
        "speed_dkmh": location.speed,
        "alarm": location.alarm,
        "status": status,
    }
