"""The sound of one talk between browser and core: what passes, what is late or too early and dropped, and the figures
that tell of it. No I/O; times of the caller's clock in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prometheus_client import Counter

from luwei.media.form import RATE
from luwei.video import upstream
from luwei.video.talk import Talk
from luwei.web.socket_end import SocketEnded

FRAME_BYTES = 3_200
"""Longest message of sound, 200 ms."""
BYTES_PER_MS = RATE * 2 // 1000
AHEAD_MS = 400
"""Sound that is further ahead of real time is dropped."""
LATE_S = 1.0
"""Without an answer to a ping for so long sound to the browser is dropped: it would only come later and later."""
PINGS_MAX = 40
BAD_MAX = 500
"""Frames that are none, and the socket is closed."""
QUIET = 64
"""A sample beyond this is somebody speaking."""
TOO_LONG, NO_SOUND = 1009, 1007

_dropped = Counter("luwei_talk_dropped_ms_total", "Sound dropped instead of queued, ms", ["where"])


class TalkSound:
    """Both directions of one socket."""

    def __init__(self, now_s: float) -> None:
        self.noise_at = now_s
        """When somebody spoke last."""
        self._spoken_until = now_s
        self._pings: dict[int, float] = {}
        self._rtt_ms: float | None = None
        self._too_fast_ms = self._unheard_ms = self._bad = self._spoken_ms = 0

    def speaks(self, sound: bytes, speaks: bool, now_s: float) -> bool:
        """Whether a message of the microphone is to go to the terminals. Raises SocketEnded for what is no sound."""
        if len(sound) > FRAME_BYTES:
            raise SocketEnded(TOO_LONG, "message_too_long")
        if not sound or len(sound) % 2:
            self.wrong()
            return False
        if not speaks:
            return False
        lasts_ms = len(sound) // BYTES_PER_MS
        self._spoken_until = max(self._spoken_until, now_s)
        if self._spoken_until - now_s > AHEAD_MS / 1000:
            self._too_fast_ms += lasts_ms
            _dropped.labels("too_fast").inc(lasts_ms)
            return False
        self._spoken_until += len(sound) / BYTES_PER_MS / 1000
        self._spoken_ms += lasts_ms
        if is_noise(sound):
            self.noise_at = now_s
        return True

    def hears(self, sound: bytes, listening: bool, now_s: float) -> bool:
        """Whether a terminal's sound is to go to the browser, or is behind already. ``listening``: it counts as said
        whatever it is."""
        if listening or is_noise(sound):
            self.noise_at = now_s
        oldest = next(iter(self._pings.values()), None)
        if oldest is None or now_s - oldest <= LATE_S:
            return True
        late = len(sound) // BYTES_PER_MS
        self._unheard_ms += late
        _dropped.labels("browser").inc(late)
        return False

    def wrong(self) -> None:
        """A message that is none. Raises SocketEnded after BAD_MAX of them."""
        self._bad += 1
        if self._bad > BAD_MAX:
            raise SocketEnded(NO_SOUND, "no_sound")

    def pinged(self, at: int, now_s: float) -> None:
        """A ping named ``at`` goes out."""
        self._pings[at] = now_s
        while len(self._pings) > PINGS_MAX:
            self._pings.pop(next(iter(self._pings)))

    def ponged(self, at: object, now_s: float) -> None:
        """The browser answered a ping, and so all before it."""
        sent = self._pings.get(at) if isinstance(at, int) else None
        if sent is not None and isinstance(at, int):
            trip = (now_s - sent) * 1000
            self._rtt_ms = trip if self._rtt_ms is None else self._rtt_ms + (trip - self._rtt_ms) / 4
            self._pings = {each: when for each, when in self._pings.items() if each > at}

    def stats(self, at: int, talk: Talk, figures: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The ``stats`` message; ``figures`` of the nodes."""
        up = _together([each["up"] for each in figures], ("queue_ms", "block_ms", "sent_ms", "dropped_ms"))
        down = _together([each["down"] for each in figures], ("block_ms", "heard_ms", "lost", "dropped_ms"))
        lines = [each["line_ms"] for each in figures if each["line_ms"] is not None]
        line, trip = max(lines, default=None), self._rtt_ms
        one_way = (trip or 0) / 2 + (line or 0) / 2
        live = [call for call in talk.open if call.state == upstream.LIVE]
        return {
            "kind": "stats",
            "at": at,
            "rtt_ms": None if trip is None else round(trip),
            "line_ms": line,
            "up": up | {"too_fast_ms": self._too_fast_ms, "bad": self._bad, "spoken_ms": self._spoken_ms},
            "down": down | {"unheard_ms": self._unheard_ms},
            "delay_up_ms": round(one_way + up["queue_ms"] + up["block_ms"]) if live else None,
            "delay_down_ms": round(one_way + down["block_ms"]) if live and talk.hears else None,
            "codec": live[0].codec if live else "",
            "trucks_live": len(live),
        }


def is_noise(sound: bytes) -> bool:
    """Whether anything is said: some sample is louder than the codecs' own noise."""
    return max(memoryview(sound).cast("h"), default=0) > QUIET


def _together(parts: list[dict[str, int]], names: tuple[str, ...]) -> dict[str, int]:
    """Of several nodes the longest delay, and the largest count."""
    return {name: max((part[name] for part in parts), default=0) for name in names}
