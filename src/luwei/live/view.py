"""What one screen sees of the fleet: the vehicles of a rectangle, or their counts on a grid.

Below zoom 10 a screen gets cells, above it vehicles; more than ``CAP`` vehicles become cells again. The grid is plain
Mercator, 64 pixels a cell with tiles of 512 pixels as MapLibre draws them: at zoom z the world is 2**(z+3) cells wide,
so a cell's number is the upper bits of the Mercator coordinates that ``Fleet`` keeps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from luwei.live.fleet import (
    BIT_ALARM,
    MOVING,
    NO_PLACE,
    OFFLINE,
    STATE_MASK,
    STOPPED,
    Fleet,
    Ints,
    Mask,
)
from luwei.registry.scope import WHOLE, Scope

CAP = 20_000
"""Most vehicles, and most cells, of one view."""
CELLS_BELOW_ZOOM = 10.0
_GRID_MAX = 1 << 20

State = Literal["all", "online", "moving", "stopped", "offline", "alarm"]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which vehicles count. None means any; ``scope`` is the bound of the account, ``city``, ``county`` and
    ``operator`` what the person chose within it."""

    city: int | None = None
    county: int | None = None
    operator: int | None = None
    state: State = "all"
    scope: Scope = WHOLE

    def mask(self, fleet: Fleet, ids: Ints | None = None) -> Mask:
        """True for each vehicle of ``ids`` (default: every id below ``fleet.size``) that is in the registry and
        matches."""
        size = fleet.size
        result: Mask = fleet.known[:size].copy() if ids is None else fleet.known[ids]
        if not self.scope.whole:
            reach = fleet.reach(self.scope)
            result &= reach if ids is None else reach[ids]
        for column, one in (
            (fleet.city, self.city),
            (fleet.county, self.county),
            (fleet.operator_id, self.operator),
        ):
            if one is not None:
                result &= (column[:size] if ids is None else column[ids]) == one
        if self.state != "all":
            result &= in_state(fleet.wire[:size] if ids is None else fleet.wire[ids], self.state)
        return result

    def any_state(self) -> Selection:
        """The same vehicles whatever their state: what a summary counts."""
        return Selection(self.city, self.county, self.operator, "all", self.scope)


def in_state(wire: npt.NDArray[np.uint8], state: State) -> Mask:
    """Which of the state bytes are in ``state``; offline includes vehicles never heard of."""
    now = wire & STATE_MASK
    result: Mask
    match state:
        case "all":
            result = np.ones(len(wire), np.bool_)
        case "online":
            result = now != OFFLINE
        case "alarm":
            result = wire & BIT_ALARM != 0
        case _:
            result = now == {"offline": OFFLINE, "stopped": STOPPED, "moving": MOVING}[state]
    return result


@dataclass(frozen=True, slots=True)
class Window:
    """The rectangle a screen shows, in 1e-6 degrees, both edges included, and its zoom."""

    west_e6: int
    south_e6: int
    east_e6: int
    north_e6: int
    zoom: float

    @property
    def cells(self) -> bool:
        """True where the zoom asks for cells whatever the number of vehicles."""
        return self.zoom < CELLS_BELOW_ZOOM

    def mask(self, fleet: Fleet, ids: Ints | None = None) -> Mask:
        """True for each vehicle (of ``ids``, or all) that is inside."""
        lon = fleet.lon_e6[: fleet.size] if ids is None else fleet.lon_e6[ids]
        lat = fleet.lat_e6[: fleet.size] if ids is None else fleet.lat_e6[ids]
        inside: Mask = lon >= max(self.west_e6, NO_PLACE + 1)
        inside &= lon <= self.east_e6
        inside &= lat >= self.south_e6
        inside &= lat <= self.north_e6
        return inside


@dataclass(frozen=True, slots=True)
class Vehicles:
    """All vehicles of a view, ids ascending."""

    ids: Ints

    @property
    def in_view(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Cells:
    """Counts on the grid; places are the mean of the members'. ``in_view`` is the sum of ``count``."""

    lon_e6: npt.NDArray[np.int32]
    lat_e6: npt.NDArray[np.int32]
    count: npt.NDArray[np.uint32]
    online: npt.NDArray[np.uint32]
    alarm: npt.NDArray[np.uint32]

    @property
    def in_view(self) -> int:
        return int(self.count.sum())


def view(fleet: Fleet, window: Window, selection: Selection) -> Vehicles | Cells:
    """What is inside ``window`` of ``selection``: vehicles, or cells below zoom 10 and above ``CAP`` vehicles."""
    ids = np.flatnonzero(window.mask(fleet))
    ids = ids[selection.mask(fleet, ids)] if len(ids) < fleet.size // 2 else ids[selection.mask(fleet)[ids]]
    if not window.cells and len(ids) <= CAP:
        return Vehicles(ids)
    return grid(fleet, ids, window.zoom)


def grid(fleet: Fleet, ids: Ints, zoom: float) -> Cells:
    """Cells of the placed vehicles ``ids``; coarser than ``zoom`` asks where there would be too many."""
    if len(ids) == 0:
        empty = np.empty(0, np.uint32)
        return Cells(np.empty(0, np.int32), np.empty(0, np.int32), empty, empty, empty)
    x, y = fleet.mercator_x[ids], fleet.mercator_y[ids]
    edges = int(x.min()), int(x.max()), int(y.min()), int(y.max())
    depth = min(max(int(zoom) + 3, 3), 31)
    while True:
        shift = 32 - depth
        left, right, top, bottom = (edge >> shift for edge in edges)
        width, height = right - left + 1, bottom - top + 1
        if width * height <= _GRID_MAX:
            cell = ((y >> shift).astype(np.int64) - top) * width + ((x >> shift).astype(np.int64) - left)
            count = np.bincount(cell, minlength=width * height)
            used = np.flatnonzero(count)
            if len(used) <= CAP:
                break
        depth -= 1
    wire = fleet.wire[ids]
    online = np.bincount(cell[wire & STATE_MASK != OFFLINE], minlength=width * height)
    alarm = np.bincount(cell[wire & BIT_ALARM != 0], minlength=width * height)
    members = count[used]
    lon = np.bincount(cell, fleet.lon_e6[ids], minlength=width * height)[used] / members
    lat = np.bincount(cell, fleet.lat_e6[ids], minlength=width * height)[used] / members
    return Cells(
        np.rint(lon).astype(np.int32),
        np.rint(lat).astype(np.int32),
        members.astype(np.uint32),
        online[used].astype(np.uint32),
        alarm[used].astype(np.uint32),
    )
