"""Where a simulated camera looks: what the orders of 0x9301 to 0x9306 add up to, and what is seen of a picture then.

Speed 255 turns a camera by 60 degrees a second. The picture moves with it, so that a person sees that it obeys.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Plane = NDArray[np.uint8]

FASTEST_DEG_S = 60.0
PAN_DEG, TILT_DEG = 170.0, 45.0
"""As far as a camera turns to either side, up and down."""
PICTURE_DEG = (90.0, 60.0)
"""What a picture shows across and upright, without zoom."""
STEPS_MAX = 10
ZOOM_STEP, APERTURE_STEP = 1.2, 1.12
WAYS = {1: (0, 1), 2: (0, -1), 3: (-1, 0), 4: (1, 0)}
"""Pan and tilt by direction of 0x9301."""
GREY = 128


@dataclass(slots=True)
class Turned:
    """One camera. Angles in degrees, to the right and up; steps of focus, aperture and zoom, each within 10."""

    direction: int = 0
    speed: int = 0
    pan_deg: float = 0.0
    tilt_deg: float = 0.0
    focus: int = 0
    aperture: int = 0
    zoom: int = 0
    wiper: bool = False
    infrared: bool = False
    orders: list[str] = field(default_factory=list)
    """Names of the last ones, the newest last; at most 20."""
    _at_s: float = 0.0

    def turn(self, direction: int, speed: int, at_s: float) -> None:
        """0x9301 came."""
        self.go_on(at_s)
        self.direction, self.speed = direction, speed if direction else 0

    def step(self, name: str, value: int) -> None:
        """A step of focus, aperture or zoom."""
        setattr(self, name, min(max(getattr(self, name) + value, -STEPS_MAX), STEPS_MAX))

    def go_on(self, at_s: float) -> None:
        """Turn until ``at_s`` (seconds since 1970)."""
        passed_s = max(0.0, at_s - self._at_s) if self._at_s else 0.0
        self._at_s = max(at_s, self._at_s)
        across, up = WAYS.get(self.direction, (0, 0))
        by = passed_s * FASTEST_DEG_S * self.speed / 255
        self.pan_deg = min(max(self.pan_deg + across * by, -PAN_DEG), PAN_DEG)
        self.tilt_deg = min(max(self.tilt_deg + up * by, -TILT_DEG), TILT_DEG)

    @property
    def home(self) -> bool:
        """Whether a picture is as it was drawn."""
        moved = self.pan_deg, self.tilt_deg, self.zoom, self.focus, self.aperture, self.wiper, self.infrared
        return not any(moved)


def seen(picture: Plane, size: tuple[int, int], camera: Turned, at_s: float) -> Plane:
    """What ``camera`` shows of a picture in planar 4:2:0 (``(height * 3 / 2, width)``); a new one."""
    import numpy as np

    width, height = size
    out = picture.copy()
    _show(out[:height], camera)
    for top in (height, height + height // 4):
        colour = out[top : top + height // 4].reshape(height // 2, width // 2)
        if camera.infrared:
            colour[:] = GREY
        else:
            _show(colour, camera)
    bright = out[:height]
    if camera.aperture:
        scaled = (bright.astype(np.float32) - 16) * APERTURE_STEP**camera.aperture + 16
        bright[:] = np.clip(scaled, 16, 235).astype(np.uint8)
    if camera.focus:
        block = 1 + abs(camera.focus)
        bright[:] = np.repeat(np.repeat(bright[::block, ::block], block, 0), block, 1)[:height, :width]
    if camera.wiper:
        at = int((0.5 + 0.5 * np.sin(at_s * 4)) * (width - 8))
        bright[:, at : at + 8] = 16
    return out


def _show(plane: Plane, camera: Turned) -> None:
    import numpy as np

    height, width = plane.shape
    scale = ZOOM_STEP ** max(camera.zoom, 0)
    right = camera.pan_deg / PICTURE_DEG[0] * width
    up = camera.tilt_deg / PICTURE_DEG[1] * height
    columns = ((np.arange(width) - width / 2) / scale + width / 2 + right).astype(np.int64) % width
    rows = ((np.arange(height) - height / 2) / scale + height / 2 - up).astype(np.int64)
    plane[:] = plane[np.clip(rows, 0, height - 1)[:, None], columns]
