"""What a field of the registry may hold, whoever enters it: a person, a file, the command line.

Every check takes what was given, returns what is stored and raises RegistryError naming the field and the rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from typing import Any

from luwei.registry.errors import RegistryError

Check = Callable[[Any], Any]

_CREDIT_CODE = re.compile(r"[0-9A-HJ-NPQRTUWXY]{2}\d{6}[0-9A-HJ-NPQRTUWXY]{10}")
_CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


@dataclass(slots=True)
class Checked:
    """Values that kept their rules, and an error for each that did not."""

    values: dict[str, Any] = field(default_factory=dict)
    errors: list[RegistryError] = field(default_factory=list)

    def take(self, given: Mapping[str, Any], checks: Mapping[str, Check]) -> None:
        """Run the check of every given field; a field without a check is refused."""
        for name, value in given.items():
            if name not in checks:
                self.errors.append(RegistryError(name, "is not a field that can be set", value))
                continue
            self.attempt(name, partial(checks[name], value))

    def attempt(self, name: str, check: Callable[[], Any]) -> None:
        """Store the check's result under ``name`` or keep its error."""
        try:
            self.values[name] = check()
        except RegistryError as error:
            self.errors.append(error)

    def require(self, *names: str) -> None:
        """An error for each of ``names`` that was not given at all."""
        seen = self.values.keys() | {error.field for error in self.errors}
        self.errors += [RegistryError(name, "must be given") for name in names if name not in seen]

    def raise_first(self) -> dict[str, Any]:
        """The values. Raises the first error, if any."""
        if self.errors:
            raise self.errors[0]
        return self.values


def text(name: str, length: int) -> Check:
    """One line of at most ``length`` printable characters, not empty."""

    def check(value: Any) -> str:
        stripped = value.strip() if isinstance(value, str) else ""
        if not stripped:
            raise RegistryError(name, "must not be empty", value)
        if len(stripped) > length:
            raise RegistryError(name, f"must have at most {length} characters", value)
        if not stripped.isprintable():
            raise RegistryError(name, "must not contain control characters", value)
        return stripped

    return check


def optional(check: Check, empty: Any = None) -> Check:
    """``check``, or ``empty`` for None and for blank text."""
    return lambda value: empty if value is None or (isinstance(value, str) and not value.strip()) else check(value)


def key(name: str) -> Check:
    """An id of another row: a positive integer; whether it exists is asked of the database."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1 << 31:
            raise RegistryError(name, "must be the id of a row", value)
        return value

    return check


def one_of(name: str, allowed: Mapping[Any, str] | tuple[Any, ...]) -> Check:
    """One of the keys of ``allowed``."""

    def check(value: Any) -> Any:
        if isinstance(value, bool) or value not in allowed:
            raise RegistryError(name, f"must be one of {', '.join(str(each) for each in allowed)}", value)
        return value

    return check


def flag(name: str) -> Check:
    """True or false."""

    def check(value: Any) -> bool:
        if not isinstance(value, bool):
            raise RegistryError(name, "must be true or false", value)
        return value

    return check


def whole(name: str, low: int, high: int) -> Check:
    """A whole number from ``low`` to ``high``."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise RegistryError(name, f"must be a whole number from {low} to {high}", value)
        return value

    return check


_DAY = re.compile(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?(?:[T ]00:00(?::00)?)?")


def day(name: str) -> Check:
    """A calendar day: ``2026-01-31`` or as certificates write it, ``2026年1月31日``, ``20260131``."""

    def check(value: Any) -> date:
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        found = _DAY.fullmatch(value.strip()) if isinstance(value, str) else None
        try:
            if found and 1950 <= int(found[1]) <= 2999:
                return date(*(int(part) for part in found.groups()))
        except ValueError:
            pass
        raise RegistryError(name, "must be a day such as 2026-01-31", value)

    return check


def check_span(checked: Checked, before: Mapping[str, Any], first: str, last: str) -> None:
    """The day ``last`` must not lie before the day ``first``; of a change, the stored one counts for what is kept."""
    start, end = (checked.values.get(name, before.get(name)) for name in (first, last))
    if start is not None and end is not None and end < start and {first, last} & checked.values.keys():
        checked.errors.append(RegistryError(last, f"must not lie before {first}", end))


def device_text(name: str, length: int) -> Check:
    """An identifier as a terminal carries it: printable ASCII without inner blanks."""

    def check(value: Any) -> str:
        stripped = value.strip() if isinstance(value, str) else ""
        if len(stripped) > length:
            raise RegistryError(name, f"must have at most {length} characters", value)
        if not stripped.isascii() or not stripped.isprintable() or " " in stripped:
            raise RegistryError(name, "must be ASCII letters, digits and signs without blanks", value)
        return stripped

    return check


def code(name: str, length: int) -> Check:
    """A number as an office writes it: letters, digits, hyphens and Chinese characters such as 粤, without blanks."""

    def check(value: Any) -> str:
        stripped = "".join(value.split()) if isinstance(value, str) else ""
        if not stripped:
            raise RegistryError(name, "must not be empty", value)
        if len(stripped) > length:
            raise RegistryError(name, f"must have at most {length} characters", value)
        if not re.fullmatch(r"[0-9A-Za-z\u4e00-\u9fff()（）〔〕-]+", stripped):
            raise RegistryError(name, "must be letters, digits, hyphens and Chinese characters", value)
        return stripped.upper()

    return check


def phone(value: Any) -> str:
    """终端手机号 in canonical form: up to 20 BCD digits (JT/T 808-2019 §4.4.3), leading zeros stripped."""
    digits = re.sub(r"[\s-]", "", value) if isinstance(value, str) else ""
    if not re.fullmatch(r"[0-9]{1,20}", digits):
        raise RegistryError("phone", "must be 1 to 20 digits", value)
    return digits.lstrip("0") or "0"


def credit_code(value: Any) -> str:
    """统一社会信用代码: 18 characters with a check character at the end (GB 32100-2015 §5)."""
    code = "".join(value.split()).upper() if isinstance(value, str) else ""
    if not _CREDIT_CODE.fullmatch(code):
        raise RegistryError("credit_code", "must be 18 capitals and digits without I, O, S, V and Z", value)
    total = sum(_CREDIT_ALPHABET.index(char) * pow(3, place, 31) for place, char in enumerate(code[:17]))
    expected = _CREDIT_ALPHABET[(31 - total % 31) % 31]
    if code[17] != expected:
        raise RegistryError("credit_code", f"check character (the last) must be {expected}", value)
    return code
