"""Command words of terminal control 0x8105 and their parameters (2019 table 17, 粤标 §5.7.1).

The parameters are fields separated by ``;``, an empty one keeps its separator. Numbers are decimal text, but some
implementations write them binary (§8.8): a matter of the terminal model, so both can be read and written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from luwei.protocol.errors import ProtocolError
from luwei.protocol.fields import BYTE, WORD, Bytes, Integer
from luwei.protocol.texts import read_text, write_text

COMMANDS = {
    1: "无线升级",
    2: "控制终端连接指定服务器",
    3: "终端关机",
    4: "终端复位",
    5: "终端恢复出厂设置",
    6: "关闭数据通信",
    7: "关闭所有无线通信",
}


@dataclass(frozen=True, slots=True)
class ControlField:
    """One parameter of a command word; ``number`` is its type where it is one."""

    name: str
    zh: str
    number: Integer | None = None


_DIAL_UP = (
    ControlField("apn", "拨号点名称"),
    ControlField("user", "拨号用户名"),
    ControlField("password", "拨号密码"),
    ControlField("address", "地址"),
    ControlField("tcp_port", "TCP端口", WORD),
    ControlField("udp_port", "UDP端口", WORD),
)
_LIMIT = ControlField("time_limit", "连接到指定服务器时限", WORD)
CONTROL_FIELDS: Mapping[int, tuple[ControlField, ...]] = {
    1: (
        ControlField("url", "URL地址"),
        *_DIAL_UP,
        ControlField("manufacturer", "制造商ID"),
        ControlField("hardware", "硬件版本"),
        ControlField("firmware", "固件版本"),
        _LIMIT,
    ),
    2: (ControlField("control", "连接控制", BYTE), ControlField("platform_code", "监管平台鉴权码"), *_DIAL_UP, _LIMIT),
}
"""Parameters of each command word in order; the other words have none."""


def write_control(command: int, values: Mapping[str, str | int], *, binary: bool = False) -> bytes | None:
    """Parameters of ``command`` on the wire, None where it has none; what is not given stays empty.

    ``binary``: numbers as BYTE and WORD instead of decimal text. With control 1 of word 2 nothing follows it (§8.16).
    Raises ProtocolError ``value``.
    """
    known = CONTROL_FIELDS.get(command, ())
    unknown = set(values) - {f.name for f in known}
    if unknown:
        raise ProtocolError("value", f"command {command} has no parameter {', '.join(sorted(unknown))}")
    if not known:
        return None
    if values.get("control") == 1:
        known = known[:1]
    return b";".join(_write(f, values.get(f.name, ""), binary) for f in known)


def _write(declared: ControlField, value: str | int, binary: bool) -> bytes:
    if value == "":
        return b""
    if declared.number is not None:
        if not isinstance(value, int):
            raise ProtocolError("value", f"{declared.name} {value!r}: a number is expected")
        raw = declared.number.write(value, 2019)
        return raw if binary else str(value).encode()
    raw = write_text(str(value), declared.name)
    if b";" in raw:
        raise ProtocolError("value", f"{declared.name}: must not hold ;")
    return raw


def read_control(command: int, raw: bytes, *, binary: bool = False) -> dict[str, str | int]:
    """Parameters of ``command`` by name, as far as they are there; those behind the known ones as ``extra_1`` …

    Never raises: a number that is none stays text.
    """
    out: dict[str, str | int] = {}
    at = 0
    for declared in CONTROL_FIELDS.get(command, ()):
        if at > len(raw):
            break
        size = declared.number.size if declared.number is not None and binary else 0
        if size and raw[at + size : at + size + 1] in (b"", b";") and len(raw) >= at + size:
            out[declared.name] = int.from_bytes(raw[at : at + size], "big")
            at += size + 1
            continue
        part = raw[at:].partition(b";")[0]
        text = read_text(part)
        number = declared.number is not None and text.isascii() and text.isdigit()
        out[declared.name] = int(text[:20]) if number else text
        at += len(part) + 1
    for index, part in enumerate(raw[at:].split(b";") if at < len(raw) else [], 1):
        out[f"extra_{index}"] = read_text(part)
    return out


class ControlParameters(Bytes):
    """The bytes of the parameters; ``read_control`` takes them apart."""

    def __init__(self) -> None:
        super().__init__()
        self.label = "STRING"

    def json(self, value: bytes) -> Any:
        return value.decode("gbk", "replace")

    def text(self, value: bytes) -> str:
        return str(self.json(value))
