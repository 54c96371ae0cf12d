"""The track of one truck: its points, stops and breaks; as JSON for the screen, CSV and GPX for people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Annotated, Any
from urllib.parse import quote
from xml.sax.saxutils import escape

import msgspec
import numpy as np
import pyarrow as pa
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, PathParameter, QueryParameter
from litestar.response import Stream

from luwei.facts import DIRECTION_UNKNOWN
from luwei.history.track import Track, columns_of, judge
from luwei.live.feed import now_ms
from luwei.registry import ownership
from luwei.registry.scope import Scope
from luwei.web.china_time import DAY_MS, written, written_utc
from luwei.web.door import Door
from luwei.web.errors import Refused
from luwei.web.rows import numbers
from luwei.web.services import Services
from luwei.web.vehicle_rows import VehicleRow, vehicle_ids, vehicle_then

SPAN_MAX_MS = 7 * DAY_MS
POINTS_MAX = 200_000
ROWS_A_PIECE = 2_000

COLUMNS = (
    "at", "received_at", "lat_e6", "lon_e6", "speed_dkmh", "direction_deg", "altitude_m", "mileage_hm", "alarm",
    "status", "origin", "flags",
)  # fmt: skip

Start = Annotated[int, QueryParameter(name="from", ge=0, le=4_102_444_800_000)]
End = Annotated[int, QueryParameter(name="to", ge=0, le=4_102_444_800_000)]
Key = Annotated[int, PathParameter(name="vehicle_id", ge=1, le=2**32 - 1)]


async def judged(
    services: Services, scope: Scope, vehicle_id: int, start: int, end: int
) -> tuple[VehicleRow, pa.Table, Track, bool]:
    """The vehicle, its stored rows of the times in which it lay within ``scope``, their judgement, and whether there
    were more. Raises Refused, or NotFound where it never lay there."""
    if end <= start:
        raise Refused(400, "to", "must be later than from")
    if end - start > SPAN_MAX_MS:
        raise Refused(400, "to", "must be at most 7 days after from")
    parts = await asyncio.to_thread(ownership.spans, services.engine, scope, vehicle_id, start, end)
    vehicle = await vehicle_then(services, scope, vehicle_id, bool(parts))
    table = await _rows(services, vehicle_id, parts or [(start, start)])
    truncated = table.num_rows > POINTS_MAX
    table = table.slice(0, POINTS_MAX)
    track = await asyncio.to_thread(lambda: judge(columns_of(table, COLUMNS)))
    return vehicle, table, track, truncated


async def _rows(services: Services, vehicle_id: int, parts: Sequence[tuple[int, int]]) -> pa.Table:
    """Rows of the vehicle in these spans of time, under every id it was known by, in order of time."""
    keys = await asyncio.to_thread(vehicle_ids, services.engine, vehicle_id)
    limit = POINTS_MAX + 1
    tables = [
        await services.ask("track", vehicle=key, start=low, end=high, limit=limit)
        for low, high in parts
        for key in keys
    ]
    joined = pa.concat_tables(tables)
    if len(keys) > 1:
        joined = joined.sort_by([("at", "ascending"), ("received_at", "ascending")])
    return joined.slice(0, limit)


def body(table: pa.Table, track: Track, raw: bool) -> dict[str, Any]:
    """The answer without vehicle and time: the points that count, or with ``raw`` every row in order of time."""
    rows = track.order if raw else track.rows
    chosen = table.set_column(table.schema.get_field_index("flags"), "flags", pa.array(track.flags)).take(
        pa.array(rows)
    )
    columns = {name: numbers(chosen, name) for name in COLUMNS}
    columns["direction_deg"] = [None if d == DIRECTION_UNKNOWN else d for d in columns["direction_deg"]]
    place_of_row = np.empty(table.num_rows, np.int64)
    place_of_row[rows] = np.arange(len(rows))
    return {
        "columns": columns,
        "stops": [
            {"from": s.from_at, "to": s.to_at, "lat_e6": s.lat_e6, "lon_e6": s.lon_e6, "points": s.points}
            for s in track.stops
        ],
        "gaps": [
            {
                "from": gap.from_at,
                "to": gap.to_at,
                "metres": gap.metres,
                "from_index": int(place_of_row[track.rows[gap.from_index]]),
            }
            for gap in track.gaps
        ],
        "summary": {
            "points": track.points,
            "backfilled": track.backfilled,
            "distance_m": round(track.distance_m),
            "complete_m": round(track.complete_m),
            "completeness": track.completeness,
            "driving_s": round(track.driving_s),
            "stopped_s": round(track.stopped_s),
            "gap_count": len(track.gaps),
            "gap_m": round(track.gap_m),
            "gap_s": round(track.gap_s),
            "max_speed_dkmh": track.max_speed_dkmh,
            "rows": table.num_rows,
            "duplicates": track.duplicates,
            "unqualified": track.unqualified,
            "not_fixed": track.not_fixed,
            "drift": track.drift,
        },
    }


@get("/api/vehicles/{vehicle_id:int}/track", tags=["track"])
async def track(
    services: NamedDependency[Services],
    door: NamedDependency[Door],
    vehicle_id: Key,
    start: Start,
    end: End,
    raw: FromQuery[bool] = False,
) -> Response[bytes]:
    """Points, stops and breaks between two instants (UTC ms, at most 7 days, at most 200,000 rows).

    Without ``raw`` the columns hold the points that count: fixed, qualified, no drift, none twice. With it every row,
    whose ``flags`` then also carry bit 6 (drift) and bit 7 (unqualified).
    """
    scope = door.allow("read", "track")
    vehicle, table, found, truncated = await judged(services, scope, vehicle_id, start, end)
    await door.looked("track.look", vehicle_id, {"from": start, "to": end}, scope)
    content = await asyncio.to_thread(
        lambda: msgspec.json.encode(
            {"as_of": now_ms(), "vehicle": vehicle} | body(table, found, raw) | {"truncated": truncated}
        )
    )
    return Response(content, media_type="application/json")


@get("/api/vehicles/{vehicle_id:int}/track.csv", tags=["track"])
async def track_csv(
    services: NamedDependency[Services], door: NamedDependency[Door], vehicle_id: Key, start: Start, end: End
) -> Stream:
    """Every row of the span in order of time; times of China, speed in km/h, mileage in km."""
    scope = door.allow("export", "track")
    vehicle, table, found, _ = await judged(services, scope, vehicle_id, start, end)
    told = {"format": "csv", "from": start, "to": end}
    await door.note("track.export", vehicle_id, told, vehicle_id=vehicle_id, scope=scope)
    return Stream(
        _in_pieces(csv_lines(table, found)),
        media_type="text/csv",
        headers=_download(vehicle.plate, "csv"),
    )


@get("/api/vehicles/{vehicle_id:int}/track.gpx", tags=["track"])
async def track_gpx(
    services: NamedDependency[Services], door: NamedDependency[Door], vehicle_id: Key, start: Start, end: End
) -> Stream:
    """The points that count as GPX 1.1; each break begins a new segment, so that no programme joins it."""
    scope = door.allow("export", "track")
    vehicle, table, found, _ = await judged(services, scope, vehicle_id, start, end)
    told = {"format": "gpx", "from": start, "to": end}
    await door.note("track.export", vehicle_id, told, vehicle_id=vehicle_id, scope=scope)
    return Stream(
        _in_pieces(gpx_lines(table, found, vehicle.plate)),
        media_type="application/gpx+xml",
        headers=_download(vehicle.plate, "gpx"),
    )


def csv_lines(table: pa.Table, found: Track) -> Iterator[str]:
    """Lines of the CSV file, header first (with the mark that makes Excel read UTF-8)."""
    yield (
        "\ufefftime,received,latitude,longitude,speed_kmh,direction_deg,altitude_m,mileage_km,alarm,status,origin,flags\r\n"
    )
    flags = pa.array(found.flags)
    ordered = table.set_column(table.schema.get_field_index("flags"), "flags", flags).take(pa.array(found.order))
    columns = [numbers(ordered, name) for name in COLUMNS]
    for at, received, lat, lon, speed, direction, altitude, mileage, alarm, status, origin, flag in zip(
        *columns, strict=True
    ):
        yield (
            f"{written(at)},{written(received)},{lat / 1e6:.6f},{lon / 1e6:.6f},{speed / 10:.1f},"
            f"{'' if direction == DIRECTION_UNKNOWN else direction},{altitude},"
            f"{'' if mileage is None else f'{mileage / 10:.1f}'},0x{alarm:08x},0x{status:08x},{origin},{flag}\r\n"
        )


def gpx_lines(table: pa.Table, found: Track, plate: str) -> Iterator[str]:
    """Lines of the GPX file (topografix GPX 1.1)."""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<gpx version="1.1" creator="Luwei" '
    yield 'xmlns="http://www.topografix.com/GPX/1/1">\n'
    yield f"<trk><name>{escape(plate)}</name><trkseg>\n"
    breaks = {gap.from_index for gap in found.gaps}
    chosen = table.take(pa.array(found.rows))
    columns = [numbers(chosen, name) for name in ("at", "lat_e6", "lon_e6", "altitude_m")]
    for index, (at, lat, lon, altitude) in enumerate(zip(*columns, strict=True)):
        yield (
            f'<trkpt lat="{lat / 1e6:.6f}" lon="{lon / 1e6:.6f}"><ele>{altitude}</ele>'
            f"<time>{written_utc(at)}</time></trkpt>\n"
        )
        if index in breaks:
            yield "</trkseg><trkseg>\n"
    yield "</trkseg></trk></gpx>\n"


async def _in_pieces(lines: Iterator[str]) -> AsyncIterator[bytes]:
    """Some thousand lines at a time, made in a thread so that the event loop stays free."""

    def piece() -> bytes:
        return "".join(line for _, line in zip(range(ROWS_A_PIECE), lines, strict=False)).encode()

    while part := await asyncio.to_thread(piece):
        yield part


def _download(plate: str, kind: str) -> dict[str, str]:
    """RFC 6266: a plain name for old programmes, the plate for all others."""
    name = quote(f"{plate}.{kind}", safe="")
    return {"Content-Disposition": f"attachment; filename=\"track.{kind}\"; filename*=UTF-8''{name}"}
