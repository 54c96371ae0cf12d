"""Terminal parameters in a form: which there are, of what type, and how a typed value becomes bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from luwei.protocol.english import english
from luwei.protocol.errors import ProtocolError
from luwei.protocol.fields import Integer, Text
from luwei.protocol.jt808.parameters import PARAMETERS, Parameter, ParameterType, parameter_type
from luwei.protocol.message import EDITIONS
from luwei.protocol.reading import STANDARD, Reading
from luwei.registry.errors import RegistryError

PARAMETERS_MAX = 200
VENDOR = range(0xF000, 0x10000)
SECRET_IDS = frozenset({0x0012, 0x0016, 0x0025})
"""Dial-up passwords: shown to nobody."""
HIDDEN = "••••"

Refuse = Callable[[str, object], RegistryError]


def form_type(declared: ParameterType) -> str:
    """``integer``, ``text`` or ``hex`` (a block of fields)."""
    wire = next(wire for edition in reversed(EDITIONS) if (wire := declared.type_in(edition)) is not None)
    return "integer" if isinstance(wire, Integer) else "text" if isinstance(wire, Text) else "hex"


def parameter_rows() -> list[dict[str, Any]]:
    """Every parameter that a standard names, as the console needs it."""
    rows = []
    for declared in PARAMETERS.values():
        wires = [wire for edition in EDITIONS if (wire := declared.type_in(edition)) is not None]
        high = max((wire.highest for wire in wires if isinstance(wire, Integer)), default=0)
        unit = declared.unit
        rows.append(
            {
                "id": declared.id,
                "zh": declared.zh,
                "en": declared.en,
                "type": form_type(declared),
                "high": high,
                "unit": "" if unit is None else unit.symbol,
                "decimals": 0 if unit is None else unit.decimals,
                "values": [
                    {"value": v, "zh": text, "en": english(text)} for v, text in (declared.values or {}).items()
                ],
                "since": declared.since,
                "until": declared.until,
            }
        )
    return rows


def check_parameter_id(refuse: Refuse, value: Any) -> int:
    """A parameter id that can be asked for."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= 0xFFFF:
        raise refuse("must hold parameter ids from 1 to 0xFFFF", value)
    return value


def check_parameter(refuse: Refuse, entry: Any) -> dict[str, Any]:
    """``{"id", "value"}`` as it is kept, with ``size`` in bytes."""
    if not isinstance(entry, Mapping) or set(entry) != {"id", "value"}:
        raise refuse("each entry must have id and value", entry)
    key = check_parameter_id(refuse, entry["id"])
    found, rule = None, "no edition has it"
    for edition in EDITIONS:
        try:
            found = make(key, entry["value"], edition) or found
        except ProtocolError as error:
            rule = error.detail
    if found is None:
        raise refuse(f"0x{key:04X}: {rule}", entry["value"])
    return {"id": key, "value": entry["value"], "size": len(found.raw)}


def make(key: int, value: Any, edition: int) -> Parameter | None:
    """The parameter as ``edition`` writes it, None where it has none. Blocks and vendors' ids come as hexadecimal.

    Raises ProtocolError ``value``.
    """
    declared = parameter_type(key)
    if declared is None and key not in VENDOR:
        return None
    if declared is None or form_type(declared) == "hex":
        if declared is not None and declared.type_in(edition) is None:
            return None
        try:
            raw = bytes.fromhex(value)
        except (ValueError, TypeError):
            raise ProtocolError("value", "must be bytes in hexadecimal") from None
        if not raw or len(raw) > 255:
            raise ProtocolError("value", "must have 1 to 255 bytes")
        if declared is not None and Parameter(key, raw).value(edition) is None:
            raise ProtocolError("value", f"{len(raw)} bytes are no {declared.zh}")
        return Parameter(key, raw)
    if declared.type_in(edition) is None:
        return None
    if form_type(declared) == "integer" and (isinstance(value, bool) or not isinstance(value, int)):
        raise ProtocolError("value", f"{value!r}: must be a whole number")
    made = Parameter.of(key, value, edition)
    if len(made.raw) > 255:
        raise ProtocolError("value", "must have at most 255 bytes")
    return made


def parameter_view(parameter: Parameter, edition: int, reading: Reading = STANDARD) -> dict[str, Any]:
    """A parameter of an answer: id, names, value for a reader, what it means, and its bytes."""
    declared = parameter_type(parameter.id)
    value = parameter.value(edition, reading)
    text = note = ""
    if declared is not None and value is not None:
        text, note = declared.text(value, edition), declared.explain(value, edition)
    secret = parameter.id in SECRET_IDS and bool(parameter.raw)
    return {
        "id": parameter.id,
        "zh": declared.zh if declared else "保留或厂商自定义参数",
        "en": declared.en if declared else "Reserved or vendor's parameter",
        "text": HIDDEN if secret else text,
        "note": "" if secret else note,
        "note_en": "" if secret else english(note),
        "hex": "" if secret else parameter.raw.hex(),
    }
