"""The media packet 负载包 (JT/T 1078 §5.5.3, table 19): its header as a table, reading and writing from it.

The header says neither its own length nor the width of its SIM. The type nibble decides which fields follow; the width,
6 octets by the standard and 10 in the practice of terminals of JT/T 808-2019, is known by the connection (``stream``).
Layouts are compiled from the table once, one for each width and kind of data.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from luwei.protocol.errors import ProtocolError

MAGIC = b"01cd"
"""帧头标识 0x30316364. The stream of attachments begins so too, but with a file name behind it."""
PREFIX = MAGIC + b"\x81"
"""The magic and the octet of V, P, X and CC, which never changes: what a reader looks for."""

SIM_SIZES = (6, 10)
"""BCD[6] of JT/T 1078-2016, and BCD[10] of terminals that registered with a number of 20 digits."""

I_FRAME, P_FRAME, B_FRAME, AUDIO, PASSTHROUGH = range(5)
ATOMIC, FIRST, LAST, MIDDLE = range(4)
DATA_TYPES = {I_FRAME: "视频I帧", P_FRAME: "视频P帧", B_FRAME: "视频B帧", AUDIO: "音频帧", PASSTHROUGH: "透传数据"}
SUBPACKAGES = {ATOMIC: "原子包", FIRST: "第一个包", LAST: "最后一个包", MIDDLE: "中间包"}

BODY_STANDARD = 950
"""Longest body by the standard; what is written here keeps to it."""
BODY_MAX = 0xFFFF
"""Longest body that is read: the field's own limit (reference §7)."""

VIDEO_TYPES = frozenset((I_FRAME, P_FRAME, B_FRAME))
TIMED_TYPES = VIDEO_TYPES | {AUDIO}
ALL_TYPES = frozenset(DATA_TYPES)


class Bits(NamedTuple):
    """Part of an octet: ``width`` bits above ``shift``; ``fixed`` where the standard leaves no choice."""

    name: str
    shift: int
    width: int
    term: str
    fixed: int | None = None


class HeaderField(NamedTuple):
    """One field: ``code`` as in ``struct`` (``SIM`` for the width of the connection), the types of data that carry it,
    and the parts of an octet that holds several."""

    name: str
    code: str
    term: str
    carried_by: frozenset[int] = ALL_TYPES
    parts: tuple[Bits, ...] = ()


SIM = "SIM"

HEADER = (
    HeaderField("magic", "4s", "帧头标识"),
    HeaderField(
        "version_octet",
        "B",
        "V P X CC",
        parts=(Bits("v", 6, 2, "V", 2), Bits("p", 5, 1, "P", 0), Bits("x", 4, 1, "X", 0), Bits("cc", 0, 4, "CC", 1)),
    ),
    HeaderField(
        "type_octet",
        "B",
        "M PT",
        parts=(Bits("marker", 7, 1, "M 完整数据帧边界"), Bits("payload_type", 0, 7, "PT 负载类型")),
    ),
    HeaderField("serial", "H", "包序号"),
    HeaderField("sim_raw", SIM, "SIM卡号"),
    HeaderField("channel", "B", "逻辑通道号"),
    HeaderField(
        "kind_octet",
        "B",
        "数据类型 分包处理标记",
        parts=(Bits("data_type", 4, 4, "数据类型"), Bits("subpackage", 0, 4, "分包处理标记")),
    ),
    HeaderField("timestamp_ms", "Q", "时间戳", TIMED_TYPES),
    HeaderField("i_interval_ms", "H", "Last I Frame Interval", VIDEO_TYPES),
    HeaderField("frame_interval_ms", "H", "Last Frame Interval", VIDEO_TYPES),
    HeaderField("body_length", "H", "数据体长度"),
)
"""Table 19, in order. The timestamp is absent in passed-through data, the intervals in all but video."""


def _layout(sim_size: int, data_type: int) -> struct.Struct:
    codes = [f"{sim_size}s" if field.code == SIM else field.code for field in HEADER if data_type in field.carried_by]
    return struct.Struct(">" + "".join(codes))


LAYOUTS = {size: tuple(_layout(size, data_type) for data_type in DATA_TYPES) for size in SIM_SIZES}
"""Compiled headers: by width of the SIM, then by data type."""
HEADER_MAX = LAYOUTS[10][I_FRAME].size
PACKET_MAX = HEADER_MAX + BODY_MAX
KIND_OFFSETS = {size: 9 + size for size in SIM_SIZES}
"""Where the octet of data type and sub-package mark stands, by width of the SIM."""


class Packet(NamedTuple):
    """One media packet. Times in milliseconds, None where the type of data has no such field. ``sim_raw`` as on the
    wire, 6 or 10 octets; ``marker`` (M) is told for completeness: devices do not keep to it."""

    payload_type: int
    serial: int
    sim_raw: bytes
    channel: int
    data_type: int
    subpackage: int
    timestamp_ms: int | None
    i_interval_ms: int | None
    frame_interval_ms: int | None
    body: bytes
    marker: int = 0

    @property
    def sim(self) -> str:
        """Digits without leading zeros, ``0`` for none."""
        return self.sim_raw.hex().lstrip("0") or "0"


def header_size(sim_size: int, data_type: int) -> int:
    """Octets before the body: 30, 26 or 18 with BCD[6], 34, 30 or 22 with BCD[10]."""
    return LAYOUTS[sim_size][data_type].size


def decode_packet(data: bytes, sim_size: int = 6) -> tuple[Packet, int]:
    """The packet at the start of ``data`` and the place behind it.

    Raises ProtocolError ``delimiter`` (no magic, or octet 4 is not 0x81), ``short_header``, ``value`` (type nibble
    above 4, sub-package nibble above 3) and ``body_short``.
    """
    if not data.startswith(PREFIX):
        if PREFIX.startswith(data):
            raise ProtocolError("short_header", f"{len(data)} bytes", len(data))
        raise ProtocolError("delimiter", f"{data[: len(PREFIX)].hex(' ')}: expected 30 31 63 64 81", 0)
    at = KIND_OFFSETS[sim_size]
    if len(data) <= at:
        raise ProtocolError("short_header", f"{len(data)} bytes", len(data))
    if data[at] >> 4 not in DATA_TYPES or data[at] & 15 not in SUBPACKAGES:
        raise ProtocolError("value", f"data type and sub-package mark 0x{data[at]:02x}", at)
    layout = LAYOUTS[sim_size][data[at] >> 4]
    if len(data) < layout.size:
        raise ProtocolError("short_header", f"{len(data)} of {layout.size} bytes", len(data))
    stop = layout.size + int.from_bytes(data[layout.size - 2 : layout.size], "big")
    if len(data) < stop:
        raise ProtocolError("body_short", f"{len(data) - layout.size} of {stop - layout.size} bytes", len(data))
    return unpack(data, 0, layout, stop), stop


def unpack(data: bytes, at: int, layout: struct.Struct, stop: int) -> Packet:
    """The packet ``data[at:stop]``, whose prefix, nibbles and length were checked."""
    values = layout.unpack_from(data, at)
    kind = values[6]
    if kind < AUDIO << 4:
        _, _, marked, serial, sim_raw, channel, _, timestamp_ms, i_interval_ms, frame_interval_ms, _ = values
        return Packet(
            marked & 0x7F, serial, sim_raw, channel, kind >> 4, kind & 15, timestamp_ms, i_interval_ms,
            frame_interval_ms, data[at + layout.size : stop], marked >> 7,
        )  # fmt: skip
    times = values[7:-1]
    timestamp_ms = times[0] if times else None
    i_interval_ms, frame_interval_ms = times[1:] if len(times) == 3 else (None, None)
    return Packet(
        values[2] & 0x7F,
        values[3],
        values[4],
        values[5],
        kind >> 4,
        kind & 15,
        timestamp_ms,
        i_interval_ms,
        frame_interval_ms,
        data[at + layout.size : stop],
        values[2] >> 7,
    )


def encode_packet(packet: Packet) -> bytes:
    """Exactly what ``decode_packet`` reads; the width of ``sim_raw`` decides the form.

    Raises ProtocolError ``value`` for what no header can hold, or for times that the type of data has no field for, or
    lacks.
    """
    if len(packet.sim_raw) not in SIM_SIZES:
        raise ProtocolError("value", f"sim_raw: {len(packet.sim_raw)} bytes, 6 or 10 are possible")
    if packet.data_type not in DATA_TYPES or packet.subpackage not in SUBPACKAGES:
        raise ProtocolError("value", f"data_type {packet.data_type}, subpackage {packet.subpackage}")
    if packet.marker not in (0, 1) or not 0 <= packet.payload_type <= 0x7F:
        raise ProtocolError("value", f"marker {packet.marker}, payload_type {packet.payload_type}")
    values: dict[str, int | bytes | None] = {
        **packet._asdict(),
        "magic": MAGIC,
        "version_octet": PREFIX[-1],
        "type_octet": packet.marker << 7 | packet.payload_type,
        "kind_octet": packet.data_type << 4 | packet.subpackage,
        "body_length": len(packet.body),
    }
    for field in HEADER:
        if (values[field.name] is not None) != (packet.data_type in field.carried_by):
            raise ProtocolError("value", f"{field.name}: {values[field.name]!r} with data type {packet.data_type}")
    layout = LAYOUTS[len(packet.sim_raw)][packet.data_type]
    try:
        head = layout.pack(*(values[field.name] for field in HEADER if packet.data_type in field.carried_by))
    except struct.error as error:
        raise ProtocolError("value", str(error)) from None
    return head + packet.body


def sim_matches(sim_raw: bytes, phone: str) -> bool:
    """Whether the SIM of a stream can be that of terminal ``phone`` (digits, leading zeros or not).

    Padding does not count, and a field of 6 octets holds the last 12 digits of a longer number (reference §1.2). A SIM
    of zeros is nobody's. Where it is true of two terminals, the stream is to be refused.
    """
    sim = sim_raw.hex().lstrip("0")
    digits = phone.lstrip("0")
    return sim != "" and (sim == digits or (len(sim_raw) == 6 and len(digits) > 12 and digits[-12:].lstrip("0") == sim))
