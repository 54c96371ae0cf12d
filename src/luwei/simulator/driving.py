"""How one truck moves: along a route with acceleration, bends and limits, stops to load and to rest, and starts again.

Time is seconds since 1970 (UTC); nothing here sleeps. ``advance`` may be called as seldom as the truck reports.
"""

from __future__ import annotations

from math import pi, sin, sqrt
from random import Random

from luwei.simulator.fleet import Truck
from luwei.simulator.routes import BRAKING_MPS2, Route, Town, destination, route, towns

DRIVING, LOADING, RESTING, SLEEPING, WRECKED = "driving", "loading", "resting", "sleeping", "wrecked"

ACCELERATION_MPS2 = 0.35
HARD_BRAKING_MPS2 = 1.2
STEP_S = 2.0
OVERSPEED_MARGIN_KMH = 5.0
"""A truck counts as speeding (报警标志 bit 1) from so much above the limit of its road."""
HASTE: tuple[tuple[float, float], ...] = ((1.18, 0.85), (1.32, 0.13), (1.55, 0.02))
"""By how much a hasty driver exceeds the limits, and how often."""
TOP_MPS = 110 / 3.6
"""No heavy truck is faster."""
CALM_S = 900.0
"""How long one who was told to slow down does not hurry."""
REST_AHEAD_M = 500.0
FATIGUE_S, FATIGUE_WARNING_S = 4 * 3600, 3.5 * 3600
"""Continuous driving without 20 minutes of rest: limit of 道路运输车辆动态监督管理办法, and 30 minutes before it."""
CHINA_S = 8 * 3600
NIGHT_END_H = 5.0
LITRES_PER_M = 0.00033
_ODOMETER_EPOCH_S = 1_700_000_000


class Drive:
    """Where one truck is, how fast, and why it stands."""

    def __init__(self, truck: Truck, seed: int, now_s: float, awake: bool = False) -> None:
        """Put the truck somewhere on its way; the same seed and hour give the same start.

        ``awake``: no night rest, whatever the hour.
        """
        self.rng = rng = Random(f"drive {seed} {truck.number} {int(now_s // 3600)}")
        self.truck = truck
        self.now_s = now_s
        self.awake = awake
        self.night_driver = rng.random() < 0.35
        self.cruise = rng.uniform(0.88, 0.99)
        """Share of the limit that this driver keeps to."""
        self.hasty = rng.random() < 0.08
        self.tireless = rng.random() < 0.05
        self.tank_l = rng.choice((300.0, 400.0, 600.0))
        self.fuel_l = self.tank_l * rng.uniform(0.3, 0.95)
        # The odometer goes on with the calendar, so that it does not run backwards when the simulator is restarted.
        self.odometer_m = _odometer_base_m(truck) + (now_s - _ODOMETER_EPOCH_S) * 5.0
        self.speed_mps = 0.0
        self.driving_since_s = now_s
        self.loaded = rng.random() < 0.6
        self._hurry_until_s = self._calm_until_s = 0.0
        self._haste = HASTE[0][0]
        self._phase = truck.number * 2.399963 % (2 * pi)
        """Its own for each truck, spread evenly (golden angle)."""
        self._segment = 0
        self._stop_m, self._stop_kind = 0.0, LOADING
        here = self._home_town() if rng.random() < 0.6 else rng.choice(towns())
        self._take_route(here)
        chance = rng.random()
        if self._night() and not self.night_driver:
            self.at_m = rng.uniform(0.05, 0.9) * self.route.length_m
            self._stand(SLEEPING)
        elif chance < 0.08:
            self.at_m = 0.0
            self._stand(LOADING, rng.random())
        elif chance < 0.14:
            self.at_m = rng.uniform(0.2, 0.8) * self.route.length_m
            self._stand(RESTING, rng.random())
        else:
            self.at_m = rng.uniform(0.02, 0.9) * self.route.length_m
            self._set_off(rng.uniform(0, 0.8) * FATIGUE_WARNING_S)
            self._segment = self.route.segment(self.at_m)
            self.speed_mps = min(self.route.limit_mps[self._segment] * self.cruise, self._possible(0.0, 1.0))

    @property
    def moving(self) -> bool:
        return self.speed_mps > 0.5

    @property
    def limit_kmh(self) -> float:
        """Limit of the road where the truck is."""
        return self.route.limit_mps[self.route.segment(self.at_m)] * 3.6

    @property
    def excess_kmh(self) -> float:
        """How much faster it drives than its road allows."""
        return self.speed_mps * 3.6 - self.limit_kmh

    @property
    def speeding(self) -> bool:
        return self.excess_kmh > OVERSPEED_MARGIN_KMH

    @property
    def driven_s(self) -> float:
        """Continuous driving time; 0 while the truck rests."""
        return self.now_s - self.driving_since_s if self.mode == DRIVING else 0.0

    @property
    def in_tunnel(self) -> bool:
        return self.route.in_tunnel(self.at_m)

    @property
    def bearing_deg(self) -> float:
        return self.route.bearing_deg[self.route.segment(self.at_m)]

    @property
    def turning(self) -> int:
        """-1 left, 1 right, 0 straight on, for the next 80 m."""
        i = self.route.segment(self.at_m)
        if i + 2 >= len(self.route.at_m) or self.route.at_m[i + 1] - self.at_m > 80:
            return 0
        turn = (self.route.bearing_deg[i + 1] - self.route.bearing_deg[i] + 180) % 360 - 180
        return 0 if abs(turn) < 35 else (1 if turn > 0 else -1)

    def place(self) -> tuple[float, float]:
        """Longitude and latitude in degrees."""
        return self.route.place(self.at_m)

    def advance(self, now_s: float) -> None:
        """Let time pass up to ``now_s``; a time already reached changes nothing."""
        if self.mode == DRIVING:
            self._plan_night()
            if self.hasty and self._hurry_until_s < now_s and self.rng.random() < 0.02:
                until_s = now_s + self.rng.uniform(60, 400)
                if now_s >= self._calm_until_s:
                    self.hurry(until_s, self._drawn_haste(now_s))
        while self.now_s < now_s:
            if self.mode == DRIVING:
                step_s = min(STEP_S, now_s - self.now_s)
                self.now_s += step_s
                self._step(step_s)
            else:
                self.now_s = min(now_s, self._until_s)
                if self.now_s >= self._until_s:
                    self._depart()

    def hurry(self, until_s: float, factor: float) -> None:
        """Drive at ``factor`` times the limits for a while."""
        self._hurry_until_s, self._haste = until_s, factor

    def slow_down(self, now_s: float) -> None:
        """Keep to the limits from now on."""
        self._hurry_until_s = 0.0
        self._calm_until_s = now_s + CALM_S

    def rest_soon(self) -> None:
        """Stop at the next place for it and rest."""
        if self.mode == DRIVING and self.at_m + REST_AHEAD_M < self._stop_m:
            self._stop_m, self._stop_kind = self.at_m + REST_AHEAD_M, RESTING

    def crash(self, stands_s: float) -> None:
        """Stand where the truck is, at once, for so long."""
        self.mode = WRECKED
        self.speed_mps = 0.0
        self._until_s = self.now_s + stands_s

    def _drawn_haste(self, now_s: float) -> float:
        rng = Random(f"haste {self.truck.vin} {int(now_s)}")
        return rng.choices([factor for factor, _ in HASTE], [share for _, share in HASTE])[0]

    def _step(self, step_s: float) -> None:
        hurry = self._haste if self.now_s < self._hurry_until_s else 1.0
        way = self.route
        while self._segment < len(way.limit_mps) - 1 and self.at_m >= way.at_m[self._segment + 1]:
            self._segment += 1
        wanted = way.limit_mps[self._segment] * (hurry if hurry > 1 else self.cruise) * (1 + self._unevenness())
        if hurry > 1:
            wanted = min(wanted, TOP_MPS)
        target = max(min(wanted, self._possible(step_s, hurry)), 1.0)
        before = self.speed_mps
        if before < target:
            self.speed_mps = min(target, before + ACCELERATION_MPS2 * step_s)
        else:
            self.speed_mps = max(target, before - HARD_BRAKING_MPS2 * step_s)
        metres = min((before + self.speed_mps) / 2 * step_s, self._stop_m - self.at_m)
        self.at_m += metres
        self.odometer_m += metres
        self.fuel_l = max(self.fuel_l - metres * LITRES_PER_M, 1.0)
        if self._stop_m - self.at_m < 2.0:
            self._stand(self._stop_kind)

    def _unevenness(self) -> float:
        """Nobody holds a speed exactly: slow swings of up to 2.5 %, a matter of time alone, so steps do not show."""
        return 0.016 * sin(self.now_s / 41 + self._phase) + 0.009 * sin(self.now_s / 13 + 2 * self._phase)

    def _possible(self, step_s: float, hurry: float) -> float:
        """Speed from which the next point of the way and the planned stop can be met by braking after this step."""
        way, ahead = self.route, self.speed_mps * step_s
        i = self._segment + 1
        square = (way.top_mps[i] * hurry) ** 2 + 2 * BRAKING_MPS2 * max(way.at_m[i] - self.at_m - ahead, 0.0)
        if i + 1 < len(way.at_m) and way.at_m[i] - self.at_m < ahead:
            beyond = max(way.at_m[i + 1] - self.at_m - ahead, 0.0)
            square = min(square, (way.top_mps[i + 1] * hurry) ** 2 + 2 * BRAKING_MPS2 * beyond)
        stop = 2 * BRAKING_MPS2 * max(self._stop_m - self.at_m - ahead, 0.0)
        return sqrt(min(square, stop))

    def _stand(self, mode: str, share_done: float = 0.0) -> None:
        rng = self.rng
        self.mode = mode
        self.speed_mps = 0.0
        if mode == LOADING:
            length_s = rng.uniform(900, 3000)
        elif mode == RESTING:
            length_s = rng.uniform(1260, 2400)
        else:
            hour = (self.now_s + CHINA_S) / 3600 % 24
            length_s = ((NIGHT_END_H - hour) % 24 + rng.uniform(0, 1.5)) * 3600
        self._until_s = self.now_s + length_s * (1 - share_done)

    def _depart(self) -> None:
        if self.fuel_l < 0.3 * self.tank_l:
            self.fuel_l = self.tank_l * 0.97
        if self.mode == LOADING:
            self.loaded = not self.loaded
            if self.at_m > 0:
                self._take_route(self._goal)
        self._set_off(0.0)

    def _set_off(self, driven_s: float) -> None:
        self.mode = DRIVING
        self.driving_since_s = self.now_s - driven_s
        longest_s = 4.4 * 3600 if self.tireless else self.rng.uniform(2.2, 3.6) * 3600
        reach_m = self.at_m + max(longest_s - driven_s, 600) * 20.0
        self._stop_m, self._stop_kind = self.route.length_m, LOADING
        if reach_m < self.route.length_m - 15_000:
            self._stop_m, self._stop_kind = reach_m, RESTING

    def _plan_night(self) -> None:
        if not self.night_driver and self._stop_kind != SLEEPING and self._night():
            reach_m = self.at_m + 2_000
            if reach_m < self._stop_m:
                self._stop_m, self._stop_kind = reach_m, SLEEPING

    def _night(self) -> bool:
        return not self.awake and (self.now_s + CHINA_S) / 3600 % 24 < NIGHT_END_H - 1

    def _home_town(self) -> Town:
        return self.rng.choice([town for town in towns() if town.city == self.truck.city])

    def _take_route(self, start: Town) -> None:
        for _ in range(20):
            goal = destination(start, self.truck.city, self.rng)
            way = route(start.node, goal.node)
            if way is not None and way.length_m > 2_000:
                break
            start = self._home_town()
        else:
            raise ValueError(f"no route from {start.name} in 20 attempts")
        self.route: Route = way
        self._goal = goal
        self.at_m = 0.0
        self._segment = 0
        self._stop_m = way.length_m


def _odometer_base_m(truck: Truck) -> float:
    return Random(f"odometer {truck.vin}").uniform(20e6, 300e6)
