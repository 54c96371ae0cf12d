"""Additional items of a location 位置附加信息项: reading, writing, showing. Their table is ``item_types``.

An item is id BYTE, length BYTE, value, repeated to the end of the body. A known id is decoded only when its length is
one that the standard gives; vendors reuse ids (§11.3, 23). Whatever is not decoded keeps its bytes; nothing is
overwritten when an id comes twice (§11.3, 25).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from luwei.protocol.errors import ProtocolError
from luwei.protocol.fields import LATEST, Scope, WireType, hex_text
from luwei.protocol.jt808 import bits
from luwei.protocol.jt808.item_types import STANDARD_ITEMS, ItemType, OverspeedDetail, temperature
from luwei.protocol.message import Record
from luwei.protocol.reading import STANDARD, Reading
from luwei.protocol.repeated import Kept
from luwei.protocol.safety.alarm_items import ALARM_ITEMS, SAFETY_ITEMS, SafetyAlarm

__all__ = [
    "ITEM_LIST",
    "ITEM_TYPES",
    "Item",
    "ItemList",
    "ItemType",
    "ItemView",
    "Items",
    "OverspeedDetail",
    "alarm_names",
    "describe",
    "status_names",
    "temperature",
    "vehicle_signal_names",
    "video_alarm_names",
]

FUEL = 0x02
LONG, LONG_HEAD = frozenset({0xF1, 0xF2}), 5
"""Vendor items of which some 粤标 devices write the length in four bytes (reference active-safety §4.5)."""
HEAD = 2
"""Bytes of id and length."""

ITEM_TYPES: dict[int, ItemType] = STANDARD_ITEMS | {t.id: t for t in SAFETY_ITEMS}
"""Every item of the standards and of active safety by id. Vendors' items are not among them."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item as it came."""

    id: int
    raw: bytes

    @property
    def table(self) -> type[Record] | None:
        """The table of its fields, when id and length both fit."""
        found = ITEM_TYPES.get(self.id)
        return found.table(self.raw) if found else None

    @property
    def value(self) -> Record | None:
        """Its decoded fields, or None when it stays raw. Never raises: the legal lengths are those of the fields."""
        table = self.table
        return table.read(self.raw, 0, len(self.raw), Scope(LATEST))[0] if table else None

    def to_json(self) -> dict[str, Any]:
        """Id, length, bytes, and the value of a single-valued item."""
        out: dict[str, Any] = {"id": f"0x{self.id:02X}", "length": len(self.raw), "hex": self.raw.hex()}
        found = ITEM_TYPES.get(self.id)
        if found is not None and found.json_key and found.table(self.raw):
            out[found.json_key] = int.from_bytes(self.raw, "big")
        return out

    def alarm_json(self) -> dict[str, Any]:
        """An item of active safety with its dialect and fields, or with its bytes as ``undecoded``."""
        value = self.value
        if isinstance(value, SafetyAlarm):
            return {"id": f"0x{self.id:02X}", "dialect": value.dialect} | value.to_json()
        return {"id": f"0x{self.id:02X}", "length": len(self.raw), "undecoded": self.raw.hex()}

    @staticmethod
    def of(item_id: int, record: Record) -> Item:
        """The item that carries ``record``. Raises ProtocolError ``value``."""
        return Item(item_id, record.encode(LATEST))


@dataclass(frozen=True, slots=True)
class Items:
    """The items of one location in order of arrival, and what could not be read behind them."""

    items: Sequence[Item] = ()
    error: str = ""
    """Why reading stopped before the end, or empty."""
    rest: bytes = b""
    """The bytes from there on."""

    def all(self, item_id: int) -> list[Item]:
        """Every item with that id."""
        return [item for item in self.items if item.id == item_id]


class _NextItem(WireType[Item]):
    """One item. Raises ProtocolError ``body_short`` where none can be read."""

    label, cost = "附加信息项", 160

    def read(self, data: bytes, at: int, end: int, scope: Scope) -> tuple[Item, int]:
        item_id = data[at]
        if item_id in LONG and _is_long(data, at, end):
            return Item(item_id, data[at + LONG_HEAD : end]), end
        if at + 1 == end:
            raise ProtocolError("body_short", f"id 0x{item_id:02X} without length", at)
        stop = at + HEAD + data[at + 1]
        if stop > end:
            raise ProtocolError("body_short", f"item 0x{item_id:02X} length {data[at + 1]}, {end - at - HEAD} left", at)
        return Item(item_id, data[at + HEAD : stop]), stop


_NEXT_ITEM = _NextItem()


class ItemList(WireType[Items]):
    """Items to the end of the body. Never fails: what does not fit is kept (§11.3, 24)."""

    label = "附加信息项"
    composite = True

    def read(self, data: bytes, at: int, end: int, scope: Scope) -> tuple[Items, int]:
        items: list[Item] = []
        place, last, most = at, end - 1, scope.room // _NEXT_ITEM.cost
        if scope.spans is None:
            while place < last:  # the common case: few items, each with its length
                stop = place + HEAD + data[place + 1]
                if stop > end or len(items) >= most or not data[place + 1]:
                    break
                items.append(Item(data[place], data[place + HEAD : stop]))
                place = stop
            if place == end:
                scope.room -= _NEXT_ITEM.cost * len(items)
                return Items(tuple(items)), end
        items.clear()
        kept, error, rest = Kept(_NEXT_ITEM, data, scope), "", b""
        while at < end:
            try:
                item, stop = _NEXT_ITEM.read(data, at, end, scope)
                kept.add(item, at, stop)
            except ProtocolError as fault:
                error, rest = fault.detail, data[at:end]
                break
            if scope.spans is not None:
                _mark(item, at, stop, data, scope)
            at = stop
        if error:
            scope.odd("items_broken", error)
            if scope.spans is not None:
                scope.mark(at, end, "", "附加信息", hex_text(rest), error)
        return Items(kept.close(end), error, rest), end

    def write(self, value: Items, edition: int) -> bytes:
        if value.error or value.rest:
            raise ProtocolError("value", f"items that could not be read: {value.error}")
        out = bytearray()
        for item in value.items:
            if not 0 <= item.id <= 255 or len(item.raw) > 255:
                raise ProtocolError(
                    "value", f"item {item.id} of {len(item.raw)} bytes: id and length are one byte each"
                )
            out += bytes((item.id, len(item.raw))) + item.raw
        return bytes(out)

    def json(self, value: Items) -> Any:
        return [item.to_json() for item in value.items]

    def put(self, name: str, value: Items, out: dict[str, Any]) -> None:
        if value.items:
            out[name] = self.json(value)
            alarms = [item.alarm_json() for item in value.items if item.id in ALARM_ITEMS]
            if alarms:
                out["active_safety"] = alarms
        if value.error:
            out[f"{name}_error"] = value.error

    def text(self, value: Items) -> str:
        return ", ".join(f"0x{item.id:02X}" for item in value.items)


def _is_long(data: bytes, at: int, end: int) -> bool:
    """Whether the item at ``at`` has a length of four bytes and ends the body (粤标 0xF1 and 0xF2, [impl])."""
    return data[at + 1 : at + 4] == bytes(3) and at + 4 < end and 0 < data[at + 4] == end - at - LONG_HEAD


def _mark(item: Item, start: int, stop: int, data: bytes, scope: Scope) -> None:
    """Record the places of one item: its head, and its fields or raw bytes."""
    if stop - start - len(item.raw) == LONG_HEAD:
        scope.mark(start, stop, f"[0x{item.id:02X}]", "附加信息", hex_text(data[start:stop]), "4 字节长度，厂家自定义")
        return
    known, found = ITEM_TYPES.get(item.id), item.table
    zh = known.zh if known else "厂商自定义" if item.id >= 0xE1 else "未定义"
    note = f"{zh}，长度 {len(item.raw)}" + ("" if found or not known else "（不是标准长度，未解析）")
    name = f"[0x{item.id:02X}]"
    value_at = start + HEAD
    scope.mark(start, value_at, name, "附加信息ID与长度", f"0x{item.id:02X}, {len(item.raw)}", note)
    if found:
        outer, edition = scope.prefix, scope.edition
        scope.prefix, scope.edition = f"{outer}{name}.", LATEST
        found.read(data, value_at, value_at + len(item.raw), scope)
        scope.prefix, scope.edition = outer, edition
    elif item.raw:
        scope.mark(value_at, value_at + len(item.raw), f"{name}.raw", "附加信息", hex_text(item.raw))


@dataclass(frozen=True, slots=True)
class ItemView:
    """One item for a reader."""

    id: int
    length: int
    name_zh: str
    name_en: str
    value_text: str
    """Scaled value without unit for single values, named parts for others; empty when the item stays raw."""
    unit: str
    raw_hex: str


def describe(items: bytes, edition: int = LATEST, reading: Reading = STANDARD) -> list[ItemView]:
    """The items in ``items`` (the bytes after the basic part) for a reader. Never raises.

    Bytes that make no item come last, as a view with id 0 and no name. ``edition`` decides how bits are named,
    ``reading`` how codes are.
    """
    found, _ = ITEM_LIST.read(items, 0, len(items), Scope(LATEST))
    views = [_view(item, edition, reading) for item in found.items]
    if found.rest:
        views.append(ItemView(0, len(found.rest), "无法解析", "Unreadable", found.error, "", found.rest.hex()))
    return views


def _view(item: Item, edition: int, reading: Reading) -> ItemView:
    known, value = ITEM_TYPES.get(item.id), item.value
    zh, en = (known.zh, known.en) if known else ("", "")
    text = unit = ""
    if value is not None:
        path = f"[0x{item.id:02X}]."
        shown = [
            (f, f.text(v, LATEST), reading.word(path, f.name, v) or f.explain(v, edition)) for f, v in value.filled()
        ]
        if len(shown) == 1:
            declared, text, meaning = shown[0]
            text = meaning or text
            unit = declared.unit.symbol if declared.unit else ""
            if item.id == FUEL and item.raw[0] & 0x80:
                # the vendor's own unit (§11.3, 27): percent where its profile says so
                percent = int.from_bytes(item.raw, "big") & 0x7FFF
                text, unit = (str(percent), "%") if reading.fuel_percent else (f"0x{item.raw.hex().upper()}", "")
            text = text.removesuffix(f" {unit}") if unit else text
        else:
            text = "，".join(f"{f.zh} {meaning or plain}" for f, plain, meaning in shown)
    return ItemView(item.id, len(item.raw), zh, en, text, unit, item.raw.hex())


ITEM_LIST = ItemList()


def alarm_names(alarm: int, edition: int = LATEST) -> list[bits.Named]:
    """Bits of the alarm flags that are set, as (bit, Chinese, English) in the words of ``edition``."""
    return bits.ALARM.names(alarm, edition)


def status_names(status: int, edition: int = LATEST) -> list[bits.Named]:
    """What the status says, as (bit, Chinese, English): bits that are set, and ACC and fix in both states."""
    return bits.STATUS.names(status, edition)


def video_alarm_names(video_alarm: int, edition: int = LATEST) -> list[bits.Named]:
    """Bits of item 0x14 that are set."""
    return bits.VIDEO_ALARM.names(video_alarm, edition)


def vehicle_signal_names(vehicle_signals: int, edition: int = LATEST) -> list[bits.Named]:
    """Bits of item 0x25 that are set."""
    return bits.VEHICLE_SIGNALS.names(vehicle_signals, edition)
