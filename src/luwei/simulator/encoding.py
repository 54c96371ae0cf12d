"""Encoding the pictures of simulated cameras: H.264 and H.265 as terminals send them (1078 reference §2).

Annex B, parameter sets in every key picture, no picture that is shown later than one that follows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

H264, H265 = "h264", "h265"
PAYLOAD_TYPES: Mapping[str, int] = {H264: 98, H265: 99}
SIZE_MAX = (1920, 1080)


@dataclass(frozen=True, slots=True)
class Quality:
    """How a stream is encoded. ``gop``: pictures from one key picture to the next."""

    width: int
    height: int
    fps: float
    kbps: int
    gop: int
    profile: str = "baseline"
    """Of H.264; H.265 is always Main."""

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height


SUB = Quality(352, 288, 12.5, 180, 25)
MAIN = Quality(1280, 720, 15, 1000, 30, "main")
STREAMS: Mapping[str, Quality] = {"sub": SUB, "main": MAIN}


@dataclass(frozen=True, slots=True)
class Unit:
    """One access unit: a whole picture in Annex B."""

    data: bytes
    key: bool


class VideoEncoder:
    """One encoder of one thread. What goes in comes out at once."""

    def __init__(self, codec: str, quality: Quality) -> None:
        """Raises ValueError for an unknown codec or a size beyond 1920×1080."""
        if codec not in PAYLOAD_TYPES:
            raise ValueError(f"codec {codec!r}: must be one of {', '.join(PAYLOAD_TYPES)}")
        if quality.width > SIZE_MAX[0] or quality.height > SIZE_MAX[1]:
            raise ValueError(f"{quality.width}×{quality.height}: at most 1920×1080")
        self.codec, self.quality = codec, quality
        self._context = _context(codec, quality)
        self._number = self._since_key = 0

    def encode(self, planes: NDArray[np.uint8], key: bool = False) -> Unit:
        """The picture ``planes`` (planar 4:2:0, ``(height * 3 / 2, width)``); ``key``: as a key picture."""
        import av
        from av.video.frame import PictureType

        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        forced = key or self._since_key % self.quality.gop == 0
        frame.pict_type = PictureType.I if forced else PictureType.NONE
        frame.pts = self._number
        self._number += 1
        self._since_key = 1 if forced else self._since_key + 1
        packets = self._context.encode(frame)
        return Unit(b"".join(bytes(packet) for packet in packets), forced)


def _context(codec: str, quality: Quality) -> Any:
    from fractions import Fraction

    import av

    rate = Fraction(quality.fps).limit_denominator(100)
    context: Any = av.CodecContext.create({H264: "libx264", H265: "libx265"}[codec], "w")
    context.width, context.height, context.pix_fmt = quality.width, quality.height, "yuv420p"
    context.framerate, context.time_base = rate, 1 / rate
    context.bit_rate = quality.kbps * 1000
    context.gop_size = 10_000  # key pictures are asked for one by one
    context.max_b_frames = 0
    context.thread_count = 1
    context.options = {"preset": "ultrafast", "tune": "zerolatency", **_options(codec, quality)}
    context.open()
    return context


def _options(codec: str, quality: Quality) -> dict[str, str]:
    bound = f"vbv-maxrate={quality.kbps * 5 // 4}:vbv-bufsize={quality.kbps}:scenecut=0"
    if codec == H264:
        return {"profile": quality.profile, "forced-idr": "1", "x264-params": f"{bound}:repeat-headers=1:threads=1"}
    return {
        "forced-idr": "1",
        "x265-params": f"{bound}:repeat-headers=1:pools=none:frame-threads=1:wpp=0:log-level=none:bframes=0",
    }


@cache
def encoders() -> ThreadPoolExecutor:
    """The threads that draw and encode for all cameras of a simulation."""
    return ThreadPoolExecutor(2, thread_name_prefix="camera")
