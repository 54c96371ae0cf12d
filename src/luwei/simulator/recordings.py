"""What the hard disk of a simulated truck holds: a list of recordings, the same whenever it is asked for.

The main storage records all channels in pieces of ten minutes, the disaster storage the first two as sub-stream in
pieces of half an hour (reference §4.7; §7.3 of supervision: thirty days are wanted, a week is simulated). Some pieces
were begun or marked by an alarm. Trucks behind the first ones rest now and then, which leaves gaps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from luwei.protocol.jt808.messages.video import Resource
from luwei.simulator.device_clock import CHINA_H, device_time
from luwei.simulator.fleet import Truck
from luwei.simulator.media_faults import STEADY

DAYS = 7
MAIN_STORAGE, DISASTER_STORAGE = 1, 2
MAIN_STREAM, SUB_STREAM = 1, 2
AUDIO_VIDEO, AUDIO, VIDEO, VIDEO_OR_BOTH = range(4)
PIECE_S: Mapping[int, int] = {MAIN_STORAGE: 600, DISASTER_STORAGE: 1800}
STREAM_OF: Mapping[int, int] = {MAIN_STORAGE: MAIN_STREAM, DISASTER_STORAGE: SUB_STREAM}
OCTETS_PER_S: Mapping[int, int] = {MAIN_STORAGE: 12_000, DISASTER_STORAGE: 4_000}
"""Recorded to the disk, and transferred by FTP."""
ALARM_BITS = (1 << 1, 1 << 2, 1 << 37, 1 << 33, 1 << 0)
"""Overspeed, fatigue, abnormal driving, camera covered, emergency (reference §4.6)."""
ALARM_SHARES = (40, 10, 40, 8, 2)
MARKED = 0.06
"""Share of pieces with an alarm."""
NO_LIMIT = "00-00-00 00:00:00"
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Recording:
    """One piece. Times in seconds since 1970."""

    channel: int
    start_s: int
    end_s: int
    alarm: int
    storage: int

    @property
    def stream(self) -> int:
        return STREAM_OF[self.storage]

    @property
    def size(self) -> int:
        """Octets of its file."""
        spread = Random(f"size {self.channel} {self.start_s}").uniform(0.9, 1.1)
        return int((self.end_s - self.start_s) * OCTETS_PER_S[self.storage] * spread)

    @property
    def resource(self) -> Resource:
        """As 0x1205 lists it."""
        return Resource(
            channel=self.channel, start_time=device_time(self.start_s), end_time=device_time(self.end_s),
            alarm=self.alarm, media_type=AUDIO_VIDEO, stream_type=self.stream, storage_type=self.storage,
            file_size=self.size,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which recordings an order asks for; None and 0: any."""

    channel: int
    start_s: float | None
    end_s: float | None
    alarm: int = 0
    media_type: int = AUDIO_VIDEO
    stream: int = 0
    storage: int = 0

    def takes(self, piece: Recording) -> bool:
        """Whether ``piece`` is asked for; one that lies only in part in the time is."""
        return (
            self.channel in (0, piece.channel)
            and (self.start_s is None or piece.end_s > self.start_s)
            and (self.end_s is None or piece.start_s < self.end_s)
            and (not self.alarm or bool(self.alarm & piece.alarm))
            and self.media_type != AUDIO
            and self.stream in (0, piece.stream)
            and self.storage in (0, piece.storage)
        )


def seconds_of(text: str) -> float | None:
    """Seconds since 1970 of a time of the wire (China Standard Time), None for zeros.

    Raises ValueError for what is no time.
    """
    if text[2:] == NO_LIMIT or text == NO_LIMIT:
        return None
    local = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    return (local - timedelta(hours=CHINA_H)).timestamp()


class Recordings:
    """The disk of one truck."""

    def __init__(self, truck: Truck, channels: tuple[int, ...]) -> None:
        self._truck = truck
        self._channels = channels

    def found(self, wanted: Wanted, now_s: float) -> list[Recording]:
        """What is ``wanted`` of that which lies on the disk at ``now_s``: by storage, channel and time.

        The piece that is being written is not among it.
        """
        first_s = max(now_s - DAYS * DAY_S, wanted.start_s or 0)
        last_s = min(now_s, wanted.end_s if wanted.end_s is not None else now_s)
        found = []
        for storage, piece_s in PIECE_S.items():
            channels = self._channels if storage == MAIN_STORAGE else self._channels[:2]
            for channel in channels:
                if wanted.channel in (0, channel):
                    pieces = self._pieces(channel, storage, int(first_s // piece_s), int(last_s // piece_s) + 1)
                    found += [piece for piece in pieces if wanted.takes(piece) and piece.end_s <= now_s]
        return found

    def _pieces(self, channel: int, storage: int, first: int, stop: int) -> Iterator[Recording]:
        piece_s = PIECE_S[storage]
        for number in range(first, stop):
            start_s = number * piece_s
            if self._rests(start_s) or self._rests(start_s + piece_s - 1):
                continue
            rng = Random(f"piece {self._truck.vin} {start_s}")
            alarm = rng.choices(ALARM_BITS, ALARM_SHARES)[0] if rng.random() < MARKED else 0
            yield Recording(channel, start_s, start_s + piece_s, alarm, storage)

    def _rests(self, at_s: int) -> bool:
        """Whether the truck stood with its engine off."""
        if self._truck.number < STEADY:
            return False
        day, second = divmod(at_s, DAY_S)
        rng = Random(f"rests {self._truck.vin} {day}")
        return any(start <= second < start + length for start, length in (
            (rng.uniform(0, DAY_S - 7200), rng.uniform(1200, 7200)) for _ in range(3)
        ))  # fmt: skip
