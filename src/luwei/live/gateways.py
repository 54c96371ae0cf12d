"""The gateways as they report themselves each second, and their rates of the last day.

Rates are kept in a ring of ten-second means per gateway, 24 hours long, in memory: they show a duty engineer the shape
of the day. The history holds what must be proven.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import structlog

log = structlog.get_logger()

ALIVE_S = 5
"""A gateway whose last word is older is shown as not alive."""
FORGET_S = 86_400
"""A gateway silent for so long is no longer listed."""
MAX_GATEWAYS = 256
STEP_S = 10
RING = 8_640
POINTS_MAX = 720
"""Most points of one series in an answer; longer spans are averaged."""

Ring = npt.NDArray[np.float32]


class Status(msgspec.Struct):
    """``gateway.status.<shard>``: totals count since the gateway's boot, times are UTC ms."""

    gateway: str
    boot: int = 0
    at: int = 0
    port: int = 0
    connections: int = 0
    authenticated: int = 0
    frames: int = 0
    locations: int = 0
    refused: dict[str, int] = msgspec.field(default_factory=dict)
    bytes_in: int = 0
    locations_per_s: float = 0.0
    frames_per_s: float = 0.0
    ack_ms_p50: float | None = None
    ack_ms_p99: float | None = None
    paused: bool = False
    paused_reason: str = ""
    bus: bool = True
    tick_ms: float = 0.0


@dataclass(slots=True)
class _Gateway:
    status: Status
    heard_ms: int
    refused_total: int = 0
    steps: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(RING, np.int64))
    sums: Ring = field(default_factory=lambda: np.zeros((RING, 4), np.float32))
    counts: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros(RING, np.int32))


class GatewayBoard:
    """What every gateway last said, with its rates; one event loop's property."""

    def __init__(self) -> None:
        self._gateways: dict[str, _Gateway] = {}

    def heard(self, payload: bytes, now_ms: int) -> None:
        """Take one status message; an unreadable one is logged and changes nothing."""
        try:
            status = msgspec.json.decode(payload, type=Status)
        except msgspec.MsgspecError as error:
            log.warning("unreadable gateway status", error=str(error))
            return
        refused = sum(status.refused.values())
        known = self._gateways.get(status.gateway)
        if known is None:
            self._forget(now_ms)
            if len(self._gateways) >= MAX_GATEWAYS:
                log.warning("too many gateways", gateway=status.gateway)
                return
            known = self._gateways[status.gateway] = _Gateway(status, now_ms, refused)
        elapsed = max((now_ms - known.heard_ms) / 1000, 0.5)
        same_boot = status.boot == known.status.boot and refused >= known.refused_total
        refused_per_s = (refused - known.refused_total) / elapsed if same_boot else refused / elapsed
        step = now_ms // (STEP_S * 1000)
        slot = step % RING
        if known.steps[slot] != step:
            known.steps[slot], known.sums[slot], known.counts[slot] = step, 0, 0
        known.sums[slot] += (status.locations_per_s, status.frames_per_s, status.connections, refused_per_s)
        known.counts[slot] += 1
        known.status, known.heard_ms, known.refused_total = status, now_ms, refused

    def _forget(self, now_ms: int) -> None:
        for name in [n for n, g in self._gateways.items() if now_ms - g.heard_ms > FORGET_S * 1000]:
            del self._gateways[name]

    def items(self, now_ms: int) -> list[dict[str, Any]]:
        """Each gateway's last status with ``alive`` and ``heard_at``, by name."""
        self._forget(now_ms)
        return [
            msgspec.structs.asdict(gateway.status)
            | {"alive": now_ms - gateway.heard_ms <= ALIVE_S * 1000, "heard_at": gateway.heard_ms}
            for _, gateway in sorted(self._gateways.items())
        ]

    def alive(self, now_ms: int) -> tuple[int, int]:
        """How many are alive, and how many are listed."""
        ages = [now_ms - gateway.heard_ms for gateway in self._gateways.values()]
        return sum(age <= ALIVE_S * 1000 for age in ages), len(ages)

    def boots(self, now_ms: int) -> list[int]:
        """Boots of the gateways that are alive: what the history needs to tell an open session from a lost one."""
        return [g.status.boot for g in self._gateways.values() if now_ms - g.heard_ms <= ALIVE_S * 1000]

    def rates(self, minutes: int, now_ms: int) -> tuple[int, list[dict[str, Any]]]:
        """Seconds a point, and per gateway the points of the last ``minutes``.

        A point is [start of its step in UTC ms, locations/s, frames/s, connections, refused/s]. A step in which the
        gateway said nothing has no point.
        """
        span = minutes * 60 // STEP_S
        width = -(-span // POINTS_MAX)
        last = now_ms // (STEP_S * 1000)
        oldest = (last - span) // width * width
        series = []
        for name, gateway in sorted(self._gateways.items()):
            at = np.flatnonzero((gateway.steps > oldest) & (gateway.steps <= last) & (gateway.counts > 0))
            at = at[np.argsort(gateway.steps[at])]
            group = gateway.steps[at] // width
            starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]]) if len(at) else at
            points = []
            if len(at):
                sums = np.add.reduceat(gateway.sums[at].astype(np.float64), starts, axis=0)
                counts = np.add.reduceat(gateway.counts[at], starts)
                means = np.round(sums / counts[:, None], 3)
                times = group[starts] * width * STEP_S * 1000
                points = [[int(t), *row] for t, row in zip(times.tolist(), means.tolist(), strict=True)]
            series.append({"gateway": name, "points": points})
        return width * STEP_S, series
