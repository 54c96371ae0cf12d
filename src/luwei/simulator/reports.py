"""What a terminal says of its truck: place, status bits, alarm bits and additional items of 0x0200.

Alarm and status bits: JT/T 808-2019 tables 24 and 25; items: tables 26, 27 and JT/T 1078-2016 §5.4.1.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import sin
from random import Random

from luwei.simulator.device_clock import device_time
from luwei.simulator.driver import Driver
from luwei.simulator.driving import CHINA_S, DRIVING, FATIGUE_S, FATIGUE_WARNING_S, LOADING, OVERSPEED_MARGIN_KMH, Drive
from luwei.simulator.mishaps import BUTTON_EVENT, CRASH_EVENT, Sensors
from luwei.simulator.routes import METRES_PER_DEGREE
from luwei.simulator.safety import SafetyAlarms

EMERGENCY, OVERSPEED, FATIGUE, ANTENNA_OPEN, UNDERVOLTAGE, CAMERA_FAULT, OVERSPEED_WARNING, FATIGUE_WARNING = (
    1 << bit for bit in (0, 1, 2, 5, 7, 11, 13, 14)
)
ACKNOWLEDGED_ALARMS = EMERGENCY
"""Bits that stay until the platform's reply comes (class A)."""

ACC, FIXED, FULL, DOORS_LOCKED, GPS, BEIDOU, MOVING = 1 << 0, 1 << 1, 3 << 8, 1 << 12, 1 << 18, 1 << 19, 1 << 22

TELLS_START_AND_END = frozenset({"V4.1.0"})
"""Firmware that marks start and end of what lasts; the others tell it again and again (standards leave it open)."""
WARNING_MARGIN_KMH = 1.0
REMEMBERED = 90
NOISE_M = 3.0
"""Standard deviation of a fix."""


@dataclass(frozen=True, slots=True)
class Report:
    """One location as the terminal took it. Coordinates in 1e-6 degrees north and east; units as on the wire."""

    at_s: int
    """Device time, seconds since 1970 (UTC); on the wire it is China Standard Time."""
    lat_e6: int
    lon_e6: int
    altitude_m: int
    speed_dkmh: int
    direction_deg: int
    alarm: int
    status: int
    items: tuple[tuple[int, bytes], ...]
    zone_h: int = 8
    """Zone of the time on the wire; the standard's is China's."""

    @property
    def fixed(self) -> bool:
        return bool(self.status & FIXED)


class Instruments:
    """The gauges of one truck: turns the state of its drive into reports, with the troubles this truck has."""

    def __init__(self, drive: Drive) -> None:
        self.drive = drive
        self.edition = drive.truck.edition
        speech = drive.truck.speech
        self._speech = speech
        self.safety = SafetyAlarms(speech.safety, drive.truck.terminal_id) if speech.safety else None
        """The cameras of active safety; None where the truck has none."""
        rng = Random(f"instruments {drive.truck.vin}")
        self._rng = drive.rng
        self._lost_channels = 1 << rng.randrange(4) if rng.random() < 0.02 else 0
        self._storage_fault = rng.random() < 0.01
        self._weak_battery = rng.random() < 0.02
        self._antenna_open = rng.random() < 0.005
        self._covered_until_s = 0.0
        self._behaviour: tuple[float, int] = (0.0, 0)
        self.driver = Driver(
            drive.truck, self.safety.rng if self.safety else drive.rng, speech.firmware in TELLS_START_AND_END
        )
        self.sensors = Sensors(drive, self.edition)
        self.triggers: list[int] = []
        """事件项编码 of alarms that began since they were last taken: each has pictures taken."""
        self._emergency = False
        self._last_fix: tuple[float, float] = drive.place()
        self.recent: deque[Report] = deque(maxlen=REMEMBERED)
        """The last reports in order of time, for the driving recorder."""

    def acknowledged(self, alarm: int) -> None:
        """The platform confirmed a report with these alarm bits, or an alarm by hand (0x8203)."""
        if alarm & EMERGENCY:
            self._emergency = False

    def call_for_help(self) -> None:
        """The driver presses the button."""
        self._emergency = True
        self.triggers.append(BUTTON_EVENT)

    def triggered(self) -> list[int]:
        """``triggers`` since the last call."""
        found, self.triggers = self.triggers, []
        return found

    def take(self, watched: bool = False) -> Report:
        """A report of the present moment; ``watched``: with what the cameras of active safety saw since the last such
        one."""
        drive, rng = self.drive, self._rng
        if drive.mode == DRIVING and rng.random() < 2e-6:
            self.call_for_help()
        speed_kmh = drive.speed_mps * 3.6  # a receiver still tells it in the report of the blow that ends it
        mishap = self.sensors.bits(self.edition, watched)
        if self.sensors.crashed:
            self.sensors.crashed = False
            self.triggers.append(CRASH_EVENT)
        fixed = not drive.in_tunnel
        lon, lat = self._fix(fixed)
        alarm, extra = self._alarms()
        alarm |= mishap
        status = DOORS_LOCKED if drive.moving else 0
        status |= ACC if drive.mode in (DRIVING, LOADING) else 0
        status |= FULL if drive.loaded else 0
        status |= (FIXED | GPS | BEIDOU) if fixed else 0
        status |= MOVING if drive.moving and self.edition == 2019 else 0
        satellites = rng.randrange(11, 24) if fixed else 0
        radio = rng.randrange(18, 32) if fixed else rng.randrange(0, 6)
        items = [
            (0x01, int(drive.odometer_m / 100).to_bytes(4, "big")),
            (0x02, int(drive.fuel_l * 10).to_bytes(2, "big")),
            (0x03, int(max(0.0, speed_kmh + rng.uniform(-0.6, 0.6)) * 10).to_bytes(2, "big")),
            (0x25, self._signals().to_bytes(4, "big")),
            (0x30, bytes([radio])),
            (0x31, bytes([satellites])),
            *extra,
        ]
        if watched and self.safety is not None:
            items += self._seen(self.safety, speed_kmh, lat, lon)
        items += self._speech.items
        report = Report(
            zone_h=self._speech.zone_h,
            at_s=int(drive.now_s),
            lat_e6=round(lat * 1e6),
            lon_e6=round(lon * 1e6),
            altitude_m=_altitude_m(lon, lat),
            speed_dkmh=round(speed_kmh * 10) if fixed else 0,
            direction_deg=int(drive.bearing_deg) % 360,
            alarm=alarm,
            status=status,
            items=tuple(items),
        )
        if not self.recent or report.at_s > self.recent[-1].at_s:
            self.recent.append(report)
        return report

    def _seen(self, safety: SafetyAlarms, speed_kmh: float, lat: float, lon: float) -> list[tuple[int, bytes]]:
        """The alarms of active safety that go with a report."""
        drive = self.drive
        alarms = self.driver.seen(drive.now_s, speed_kmh, drive.moving)
        if not alarms:
            return []
        time = device_time(int(drive.now_s), self._speech.zone_h)
        place = (round(lat * 1e6), round(lon * 1e6), _altitude_m(lon, lat))
        return [
            safety.item((kind.item, kind.type), time, round(speed_kmh), *place, flag, number)
            for kind, flag, number in alarms
        ]

    def _fix(self, fixed: bool) -> tuple[float, float]:
        """Place with the noise of a receiver; without sky the last known place (reference §11.3, 15)."""
        if fixed:
            lon, lat = self.drive.place()
            noise = NOISE_M if self.drive.moving else NOISE_M / 3
            lat += self._rng.gauss(0, noise) / METRES_PER_DEGREE
            lon += self._rng.gauss(0, noise) / METRES_PER_DEGREE
            self._last_fix = (lon, lat)
        return self._last_fix

    def _alarms(self) -> tuple[int, list[tuple[int, bytes]]]:
        drive, rng = self.drive, self._rng
        alarm = EMERGENCY if self._emergency else 0
        items: list[tuple[int, bytes]] = []
        excess_kmh = drive.excess_kmh
        if excess_kmh > OVERSPEED_MARGIN_KMH:
            alarm |= OVERSPEED
            items.append((0x11, b"\0"))  # no area: the limit is the road's
        elif excess_kmh > WARNING_MARGIN_KMH:
            alarm |= OVERSPEED_WARNING
        if drive.driven_s > FATIGUE_S:
            alarm |= FATIGUE
        elif drive.driven_s > FATIGUE_WARNING_S:
            alarm |= FATIGUE_WARNING
        if self._weak_battery and not drive.moving:
            alarm |= UNDERVOLTAGE
        if self._antenna_open:
            alarm |= ANTENNA_OPEN
        video = 0
        if self._lost_channels:
            alarm |= CAMERA_FAULT
            video |= 1 << 0
            items.append((0x15, self._lost_channels.to_bytes(4, "big")))
        if rng.random() < 2e-4:
            self._covered_until_s = drive.now_s + rng.uniform(60, 600)
        if drive.now_s < self._covered_until_s:
            video |= 1 << 1
            items.append((0x16, (1 << 0).to_bytes(4, "big")))
        if self._storage_fault:
            video |= 1 << 2
            items.append((0x17, (1 << 0).to_bytes(2, "big")))
        if drive.moving and rng.random() < 2e-4:
            self._behaviour = (drive.now_s + 30, rng.choice((1, 2, 4)))  # fatigue, phone, smoking
        until_s, kind = self._behaviour
        if self.safety is None and drive.now_s < until_s:  # else the cameras of active safety tell it
            video |= 1 << 5
            items.append((0x18, kind.to_bytes(2, "big") + bytes([60 if kind & 1 else 0])))
        if video:
            items.insert(0, (0x14, video.to_bytes(4, "big")))
        return alarm, items

    def _signals(self) -> int:
        """扩展车辆信号状态位: low beam at night, turn signals, brake, neutral."""
        drive = self.drive
        hour = (drive.now_s + CHINA_S) / 3600 % 24
        signals = (1 << 0) if drive.moving and (hour < 6.5 or hour > 18.5 or drive.in_tunnel) else 0
        signals |= {1: 1 << 2, -1: 1 << 3, 0: 0}[drive.turning]
        signals |= (1 << 4) if drive.moving and drive.speed_mps * 3.6 < 0.8 * drive.limit_kmh else 0
        return signals | (0 if drive.moving else 1 << 10)


def _altitude_m(lon: float, lat: float) -> int:
    """A made-up relief: flat by the sea, hills in the north."""
    hills = max(lat - 22.8, 0.0) * 90
    return int(12 + hills * (1 + 0.6 * sin(lon * 9) * sin(lat * 11)))
