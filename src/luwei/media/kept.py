"""The pictures that who comes begins with: those since the last key picture, within bounds."""

from __future__ import annotations

from collections.abc import Callable

from luwei.media.output import Placed

GROUP_MAX = 4 << 20
"""Most octets of the kept group of pictures; of a longer one nothing is kept until the next key picture."""
GROUP_PICTURES_MAX = 1500


class Kept:
    """The last group of pictures of one stream."""

    def __init__(self, budget: Callable[[int], bool]) -> None:
        """``budget``: whether the process may keep so many more octets of pictures (negative: fewer)."""
        self._budget = budget
        self._octets = 0
        self.pictures: list[Placed] = []
        """From a key picture on; empty where nothing is kept."""

    def add(self, placed: Placed) -> None:
        """The next picture came."""
        size = sum(map(len, placed.picture.units))
        if placed.picture.key:
            self.clear()
        elif not self.pictures:
            return
        full = self._octets + size > GROUP_MAX or len(self.pictures) >= GROUP_PICTURES_MAX
        if full or not self._budget(size):
            self.clear()
            return
        self.pictures.append(placed)
        self._octets += size

    def clear(self) -> None:
        """Keep nothing."""
        self._budget(-self._octets)
        self.pictures, self._octets = [], 0
