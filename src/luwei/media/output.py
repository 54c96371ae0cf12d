"""Pictures of one stream as what its viewers can play: fragments of MP4, plain access units, stills.

A picture's length is known when the next one comes, so a fragment ends one picture behind the newest: players take a
picture that begins later than twice the length of the one before for a break and wait for a key picture (MSE §3.5.8).
After a pause the time line is closed up, so that no gap stops the player.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from luwei.media import fmp4
from luwei.media.orders import BINARY, RECORD, TEXT, VIDEO_TRACK
from luwei.protocol.jt1078.sequence import PictureFormat
from luwei.protocol.jt1078.video import Configuration, Picture

FRAGMENT_MS = 100
"""A fragment is full once it holds so much; with the picture that closes it, less than 200 ms."""
PAUSE_MS = 500
"""Length of the last picture before a pause."""

FMP4, ANNEXB, JPEG = "fmp4", "annexb", "jpeg"
_START = b"\0\0\0\1"


def record(kind: int, *parts: bytes) -> bytes:
    """One record of a view line."""
    payload = b"".join(parts)
    return RECORD.pack(len(payload), kind) + payload


def text(message: dict[str, Any]) -> bytes:
    """A record with JSON."""
    return record(TEXT, json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode())


class Placed(NamedTuple):
    """A picture on the output's time line."""

    at_ms: int
    picture: Picture


class VideoClock:
    """The time line of one output: the terminal's, less the pauses that were closed up."""

    __slots__ = ("_open_until", "shift_ms")

    def __init__(self) -> None:
        self.shift_ms = 0
        self._open_until: int | None = None

    def place(self, at_ms: int) -> int:
        """Time of a picture whose time by the terminal's line is ``at_ms``."""
        placed = at_ms - self.shift_ms
        until, self._open_until = self._open_until, None
        if until is not None and placed > until:
            self.shift_ms += placed - until
            return until
        return placed

    def paused(self, until_ms: int) -> None:
        """The last picture was said to last until then, though nobody knew."""
        self._open_until = until_ms


class Fragments:
    """Pictures to fragments of MP4; one for all viewers of a stream."""

    __slots__ = ("_number", "pending")

    def __init__(self) -> None:
        self._number = 0
        self.pending: list[Placed] = []
        """Taken, but in no fragment yet."""

    def add(self, placed: Placed) -> tuple[bytes, bool] | None:
        """The record that ``placed`` completes, and whether it begins with a key picture."""
        done = None
        pending = self.pending
        if pending and (placed.picture.key or placed.at_ms - pending[0].at_ms >= FRAGMENT_MS):
            done = self._close(placed.at_ms)
        self.pending.append(placed)
        return done

    def flush(self) -> tuple[bytes, bool, int] | None:
        """What is pending, since no picture came for a while: record, key, and until when it now lasts."""
        if not self.pending:
            return None
        until = self.pending[-1].at_ms + PAUSE_MS
        return *self._close(until), until

    def of(self, pictures: Sequence[Placed], until_ms: int) -> bytes:
        """One record with all of ``pictures``, for a viewer who begins."""
        samples = _samples(pictures, until_ms)
        self._number += 1
        return record(BINARY, VIDEO_TRACK, fmp4.fragment(self._number, pictures[0].at_ms, samples))

    def _close(self, until_ms: int) -> tuple[bytes, bool]:
        pictures, self.pending = self.pending, []
        return self.of(pictures, until_ms), pictures[0].picture.key


def _samples(pictures: Sequence[Placed], until_ms: int) -> list[fmp4.Sample]:
    ends = [placed.at_ms for placed in pictures[1:]]
    ends.append(until_ms)
    return [
        fmp4.Sample(fmp4.access_unit(placed.picture.units), end - placed.at_ms, placed.picture.key)
        for placed, end in zip(pictures, ends, strict=True)
    ]


def video_open(configuration: Configuration, size: PictureFormat | None, container: str) -> bytes:
    """The record that tells viewers what follows."""
    string = fmp4.codec_string(configuration)
    mime = {FMP4: f'video/mp4; codecs="{string}"', JPEG: "image/jpeg"}.get(container, "")
    return text(
        {
            "kind": "open", "track": "video", "container": container, "mime": mime, "codec": configuration.codec,
            "codec_string": string, "width": size.width if size else 0, "height": size.height if size else 0,
        }
    )  # fmt: skip


def video_init(configuration: Configuration, size: PictureFormat | None) -> bytes:
    """The init segment as a record."""
    return record(BINARY, VIDEO_TRACK, fmp4.video_init(configuration, size))


def annexb(placed: Placed) -> bytes:
    """A picture as a record for decoders that take access units: flags, time in µs, NAL units behind start codes, the
    parameter sets before a key picture."""
    picture = placed.picture
    sets = [unit for units in picture.configuration.sets for unit in units] if picture.key else []
    head = bytes((picture.key,)) + (placed.at_ms * 1000).to_bytes(8, "big")
    return record(BINARY, VIDEO_TRACK, head, *(_START + unit for unit in (*sets, *picture.units)))


def byte_stream(picture: Picture) -> bytes:
    """A key picture as a decoder takes it from nothing."""
    units = (unit for group in (*picture.configuration.sets, picture.units) for unit in group)
    return b"".join(_START + unit for unit in units)
