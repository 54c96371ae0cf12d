"""VIN 车架号 (车辆识别代号): 17 characters with a check digit in the ninth place (ISO 3779, GB 16735-2019 §5)."""

from __future__ import annotations

from luwei.registry.errors import RegistryError

LENGTH = 17
ALPHABET = frozenset("ABCDEFGHJKLMNPRSTUVWXYZ0123456789")

_VALUES = {char: int(char) for char in "0123456789"} | dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ", (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9), strict=True)
)
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def check_digit(vin: str) -> str:
    """The ninth character that ``vin`` (17 characters of ALPHABET; the ninth is ignored) must have."""
    remainder = sum(_VALUES[char] * weight for char, weight in zip(vin, _WEIGHTS, strict=True)) % 11
    return "X" if remainder == 10 else str(remainder)


def check(text: str, confirmed: bool = False) -> str:
    """The VIN in capitals without blanks. Raises RegistryError naming the rule it breaks.

    ``confirmed``: a person says that the VIN stands so on the truck though its check digit is wrong. GB 16735 demands
    the digit of vehicles made in China, North America of its own; ISO 3779 leaves it to the region, and European
    makers fill the place with any character. Imported tractors are such; without the escape they could not be entered
    or would be entered with an invented VIN.
    """
    vin = "".join(text.split()).upper()
    if len(vin) != LENGTH:
        raise RegistryError("vin", "must have 17 characters", text)
    if not ALPHABET.issuperset(vin):
        raise RegistryError("vin", "must be letters and digits without I, O and Q", text)
    expected = check_digit(vin)
    if vin[8] != expected and not confirmed:
        rule = (
            f"check digit (ninth character) must be {expected}; set vin_confirmed where the truck truly bears this VIN"
        )
        raise RegistryError("vin", rule, text)
    return vin
