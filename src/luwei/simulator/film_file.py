"""A recording as a file: MP4 with H.264 or H.265, whose clock runs through the asked time."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from luwei.simulator.encoding import H264, Unit, VideoEncoder
from luwei.simulator.playing import RECORDED
from luwei.simulator.recordings import Recording
from luwei.simulator.scene import Scene

PICTURES_MAX = 600
"""More time than these last at full rate is filmed with fewer pictures a second."""
_FREE = 8


def film(plate: str, piece: Recording, start_s: float, end_s: float, codec: str = H264) -> bytes:
    """The time from ``start_s`` to ``end_s`` of ``piece``; takes about a second. The whole piece has exactly its listed
    size.

    Raises ValueError when the two have nothing in common.
    """
    start_s, end_s = max(start_s, piece.start_s), min(end_s, piece.end_s)
    if end_s <= start_s:
        raise ValueError("the piece is of another time")
    quality = RECORDED[piece.stream]
    count = max(1, min(int((end_s - start_s) * quality.fps), PICTURES_MAX))
    step_s = (end_s - start_s) / count
    scene = Scene(plate, piece.channel, quality.size, start_s)
    encoder = VideoEncoder(codec, quality)
    units = [encoder.encode(scene.planes(start_s + n * step_s, 62.0)) for n in range(count)]
    data = mp4(codec, units, step_s)
    whole = (start_s, end_s) == (piece.start_s, piece.end_s)
    return _padded(data, piece.size) if whole else data


def mp4(codec: str, units: Sequence[Unit], step_s: float) -> bytes:
    """Pictures, ``step_s`` apart, as an MP4 file; nothing is encoded anew. The first one is a key picture."""
    import av

    out = io.BytesIO()
    base = Fraction(1, 90_000)
    with av.open(out, "w", format="mp4") as container:
        # a template of the raw stream: the pictures are encoded already
        with av.open(io.BytesIO(units[0].data), format={"h264": "h264", "h265": "hevc"}[codec]) as raw:
            stream: Any = container.add_stream_from_template(raw.streams.video[0])
        stream.time_base = base
        for number, unit in enumerate(units):
            packet = av.Packet(unit.data)
            packet.stream, packet.time_base = stream, base
            packet.pts = packet.dts = round(number * step_s * 90_000)
            packet.duration = round(step_s * 90_000)
            packet.is_keyframe = unit.key
            container.mux(packet)
    return out.getvalue()


def _padded(data: bytes, size: int) -> bytes:
    """``data`` with a free box behind it (ISO/IEC 14496-12 §8.1.2), so that the file is as long as the list says."""
    left = size - len(data)
    return data if left < _FREE else data + struct.pack(">I4s", left, b"free") + bytes(left - _FREE)
