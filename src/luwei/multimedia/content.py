"""Whether a file can be shown, and as what: a terminal's word for its format is never believed.

The type comes from the first bytes (``luwei.evidence.content``). A picture counts as one when it decodes whole; what
does not is kept all the same and marked.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

from PIL import Image

PIXELS_MAX = 24_000_000
"""Largest picture that is decoded: a small file can claim a huge one."""
THUMBNAIL = (320, 240)
JPEG_QUALITY = 80

UNDECODABLE, TOO_LARGE, UNKNOWN = "undecodable", "too_large", "unknown_type"
"""Why a file is kept but cannot be shown."""

_PICTURES = ("JPEG", "PNG", "TIFF", "BMP", "GIF", "WEBP")
_EXTENSIONS = {
    "image/jpeg": "jpg", "image/png": "png", "image/gif": "gif", "image/tiff": "tif", "image/bmp": "bmp",
    "image/webp": "webp", "audio/wav": "wav", "audio/mpeg": "mp3", "audio/aac": "aac", "audio/amr": "amr",
    "audio/ogg": "ogg", "video/mp4": "mp4", "video/x-ms-asf": "wmv", "video/x-msvideo": "avi", "video/h264": "h264",
    "video/h265": "h265", "video/mpeg": "mpg",
}  # fmt: skip
INLINE = frozenset(
    {"image/jpeg", "image/png", "image/gif", "image/webp", "audio/wav", "audio/mpeg", "audio/aac", "audio/ogg",
     "video/mp4"}
)  # fmt: skip
"""Types that a browser may show or play in the page: none of them can hold a script."""


@dataclass(frozen=True, slots=True)
class Content:
    """``problem`` is empty or says why the file cannot be shown; sizes in pixels, of pictures only."""

    width: int | None = None
    height: int | None = None
    problem: str = ""


def group_of(media_type: str) -> str:
    """image, audio or video; empty for anything else."""
    group = media_type.partition("/")[0]
    return group if group in ("image", "audio", "video") else ""


def extension_of(media_type: str) -> str:
    """For a file's name where it leaves the house."""
    return _EXTENSIONS.get(media_type, "bin")


def judge(data: bytes, media_type: str) -> Content:
    """Whether ``data`` is what its first bytes say; decodes a picture whole. Raises nothing."""
    group = group_of(media_type)
    if not group:
        return Content(problem=UNKNOWN)
    if group != "image":
        return Content()
    width = height = None
    try:
        with _opened(data) as picture:
            width, height = picture.size
            if width * height > PIXELS_MAX:
                return Content(width, height, TOO_LARGE)
            picture.load()
            return Content(width, height)
    except Image.DecompressionBombError:
        return Content(problem=TOO_LARGE)
    except _BAD:
        return Content(width, height, UNDECODABLE)


def as_jpeg(data: bytes, box: tuple[int, int] | None = None) -> bytes:
    """A picture as JPEG, shrunk into ``box``, without whatever else its file held. Raises ValueError."""
    try:
        with _opened(data) as picture:
            if picture.width * picture.height > PIXELS_MAX:
                raise ValueError(TOO_LARGE)
            if box is not None:
                picture.draft("RGB", box)
                picture.thumbnail(box)
            out = io.BytesIO()
            picture.convert("RGB").save(out, "JPEG", quality=JPEG_QUALITY)
            return out.getvalue()
    except _BAD as error:
        raise ValueError(UNDECODABLE) from error


_BAD = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, ArithmeticError, MemoryError,
    RuntimeError, AttributeError, Image.DecompressionBombError,
)  # fmt: skip
"""What the decoders raise on hostile bytes."""


def _opened(data: bytes) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sizes are judged here
        return Image.open(io.BytesIO(data), formats=_PICTURES)
