"""Files of an alarm: real JPEG pictures with plate, time and type drawn in, a real H.264 clip in MP4, and the record
of the vehicle's state (苏标 table 4-22)."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from random import Random
from typing import Any

from luwei.protocol.safety.dialects import dialect_named
from luwei.simulator.fleet import Truck
from luwei.simulator.picture import Caption, jpeg
from luwei.simulator.reports import FIXED, Report
from luwei.simulator.safety import FILES, RaisedAlarm

PICTURE, VIDEO, TEXT = 0, 2, 3
SIZE, QUALITY = (1280, 720), 5
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
    found += [AlarmFile(name(VIDEO, pictures, extension), VIDEO, _clip(alarm.item, extension)) for _ in range(clips)]
    return [*found, AlarmFile(name(TEXT, pictures + clips, "bin"), TEXT, _state(alarm))]


def _picture(alarm: RaisedAlarm, truck: Truck, number: int) -> bytes:
    report = Report(
        at_s=0, lat_e6=alarm.lat_e6, lon_e6=alarm.lon_e6, altitude_m=0,
        speed_dkmh=alarm.speed_kmh * 10, direction_deg=0, alarm=0, status=FIXED, items=(),
    )  # fmt: skip
    return jpeg(
        Caption(truck.plate, f"{alarm.time}  {alarm.event}", alarm.item, report),
        SIZE,
        QUALITY,
        f"{alarm.identification.hex()} {number}",
    )


@cache
def _clip(item: int, extension: str) -> bytes:
    """A clip of the road or of the cabin, made once: drawing one takes a second."""
    import av
    import numpy as np
    from PIL import Image, ImageDraw

    out = io.BytesIO()
    width, height = CLIP_SIZE
    rng = Random(f"clip {item}")
    with av.open(out, "w", format="mp4" if extension == "mp4" else "h264") as container:
        stream: Any = container.add_stream("libx264", rate=CLIP_FPS, options={"preset": "ultrafast", "crf": "26"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(CLIP_FPS * CLIP_S):
            scene = Image.new("RGB", CLIP_SIZE, (70, 74, 80))
            draw = ImageDraw.Draw(scene)
            draw.polygon([(width / 2, height * 0.4), (width, height), (0, height)], fill=(46, 48, 52))
            for step in range(8):
                near = ((step + number / 4) % 8 / 8) ** 2
                y = height * (0.4 + 0.6 * near)
                draw.rectangle((width / 2 - 4 * near, y, width / 2 + 4 * near, y + 20 * near), fill=(230, 230, 210))
            for _ in range(40):
                x, y = rng.randrange(width), rng.randrange(height)
                draw.point((x, y), fill=(90, 96, 90))
            draw.text((8, 8), f"{item:02X}  {number / CLIP_FPS:05.2f} s", fill=(255, 255, 255))
            for packet in stream.encode(av.VideoFrame.from_ndarray(np.asarray(scene), format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return out.getvalue()


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
