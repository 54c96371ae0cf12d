"""Moving pictures of a simulated camera: drawn once, then moved with the truck; plate, channel and a running clock in
each, and at the lower edge the moment of the picture as a row of black and white cells that a program can read.

The cells carry 40 bits from left to right: hundredths of a second since 1970 (32 bits, the low ones), the channel (4
bits, the low ones) and a check of 4 bits. What the screen shows can so be compared with what the camera saw.
"""

from __future__ import annotations

from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from luwei.simulator.device_clock import device_time

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Plane = NDArray[np.uint8]

PROVINCES = {"粤": "YUE", "湘": "XIANG", "桂": "GUI", "赣": "GAN", "闽": "MIN", "琼": "QIONG"}
"""The font that comes with the drawing library has no Chinese."""
VIEWS = {
    1: ("DRIVER", "cabin"), 2: ("ROAD AHEAD", "road"), 3: ("FRONT DOOR", "side"), 4: ("CABIN FRONT", "cabin"),
    5: ("CABIN REAR", "cabin"), 6: ("REAR DOOR", "side"), 7: ("CARGO", "cabin"), 8: ("LEFT SIDE", "side"),
    9: ("RIGHT SIDE", "side"), 10: ("REAR", "road"), 64: ("ADAS", "road"), 65: ("DSM", "cabin"),
}  # fmt: skip
"""Label and kind of view by logical channel (JT/T 1076, reference §5)."""
CELLS = 40
_WHITE, _BLACK = 235, 16
_DASH_M = 12.0
"""From one lane mark to the next."""


class TimeCode(NamedTuple):
    """What the cells of a picture say. ``centiseconds`` since 1970, modulo 2**32."""

    centiseconds: int
    channel: int


class Scene:
    """The view of one camera. ``size`` in pixels, both even. Costs some tenths of a millisecond a picture."""

    def __init__(self, plate: str, channel: int, size: tuple[int, int], at_s: float = 0.0, note: str = "") -> None:
        """``note``: a further line, in letters of English."""
        import numpy as np

        self._np = np
        self.size = size
        self.channel = channel
        label, self._kind = VIEWS.get(channel, (f"CHANNEL {channel}", "side"))
        number = PROVINCES.get(plate[:1], "") + " " + plate[1:] if plate[:1] in PROVINCES else plate
        self._rng = Random(f"scene {plate} {channel}")
        hour = int(device_time(at_s)[11:13])
        self._base = _planes(_drawn(self._kind, size, 7 <= hour < 19, self._rng))
        self._way_m = 0.0
        self._last_s: float | None = None
        height = size[1]
        self._font = max(10, height // 20)
        self._note = note
        self._caption = f"CH{channel} {label}  {number.strip()}"
        self._horizon = int(height * 0.45)
        self._lane = _lane(size, self._horizon)
        self._columns = np.arange(size[0])

    def planes(self, at_s: float, speed_kmh: float = 0.0) -> Plane:
        """The picture of one moment, as planar 4:2:0: ``(height * 3 / 2, width)``, bytes."""
        passed_s = 0.0 if self._last_s is None else min(max(at_s - self._last_s, 0.0), 5.0)
        self._last_s = at_s
        self._way_m += passed_s * speed_kmh / 3.6
        out = self._base.copy()
        {"road": self._drive, "cabin": self._sit, "side": self._pass}[self._kind](out, at_s)
        self._write(out, (8, 6), f"{device_time(at_s)}.{int(at_s * 10) % 10}")
        self._write(out, (8, 8 + self._font), self._caption)
        if self._note:
            self._write(out, (8, 10 + 2 * self._font), self._note)
        self._write(out, (8, self.size[1] - 2 * cell(self.size)[1] - self._font - 2), f"{speed_kmh:.0f} km/h")
        self._mark(out, at_s)
        return out

    def _drive(self, out: Plane, at_s: float) -> None:
        """Lane marks that come nearer."""
        rows, columns, depth = self._lane
        ahead = (depth + self._way_m * (-1 if self.channel == 10 else 1)) % _DASH_M < _DASH_M / 2
        out[rows[ahead], columns[ahead]] = 214

    def _sit(self, out: Plane, at_s: float) -> None:
        """A driver who moves a little, and what passes behind the window."""
        np, (width, height) = self._np, self.size
        left, right, top, stop = int(width * 0.62), int(width * 0.97), int(height * 0.1), int(height * 0.5)
        passing = (self._columns[left:right] + self._way_m * 20) % (width * 0.3) < width * 0.05
        out[top:stop, left:right][:, passing] -= 40
        nod = 2 * round(1.4 * float(np.sin(at_s * 1.7)) + 0.6)
        if nod:
            x0, x1 = 2 * int(width * 0.13), 2 * int(width * 0.28)
            y0, y1 = 2 * int(height * 0.09), 2 * int(height * 0.3)
            for plane_top, scale in ((0, 1), (height, 2), (height + height // 4, 2)):
                self._shift(out, plane_top, (x0, x1, y0, y1), nod, scale)

    def _shift(self, out: Plane, plane_top: int, box: tuple[int, int, int, int], nod: int, scale: int) -> None:
        """Move the head down by ``nod`` rows. Chroma planes hold two of their rows in one of the array."""
        width, height = self.size
        x0, x1, y0, y1 = (edge // scale for edge in box)
        by = nod // scale
        source, target = self._base, out
        if scale == 2:
            stop = plane_top + height // 4
            source = self._base[plane_top:stop].reshape(height // 2, width // 2)
            target = out[plane_top:stop].reshape(height // 2, width // 2)
        target[y0 + max(by, 0) : y1, x0:x1] = source[y0 + max(by, 0) - by : y1 - by, x0:x1]

    def _pass(self, out: Plane, at_s: float) -> None:
        """Posts at the roadside and the lane's edge."""
        width, height = self.size
        sign, columns = (-1 if self.channel in (8, 3) else 1), self._columns[: int(width * 0.82)]
        for top, stop, period, share, value in ((0.38, 0.55, 0.5, 0.04, 190), (0.74, 0.78, 0.4, 0.5, 214)):
            posts = (columns * sign + self._way_m * 30) % (width * period) < width * period * share
            out[int(height * top) : int(height * stop), : len(posts)][:, posts] = value

    def _write(self, out: Plane, place: tuple[int, int], text: str) -> None:
        np = self._np
        glyphs = [_glyph(character, self._font) for character in text]
        fill, edge = (np.concatenate(layers, axis=1) for layers in zip(*glyphs, strict=True))
        x, y = place
        box = out[y : y + fill.shape[0], x : min(x + fill.shape[1], self.size[0])]
        shown = fill[: box.shape[0], : box.shape[1]]
        box[edge[: box.shape[0], : box.shape[1]]] = _BLACK
        box[shown] = _WHITE

    def _mark(self, out: Plane, at_s: float) -> None:
        np, (width, height) = self._np, self.size
        across, high = cell(self.size)
        value = _code(int(at_s * 100) & 0xFFFFFFFF, self.channel & 15)
        bits = np.array([value >> (CELLS - 1 - n) & 1 for n in range(CELLS)], dtype=np.uint8)
        row = np.repeat(bits * (_WHITE - _BLACK) + _BLACK, across)
        out[height - high : height, : row.size] = row
        # grey beneath, that no colour of the ground disturbs the cells
        half = out[height:].reshape(2, height // 2, width // 2)
        half[:, (height - high) // 2 :, : row.size // 2] = 128


def cell(size: tuple[int, int]) -> tuple[int, int]:
    """Width and height of one cell of the time code, in pixels."""
    return size[0] // CELLS, max(8, size[1] // 36 // 2 * 2)


def read_code(luma: Plane) -> TimeCode | None:
    """The time code of a picture given as its luma or grey ``(height, width)``; None where none can be read."""
    height, width = luma.shape
    across, high = cell((width, height))
    row = luma[height - high // 2, :]
    value = 0
    for number in range(CELLS):
        value = value << 1 | int(row[number * across + across // 2] > 125)
    centiseconds, channel = value >> 8, value >> 4 & 15
    return TimeCode(centiseconds, channel) if value == _code(centiseconds, channel) else None


def _code(centiseconds: int, channel: int) -> int:
    value = centiseconds << 4 | channel
    return value << 4 | (sum(value >> (4 * n) & 15 for n in range(9)) ^ 0xA) & 15


@cache
def _glyph(character: str, size: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where a character is bright, and where it or its rim is; all of one height and, but for letters, one width."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size)
    digit = font.getlength("0")
    width = int(digit if character in "0123456789" else font.getlength(character)) + 1
    layers = []
    for stroke in (0, 1):
        mask = Image.new("L", (width, size + 4), 0)
        ImageDraw.Draw(mask).text((0, 0), character, fill=255, font=font, stroke_width=stroke)
        layers.append(np.asarray(mask) > 110)
    return layers[0], layers[1]


def _lane(size: tuple[int, int], horizon: int) -> tuple[Any, Any, Any]:
    """Rows and columns of the pixels between the lanes, and how many metres ahead each is."""
    import numpy as np

    width, height = size
    rows, columns, depth = [], [], []
    for row in range(horizon + 2, height - 2 * cell(size)[1]):
        near = (row - horizon) / (height - horizon)
        if near < 0.2:
            continue  # another vehicle drives there
        for centre in (0.5 - 0.22 * near, 0.5 + 0.22 * near):
            half = max(0.5, 0.012 * near * width)
            for column in range(int(centre * width - half), int(centre * width + half) + 1):
                rows.append(row)
                columns.append(column)
                depth.append(3.0 / near)
    return np.array(rows), np.array(columns), np.array(depth)


def _planes(picture: Any) -> Plane:
    import av
    import numpy as np

    frame = av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24").reformat(format="yuv420p")
    return np.ascontiguousarray(frame.to_ndarray())


def _drawn(kind: str, size: tuple[int, int], day: bool, rng: Random) -> Any:
    from PIL import Image, ImageDraw

    width, height = size
    picture = Image.new("RGB", size, (128, 170, 214) if day else (22, 28, 44))
    draw = ImageDraw.Draw(picture)
    if kind == "cabin":
        _draw_cabin(draw, width, height, day, rng)
        return picture
    horizon = height * 0.45
    for _ in range(7):
        x, top, half = rng.uniform(0, width), rng.uniform(0.2, 0.9) * height * 0.14, width * rng.uniform(0.12, 0.3)
        draw.ellipse((x - half, horizon - top, x + half, horizon + top), fill=(70, 108, 76) if day else (24, 38, 30))
    draw.rectangle((0, horizon, width, height), fill=(88, 114, 80) if day else (28, 36, 30))
    asphalt = (92, 94, 98) if day else (48, 50, 54)
    if kind == "road":
        corners = [(width * 0.49, horizon), (width * 0.51, horizon), (width * 1.15, height), (-width * 0.15, height)]
        draw.polygon(corners, fill=asphalt)
        x, y, half = width * rng.uniform(0.5, 0.56), height * 0.55, height * 0.045
        draw.rectangle(
            (x - half, y - 2 * half, x + half, y), fill=rng.choice(((170, 48, 40), (44, 72, 150), (190, 190, 196)))
        )
        draw.rectangle((x - half * 0.9, y - half * 0.5, x - half * 0.5, y - half * 0.2), fill=(225, 60, 44))
        draw.rectangle((x + half * 0.5, y - half * 0.5, x + half * 0.9, y - half * 0.2), fill=(225, 60, 44))
    else:
        draw.rectangle((0, height * 0.55, width, height), fill=asphalt)
        draw.rectangle((0, height * 0.5, width, height * 0.55), fill=(150, 152, 156) if day else (80, 82, 88))
        side = width * 0.86
        draw.polygon(
            [(side, 0), (width, 0), (width, height), (side * 0.94, height)], fill=(52, 60, 84) if day else (30, 34, 46)
        )
    return picture


def _draw_cabin(draw: Any, width: int, height: int, day: bool, rng: Random) -> None:
    shirt = rng.choice(((64, 84, 120), (104, 70, 60), (70, 96, 74), (88, 88, 96)))
    draw.rectangle((0, 0, width, height), fill=(60, 62, 68) if day else (32, 34, 38))
    draw.rectangle(
        (width * 0.62, height * 0.1, width * 0.97, height * 0.5), fill=(150, 180, 205) if day else (44, 50, 64)
    )
    x, y, head = width * 0.41, height * 0.4, height * 0.15
    draw.rectangle((x - head * 2.1, y + head * 1.1, x + head * 2.1, height), fill=shirt)
    draw.rectangle((x - head * 0.4, y + head * 0.6, x + head * 0.4, y + head * 1.3), fill=(190, 148, 118))
    draw.ellipse((x - head, y - head * 1.2, x + head, y + head * 1.1), fill=(206, 164, 132))
    draw.chord((x - head, y - head * 1.3, x + head, y + head * 0.9), 180, 360, fill=(36, 30, 28))
    for side in (-1, 1):
        eye = x + side * head * 0.42
        draw.ellipse((eye - head * 0.12, y, eye + head * 0.12, y + head * 0.2), fill=(24, 24, 24))
    draw.arc((x - head * 0.4, y + head * 0.3, x + head * 0.4, y + head * 0.8), 20, 160, fill=(120, 60, 56), width=2)
    draw.arc((x - head * 2.4, height * 0.7, x + head * 2.4, height * 1.3), 200, 340, fill=(16, 16, 18),
             width=max(3, int(head * 0.25)))  # fmt: skip
