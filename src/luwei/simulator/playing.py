"""A recording that is played: pictures of a time that is past, at the speed that is wanted (reference §4.8, §6.6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from luwei.simulator.encoding import H264, PAYLOAD_TYPES, Quality
from luwei.simulator.recordings import Recording
from luwei.simulator.streams import CameraStream, Shot

RECORDED: Mapping[int, Quality] = {
    1: Quality(704, 576, 12.5, 400, 25, "main"), 2: Quality(352, 288, 12.5, 180, 25),
}  # fmt: skip
"""By stream: as the disk holds it."""
NORMAL, FAST, REWIND, KEYS, SINGLE = range(5)
"""Modes of 0x9201."""
FACTORS: Mapping[int, int] = {0: 1, 1: 1, 2: 2, 3: 4, 4: 8, 5: 16}
"""By the speed of the order."""
ALL_PICTURES_TO = 2
"""Faster than this only key pictures are sent."""
KEY_STEP_S = 2.0


class Playing:
    """Pieces of one channel from ``start_s`` to ``end_s``. ``rising``: the times of its pictures go on at the speed of
    the clock whatever the speed of playing; else they are those of the recording."""

    slow = True

    def __init__(
        self,
        plate: str,
        pieces: Sequence[Recording],
        start_s: float,
        end_s: float,
        *,
        codec: str = H264,
        mode: int = NORMAL,
        speed: int = 0,
        rising: bool = False,
        kmh: Callable[[float], float] = lambda at_s: 62.0,
    ) -> None:
        """``pieces``: in order of time, at least one. Raises ValueError for none."""
        if not pieces:
            raise ValueError("pieces: none")
        first = pieces[0]
        self._pieces = pieces
        self.start_s, self.end_s = max(start_s, first.start_s), min(end_s, pieces[-1].end_s)
        self.position_s = self.end_s - KEY_STEP_S if mode == REWIND and start_s >= self.end_s else self.start_s
        self.mode, self.factor = mode, FACTORS.get(speed, 1)
        self.payload_type = PAYLOAD_TYPES[codec]
        self._camera = CameraStream(
            plate, first.channel, codec=codec, quality=RECORDED[first.stream], speed=lambda: kmh(self.position_s)
        )
        self._rising = rising
        self._begun_s: float | None = None
        self._jump_s: float | None = None
        self._shown_s: float | None = None
        self._over = False

    @property
    def silent(self) -> bool:
        """Sound is sent at normal speed only."""
        return self.mode != NORMAL

    def next(self, at_s: float) -> Shot | None:
        """The next picture, None behind the last one."""
        if self._jump_s is not None:
            self.position_s, self._jump_s = self._jump_s, None
            self._camera.want_key()
        position_s = self._recorded(self.position_s)
        if position_s is None or self._over:
            return None
        keys_only = self.mode in (REWIND, KEYS, SINGLE) or (self.mode == FAST and self.factor > ALL_PICTURES_TO)
        if keys_only:
            self._camera.want_key()
        shot = self._camera.next(position_s)
        self._shown_s = position_s
        step_s = KEY_STEP_S if keys_only else shot.wait_s
        self.position_s = position_s + (-step_s if self.mode == REWIND else step_s)
        self._over = self.mode == SINGLE
        self._begun_s = at_s if self._begun_s is None else self._begun_s
        shown_s = self.start_s + at_s - self._begun_s if self._rising else position_s
        return Shot(shot.unit, int(shown_s * 1000), step_s / self.factor)

    def want_key(self) -> None:
        self._camera.want_key()

    def go(self, mode: int, speed: int = 0) -> None:
        """Play on in another way, from a key picture on; in the other direction from the picture that is shown."""
        if (mode == REWIND) != (self.mode == REWIND) and self._shown_s is not None:
            self.position_s = self._shown_s + {REWIND: -KEY_STEP_S, KEYS: KEY_STEP_S}.get(mode, 0.0)
        self.mode, self.factor = mode, FACTORS.get(speed, 1)
        self._camera.want_key()

    def drag(self, to_s: float) -> None:
        """Play on from another place."""
        self._jump_s = min(max(to_s, self.start_s), self.end_s)

    def _recorded(self, at_s: float) -> float | None:
        """``at_s`` where something was recorded then, else the next place in the direction of playing."""
        if not self.start_s <= at_s < self.end_s:
            return None
        if any(piece.start_s <= at_s < piece.end_s for piece in self._pieces):
            return at_s
        for before, after in pairwise(self._pieces):
            if before.end_s <= at_s < after.start_s:
                return before.end_s - KEY_STEP_S if self.mode == REWIND else float(after.start_s)
        return None
