"""The examiner: a process that opens one file after another and says what it found, a line of JSON each.

Run as ``python -m luwei.evidence.examine``; a request is a line {"path", "media_type"}. It runs in little memory,
without the right to write, and is killed by its parent when a file takes too long.
"""

from __future__ import annotations

import warnings
from typing import Any

from luwei.evidence.confined import confine, serve
from luwei.evidence.content import CLIPS, PICTURES

MEMORY = 1 << 30
PIXELS_MAX = 50_000_000
"""Of one picture or frame."""
FRAMES_MAX = 4_000
"""Of a clip that are decoded: more than two minutes of it need no look."""
_FORMATS = ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"]
RAW = {"video/h264": "h264", "video/h265": "hevc", "audio/aac": "aac"}
"""Streams without a container must be named to the library."""


def examine(path: str, media_type: str) -> dict[str, Any]:
    """What decoding the file found: {"readable": true, …} or {"readable": false, "cause": …}; {} for other types."""
    try:
        if media_type in PICTURES:
            return _picture(path)
        if media_type in CLIPS:
            return _clip(path, RAW.get(media_type))
    except MemoryError:
        return {"readable": False, "cause": "needs more memory than it may"}
    except Exception as error:
        return {"readable": False, "cause": f"{type(error).__name__}: {error}"[:200]}
    return {}


def _picture(path: str) -> dict[str, Any]:
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = PIXELS_MAX
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    with Image.open(path, formats=_FORMATS) as picture:
        width, height = picture.size
        if width * height > PIXELS_MAX:
            return {"readable": False, "cause": f"{width}×{height} pixels, at most {PIXELS_MAX}"}
        picture.load()
        return {"readable": True, "width": width, "height": height, "format": picture.format}


def _clip(path: str, format_name: str | None) -> dict[str, Any]:
    import av

    found: dict[str, Any] = {"readable": False}
    with av.open(path, format=format_name) as container:
        video = next(iter(container.streams.video), None)
        audio = next(iter(container.streams.audio), None)
        stream = video or audio
        if stream is None:
            return found | {"cause": "neither video nor audio in it"}
        if video is not None:
            found |= {"width": video.width, "height": video.height}
            if video.width * video.height > PIXELS_MAX:
                return found | {"cause": f"{video.width}×{video.height} pixels, at most {PIXELS_MAX}"}
        stream.codec_context.thread_count = 1
        frames, last_ms = 0, 0
        for frame in container.decode(stream):
            frames += 1
            at_s = getattr(frame, "time", None)
            last_ms = max(last_ms, round(at_s * 1000)) if at_s is not None else last_ms
            if frames >= FRAMES_MAX:
                break
        duration_ms = round(container.duration / 1000) if container.duration else last_ms
        found |= {"codec": stream.codec_context.name, "frames": frames, "duration_ms": duration_ms}
    return found | ({"readable": True} if frames else {"cause": "no frame could be decoded"})


def load() -> None:
    """Load what may no longer be loaded later, then give rights away."""
    import av
    from PIL import Image

    av.logging.set_level(None)
    Image.init()
    confine(MEMORY, 0)


if __name__ == "__main__":
    serve(load, lambda job: examine(job["path"], job["media_type"]))
