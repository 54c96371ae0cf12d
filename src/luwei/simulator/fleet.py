"""Trucks of Guangdong with their terminals, invented but plausible, the same for the same seed.

Plates follow the letter of the city, VINs carry a valid check digit, operators are invented companies; heavy trucks
have yellow plates (JT/T 415-2006 §5.4.12, code 2). Seven in ten terminals speak the edition of 2019.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from luwei.geo import City, areas
from luwei.simulator.dialects import PLAIN, STANDARD, Speech, speech

YELLOW = 2
PHONE_BASE = 14_400_000_000
"""A number range of machine SIM cards; no person has such a number."""
TRUCKS_PER_SEED = 100_000

_WEIGHT = {
    "广州": 18, "深圳": 14, "佛山": 12, "东莞": 12, "惠州": 6, "中山": 5, "江门": 5, "清远": 4, "湛江": 4, "肇庆": 3.5,
    "珠海": 3, "茂名": 3, "韶关": 3, "汕头": 3, "河源": 2.5, "梅州": 2.5, "揭阳": 2.5, "云浮": 2.5, "阳江": 2,
    "汕尾": 1.5, "潮州": 1.5,
}  # fmt: skip
"""Share of the heavy trucks by city, a guess by freight volume."""

_CLASSES = (
    ("semi_trailer_tractor", 55),
    ("general_freight_12t", 30),
    ("slag_truck", 7),
    ("concrete_mixer", 4),
    ("dangerous_goods", 4),
)
_BUSINESS = {
    "semi_trailer_tractor": ("物流有限公司", "集装箱运输有限公司", "供应链有限公司", "货运有限公司"),
    "general_freight_12t": ("货运有限公司", "运输有限公司", "物流有限公司", "运输车队"),
    "slag_truck": ("土石方工程有限公司", "建筑渣土运输有限公司"),
    "concrete_mixer": ("混凝土有限公司", "建材有限公司"),
    "dangerous_goods": ("危险品运输有限公司", "化工物流有限公司"),
}
_NAME = "宏顺安通达远盛恒捷鑫骏腾瑞和泰兴隆汇丰万昌永利华信嘉德诚联新粤南海山江"
_PLATE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_MAKERS = (  # (code of five, district of its seat, models); invented
    ("70188", "440300", ("YJ-V6", "YJ-V8")),
    ("70231", "440106", ("NT-5S", "NT-7S")),
    ("70305", "440605", ("HD-T20",)),
)
_VIN_MAKERS = ("LZZ5", "LFWS", "LGAX", "LRDS", "LGHX", "LB1A")
_VIN_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
_VIN_VALUES = dict(
    zip(
        "0123456789" + _VIN_LETTERS,
        (*range(10), 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9),
        strict=True,
    )
)
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


@dataclass(frozen=True, slots=True)
class Truck:
    """A vehicle and the terminal in it."""

    number: int
    """0 … n-1 within its fleet."""
    phone: str
    """终端手机号, 11 digits."""
    edition: int
    """2013 or 2019."""
    plate: str
    plate_color: int
    vin: str
    vehicle_class: str
    """A code of the registry, such as ``semi_trailer_tractor``."""
    city: int
    """Adcode of the city of its 道路运输证."""
    county: int
    operator: str
    terminal_id: str
    """7 characters in 2013, 16 in 2019."""
    model: str
    manufacturer_id: str
    """5 characters in 2013, 11 in 2019."""
    imei: str
    speech: Speech = PLAIN[2019]
    """How its terminal speaks."""


@dataclass(frozen=True, slots=True)
class _Operator:
    name: str
    county: int


def _vin(rng: Random, number: int) -> str:
    """17 characters; the ninth is the check digit (ISO 3779, GB 16735-2019)."""
    middle = "".join(rng.choice(_VIN_LETTERS + "0123456789") for _ in range(4))
    open_vin = f"{rng.choice(_VIN_MAKERS)}{middle}0{rng.choice('KLMNPRS')}{rng.choice(_VIN_LETTERS)}{number:06d}"
    rest = sum(_VIN_VALUES[c] * w for c, w in zip(open_vin, _VIN_WEIGHTS, strict=True)) % 11
    return open_vin[:8] + ("X" if rest == 10 else str(rest)) + open_vin[9:]


def _imei(rng: Random) -> str:
    """15 digits, the last by Luhn (3GPP TS 23.003 §6.2)."""
    digits = [8, 6] + [rng.randrange(10) for _ in range(12)]
    total = sum(d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits))
    return "".join(map(str, digits)) + str(-total % 10)


def _plate(rng: Random, city: City, taken: set[str]) -> str:
    while True:
        digits = f"{rng.randrange(10_000):04d}"
        letter = rng.choice(_PLATE_LETTERS)
        tail = letter + digits if rng.random() < 0.7 else letter + rng.choice(_PLATE_LETTERS) + digits[1:]
        plate = city.plate + tail
        if plate not in taken:
            taken.add(plate)
            return plate


def _operators(rng: Random, city: City, vehicle_class: str, count: int, taken: set[str]) -> list[_Operator]:
    result: list[_Operator] = []
    while len(result) < count:
        business = rng.choice(_BUSINESS[vehicle_class])
        name = f"{city.name}{''.join(rng.sample(_NAME, 2))}{business}"
        if name not in taken:
            taken.add(name)
            result.append(_Operator(name, rng.choice(city.counties).adcode))
    return result


BANDS = (300, 3_000, 30_000, TRUCKS_PER_SEED)
"""Sizes of fleets that are made whole: cities and operators are shared out over all of them."""


def trucks(count: int, seed: int = 0, phone_base: int = PHONE_BASE, profiles: str = STANDARD) -> list[Truck]:
    """A fleet of ``count`` trucks: the first of a larger one (``BANDS``), so that a demo that is started again with
    fewer of them, or somewhat more, meets those it knows. Fleets of different seeds (modulo 900) share no phone, plate
    apart by chance.

    ``profiles``: how the terminals speak (``luwei.simulator.dialects``); the trucks are the same whatever it is.

    Raises ValueError when ``count`` is over 100,000.
    """
    if not 0 <= count <= TRUCKS_PER_SEED:
        raise ValueError(f"{count} trucks: must be from 0 to {TRUCKS_PER_SEED}")
    return _fleet(next(band for band in BANDS if count <= band), seed, phone_base, profiles)[:count]


def _fleet(count: int, seed: int, phone_base: int, profiles: str) -> list[Truck]:
    rng = Random(f"fleet {seed}")
    cities = areas()
    homes = rng.choices(cities, [_WEIGHT[city.short] for city in cities], k=count)
    classes = rng.choices([name for name, _ in _CLASSES], [weight for _, weight in _CLASSES], k=count)
    plates: set[str] = set()
    names: set[str] = set()
    operators: dict[tuple[int, str], list[_Operator]] = {}
    for city in cities:
        for vehicle_class, _ in _CLASSES:
            own = sum(1 for h, c in zip(homes, classes, strict=True) if h is city and c == vehicle_class)
            operators[city.adcode, vehicle_class] = _operators(rng, city, vehicle_class, -(-own // 12), names)
    offset = seed % 900 * TRUCKS_PER_SEED
    result = []
    for number, (city, vehicle_class) in enumerate(zip(homes, classes, strict=True)):
        edition = 2019 if rng.random() < 0.7 else 2013
        operator = rng.choice(operators[city.adcode, vehicle_class])
        maker, seat, models = rng.choice(_MAKERS)
        plate, vin = _plate(rng, city, plates), _vin(rng, (offset + number) % 1_000_000)
        model = rng.choice(models)
        result.append(
            Truck(
                number=number,
                phone=str(phone_base + offset + number),
                edition=edition,
                plate=plate,
                plate_color=YELLOW,
                vin=vin,
                vehicle_class=vehicle_class,
                city=city.adcode,
                county=operator.county,
                operator=operator.name,
                terminal_id=f"GD{maker}{offset + number:09d}" if edition == 2019 else _seven(offset + number),
                model=model,
                manufacturer_id=seat + maker if edition == 2019 else maker,
                imei=_imei(rng),
                speech=speech(profiles, model, edition, number),
            )
        )
    return result


def _seven(number: int) -> str:
    """``number`` (below 90 million) as a letter and six digits or letters."""
    text = ""
    for _ in range(6):
        number, digit = divmod(number, 36)
        text = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[digit] + text
    return "T" + text


_COLUMNS = {
    "vehicles": ("plate", "plate_color", "vin", "vehicle_class", "city", "county", "operator"),
    "terminals": ("phone", "terminal_id", "manufacturer_id", "model", "edition", "plate", "plate_color"),
    "operators": ("name", "city", "county"),
}


def write_csv(path: Path, fleet: Iterable[Truck], noun: str) -> int:
    """Write the import file of ``noun`` (operators, vehicles or terminals); returns its rows without the heading.

    Raises ValueError for another noun.
    """
    if noun not in _COLUMNS:
        raise ValueError(f"noun {noun!r}: must be one of {', '.join(_COLUMNS)}")
    columns = _COLUMNS[noun]
    if noun == "operators":
        seen = {truck.operator: (truck.operator, truck.city, truck.county) for truck in fleet}
        rows: list[tuple[object, ...]] = list(seen.values())
    else:
        rows = [tuple(getattr(truck, column) for column in columns) for truck in fleet]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return len(rows)
