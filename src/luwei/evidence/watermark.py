"""Viewing copies 浏览副本 of pictures: a JPEG that bears who looked, when and why. The original is never touched."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SIDE_MAX = 1920
"""Pixels of the longer side of a copy."""
PIXELS_MAX = 50_000_000
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP")
_FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/System/Library/Fonts/PingFang.ttc",
    "C:/Windows/Fonts/msyh.ttc",
)
"""Fonts with Chinese characters; the first that is there."""


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    path = next((name for name in _FONTS if Path(name).exists()), None)
    return ImageFont.truetype(path, size) if path else ImageFont.load_default(size)


def viewing_copy(original: bytes, viewer: str, moment: str, purpose: str) -> bytes:
    """``original`` as JPEG, at most 1920 pixels long, with the words across the picture and in a line below it.

    Raises ValueError for what is no picture that can be decoded within bounds.
    """
    try:
        with Image.open(io.BytesIO(original), formats=_FORMATS) as source:
            if source.width * source.height > PIXELS_MAX:
                raise ValueError("too many pixels")
            source.draft("RGB", (SIDE_MAX, SIDE_MAX))
            picture = source.convert("RGB")
    except Exception as error:  # decoders raise what they like on hostile bytes
        raise ValueError(f"{type(error).__name__}: {error}"[:200]) from None
    picture.thumbnail((SIDE_MAX, SIDE_MAX))
    size = max(12, min(picture.size) // 24)
    marked = _across(picture, f"{viewer}  {moment}", size)
    out = io.BytesIO()
    _with_line(marked, f"{viewer} · {moment} · {purpose}", max(12, size * 3 // 4)).save(out, "JPEG", quality=88)
    return out.getvalue()


def across_mask(size: tuple[int, int], text: str, height: int) -> Image.Image:
    """How much of ``text``, again and again over a whole picture, lies over each point: L, 0 nothing."""
    diagonal = int((size[0] ** 2 + size[1] ** 2) ** 0.5) + 1
    layer = Image.new("L", (diagonal, diagonal), 0)
    draw = ImageDraw.Draw(layer)
    font = _font(height)
    width = int(draw.textlength(text, font=font)) + 4 * height
    for row, top in enumerate(range(0, diagonal, 6 * height)):
        for left in range(-(row % 2) * width // 2, diagonal, width):
            draw.text((left, top), text, fill=70, font=font)
    turned = layer.rotate(24, resample=Image.Resampling.BILINEAR)
    left, top = (diagonal - size[0]) // 2, (diagonal - size[1]) // 2
    return turned.crop((left, top, left + size[0], top + size[1]))


def line_mask(size: tuple[int, int], text: str, height: int) -> tuple[Image.Image, int]:
    """A line of text for the lowest part of a picture (L, 255 letters), and the row where that part begins."""
    top = max(0, size[1] - 2 * height)
    layer = Image.new("L", (size[0], size[1] - top), 0)
    draw = ImageDraw.Draw(layer)
    font = _font(height)
    draw.text((height // 2, height // 3), _fitted(draw, text, font, size[0] - height), fill=255, font=font)
    return layer, top


def _fitted(draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: int) -> str:
    while text and draw.textlength(text, font=font) > room:
        text = text[:-2].rstrip() + "…" if len(text) > 2 else ""
    return text


def _across(picture: Image.Image, text: str, size: int) -> Image.Image:
    """The words over the whole picture, so that no part of it can be cut out without them."""
    mask = across_mask(picture.size, text, size)
    dark = Image.new("L", mask.size, 0)
    dark.paste(mask, (1, 1))
    marked = Image.composite(Image.new("RGB", picture.size, (0, 0, 0)), picture, dark)
    return Image.composite(Image.new("RGB", picture.size, (255, 255, 255)), marked, mask)


def _with_line(picture: Image.Image, text: str, size: int) -> Image.Image:
    font = _font(size)
    height = 2 * size
    out = Image.new("RGB", (picture.width, picture.height + height), (24, 24, 24))
    out.paste(picture, (0, 0))
    draw = ImageDraw.Draw(out)
    shown = _fitted(draw, text, font, picture.width - size)
    draw.text((size // 2, picture.height + size // 3), shown, fill=(240, 240, 240), font=font)
    return out
