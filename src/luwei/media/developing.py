"""The developer: a process that makes JPEGs of key pictures, one after another.

Run as ``python -m luwei.media.developing``. A request is codec (1 octet: 4 or 5), length (4 octets), byte stream; the
answer is length and JPEG, length 0 where it cannot be decoded. Decoders are large programs in C that here read what a
stranger sent, so they run apart: in little memory, without the right to write, killed when a picture takes too long.
"""

from __future__ import annotations

import io
import os
import resource
import struct
import sys
from typing import IO

MEMORY = 1 << 30
PIXELS_MAX = 4096 * 2304
SIDE_MAX = 1280
"""Pixels of the longer side of a still."""
QUALITY = 80
REQUEST = struct.Struct(">BI")
ANSWER = struct.Struct(">I")
H264_CODE, H265_CODE = 4, 5
_NAMES = {H264_CODE: "h264", H265_CODE: "hevc"}


def develop(codec: int, data: bytes) -> bytes:
    """The JPEG of a key picture with its parameter sets; nothing where it cannot be decoded."""
    import av

    try:
        context = av.CodecContext.create(_NAMES[codec], "r")
        context.thread_count = 1
        frames = [*context.decode(av.Packet(data)), *context.decode(None)]  # type: ignore[attr-defined]
        if not frames or frames[0].width * frames[0].height > PIXELS_MAX:
            return b""
        picture = frames[0].to_image()
        picture.thumbnail((SIDE_MAX, SIDE_MAX))
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=QUALITY)
        return out.getvalue()
    except (av.FFmpegError, ValueError, MemoryError, OSError, KeyError):
        return b""


def _exactly(source: IO[bytes], size: int) -> bytes:
    data = source.read(size)
    if len(data) < size:
        sys.exit(0)
    return data


def main() -> None:
    """Serve until the parent closes the pipe."""
    from luwei.bus.lifeline import die_with_parent

    die_with_parent()
    out = os.fdopen(os.dup(1), "wb")
    # what a library prints must not come between the answers
    os.dup2(2, 1)
    import av
    from PIL import Image

    av.logging.set_level(None)
    Image.init()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(10)
    while True:
        codec, size = REQUEST.unpack(_exactly(sys.stdin.buffer, REQUEST.size))
        jpeg = develop(codec, _exactly(sys.stdin.buffer, size))
        out.write(ANSWER.pack(len(jpeg)) + jpeg)
        out.flush()


if __name__ == "__main__":
    main()
