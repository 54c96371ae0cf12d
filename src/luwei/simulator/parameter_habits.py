"""How one terminal treats parameters that it is given: blocks that it merges, values that it rounds, caps or refuses.

Most do as they are told. The others make the differences that reading back is for.
"""

from __future__ import annotations

from functools import cache
from random import Random

from luwei.protocol.choices import ByLength
from luwei.protocol.fields import Bytes, Integer, Scope, WireType
from luwei.protocol.jt808.parameter_blocks import (
    AlarmRecording,
    AudioVideo,
    ChannelVideo,
    ChannelVideoList,
    ImageAnalysis,
    SleepWake,
    WakePeriod,
)
from luwei.protocol.jt808.parameter_ranges import block_bounds
from luwei.protocol.jt808.parameters import PARAMETERS
from luwei.protocol.message import Nested, Record
from luwei.protocol.safety.settings import BsdSettings, TyreSettings, YuebiaoAdas, YuebiaoDsm
from luwei.simulator.fleet import Truck

ROUNDS, CAPS, REFUSES, CONCEALS = "rounds", "caps", "refuses", "conceals"
_SHARES = ((ROUNDS, 0.06), (CAPS, 0.06), (REFUSES, 0.04), (CONCEALS, 0.03))
_INTERVALS = frozenset({0x0022, 0x0027, 0x0028, 0x0029})
STEP_S, SPEED_MOST = 10, 90
MAX_SPEED, TYRES, BLIND_SPOT = 0x0055, 0xF366, 0xF367


@cache
def standard_blocks() -> dict[int, bytes]:
    """Blocks of audio-video and active safety as a terminal leaves the factory: the standards' defaults."""
    stream = {"coding": 0, "resolution": 5, "key_interval": 50, "frame_rate": 25, "bit_rate": 1024}
    video = {f"{way}_{name}": value for way in ("live", "storage") for name, value in stream.items()}
    never = WakePeriod(wake="0000", close="0000")
    records: dict[int, Record] = {
        0x0075: AudioVideo(**video, osd=0b1011, audio_output=0),
        0x0077: ChannelVideoList(channels=(ChannelVideo(logical_channel=2, **video, osd=0b0011),)),
        0x0079: AlarmRecording(storage_threshold=20, duration=5, before=1),
        0x007B: ImageAnalysis(rated_passengers=3, fatigue_threshold=60),
        0x007C: SleepWake(mode=0b101, condition=0b011, weekdays=0, periods_on=0, periods=(never,) * 4),
        0xF364: _default(YuebiaoAdas), 0xF365: _default(YuebiaoDsm), TYRES: _default(TyreSettings),
        BLIND_SPOT: _default(BsdSettings),
    }  # fmt: skip
    blocks = {key: record.encode(2019) for key, record in records.items()}
    return blocks | {0x007A: bytes(4), 0xF370: b"\x01"}


def _default(record: type[Record]) -> Record:
    values: dict[str, object] = {}
    for declared in record.fields:
        bounds = block_bounds(record, declared.name)
        if isinstance(declared.wire, Integer):
            values[declared.name] = 0 if bounds is None or bounds.default is None else bounds.default
        elif not isinstance(declared.wire, Bytes):
            values[declared.name] = "900R20"
    return record(**values)


class ParameterHabits:
    """One terminal's way with parameters, the same for the same truck."""

    def __init__(self, truck: Truck) -> None:
        drawn = Random(f"parameters {truck.vin}").random()
        self.habit = ""
        for habit, share in _SHARES:
            drawn -= share
            if drawn < 0:
                self.habit = habit
                break

    def refuses(self, key: int) -> bool:
        """No tyre sensors: a whole 0x8103 with their parameters is answered with "failure"."""
        return self.habit == REFUSES and key == TYRES

    def conceals(self, key: int) -> bool:
        """Some answer 0x8106 with fewer parameters than asked (reference §8.7)."""
        return self.habit == CONCEALS and key == BLIND_SPOT

    def taken(self, key: int, value: bytes, before: bytes | None) -> bytes:
        """What the terminal keeps of a value it is given."""
        number = int.from_bytes(value, "big")
        if self.habit == ROUNDS and key in _INTERVALS and number % STEP_S:
            return (number + STEP_S - number % STEP_S).to_bytes(len(value), "big")
        if self.habit == CAPS and key == MAX_SPEED and number > SPEED_MOST:
            return SPEED_MOST.to_bytes(len(value), "big")
        return value if before is None else merged(key, value, before)


def merged(key: int, value: bytes, before: bytes) -> bytes:
    """A block of active safety where all ones leave a field as it was (reference §5)."""
    declared = PARAMETERS.get(key)
    wire: WireType[object] | None = None if declared is None else declared.type_in(2019)
    if not isinstance(wire, (ByLength, Nested)) or len(value) != len(before) or not wire.fits(len(value)):
        return value
    given, _ = wire.read(value, 0, len(value), Scope(2019))
    old, _ = wire.read(before, 0, len(before), Scope(2019))
    for field in given.fields:
        if isinstance(field.wire, Integer) and field.wire.special(getattr(given, field.name)):
            given.__dict__[field.name] = getattr(old, field.name)
    return bytes(given.encode(2019))
