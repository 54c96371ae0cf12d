"""What the cameras of a simulated truck look at: road, side or cabin, with what an alarm says is to be seen there."""

from __future__ import annotations

from random import Random
from typing import Any

Colour = tuple[int, int, int]

SKIN, HAIR, BLACK, WHITE = (206, 164, 132), (36, 30, 28), (20, 20, 22), (236, 236, 230)
NEAR: dict[str, float] = {"forward_collision": 3.2, "headway": 2.2, "obstacle": 1.8}
"""How large the vehicle ahead is, where it matters."""
HELD = frozenset({"phone", "smoking", "no_driver"})
"""With these the head stands still: what is held to it would be cut off."""
HORIZON = 0.45


def below_of(doing: str) -> float:
    """Share of the height under the horizon that the vehicle ahead takes."""
    return (_foot_of(NEAR.get(doing, 1.0)) - HORIZON) / (1 - HORIZON) + 0.03


def _foot_of(near: float) -> float:
    return 0.49 + 0.06 * near


def drawn(kind: str, size: tuple[int, int], day: bool, rng: Random, doing: str = "") -> Any:
    """A picture of ``kind`` (road, side, cabin), without what moves. ``doing``: a name of ``happenings``."""
    # only a simulator that is asked for pictures loads the drawing library
    from PIL import Image, ImageDraw

    width, height = size
    picture = Image.new("RGB", size, (128, 170, 214) if day else (22, 28, 44))
    draw = ImageDraw.Draw(picture)
    if kind == "cabin":
        _cabin(draw, width, height, day, rng, doing)
        return picture
    _land(draw, width, height, day, rng)
    (_road if kind == "road" else _side)(draw, width, height, day, rng, doing)
    return picture


def _land(draw: Any, width: int, height: int, day: bool, rng: Random) -> None:
    horizon = height * 0.45
    for _ in range(7):
        x, top, half = rng.uniform(0, width), rng.uniform(0.2, 0.9) * height * 0.14, width * rng.uniform(0.12, 0.3)
        draw.ellipse((x - half, horizon - top, x + half, horizon + top), fill=(70, 108, 76) if day else (24, 38, 30))
    draw.rectangle((0, horizon, width, height), fill=(88, 114, 80) if day else (28, 36, 30))


def _asphalt(day: bool) -> Colour:
    return (92, 94, 98) if day else (48, 50, 54)


def _road(draw: Any, width: int, height: int, day: bool, rng: Random, doing: str) -> None:
    horizon = height * 0.45
    corners = [(width * 0.49, horizon), (width * 0.51, horizon), (width * 1.15, height), (-width * 0.15, height)]
    draw.polygon(corners, fill=_asphalt(day))
    paint = rng.choice(((170, 48, 40), (44, 72, 150), (190, 190, 196)))
    near = NEAR.get(doing, 1.0)
    x, y, half = width * rng.uniform(0.49, 0.53), height * _foot_of(near), height * 0.045 * near
    draw.rectangle((x - half, y - 2 * half, x + half, y), fill=paint)
    for side in (-1, 1):
        draw.rectangle((x + side * half * 0.7 - half * 0.2, y - half * 0.5, x + side * half * 0.7 + half * 0.2,
                        y - half * 0.2), fill=(225, 60, 44))  # fmt: skip
    if doing == "pedestrian":
        x, y, tall = width * 0.38, height * 0.74, height * 0.2
        draw.ellipse((x - tall * 0.1, y - tall, x + tall * 0.1, y - tall * 0.8), fill=SKIN)
        draw.rectangle((x - tall * 0.14, y - tall * 0.8, x + tall * 0.14, y - tall * 0.35), fill=(180, 60, 60))
        for side in (-1, 1):
            draw.line(
                (x, y - tall * 0.35, x + side * tall * 0.12, y), fill=(40, 44, 70), width=max(2, int(tall * 0.07))
            )


def _side(draw: Any, width: int, height: int, day: bool, rng: Random, doing: str) -> None:
    draw.rectangle((0, height * 0.55, width, height), fill=_asphalt(day))
    draw.rectangle((0, height * 0.5, width, height * 0.55), fill=(150, 152, 156) if day else (80, 82, 88))
    if doing:
        x, y, half = width * 0.5, height * 0.72, height * 0.1  # who comes from behind
        draw.rectangle((x - half * 1.6, y - half * 1.6, x + half * 1.6, y), fill=(190, 60, 48))
        for side in (-1, 1):
            draw.ellipse((x + side * half - half * 0.3, y - half * 0.3, x + side * half + half * 0.3, y + half * 0.3),
                         fill=BLACK)  # fmt: skip
    edge = width * 0.86
    body = [(edge, 0), (width, 0), (width, height), (edge * 0.94, height)]
    draw.polygon(body, fill=(52, 60, 84) if day else (30, 34, 46))


def _cabin(draw: Any, width: int, height: int, day: bool, rng: Random, doing: str) -> None:
    shirt = rng.choice(((64, 84, 120), (104, 70, 60), (70, 96, 74), (88, 88, 96)))
    draw.rectangle((0, 0, width, height), fill=(60, 62, 68) if day else (32, 34, 38))
    window = (width * 0.62, height * 0.1, width * 0.97, height * 0.5)
    draw.rectangle(window, fill=(150, 180, 205) if day else (44, 50, 64))
    x, y, head = width * 0.41, height * 0.4, height * 0.15
    if doing != "no_driver":
        _driver(draw, (x, y, head), height, shirt, doing)
    draw.arc((x - head * 2.4, height * 0.7, x + head * 2.4, height * 1.3), 200, 340, fill=(16, 16, 18),
             width=max(3, int(head * 0.25)))  # fmt: skip
    if doing not in ("hands_off", "no_driver"):
        for side in (-1, 1):
            if side == 1 and doing in ("phone", "playing_phone", "smoking"):
                continue  # that hand is busy
            _disc(draw, x + side * head * 1.9, height * 0.83, head * 0.32, SKIN)
    if doing == "playing_phone":
        _disc(draw, x + head * 1.2, height * 0.74, head * 0.34, SKIN)
        draw.rectangle((x + head * 0.95, height * 0.66, x + head * 1.45, height * 0.78), fill=(150, 200, 240))
    if doing == "lens_blocked":
        draw.rectangle((0, 0, width, height), fill=(14, 13, 12))


def _driver(draw: Any, place: tuple[float, float, float], height: int, shirt: Colour, doing: str) -> None:
    x, y, head = place
    thin = max(2, int(head * 0.07))
    draw.rectangle((x - head * 2.1, y + head * 1.1, x + head * 2.1, height), fill=shirt)
    if doing != "belt":
        draw.line((x + head * 1.6, y + head * 1.1, x - head * 1.3, height), fill=(28, 28, 32), width=thin * 3)
    draw.rectangle((x - head * 0.4, y + head * 0.6, x + head * 0.4, y + head * 1.3), fill=(190, 148, 118))
    draw.ellipse((x - head, y - head * 1.2, x + head, y + head * 1.1), fill=SKIN)
    draw.chord((x - head, y - head * 1.3, x + head, y + head * 0.9), 180, 360, fill=HAIR)
    aside = head * 0.35 if doing == "not_ahead" else 0.0
    for side in (-1, 1):
        eye = x + side * head * 0.42 + aside
        if doing == "fatigue":
            draw.line((eye - head * 0.16, y + head * 0.1, eye + head * 0.16, y + head * 0.1), fill=BLACK, width=thin)
        elif doing == "sunglasses":
            draw.ellipse((eye - head * 0.34, y - head * 0.1, eye + head * 0.34, y + head * 0.36), fill=BLACK)
        else:
            draw.ellipse((eye - head * 0.12, y, eye + head * 0.12, y + head * 0.2), fill=BLACK)
    if doing == "fatigue":
        draw.ellipse((x - head * 0.22, y + head * 0.45, x + head * 0.22, y + head * 0.9), fill=(90, 36, 36))
    else:
        draw.arc(
            (x - head * 0.4, y + head * 0.3, x + head * 0.4, y + head * 0.8), 20, 160, fill=(120, 60, 56), width=thin
        )
    if doing == "phone":
        draw.line((x + head * 1.9, y + head * 1.9, x + head * 1.15, y + head * 0.3), fill=shirt, width=thin * 7)
        _disc(draw, x + head * 1.1, y + head * 0.2, head * 0.3, SKIN)
        draw.rectangle((x + head * 0.9, y - head * 0.35, x + head * 1.15, y + head * 0.5), fill=BLACK)
    elif doing == "smoking":
        draw.line((x + head * 0.2, y + head * 0.72, x + head * 0.8, y + head * 0.8), fill=WHITE, width=thin)
        _disc(draw, x + head * 0.82, y + head * 0.8, thin, (240, 120, 40))
        _disc(draw, x + head * 1.0, y + head * 0.45, head * 0.16, (150, 150, 154))
        _disc(draw, x + head * 1.15, y + head * 0.1, head * 0.2, (130, 130, 134))


def _disc(draw: Any, x: float, y: float, radius: float, fill: Colour) -> None:
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)
