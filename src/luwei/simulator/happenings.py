"""What the active-safety cameras of a truck see, as a table: how often, how long, at what speed.

The kinds are those of T/GDRTA 002 and T/JSATL 12. The rates are those of an ordinary driver in an hour of driving,
guessed to the shape of published figures: most is for the cab alone, little needs a person (supervision reference §7.1,
§7.2). A careful driver has a third, a careless one three times as much.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ADAS, DSM, TYRES, BSD = 0x64, 0x65, 0x66, 0x67
YUEBIAO = "yuebiao"


@dataclass(frozen=True, slots=True)
class Happening:
    """One kind. ``type``: of the alarm, for tyres the event bits of the wheel."""

    name: str
    label: str
    """In pictures; the font knows letters of English only."""
    item: int
    type: int
    per_hour: float
    above_kmh: float = 30
    below_kmh: float = 999
    lasts_s: tuple[float, float] = (0, 0)
    """Zeros: over as it is seen. Else it is told again and again until it ends."""
    again_s: float = 45
    """Between two alarms of one that lasts."""
    dialect: str = ""
    """Which alone knows it; empty: both."""
    driver: bool = False
    """Whether the driver can leave off when told."""


_ALL = (
    Happening("forward_collision", "FORWARD COLLISION", ADAS, 0x01, 0.25),
    Happening("lane_departure", "LANE DEPARTURE", ADAS, 0x02, 0.9),
    Happening("headway", "HEADWAY TOO SHORT", ADAS, 0x03, 0.9),
    Happening("pedestrian", "PEDESTRIAN", ADAS, 0x04, 0.15, above_kmh=10, below_kmh=50),
    Happening("lane_changes", "FREQUENT LANE CHANGE", ADAS, 0x05, 0.12, driver=True),
    Happening("obstacle", "OBSTACLE", ADAS, 0x07, 0.04),
    Happening("solid_line", "SOLID LINE CHANGE", ADAS, 0x12, 0.2, dialect=YUEBIAO),
    Happening("rear_approach", "REAR APPROACH", BSD, 0x01, 0.15),
    Happening("left_rear", "LEFT REAR APPROACH", BSD, 0x02, 0.3),
    Happening("right_rear", "RIGHT REAR APPROACH", BSD, 0x03, 0.35),
    Happening("smoking", "SMOKING", DSM, 0x03, 0.12, lasts_s=(90, 300), again_s=60, driver=True),
    Happening("not_ahead", "NOT LOOKING AHEAD", DSM, 0x04, 0.25, lasts_s=(0, 60), again_s=25, driver=True),
    Happening("belt", "SEAT BELT", DSM, 0x0A, 0.04, lasts_s=(200, 600), again_s=90, dialect=YUEBIAO, driver=True),
    Happening("phone", "HAND-HELD PHONE", DSM, 0x02, 0.06, lasts_s=(40, 240), driver=True),
    Happening("playing_phone", "PLAYING PHONE", DSM, 0x0D, 0.03, lasts_s=(20, 120), again_s=30, dialect=YUEBIAO,
              driver=True),
    Happening("hands_off", "HANDS OFF WHEEL", DSM, 0x0C, 0.02, lasts_s=(10, 60), again_s=20, dialect=YUEBIAO,
              driver=True),
    Happening("no_driver", "DRIVER ABNORMAL", DSM, 0x05, 0.015),
    Happening("lens_blocked", "LENS BLOCKED", DSM, 0x06, 0.01, above_kmh=0, lasts_s=(120, 500), again_s=120,
              dialect=YUEBIAO, driver=True),
    Happening("sunglasses", "INFRARED BLOCKED", DSM, 0x0B, 0.02, lasts_s=(200, 900), again_s=200, dialect=YUEBIAO,
              driver=True),
    Happening("fatigue", "FATIGUE", DSM, 0x01, 0.012, lasts_s=(60, 400), again_s=40, driver=True),
    Happening("tyre_low", "TYRE PRESSURE LOW", TYRES, 1 << 2, 0.01, above_kmh=0, lasts_s=(300, 900), again_s=300),
    Happening("tyre_hot", "TYRE TEMPERATURE HIGH", TYRES, 1 << 3, 0.005),
    Happening("tyre_leak", "TYRE SLOW LEAK", TYRES, 1 << 6, 0.003),
    Happening("tyre_report", "TYRE REPORT", TYRES, 1 << 0, 0.4, above_kmh=0),
)  # fmt: skip
HAPPENINGS: Mapping[str, Happening] = {each.name: each for each in _ALL}
CARE: tuple[tuple[float, float], ...] = ((0.35, 0.55), (1.0, 0.35), (3.0, 0.1))
"""Factor of the rates, and share of the drivers."""
BY_TYPE: Mapping[tuple[int, int], Happening] = {(each.item, each.type): each for each in _ALL}


def known_to(dialect: str) -> tuple[Happening, ...]:
    """What cameras of ``dialect`` see."""
    return tuple(each for each in _ALL if each.dialect in ("", dialect))


OPENING: tuple[str, ...] = (
    "phone", "fatigue", "smoking", "emergency", "lane_departure", "not_ahead", "headway", "overspeed", "right_rear",
    "hands_off", "solid_line", "forward_collision", "left_rear", "tyre_low", "playing_phone", "headway",
    "collision", "rollover",
)  # fmt: skip
"""With what a demonstration begins, each in another truck."""
