"""Wire types that look at the bytes to tell which layout they have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from luwei.protocol.errors import ProtocolError
from luwei.protocol.fields import Bytes, Integer, Scope, WireType, hex_text
from luwei.protocol.layout import When
from luwei.protocol.message import Nested, Record
from luwei.protocol.repeated import Repeated


class FirstFit(WireType[Any]):
    """The first of several layouts that reads the rest of the body to its end.

    Each comes with the condition under which it is tried, or None. Where none fits, the bytes stay as they are and
    ``problems`` says so.
    """

    composite = True

    def __init__(self, label: str, problem: str, *alternatives: tuple[When | None, WireType[Any]]) -> None:
        self.label, self.problem, self.alternatives = label, problem, alternatives

    def read(self, data: bytes, at: int, end: int, scope: Scope) -> tuple[Any, int]:
        for when, wire in self.alternatives:
            if when is not None and not when.holds(scope.values):
                continue
            trial = replace(scope, problems=[], spans=None)
            try:
                value, stop = wire.read(data, at, end, trial)
            except ProtocolError:
                continue
            if stop == end:
                if scope.spans is not None:
                    return wire.read(data, at, end, scope)
                scope.room, scope.left = trial.room, trial.left
                return value, stop
        raw = data[at:end]
        if raw:
            scope.odd(self.problem, f"{len(raw)} bytes")
        if scope.spans is not None:
            scope.mark(at, end, "", self.label, hex_text(raw), "未解析")
        return raw, end

    def write(self, value: Any, edition: int) -> bytes:
        if isinstance(value, bytes):
            return value
        for _, wire in self.alternatives:
            if accepts(wire, value):
                return wire.write(value, edition)
        raise ProtocolError("value", f"{self.label}: no layout for {value!r}")

    def json(self, value: Any) -> Any:
        if isinstance(value, bytes):
            return value.hex()
        return next((wire.json(value) for _, wire in self.alternatives if accepts(wire, value)), None)

    def text(self, value: Any) -> str:
        return hex_text(value) if isinstance(value, bytes) else str(value)


def accepts(wire: WireType[Any], value: Any) -> bool:
    """Whether ``value`` is of the Python type that ``wire`` writes."""
    if isinstance(wire, Repeated):
        listed = isinstance(value, Sequence) and not isinstance(value, (str, bytes))
        return listed and all(accepts(wire.element, element) for element in value)
    if isinstance(wire, Nested):
        return type(value) is wire.record
    if isinstance(wire, Integer):
        return isinstance(value, int)
    return isinstance(wire, Bytes) and isinstance(value, bytes)


class ByLength(WireType[Any]):
    """One of several blocks of fixed size: the one that has the length of what is there."""

    composite = True

    def __init__(self, *tables: type[Record]) -> None:
        self.blocks = tuple(Nested(table) for table in tables)
        self.label = " / ".join(block.label for block in self.blocks)

    def fits(self, length: int) -> bool:
        return any(block.size == length for block in self.blocks)

    def read(self, data: bytes, at: int, end: int, scope: Scope) -> tuple[Any, int]:
        for block in self.blocks:
            if block.size == end - at:
                return block.read(data, at, end, scope)
        raise ProtocolError("body_malformed", f"{self.label}: no block of {end - at} bytes", at)

    def write(self, value: Any, edition: int) -> bytes:
        for block in self.blocks:
            if accepts(block, value):
                return block.write(value, edition)
        raise ProtocolError("value", f"{self.label}: no layout for {value!r}")

    def json(self, value: Any) -> Any:
        return value.to_json()
