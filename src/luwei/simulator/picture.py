"""What a simulated camera sees and a microphone hears: drawn, not photographed, yet real JPEG, AVI and WAV.

The picture shows road or cabin, and what terminals print into it: plate, clock, channel, speed and place.
"""

from __future__ import annotations

import io
import math
import struct
import wave
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from luwei.protocol.safety.dialects import SUBIAO, YUEBIAO
from luwei.simulator.scene import PROVINCES

if TYPE_CHECKING:
    from luwei.simulator.reports import Report

CABIN = frozenset({1, 4, 5, 0x65})
"""Channels that look at the driver or into the cabin (JT/T 1076 table 2; 0x65 is DSM)."""
SMALLEST, LARGEST = (176, 144), (1024, 768)
FILM_FPS = 2
FILM_SIZE = (320, 240)


@dataclass(frozen=True, slots=True)
class Caption:
    """What is printed into a picture."""

    plate: str
    time: str
    channel: int
    report: Report


def size_of(code: int, edition: int) -> tuple[int, int]:
    """Picture size of a resolution code of 0x8801: terminals of 2019 here speak 粤标."""
    known = YUEBIAO.resolutions if edition == 2019 else SUBIAO.resolutions
    if code in known:
        width, _, height = known[code].partition("×")
        return int(width), int(height)
    return SMALLEST if code == 0 else LARGEST


def jpeg(caption: Caption, size: tuple[int, int], quality: int, seed: str) -> bytes:
    """A picture; ``quality`` from 1 (best) to 10."""
    scene = _scene(caption, size, Random(seed))
    out = io.BytesIO()
    scene.save(out, "JPEG", quality=95 - 7 * quality)
    return out.getvalue()


def _scene(caption: Caption, size: tuple[int, int], rng: Random) -> Any:
    # only a simulator that is asked for pictures loads the drawing library
    from PIL import Image, ImageDraw, ImageFont

    width, height = size
    hour = int(caption.time[11:13])
    day = 7 <= hour < 19
    scene = Image.new("RGB", size, (126, 168, 214) if day else (22, 28, 44))
    draw = ImageDraw.Draw(scene)
    (_cabin if caption.channel in CABIN else _road)(draw, width, height, day, rng)
    font = ImageFont.load_default(max(10, height // 26))
    report = caption.report
    plate = PROVINCES.get(caption.plate[:1], "") + " " + caption.plate[1:]
    north, east = report.lat_e6 / 1e6, report.lon_e6 / 1e6
    draw.text((8, 6), f"{caption.time}  {plate.strip()}", fill=(255, 255, 255), font=font, stroke_width=1,
              stroke_fill=(0, 0, 0))  # fmt: skip
    place = f"{north:.6f} N {east:.6f} E" if report.fixed else "no fix"
    draw.text((8, height - height // 16), f"CH{caption.channel}  {report.speed_dkmh / 10:.1f} km/h  {place}",
              fill=(255, 255, 255), font=font, stroke_width=1, stroke_fill=(0, 0, 0))  # fmt: skip
    return scene


def _road(draw: Any, width: int, height: int, day: bool, rng: Random) -> None:
    horizon = height * 0.45
    for _ in range(9):
        x, top = rng.uniform(0, width), rng.uniform(0.2, 0.9)
        draw.ellipse((x - 90, horizon - 40 * top, x + 90, horizon + 60), fill=(64, 104, 70) if day else (24, 40, 30))
    draw.rectangle((0, horizon, width, height), fill=(86, 112, 78) if day else (28, 36, 30))
    middle = width * rng.uniform(0.42, 0.58)
    draw.polygon([(middle - 6, horizon), (middle + 6, horizon), (width * 1.1, height), (-width * 0.1, height)],
                 fill=(92, 94, 98) if day else (48, 50, 54))  # fmt: skip
    for step in range(1, 9):
        near = (step / 8) ** 2
        y = horizon + (height - horizon) * near
        draw.line((middle - 40 * near + 20 * near, y, middle - 30 * near + 15 * near, y + 14 * near + 1),
                  fill=(235, 235, 220), width=max(1, int(6 * near)))  # fmt: skip
    for _ in range(rng.randrange(1, 4)):
        near = rng.uniform(0.05, 0.5)
        x, y, half = middle + (width * 0.5) * near * rng.uniform(-1, 1), horizon + (height - horizon) * near, 80 * near
        colour = rng.choice(((170, 40, 40), (40, 70, 150), (200, 200, 205), (60, 60, 64)))
        draw.rectangle((x - half, y - half * 1.3, x + half, y), fill=colour)
        draw.rectangle((x - half * 0.9, y - half * 0.3, x - half * 0.6, y - half * 0.1), fill=(230, 60, 40))
        draw.rectangle((x + half * 0.6, y - half * 0.3, x + half * 0.9, y - half * 0.1), fill=(230, 60, 40))


def _cabin(draw: Any, width: int, height: int, day: bool, rng: Random) -> None:
    draw.rectangle((0, 0, width, height), fill=(58, 60, 66) if day else (30, 32, 36))
    draw.rectangle(
        (width * 0.62, height * 0.1, width * 0.97, height * 0.5), fill=(150, 180, 205) if day else (20, 26, 40)
    )
    x, y, head = width * rng.uniform(0.4, 0.5), height * rng.uniform(0.36, 0.42), height * 0.17
    draw.rectangle((x - head * 1.9, y + head * 1.1, x + head * 1.9, height), fill=(64, 84, 120))
    draw.ellipse((x - head, y - head * 1.2, x + head, y + head * 1.2), fill=(206, 164, 132))
    draw.chord((x - head, y - head * 1.3, x + head, y + head * 0.9), 180, 360, fill=(36, 30, 28))
    for side in (-1, 1):
        draw.ellipse((x + side * head * 0.4 - 6, y - 4, x + side * head * 0.4 + 6, y + 4), fill=(24, 24, 24))
    draw.arc((x - head * 2.2, height * 0.72, x + head * 2.2, height * 1.3), 200, 340, fill=(16, 16, 18), width=14)


def film(caption: Caption, size: tuple[int, int], frames: int, seed: str) -> bytes:
    """Motion JPEG in AVI (Microsoft AVI RIFF reference): header, frames, index."""
    width, height = min(size, FILM_SIZE)
    pictures = [jpeg(caption, (width, height), 6, f"{seed} {number}") for number in range(max(frames, 2))]
    largest = max(map(len, pictures))
    header = struct.pack("<14I", 1_000_000 // FILM_FPS, largest * FILM_FPS, 0, 0x10, len(pictures), 0, 1, largest,
                         width, height, 0, 0, 0, 0)  # fmt: skip
    stream = b"vidsMJPG" + struct.pack("<10I4H", 0, 0, 0, 1, FILM_FPS, 0, len(pictures), largest, 10_000, 0, 0, 0,
                                       width, height)  # fmt: skip
    form = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 24, b"MJPG", width * height * 3, 0, 0, 0, 0)
    headers = _list(b"hdrl", _chunk(b"avih", header) + _list(b"strl", _chunk(b"strh", stream) + _chunk(b"strf", form)))
    movie, index, at = b"", b"", 4
    for each in pictures:
        index += b"00dc" + struct.pack("<3I", 0x10, at, len(each))
        piece = _chunk(b"00dc", each)
        movie += piece
        at += len(piece)
    return _chunk(b"RIFF", b"AVI " + headers + _list(b"movi", movie) + _chunk(b"idx1", index))


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) & 1)


def _list(name: bytes, content: bytes) -> bytes:
    return _chunk(b"LIST", name + content)


def sound(seconds: int, rate_hz: int, seed: str) -> bytes:
    """The hum of an engine, 8 bits, one channel, in WAV."""
    rng = Random(seed)
    base = rng.uniform(55, 85)
    second = bytes(
        int(128 + 50 * math.sin(2 * math.pi * round(base) * n / rate_hz) + 20 * math.sin(2 * math.pi * 3 * round(base)
            * n / rate_hz) + rng.uniform(-12, 12))
        for n in range(rate_hz)
    )  # fmt: skip
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(rate_hz)
        file.writeframes(second * seconds)
    return out.getvalue()
