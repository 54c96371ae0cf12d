"""Plate 车牌 of mainland China: normal form for comparing, and the rules a person's or a file's input must keep.

Forms after GA 36-2018: one province character, one letter of the issuing office, then five characters (six for
new-energy plates); I and O are not used. A terminal's registration is held to less: see ``readable``.
"""

from __future__ import annotations

import re
import unicodedata

from luwei.registry.errors import RegistryError

NO_PLATE, BLUE, YELLOW, BLACK, WHITE, GREEN, OTHER = 0, 1, 2, 3, 4, 5, 9

COLORS = {
    BLUE: "蓝",
    YELLOW: "黄",
    BLACK: "黑",
    WHITE: "白",
    GREEN: "绿",
    OTHER: "其他",
    91: "农黄",
    92: "农绿",
    93: "黄绿",
    94: "渐变绿",
}
"""Codes that may be entered (JT/T 415-2006 §5.4.12; 5 and the nineties as national platforms use them after
JT/T 697.7-2014). Any other code a terminal sends is stored as sent."""

PROVINCES = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新"

_ORDINARY = re.compile(rf"[{PROVINCES}][A-HJ-NP-Z][A-HJ-NP-Z0-9]{{4}}[A-HJ-NP-Z0-9挂学警港澳超]")
_SMALL_NEW_ENERGY = re.compile(rf"[{PROVINCES}][A-HJ-NP-Z][A-HJ-NP-Z][A-HJ-NP-Z0-9]\d{{4}}")
_LARGE_NEW_ENERGY = re.compile(rf"[{PROVINCES}][A-HJ-NP-Z]\d{{5}}[A-HJ-NP-Z]")

_LAST = {"挂": (YELLOW,), "学": (YELLOW,), "警": (WHITE,), "港": (BLACK,), "澳": (BLACK,)}
"""Colours of the plates that end with a word: trailer, driving school, police, to Hong Kong, to Macao (GA 36-2018)."""
_CROSS_BORDER = ("港", "澳")

_SEPARATORS = re.compile(r"[\s·•.．\-—_]+")


def normalise(text: str) -> str:
    """The form in which plates are stored and compared: cut at the first 0x00, no blanks or dots, half width, capitals.

    Source of the odd forms: reference §11.2, 11.
    """
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", text.partition("\0")[0])).upper()


def readable(plate: str) -> bool:
    """Whether a normalised plate from a terminal can name a vehicle at all: 1 to 20 printable characters."""
    return 0 < len(plate) <= 20 and plate.isprintable() and "\ufffd" not in plate


def check(text: str, color: int) -> str:
    """The normalised plate of a vehicle entered by a person or a file. Raises RegistryError naming field and rule."""
    if color not in COLORS:
        choices = ", ".join(f"{code} {word}" for code, word in COLORS.items())
        raise RegistryError("plate_color", f"must be one of {choices}", color)
    plate = normalise(text)
    if not plate:
        raise RegistryError("plate", "must not be empty", text)
    if plate[0] not in PROVINCES:
        raise RegistryError("plate", "must begin with the character of a province, such as 粤", text)
    if len(plate) == 8:
        if color not in (GREEN, 93, 94):
            raise RegistryError("plate", "eight characters are a new-energy plate; its colour is 5, 93 or 94", text)
        small, large = bool(_SMALL_NEW_ENERGY.fullmatch(plate)), bool(_LARGE_NEW_ENERGY.fullmatch(plate))
        if not (small or large):
            raise RegistryError("plate", "a new-energy plate has its letter third (small) or last (large)", text)
        if (color == 93 and not large) or (color == 94 and not small):
            rule = "a small new-energy plate is 94 渐变绿, a large one 93 黄绿; 5 绿 stands for both"
            raise RegistryError("plate_color", rule, color)
        return plate
    if len(plate) != 7:
        raise RegistryError("plate", "must have 7 characters, or 8 for new energy", text)
    if color in (GREEN, 93, 94):
        raise RegistryError("plate", "a new-energy plate has 8 characters", text)
    if not _ORDINARY.fullmatch(plate):
        raise RegistryError("plate", "must be province, letter, five letters or digits without I and O", text)
    if plate[-1] in _LAST and color not in _LAST[plate[-1]]:
        wanted = "、".join(COLORS[code] for code in _LAST[plate[-1]])
        raise RegistryError("plate_color", f"a plate that ends with {plate[-1]} is {wanted}", color)
    if plate.startswith("粤Z") != (plate[-1] in _CROSS_BORDER):
        raise RegistryError("plate", "粤Z is for plates that end with 港 or 澳, and they for it", text)
    return plate
