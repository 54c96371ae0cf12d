"""What a gateway says of itself: Prometheus metrics, /health and the ``gateway.status`` message."""

from __future__ import annotations

import time
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

FRAMES = Counter("luwei_gateway_frames_total", "Good frames received")
LOCATIONS = Counter("luwei_gateway_locations_total", "Locations decoded, repeated ones left out")
REFUSED = Counter("luwei_gateway_refused_total", "Frames refused", ["reason"])
NOTED = Counter("luwei_gateway_noted_total", "Frames taken though odd", ["reason"])
BYTES = Counter("luwei_gateway_bytes_total", "Bytes received")
CONNECTIONS = Gauge("luwei_gateway_connections", "Open connections and UDP sessions")
AUTHENTICATED = Gauge("luwei_gateway_authenticated", "Connections whose terminal has authenticated")
PAUSED = Gauge("luwei_gateway_paused", "1 while nothing is read because the bus does not take batches")
IN_FLIGHT = Gauge("luwei_gateway_batches_in_flight", "Ticks that wait for the bus")
TICK_SECONDS = Histogram(
    "luwei_gateway_tick_seconds", "Time one tick takes", buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)
)
ACK_SECONDS = Histogram(
    "luwei_gateway_ack_seconds",
    "From reading a frame to sending its answer, by batch",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 1, 5, 30),
)


def percentiles(samples: list[tuple[float, int]]) -> tuple[float, float]:
    """p50 and p99 in ms of (seconds, weight) samples; zeros without any."""
    if not samples:
        return 0.0, 0.0
    samples = sorted(samples)
    total = sum(weight for _, weight in samples)
    found: list[float] = []
    for share in (0.5, 0.99):
        seen = 0
        for seconds, weight in samples:
            seen += weight
            if seen >= share * total:
                found.append(round(seconds * 1000, 2))
                break
    return found[0], found[1]


class Status:
    """Totals of one gateway process and their rates over the last second."""

    def __init__(self, gateway: str, boot: int, port: int) -> None:
        self.gateway = gateway
        self.boot = boot
        self.port = port
        self.frames = 0
        self.locations = 0
        self.bytes_in = 0
        self.tick_ms = 0.0
        self.last: dict[str, Any] = {"ok": False, "gateway": gateway, "state": "starting"}
        self._before = (time.monotonic(), 0, 0)
        self._exported: dict[tuple[str, str], int] = {}

    def tick(self, frames: int, locations: int, bytes_in: int, seconds: float) -> None:
        """Count one tick."""
        self.frames += frames
        self.locations += locations
        self.bytes_in += bytes_in
        self.tick_ms = 0.8 * self.tick_ms + 0.2 * seconds * 1000
        FRAMES.inc(frames)
        LOCATIONS.inc(locations)
        BYTES.inc(bytes_in)
        TICK_SECONDS.observe(seconds)

    def report(
        self,
        connections: int,
        authenticated: int,
        refused: dict[str, int],
        noted: dict[str, int],
        latencies: list[tuple[float, int]],
        paused_reason: str,
        bus: bool,
        in_flight: int,
    ) -> dict[str, Any]:
        """The ``gateway.status`` object; also brings metrics and health up to date."""
        at, frames, locations = self._before
        now = time.monotonic()
        self._before = (now, self.frames, self.locations)
        elapsed = max(now - at, 1e-3)
        p50, p99 = percentiles(latencies)
        for seconds, _ in latencies:
            ACK_SECONDS.observe(seconds)
        for kind, counter, totals in (("refused", REFUSED, refused), ("noted", NOTED, noted)):
            for reason, total in totals.items():
                key = (kind, reason)
                counter.labels(reason).inc(total - self._exported.get(key, 0))
                self._exported[key] = total
        CONNECTIONS.set(connections)
        AUTHENTICATED.set(authenticated)
        PAUSED.set(bool(paused_reason))
        IN_FLIGHT.set(in_flight)
        report = {
            "gateway": self.gateway,
            "boot": self.boot,
            "at": time.time_ns() // 1_000_000,
            "port": self.port,
            "connections": connections,
            "authenticated": authenticated,
            "frames": self.frames,
            "locations": self.locations,
            "refused": dict(refused),
            "bytes_in": self.bytes_in,
            "locations_per_s": round((self.locations - locations) / elapsed, 1),
            "frames_per_s": round((self.frames - frames) / elapsed, 1),
            "ack_ms_p50": p50,
            "ack_ms_p99": p99,
            "paused": bool(paused_reason),
            "paused_reason": paused_reason,
            "bus": bus,
            "tick_ms": round(self.tick_ms, 3),
        }
        self.last = {"ok": bus and not paused_reason, **report}
        return report
