"""What the streams of a node brought, until the core has written it down."""

from __future__ import annotations

from typing import Protocol

import msgspec
import structlog
from prometheus_client import Counter

from luwei.bus import BusAway, RequestFailed
from luwei.media.orders import TRAFFIC_SUBJECT, Traffic
from luwei.media.stream import Stream

log = structlog.get_logger()

ROWS_MAX = 20_000
"""SIMs, channels and purposes told apart while the core is away; what comes beyond stays with its stream."""
ASK_S = 2.0

_bytes = Counter("luwei_media_bytes_total", "Bytes of terminals' streams")


class Line(Protocol):
    """What is needed of the bus."""

    async def request(self, subject: str, payload: bytes, timeout_s: float) -> bytes: ...


class Meter:
    """Of one process, named by its ``boot``."""

    def __init__(self, boot: int, bus: Line) -> None:
        self._boot, self._bus = boot, bus
        self._rows: dict[tuple[str, int, str], list[int]] = {}
        self._report: Traffic | None = None
        """Given to the core, but not confirmed."""
        self._reports = 0
        self.telling = False

    def note(self, stream: Stream) -> None:
        """Take over what a stream brought since the last call."""
        octets, ms = stream.untold_bytes, stream.untold_ms
        said = stream.expect
        key = said.phone, said.channel, said.purpose
        if not (octets or ms) or (key not in self._rows and len(self._rows) >= ROWS_MAX):
            return
        stream.untold_bytes = stream.untold_ms = 0
        _bytes.inc(octets)
        row = self._rows.setdefault(key, [0, 0])
        row[0] += octets
        row[1] += ms

    async def tell(self, at_ms: int) -> None:
        """Give it to the core; the same report again until it is written down."""
        if self._report is None:
            if not self._rows:
                return
            self._reports += 1
            rows = [(*key[:2], key[2], row[0], row[1]) for key, row in self._rows.items()]
            self._rows = {}
            self._report = Traffic(self._boot, self._reports, at_ms, rows)
        self.telling = True
        try:
            await self._bus.request(TRAFFIC_SUBJECT, msgspec.msgpack.encode(self._report), ASK_S)
            self._report = None
        except (BusAway, RequestFailed) as error:
            log.warning("traffic not written down yet", error=str(error)[:200])
        finally:
            self.telling = False
