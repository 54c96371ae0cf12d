"""The simulated fleet: plausible, repeatable, and ready for the registry's import."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from luwei.geo import areas
from luwei.simulator.fleet import Truck, trucks, write_csv

VIN_DIGITS = (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9)
VIN_VALUES = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", VIN_DIGITS, strict=True)) | {str(d): d for d in range(10)}
VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


@pytest.fixture(scope="module")
def fleet() -> list[Truck]:
    return trucks(2_000, seed=3)


def test_the_same_seed_gives_the_same_fleet() -> None:
    assert trucks(50, seed=7) == trucks(50, seed=7)
    assert trucks(50, seed=7) != trucks(50, seed=8)
    assert not {t.phone for t in trucks(500, seed=7)} & {t.phone for t in trucks(500, seed=8)}


def test_every_city_has_trucks_with_plates_of_its_letter(fleet: list[Truck]) -> None:
    prefix = {city.adcode: city.plate for city in areas()}
    assert {truck.city for truck in fleet} == set(prefix)
    for truck in fleet:
        assert truck.plate.startswith(prefix[truck.city])
        assert re.fullmatch(r"粤[A-HJ-NP-Z][A-HJ-NP-Z0-9]{5}", truck.plate)
        assert truck.plate_color == 2


def test_the_big_cities_have_the_most_trucks(fleet: list[Truck]) -> None:
    most = [adcode for adcode, _ in Counter(truck.city for truck in fleet).most_common(4)]
    assert set(most) == {440100, 440300, 440600, 441900}  # Guangzhou, Shenzhen, Foshan, Dongguan


def test_counties_belong_to_their_city(fleet: list[Truck]) -> None:
    counties = {city.adcode: {county.adcode for county in city.counties} for city in areas()}
    assert all(truck.county in counties[truck.city] for truck in fleet)


def test_identities_are_unique(fleet: list[Truck]) -> None:
    for name in ("phone", "plate", "vin", "terminal_id"):
        assert len({getattr(truck, name) for truck in fleet}) == len(fleet), name


def test_vins_carry_a_valid_check_digit(fleet: list[Truck]) -> None:
    """ISO 3779: weighted sum modulo 11, 10 is X."""
    for truck in fleet:
        rest = sum(VIN_VALUES[c] * w for c, w in zip(truck.vin, VIN_WEIGHTS, strict=True)) % 11
        assert truck.vin[8] == ("X" if rest == 10 else str(rest))


def test_imeis_pass_luhn(fleet: list[Truck]) -> None:
    for truck in fleet[:100]:
        digits = [int(c) for c in truck.imei]
        assert len(digits) == 15
        assert sum(d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits)) % 10 == 0


def test_seven_in_ten_terminals_speak_2019_with_the_field_sizes_of_their_edition(fleet: list[Truck]) -> None:
    assert sum(truck.edition == 2019 for truck in fleet) / len(fleet) == pytest.approx(0.7, abs=0.05)
    for truck in fleet:
        assert len(truck.terminal_id) == (16 if truck.edition == 2019 else 7)
        assert len(truck.manufacturer_id) == (11 if truck.edition == 2019 else 5)


def test_operators_run_several_trucks_in_one_county(fleet: list[Truck]) -> None:
    operators = {truck.operator for truck in fleet}
    assert 100 < len(operators) < 400
    assert len({(truck.operator, truck.county) for truck in fleet}) == len(operators)


@pytest.mark.parametrize("noun", ["vehicles", "terminals", "operators"])
def test_import_files_have_one_row_each(tmp_path: Path, fleet: list[Truck], noun: str) -> None:
    path = tmp_path / f"{noun}.csv"
    count = write_csv(path, fleet, noun)
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == count == (len({t.operator for t in fleet}) if noun == "operators" else len(fleet))
    assert all(all(row.values()) for row in rows)


def test_an_unknown_noun_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be one of"):
        write_csv(tmp_path / "x.csv", [], "drivers")


def test_too_many_trucks_are_refused() -> None:
    with pytest.raises(ValueError, match="100000"):
        trucks(100_001)


def test_a_smaller_fleet_is_the_beginning_of_a_larger_one() -> None:
    assert trucks(60) == trucks(100)[:60] == trucks(300)[:60]
    assert [truck.phone for truck in trucks(60)] != [truck.phone for truck in trucks(60, seed=1)]
