"""Values of a template: what may stand in one, how it becomes bytes, and bytes become values again.

A parameter is ``{"id", "value"}``: a number, text, for a block ``{field: value}``, for a vendor's id hexadecimal. In a
block of active safety a field that is left out stays as it is on the terminal (reference §5); other blocks are whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from luwei.commands.parameter_form import PARAMETERS_MAX, SECRET_IDS, VENDOR, make
from luwei.protocol.choices import ByLength
from luwei.protocol.errors import ProtocolError
from luwei.protocol.fields import Bytes, Integer, WireType
from luwei.protocol.jt808.parameter_blocks import ChannelList, ChannelVideoList, SleepWake
from luwei.protocol.jt808.parameter_ranges import SCALARS, block_bounds, clause_of
from luwei.protocol.jt808.parameters import Parameter, ParameterType, parameter_type
from luwei.protocol.layout import Field
from luwei.protocol.message import EDITIONS, Nested, Record
from luwei.protocol.reading import STANDARD, Reading
from luwei.protocol.repeated import Repeated
from luwei.registry.errors import RegistryError

DIALECTS: Mapping[str, tuple[str, str]] = {"subiao": ("苏标", "T/JSATL 12"), "yuebiao": ("粤标", "T/GDRTA 002")}
BY_DIALECT = (0xF364, 0xF365)
ONE_VEHICLE = frozenset({0x0080, 0x0083})
READ_ONLY = frozenset({0xF370})
ADDRESSES = frozenset({0x0013, 0x0017, 0x0026})
MESSAGE_MAX = 60_000
"""Bytes of one 0x8103."""

Value = int | str | dict[str, Any]
_HOST = r"[A-Za-z0-9.\-]{1,100}|\[[0-9A-Fa-f:]{2,39}\]"


def record_of(declared: ParameterType, dialect: str, edition: int = 2019) -> type[Record] | None:
    """The block that the parameter is in ``dialect``, None where it is one number or text."""
    wire = declared.type_in(edition)
    if isinstance(wire, ByLength):
        return wire.blocks[list(DIALECTS).index(dialect)].record if dialect in DIALECTS else None
    return wire.record if isinstance(wire, Nested) else None


def asked_fields(record: type[Record]) -> list[Field]:
    """The fields of a block that a person sets: what is reserved or counts a list fills itself in."""
    return [f for f in record.fields if f.name not in ("reserved", "tail") and not f.counts]


def sparse(record: type[Record]) -> bool:
    """Whether all ones mean "leave unchanged" in this block."""
    return any(isinstance(f.wire, Integer) and f.wire.all_ones for f in record.fields)


def check(parameters: object, dialect: str, edition: int | None) -> list[dict[str, Any]]:
    """The parameters of a version, sorted by id.

    Raises RegistryError naming ``parameters.0xXXXX`` or its field, the rule and the clause.
    """
    if not isinstance(parameters, Sequence) or isinstance(parameters, str) or not parameters:
        raise RegistryError("parameters", "must hold at least one parameter")
    if len(parameters) > PARAMETERS_MAX:
        raise RegistryError("parameters", f"must hold at most {PARAMETERS_MAX} parameters", len(parameters))
    found: dict[int, dict[str, Any]] = {}
    for entry in parameters:
        if not isinstance(entry, Mapping) or set(entry) != {"id", "value"}:
            raise RegistryError("parameters", "each entry must have id and value", entry)
        key = entry["id"]
        if isinstance(key, bool) or not isinstance(key, int) or not 0 < key <= 0xFFFF:
            raise RegistryError("parameters", "must hold parameter ids from 1 to 0xFFFF", key)
        if key in found:
            raise _refusal(key, "", "stands in the template twice", key)
        found[key] = {"id": key, "value": check_value(key, entry["value"], dialect, edition)}
    written = {key: encoded(each, dialect) for key, each in found.items()}
    if not any(all(e in raws for raws in written.values()) for e in EDITIONS):
        raise RegistryError("parameters", "no edition has all of them: make a template for each edition")
    size = sum(5 + max(map(len, raws.values())) for raws in written.values())
    if size > MESSAGE_MAX:
        raise RegistryError("parameters", f"make {size} bytes, at most {MESSAGE_MAX} fit one 0x8103", size)
    return [found[key] for key in sorted(found)]


def check_value(key: int, value: Any, dialect: str, edition: int | None) -> Value:
    """One value as it is kept. Raises RegistryError."""
    declared = parameter_type(key)
    if declared is None and key not in VENDOR:
        raise _refusal(key, "", "is reserved: no edition has it", value)
    for ids, rule in (
        (ONE_VEHICLE, "belongs to one vehicle: a template would give it to all"),
        (READ_ONLY, "is read only"),
        (SECRET_IDS, "is a password: send it by the command set_parameters, where nobody reads it again"),
    ):
        if key in ids:
            raise _refusal(key, "", rule, "")
    if declared is not None and edition is not None and declared.type_in(edition) is None:
        raise _refusal(key, "", f"edition {edition} has no such parameter", value)
    if key in BY_DIALECT and dialect not in DIALECTS:
        raise _refusal(key, "", "needs a template with a dialect: its block differs by dialect", dialect)
    record = None if declared is None else _block(declared, dialect)
    if record is not None:
        checked: Value = _check_block(key, record, value)
    else:
        checked = _check_scalar(key, declared, value, edition)
    if not encoded({"id": key, "value": checked}, dialect):
        raise _refusal(key, "", "no edition has it", value)
    return checked


def encoded(entry: Mapping[str, Any], dialect: str) -> dict[int, bytes]:
    """The bytes of a checked parameter by edition; editions without it are left out."""
    out: dict[int, bytes] = {}
    for edition in EDITIONS:
        value = as_sent(entry, dialect)
        try:
            made = make(entry["id"], value, edition)
        except ProtocolError:
            continue
        if made is not None:
            out[edition] = made.raw
    return out


def as_sent(entry: Mapping[str, Any], dialect: str) -> int | str:
    """The value as the command ``set_parameters`` takes it: blocks in hexadecimal."""
    value = entry["value"]
    declared = parameter_type(entry["id"])
    record = None if declared is None else _block(declared, dialect)
    return value if record is None else build(record, value).encode(2019).hex()


def value_of(parameter: Parameter, edition: int, dialect: str, reading: Reading = STANDARD) -> Value:
    """What a terminal reported, in the form of a template.

    Raises RegistryError where a template may not hold it or its bytes are not what the standard says.
    """
    declared = parameter_type(parameter.id)
    if declared is None:
        return check_value(parameter.id, parameter.raw.hex(), dialect, edition)
    read = parameter.value(edition, reading)
    if read is None:
        raise _refusal(parameter.id, "", f"{len(parameter.raw)} bytes are no {declared.zh}", parameter.raw.hex())
    return check_value(parameter.id, _plain(read), dialect, edition)


def build(record: type[Record], values: Mapping[str, Any]) -> Record:
    """The block with these fields; where left out, all ones or what the block's table says."""
    given: dict[str, Any] = {}
    for declared in record.fields:
        wire = declared.type_in(2019)
        if declared.name in values:
            given[declared.name] = _read_in(wire, values[declared.name])
        elif isinstance(wire, Integer) and wire.all_ones and declared.name != "reserved":
            given[declared.name] = wire.highest
    return record(**given)


def _block(declared: ParameterType, dialect: str) -> type[Record] | None:
    edition = next(e for e in reversed(EDITIONS) if declared.type_in(e) is not None)
    return record_of(declared, dialect, edition)


def _read_in(wire: WireType[Any], value: Any) -> Any:
    if isinstance(wire, Repeated) and isinstance(wire.element, Nested):
        return tuple(build(wire.element.record, each) for each in value)
    return bytes.fromhex(value) if isinstance(wire, Bytes) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        plain = {f.name: _plain(getattr(value, f.name)) for f in asked_fields(type(value))}
        kept = {
            f.name for f in type(value).fields if isinstance(f.wire, Integer) and f.wire.special(plain.get(f.name, 0))
        }
        return {name: each for name, each in plain.items() if each is not None and name not in kept}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def _refusal(key: int, name: str, rule: str, value: object) -> RegistryError:
    field = f"parameters.0x{key:04X}" + (f".{name}" if name else "")
    return RegistryError(field, f"{rule} ({clause_of(key)})", value)


def _check_scalar(key: int, declared: ParameterType | None, value: Any, edition: int | None) -> Value:
    if declared is None:
        try:
            raw = bytes.fromhex(value) if isinstance(value, str) else b""
        except ValueError:
            raw = b""
        if not 0 < len(raw) <= 255:
            raise _refusal(key, "", "must be 1 to 255 bytes in hexadecimal: it is the vendor's own", value)
        return raw.hex()
    wires = [w for e in EDITIONS if e in (edition or e, e) and (w := declared.type_in(e)) is not None]
    if not isinstance(wires[-1], Integer):
        return _check_text(key, value, edition)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _refusal(key, "", "must be a whole number", value)
    bounds = SCALARS.get(key)
    highest = min(w.highest for w in wires if isinstance(w, Integer))
    if bounds is not None and not bounds.holds(value):
        raise _refusal(key, "", f"must be from {bounds}{_unit(declared)}", value)
    if not 0 <= value <= highest:
        raise _refusal(key, "", f"must be from 0 to {highest}{_unit(declared)}", value)
    if declared.values is not None and value not in declared.values:
        raise _refusal(key, "", f"must be one of {', '.join(map(str, declared.values))}", value)
    return value


def _unit(declared: ParameterType | Field) -> str:
    return "" if declared.unit is None else f" (in {declared.unit})"


def _check_text(key: int, value: Any, edition: int | None) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise _refusal(key, "", "must be text without control characters", value)
    try:
        size = len(value.encode("gbk"))
    except UnicodeEncodeError as error:
        raise _refusal(key, "", f"has a character that GBK lacks: {value[error.start]!r}", value) from None
    if size > 255:
        raise _refusal(key, "", f"must have at most 255 bytes of GBK, has {size}", value)
    if key in ADDRESSES and value:
        if edition is None:
            raise _refusal(key, "", "needs a template for one edition: 2019 writes host:port, earlier ones host", value)
        port = r":\d{1,5}" if edition == 2019 else ""
        one = f"(?:{_HOST}){port}"
        if not re.fullmatch(f"{one}(?:;{one})*" if edition == 2019 else one, value):
            form = "host:port, several separated by ;" if port else "an address without port"
            raise _refusal(key, "", f"must be {form} in edition {edition}", value)
    return value


def _check_block(key: int, record: type[Record], value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _refusal(key, "", "must be given field by field", value)
    fields = {f.name: f for f in asked_fields(record)}
    for name in value:
        if name not in fields:
            raise _refusal(key, str(name), "is no field of this block", value[name])
    checked: dict[str, Any] = {}
    for name, declared in fields.items():
        if value.get(name) is None:
            if (sparse(record) and isinstance(declared.wire, Integer)) or declared.may_end:
                continue
            raise _refusal(key, name, "must be given", "")
        checked[name] = _check_field(key, record, declared, value[name])
    if not checked:
        raise _refusal(key, "", "must set at least one field", "")
    _check_whole(key, record, checked)
    return checked


def _check_field(key: int, record: type[Record], declared: Field, value: Any) -> Any:
    name, wire = declared.name, declared.type_in(2019)
    if isinstance(wire, Repeated) and isinstance(wire.element, Nested):
        if not isinstance(value, list) or len(value) > 64:
            raise _refusal(key, name, "must be a list of at most 64 entries", value)
        return [_check_block(key, wire.element.record, each) for each in value]
    if not isinstance(wire, Integer):
        try:
            wire.write(value, 2019)
        except (ProtocolError, TypeError, AttributeError):
            raise _refusal(key, name, f"must be {wire.label}", value) from None
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        raise _refusal(key, name, "must be a whole number", value)
    bounds = block_bounds(record, name)
    highest = wire.highest - bool(wire.all_ones)
    if bounds is not None and not bounds.holds(value):
        raise _refusal(key, name, f"must be from {bounds}{_unit(declared)}", value)
    if not 0 <= value <= highest:
        raise _refusal(key, name, f"must be from 0 to {highest}{_unit(declared)}", value)
    return value


KIND_TOTALS = ("audio_video", "audio", "video")
"""Totals of 0x0076 by the kind of its channels, 0 to 2."""
LISTED_MAX: Mapping[type[Record], int] = {ChannelList: 63, ChannelVideoList: 12}
"""Channels that fit 255 bytes: 3 + 4 each, 1 + 21 each (1078 §5.3.1)."""


def _check_whole(key: int, record: type[Record], values: Mapping[str, Any]) -> None:
    """Rules that bind several fields."""
    most = LISTED_MAX.get(record)
    if most is not None:
        numbers = [each["logical_channel"] for each in values["channels"]]
        if len(numbers) > most:
            raise _refusal(key, "channels", f"must list at most {most}: a value has 255 bytes", len(numbers))
        twice = next((number for number in numbers if numbers.count(number) > 1), None)
        if twice is not None:
            raise _refusal(key, "channels", f"must list each logical channel once, has {twice} twice", twice)
    if record is ChannelList:
        told = sum(values[name] for name in KIND_TOTALS)
        if told != len(values["channels"]):
            rule = f"must list the {told} channels that the three totals announce, has {len(values['channels'])}"
            raise _refusal(key, "channels", rule, "")
        for kind, name in enumerate(KIND_TOTALS):
            listed = sum(each["kind"] == kind for each in values["channels"])
            if listed != values[name]:
                raise _refusal(key, name, f"must be the {listed} channels of this kind that are listed", values[name])
    if record is SleepWake:
        if len(values["periods"]) != 4:
            raise _refusal(key, "periods", "must hold four periods", len(values["periods"]))
        for text in (each[name] for each in values["periods"] for name in ("wake", "close")):
            if not re.fullmatch(r"([01]\d|2[0-3])[0-5]\d", text):
                raise _refusal(key, "periods", "must hold times of day as HHMM", text)


def given_fields(entries: Iterable[Mapping[str, Any]]) -> int:
    """How many single values a template sets."""
    return sum(len(each["value"]) if isinstance(each["value"], dict) else 1 for each in entries)
