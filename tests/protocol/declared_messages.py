"""Hypothesis strategies for every declared message, item and parameter, built by walking the declarations."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

import luwei.protocol.jt808.messages  # noqa: F401 - declares them
from luwei.protocol.choices import ByLength, FirstFit
from luwei.protocol.fields import (
    Bytes,
    CountedText,
    Digits,
    FixedText,
    Integer,
    MeasuredBytes,
    Text,
    Time,
    WireType,
)
from luwei.protocol.jt808.items import ITEM_TYPES, Item, ItemList, Items
from luwei.protocol.jt808.messages.location import Location, SizedLocations
from luwei.protocol.jt808.parameters import PARAMETERS, Parameter, ParameterList
from luwei.protocol.jt808.recorder import Packet, RecorderBlock
from luwei.protocol.message import EDITIONS, REGISTRY, Message, Nested, Record
from luwei.protocol.repeated import Repeated

LETTERS = st.sampled_from("ABCXYZ0123456789-.:;粤京深圳测试报警")
MESSAGES = [
    (table, edition)
    for message in REGISTRY.values()
    for table in message.variants or (message,)
    for edition in EDITIONS
    if table.since <= edition <= table.until
]
"""Every table with the editions that define it."""


def text(longest: int) -> st.SearchStrategy[str]:
    """Text whose GBK form is at most ``longest`` bytes."""
    return st.text(LETTERS, max_size=longest // 2)


def wire_values(wire: WireType[Any], edition: int) -> st.SearchStrategy[Any]:
    """Values that ``wire`` can write in ``edition``."""
    if isinstance(wire, Integer):
        return st.integers(0, wire.highest)
    if isinstance(wire, Digits):
        return st.binary(min_size=wire.size, max_size=wire.size).map(bytes.hex)
    if isinstance(wire, Time):
        return st.datetimes().map(
            lambda at: at.replace(year=2000 + at.year % 100, month=1).strftime("%Y-%m-%d %H:%M:%S")
        )
    if isinstance(wire, MeasuredBytes):
        return st.binary(max_size=40)
    if isinstance(wire, Bytes):
        return st.binary(min_size=wire.size or 1, max_size=wire.size or 40)
    if isinstance(wire, FixedText):
        return text(wire.size)
    if isinstance(wire, CountedText):
        return text(min(wire.most, 60))
    if isinstance(wire, Text):
        return text(60).filter(bool)
    if isinstance(wire, RecorderBlock):
        return packets(wire)
    if isinstance(wire, ByLength):
        return st.sampled_from(wire.blocks).flatmap(lambda block: records(block.record, edition))
    if isinstance(wire, Nested):
        return records(wire.record, edition)
    if isinstance(wire, Repeated):
        least, most = (wire.times, wire.times) if wire.times else (0, 9)
        if wire.times > 9:  # a long list of one drawn element, for speed
            return wire_values(wire.element, edition).map(lambda element: (element,) * wire.times)
        return st.lists(wire_values(wire.element, edition), min_size=least, max_size=most).map(tuple)
    if isinstance(wire, ItemList):
        return st.lists(items(), max_size=12).map(lambda found: Items(tuple(found)))
    if isinstance(wire, SizedLocations):
        return st.lists(records(Location, edition), max_size=5).map(tuple)
    if isinstance(wire, ParameterList):
        return st.lists(parameters(edition), max_size=12).map(tuple)
    raise NotImplementedError(wire.label)


def packets(wire: RecorderBlock) -> st.SearchStrategy[Packet]:
    """Recorder packets: with records, with bytes of a command that has no layout, and of a failure."""
    known = st.sampled_from(sorted(wire.tables)).flatmap(
        lambda command: st.lists(records(wire.tables[command][0], 2019), min_size=1, max_size=2).map(
            lambda found: Packet(command, tuple(found))
        )
    )
    return known | st.builds(Packet, st.just(0x55), st.binary(max_size=20)) | st.just(Packet(0xFA))


@st.composite
def records(draw: Any, record: type[Record], edition: int) -> Any:
    """Records of one declaration, with and without the fields that may be absent."""
    fields = record.fields_in(edition)
    end = draw(st.sampled_from([index for index, f in enumerate(fields) if f.may_end] + [len(fields)]))
    counts = {f.name for f in fields if f.counts}
    values: dict[str, Any] = {}
    for f in fields[:end]:
        if f.counts:
            values[f.name] = 0  # a condition sees that it is there; the list itself comes later
        elif f.when is None or f.when.holds(values):
            wire = f.type_in(edition)
            if isinstance(wire, FirstFit):
                wire = next(inner for when, inner in wire.alternatives if when is None or when.holds(values))
            values[f.name] = draw(wire_values(wire, edition))
    return record(**{name: value for name, value in values.items() if name not in counts})


def item_records(item_id: int) -> st.SearchStrategy[Any]:
    """Records of one item, in any of its layouts."""
    declared = ITEM_TYPES[item_id]
    return st.sampled_from(declared.tables or (declared.record,)).flatmap(lambda table: records(table, 2019))


def items() -> st.SearchStrategy[Item]:
    """Items of the table, and unknown ones."""
    known = st.sampled_from(sorted(ITEM_TYPES)).flatmap(
        lambda item_id: item_records(item_id).map(lambda record: Item.of(item_id, record))
    )
    return known | st.builds(Item, st.integers(0, 255), st.binary(max_size=40))


def parameters(edition: int) -> st.SearchStrategy[Parameter]:
    """Parameters that ``edition`` has."""
    known = [p for p in PARAMETERS.values() if p.since <= edition <= p.until]

    def build(found: Any) -> st.SearchStrategy[Parameter]:
        return wire_values(found.type_in(edition), edition).map(lambda value: Parameter.of(found.id, value, edition))

    return st.sampled_from(known).flatmap(build).filter(lambda parameter: len(parameter.raw) < 256)


def bodies() -> st.SearchStrategy[tuple[type[Message], int, bytes]]:
    """Encoded bodies of any declared message in any edition."""
    return st.sampled_from(MESSAGES).flatmap(
        lambda declared: records(*declared).map(lambda message: (*declared, message.encode(declared[1])))
    )
