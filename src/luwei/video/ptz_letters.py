"""0x9301 to 0x9306 as commands of the journal: who turned which camera stands there with the terminal's answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from luwei.protocol.jt808.messages import ptz
from luwei.video.letters import LiveLetter

ROTATE, FOCUS, IRIS, WIPER, LIGHT, ZOOM = (
    "video_ptz_rotate", "video_ptz_focus", "video_ptz_iris", "video_ptz_wiper", "video_ptz_light", "video_ptz_zoom",
)  # fmt: skip
KINDS = {
    ROTATE: LiveLetter(ptz.Rotate), FOCUS: LiveLetter(ptz.Focus), IRIS: LiveLetter(ptz.Aperture),
    WIPER: LiveLetter(ptz.Wiper), LIGHT: LiveLetter(ptz.InfraredLight), ZOOM: LiveLetter(ptz.Zoom),
}  # fmt: skip
STILL = 0
DIRECTIONS: Mapping[str, int] = {"up": 1, "down": 2, "left": 3, "right": 4}
STEPS: Mapping[str, tuple[str, int]] = {
    "zoom_in": (ZOOM, 0), "zoom_out": (ZOOM, 1), "focus_far": (FOCUS, 0), "focus_near": (FOCUS, 1),
    "iris_open": (IRIS, 0), "iris_close": (IRIS, 1),
}  # fmt: skip
"""A larger focal length is the farther sight (1078 §4.13)."""
SWITCHES: Mapping[str, str] = {"wiper": WIPER, "light": LIGHT}


def turn(channel: int, direction: int, speed: int = 0) -> dict[str, Any]:
    """Values of a 0x9301; STILL ends the turning."""
    return {"channel": channel, "direction": direction, "speed": speed}


def step(channel: int, value: int) -> dict[str, Any]:
    """Values of 0x9302 to 0x9306."""
    return {"channel": channel, "value": value}
