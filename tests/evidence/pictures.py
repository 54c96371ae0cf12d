"""Small pictures and clips made by the libraries themselves."""

from __future__ import annotations

import io
import struct
import zlib

import av
import numpy as np
from PIL import Image


def jpeg(width: int = 320, height: int = 240) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).save(out, "JPEG")
    return out.getvalue()


def png_bomb(side: int = 60_000) -> bytes:
    """A few kilobytes that say they are ``side`` × ``side`` pixels (PNG §11.2.2)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(1 << 22)))
        + chunk(b"IEND", b"")
    )


def clip(frames: int = 25, format_name: str = "mp4") -> bytes:
    """H.264, 320×240, 25 frames a second."""
    out = io.BytesIO()
    with av.open(out, "w", format=format_name) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in range(frames):
            picture = np.full((240, 320, 3), number * 10 % 256, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return out.getvalue()
