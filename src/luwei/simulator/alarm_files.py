"""Files of an alarm: real JPEG pictures with plate, time and type drawn in, a real H.264 clip in MP4, and the record
of the vehicle's state (苏标 table 4-22)."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from luwei.protocol.safety.dialects import dialect_named
from luwei.simulator.encoding import H264, Quality, VideoEncoder
from luwei.simulator.film_file import mp4
from luwei.simulator.fleet import Truck
from luwei.simulator.happenings import BY_TYPE
from luwei.simulator.recordings import seconds_of
from luwei.simulator.safety import FILES, RaisedAlarm
from luwei.simulator.scene import Scene

PICTURE, VIDEO, TEXT = 0, 2, 3
SIZE, QUALITY, STILL_S = (1280, 720), 75, 0.2
CLIP_SIZE, CLIP_FPS, CLIP_S = (640, 360), 15, 6
STATE_BLOCKS = 20
"""One a tenth of a second, from a second before the alarm."""


@dataclass(frozen=True, slots=True)
class AlarmFile:
    """``type`` as 0x1211 has it."""

    name: str
    type: int
    data: bytes


def files_of(alarm: RaisedAlarm, truck: Truck, alarm_no: str) -> list[AlarmFile]:
    """All files of ``alarm``, named by the rule (reference §7.6): the same each time they are asked for."""
    pictures, clips = FILES[alarm.item]
    dialect = dialect_named(alarm.dialect)
    extension = dialect.video_extension if dialect is not None else "mp4"

    def name(file_type: int, number: int, end: str) -> str:
        return f"{file_type:02}_{alarm.item:02x}_{alarm.event}_{number}_{alarm_no}.{end}"

    found = [
        AlarmFile(name(PICTURE, number, "jpg"), PICTURE, _picture(alarm, truck, number)) for number in range(pictures)
    ]
    # The extension is what the dialect prescribes; 苏标 means a bare H.264 stream by it.
    found += [AlarmFile(name(VIDEO, pictures, extension), VIDEO, _clip(alarm, truck, extension)) for _ in range(clips)]
    return [*found, AlarmFile(name(TEXT, pictures + clips, "bin"), TEXT, _state(alarm))]


def _picture(alarm: RaisedAlarm, truck: Truck, number: int) -> bytes:
    """A still picture: the first at the moment of the alarm, the next ones 0.2 s apart."""
    import av

    at_s = (seconds_of(alarm.time) or 0.0) + number * STILL_S
    place = f"{alarm.lat_e6 / 1e6:.6f} N {alarm.lon_e6 / 1e6:.6f} E"
    frame: Any = av.VideoFrame.from_ndarray(
        _scene(alarm, truck, SIZE, at_s, place).planes(at_s, alarm.speed_kmh), "yuv420p"
    )
    out = io.BytesIO()
    frame.to_image().save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def _scene(alarm: RaisedAlarm, truck: Truck, size: tuple[int, int], at_s: float, further: str = "") -> Scene:
    kind = BY_TYPE.get((alarm.item, alarm.type))
    note = f"{alarm.time}  {alarm.event} {kind.label if kind else ''}".rstrip()
    return Scene(truck.plate, alarm.item, size, at_s, doing=kind.name if kind else "", note=note, foot=further)


def _clip(alarm: RaisedAlarm, truck: Truck, extension: str) -> bytes:
    """The seconds around the alarm, of the road or of the cabin."""
    quality = Quality(*CLIP_SIZE, CLIP_FPS, 600, CLIP_FPS * 2)
    begins_s = seconds_of(alarm.time) or 0.0
    begins_s -= CLIP_S / 2
    scene = _scene(alarm, truck, CLIP_SIZE, begins_s)
    encoder = VideoEncoder(H264, quality)
    units = [
        encoder.encode(scene.planes(begins_s + number / CLIP_FPS, alarm.speed_kmh))
        for number in range(CLIP_FPS * CLIP_S)
    ]
    return mp4(H264, units, 1 / CLIP_FPS) if extension == "mp4" else b"".join(unit.data for unit in units)


def _state(alarm: RaisedAlarm) -> bytes:
    blocks = []
    began = datetime.strptime(alarm.time, "%Y-%m-%d %H:%M:%S") - timedelta(seconds=1)
    for number in range(STATE_BLOCKS):
        time = bytes.fromhex(f"{began + timedelta(seconds=number / 10):%y%m%d%H%M%S}")
        block = struct.pack(
            ">IIIIIIHHH", STATE_BLOCKS, number + 1, 0, 3, alarm.lat_e6, alarm.lon_e6, 20, alarm.speed_kmh * 10, 90
        )
        block += time + struct.pack(
            ">HHHHHHHHBBBBHhB2x",
            0,
            0,
            100,
            0,
            0,
            0,
            alarm.speed_kmh * 10,
            alarm.speed_kmh * 10,
            6,
            20,
            0,
            0,
            1400,
            0,
            0,
        )
        blocks.append(block + bytes([sum(block) & 0xFF]))
    return b"".join(blocks)
