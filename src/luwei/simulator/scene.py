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
from luwei.simulator.looking import Turned, seen
from luwei.simulator.views import HELD, below_of, drawn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Plane = NDArray[np.uint8]

PROVINCES = {"粤": "YUE", "湘": "XIANG", "桂": "GUI", "赣": "GAN", "闽": "MIN", "琼": "QIONG"}
"""The font that comes with the drawing library has no Chinese."""
VIEWS = {
    1: ("DRIVER", "cabin"), 2: ("ROAD AHEAD", "road"), 3: ("FRONT DOOR", "side"), 4: ("CABIN FRONT", "cabin"),
    5: ("CABIN REAR", "cabin"), 6: ("REAR DOOR", "side"), 7: ("CARGO", "cabin"), 8: ("LEFT SIDE", "side"),
    9: ("RIGHT SIDE", "side"), 10: ("REAR", "road"), 0x64: ("ADAS", "road"), 0x65: ("DSM", "cabin"),
    0x67: ("BLIND SPOT", "side"),
}  # fmt: skip
"""Label and kind of view by logical channel: JT/T 1076, and those of the cameras of active safety."""
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

    def __init__(
        self,
        plate: str,
        channel: int,
        size: tuple[int, int],
        at_s: float = 0.0,
        *,
        doing: str = "",
        note: str = "",
        foot: str = "",
    ) -> None:
        """``doing``: what is to be seen, a name of ``happenings``; ``note``: a further line, in letters of English;
        ``foot``: what stands beside the speed."""
        import numpy as np

        self._np = np
        self.size = size
        self.channel = channel
        label, self._kind = VIEWS.get(channel, (f"CHANNEL {channel}", "side"))
        number = PROVINCES.get(plate[:1], "") + " " + plate[1:] if plate[:1] in PROVINCES else plate
        hour = int(device_time(at_s)[11:13])
        self._base = _planes(drawn(self._kind, size, 7 <= hour < 19, Random(f"scene {plate} {channel}"), doing))
        self._way_m = 0.0
        self._last_s: float | None = None
        height = size[1]
        self._font = max(10, height // 20)
        self._note, self._foot, self._doing = note, foot, doing
        self._caption = f"CH{channel} {label}  {number.strip()}"
        self._horizon = int(height * 0.45)
        self._lane = _lane(size, self._horizon, below_of(doing))
        self._columns = np.arange(size[0])

    def planes(self, at_s: float, speed_kmh: float = 0.0, camera: Turned | None = None) -> Plane:
        """The picture of one moment, as planar 4:2:0: ``(height * 3 / 2, width)``; ``camera``: where it looks."""
        passed_s = 0.0 if self._last_s is None else min(max(at_s - self._last_s, 0.0), 5.0)
        self._last_s = at_s
        self._way_m += passed_s * speed_kmh / 3.6
        out = self._base.copy()
        {"road": self._drive, "cabin": self._sit, "side": self._pass}[self._kind](out, at_s)
        if camera is not None:
            camera.go_on(at_s)
            if not camera.home:
                out = seen(out, self.size, camera, at_s)
        self._write(out, (8, 6), f"{device_time(at_s)}.{int(at_s * 10) % 10}")
        self._write(out, (8, 8 + self._font), self._caption)
        if self._note:
            self._write(out, (8, 10 + 2 * self._font), self._note)
        self._write(
            out,
            (8, self.size[1] - 2 * cell(self.size)[1] - self._font - 2),
            f"{speed_kmh:.0f} km/h  {self._foot}".rstrip(),
        )
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
        if self._doing == "lens_blocked":
            return
        left, right, top, stop = int(width * 0.62), int(width * 0.97), int(height * 0.1), int(height * 0.5)
        passing = (self._columns[left:right] + self._way_m * 20) % (width * 0.3) < width * 0.05
        out[top:stop, left:right][:, passing] -= 40
        if self._doing in HELD:
            return
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


def _lane(size: tuple[int, int], horizon: int, below: float) -> tuple[Any, Any, Any]:
    """Rows and columns of the pixels between the lanes, and how many metres ahead each is. ``below``: share of the
    height under the horizon at which they begin."""
    import numpy as np

    width, height = size
    rows, columns, depth = [], [], []
    for row in range(horizon + 2, height - 2 * cell(size)[1]):
        near = (row - horizon) / (height - horizon)
        if near < below:
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
