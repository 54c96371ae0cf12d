"""What the gateways say of themselves, as the console reads it."""

from __future__ import annotations

import json
from typing import Any

from luwei.live.gateways import ALIVE_S, FORGET_S, GatewayBoard

NOW = 1_795_156_320_000  # on a ten-second step


def said(gateway: str = "gw-0", **values: Any) -> bytes:
    return json.dumps({"gateway": gateway, "boot": 7, "at": NOW, "port": 7611} | values).encode()


def test_a_gateway_is_alive_as_long_as_it_speaks() -> None:
    board = GatewayBoard()
    board.heard(said(connections=12), NOW)
    item = board.items(NOW + ALIVE_S * 1000)[0]
    assert (item["gateway"], item["connections"], item["alive"]) == ("gw-0", 12, True)
    assert board.items(NOW + ALIVE_S * 1000 + 1)[0]["alive"] is False
    assert board.alive(NOW + 60_000) == (0, 1)
    assert board.boots(NOW) == [7]
    assert board.boots(NOW + 60_000) == []


def test_rates_are_means_of_ten_seconds_and_refusals_a_second_come_from_the_totals() -> None:
    board = GatewayBoard()
    for second in range(20):
        board.heard(
            said(locations_per_s=100.0 + second, frames_per_s=200, connections=5, refused={"checksum": 3 * second}),
            NOW + second * 1000,
        )
    step_s, series = board.rates(60, NOW + 20_000)
    assert step_s == 10
    first, second_step = series[0]["points"]
    assert first == [NOW, 104.5, 200.0, 5.0, 2.7]  # nine differences of 3 in ten samples
    assert second_step == [NOW + 10_000, 114.5, 200.0, 5.0, 3.0]


def test_a_restarted_gateway_never_shows_a_negative_rate() -> None:
    board = GatewayBoard()
    board.heard(said(refused={"short": 1000}), NOW)
    board.heard(said(boot=8, refused={"short": 1}), NOW + 1000)
    assert board.rates(60, NOW + 2000)[1][0]["points"][0][4] == 0.5


def test_a_day_of_points_is_averaged_to_a_bounded_number() -> None:
    board = GatewayBoard()
    for step in range(8_640):
        board.heard(said(locations_per_s=float(step)), NOW + step * 10_000)
    step_s, series = board.rates(1440, NOW + 8_639 * 10_000)
    points = series[0]["points"]
    assert step_s == 120
    assert len(points) in (720, 721)
    assert points[100][1] - points[99][1] == 12.0  # twelve steps of ten seconds a point
    assert [p[0] for p in points] == sorted(p[0] for p in points)


def test_a_gateway_gone_for_a_day_is_forgotten_and_nonsense_changes_nothing() -> None:
    board = GatewayBoard()
    board.heard(said(), NOW)
    board.heard(b"{", NOW)
    board.heard(b'{"gateway": 5}', NOW)
    assert len(board.items(NOW)) == 1
    assert board.items(NOW + FORGET_S * 1000 + 1) == []
