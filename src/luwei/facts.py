"""Facts as they travel from a gateway to the history: Arrow schemas, subjects and headers.

A fact is columnar and immutable (docs/architecture.md, "Facts and work are kept apart"). One bus message holds one
Arrow IPC stream with exactly one record batch of one of the schemas below. Its batch id makes it exactly-once: the
bus refuses a second message with the same id, and so does the ingest.

Times are UTC milliseconds, places WGS-84 in 1e-6 degrees, as integers; units stand in the names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

STREAM = "facts"
"""Name of the JetStream stream that keeps every fact until the ingest has it in the history."""

FIX, SESSION, LEDGER, MESSAGE = "fix", "session", "ledger", "message"
HISTORY = (FIX, SESSION, LEDGER, MESSAGE)
"""Kinds of facts that the ingest puts into the history."""
MEDIA = "media"
"""Pictures and recordings, which become files."""
SUBJECTS = (*HISTORY, MEDIA)
ALARM = "alarm"
"""Alarms, derived from the locations; on the bus they have a stream of their own (``luwei.bus.alarm_stream``)."""

HEADER_ID = "Nats-Msg-Id"
HEADER_GATEWAY = "Luwei-Gateway"

PHASE_POINT, PHASE_START, PHASE_END = 0, 1, 2
"""An alarm without a duration; the beginning and the end of one that lasts."""

ORIGIN_REPORT, ORIGIN_BATCH, ORIGIN_BACKFILL, ORIGIN_QUERY = 0, 1, 2, 3
"""Where a location came from: 0x0200, 0x0704 type 0, 0x0704 type 1 (盲区补报), 0x0201."""

FLAG_TIME_UNREADABLE = 1 << 0
"""The six BCD bytes are not a date; ``at`` is the time of receipt."""
FLAG_TIME_FUTURE = 1 << 1
"""More than 10 minutes after receipt; ``at`` is the time of receipt."""
FLAG_TIME_PAST = 1 << 2
"""Before the history's time-to-live; ``at`` is the time of receipt."""
FLAG_NOT_FIXED = 1 << 3
"""Status bit 1 is 0: no position, or the last known one (reference §11.3, 14 and 15)."""
FLAG_PLACE_IMPOSSIBLE = 1 << 4
"""Latitude beyond 90 or longitude beyond 180 degrees; stored as sent, never drawn."""
FLAG_ITEMS_BROKEN = 1 << 5
"""An additional item runs past the end of the body, or bytes are left over; ``items`` keeps them."""

DIRECTION_UNKNOWN = 0xFFFF

_ms = pa.timestamp("ms", tz="UTC")

LOCATION = pa.schema(
    [
        pa.field("vehicle_id", pa.uint32(), nullable=False),
        pa.field("terminal_id", pa.uint32(), nullable=False),
        pa.field("at", _ms, nullable=False),  # terminal's time where plausible, else time of receipt
        pa.field("device_at", _ms),  # the terminal's own time, null when unreadable
        pa.field("received_at", _ms, nullable=False),
        pa.field("lat_e6", pa.int32(), nullable=False),
        pa.field("lon_e6", pa.int32(), nullable=False),
        pa.field("altitude_m", pa.int16(), nullable=False),
        pa.field("speed_dkmh", pa.uint16(), nullable=False),
        pa.field("direction_deg", pa.uint16(), nullable=False),
        pa.field("alarm", pa.uint32(), nullable=False),
        pa.field("status", pa.uint32(), nullable=False),
        pa.field("mileage_hm", pa.uint32()),  # item 0x01
        pa.field("fuel_dl", pa.uint16()),  # item 0x02
        pa.field("recorder_speed_dkmh", pa.uint16()),  # item 0x03
        pa.field("video_alarm", pa.uint32()),  # item 0x14
        pa.field("vehicle_signals", pa.uint32()),  # item 0x25
        pa.field("radio_signal", pa.uint8()),  # item 0x30
        pa.field("satellites", pa.uint8()),  # item 0x31
        pa.field("items", pa.binary(), nullable=False),  # every byte after the basic part, as received
        pa.field("origin", pa.uint8(), nullable=False),
        pa.field("flags", pa.uint8(), nullable=False),
        pa.field("edition", pa.uint16(), nullable=False),  # 2011, 2013, 2019
        pa.field("serial", pa.uint16(), nullable=False),
        pa.field("batch", pa.uint64(), nullable=False),  # the batch id of the message that brought the row
    ]
)
"""One row a location (0x0200, each item of 0x0704, 0x0201)."""

SESSION_EVENT = pa.schema(
    [
        pa.field("session", pa.uint64(), nullable=False),  # unique over gateways and restarts
        pa.field("event", pa.string(), nullable=False),  # "authenticated" or "closed"
        pa.field("at", _ms, nullable=False),
        pa.field("phone", pa.string(), nullable=False),
        pa.field("vehicle_id", pa.uint32(), nullable=False),
        pa.field("terminal_id", pa.uint32(), nullable=False),
        pa.field("gateway", pa.string(), nullable=False),
        pa.field("boot", pa.uint32(), nullable=False),
        pa.field("transport", pa.string(), nullable=False),  # "tcp" or "udp"
        pa.field("peer", pa.string(), nullable=False),  # address:port
        pa.field("edition", pa.uint16(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),  # why it closed, else empty
        pa.field("frames", pa.uint64(), nullable=False),  # good frames so far
        pa.field("locations", pa.uint64(), nullable=False),
        pa.field("refused", pa.uint64(), nullable=False),
        pa.field("bytes_in", pa.uint64(), nullable=False),
        pa.field("batch", pa.uint64(), nullable=False),
    ]
)

LEDGER_ENTRY = pa.schema(
    [
        pa.field("day", pa.date32(), nullable=False),  # China Standard Time day of receipt
        pa.field("phone", pa.string(), nullable=False),  # "" where no phone could be read
        pa.field("terminal_id", pa.uint32(), nullable=False),  # 0 unknown
        pa.field("vehicle_id", pa.uint32(), nullable=False),  # 0 unknown
        pa.field("gateway", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),  # "refused": not taken; "noted": taken, but odd
        pa.field("reason", pa.string(), nullable=False),
        pa.field("message_id", pa.uint16(), nullable=False),  # 0 where none could be read
        pa.field("peer", pa.string(), nullable=False),  # last address seen
        pa.field("count", pa.uint64(), nullable=False),
        pa.field("first_at", _ms, nullable=False),
        pa.field("last_at", _ms, nullable=False),
        pa.field("example", pa.binary(), nullable=False),  # one such frame as received, at most 2,200 bytes
        pa.field("batch", pa.uint64(), nullable=False),
    ]
)
"""Counts since the gateway's last flush; the sum over rows is the day's figure."""

MESSAGE_FRAME = pa.schema(
    [
        pa.field("vehicle_id", pa.uint32(), nullable=False),
        pa.field("terminal_id", pa.uint32(), nullable=False),
        pa.field("received_at", _ms, nullable=False),
        pa.field("direction", pa.uint8(), nullable=False),  # 0 from the terminal, 1 to it
        pa.field("message_id", pa.uint16(), nullable=False),
        pa.field("serial", pa.uint16(), nullable=False),
        pa.field("edition", pa.uint16(), nullable=False),
        pa.field("phone", pa.string(), nullable=False),
        pa.field("body", pa.binary(), nullable=False),  # reassembled, unescaped
        pa.field("batch", pa.uint64(), nullable=False),
    ]
)
"""Every message that is neither a location nor a heartbeat, whole, so that later rules can read it; of multimedia data
(0x0801) only the beginning, since the rest is a file."""

MEDIA_PART = pa.schema(
    [
        pa.field("vehicle_id", pa.uint32(), nullable=False),
        pa.field("terminal_id", pa.uint32(), nullable=False),
        pa.field("received_at", _ms, nullable=False),
        pa.field("phone", pa.string(), nullable=False),
        pa.field("edition", pa.uint16(), nullable=False),
        pa.field("serial", pa.uint16(), nullable=False),
        pa.field("file", pa.uint64(), nullable=False),  # random: the parts of one file share it
        pa.field("part", pa.uint16(), nullable=False),  # from 0
        pa.field("parts", pa.uint16(), nullable=False),
        pa.field("head", pa.binary(), nullable=False),  # what stands before the data in 0x0801
        pa.field("data", pa.binary(), nullable=False),
        pa.field("batch", pa.uint64(), nullable=False),
    ]
)
"""One part of the data of a 0x0801."""

ALARM_EVENT = pa.schema(
    [
        pa.field("alarm", pa.uint64(), nullable=False),  # below 2^63; the same for start and end of one alarm
        pa.field("phase", pa.uint8(), nullable=False),
        pa.field("vehicle_id", pa.uint32(), nullable=False),
        pa.field("terminal_id", pa.uint32(), nullable=False),
        pa.field("at", _ms, nullable=False),  # the alarm's own time where it has one, else the report's
        pa.field("started_at", _ms, nullable=False),  # of its start where known, else ``at``
        pa.field("received_at", _ms, nullable=False),
        pa.field("lat_e6", pa.int32(), nullable=False),
        pa.field("lon_e6", pa.int32(), nullable=False),
        pa.field("altitude_m", pa.int16(), nullable=False),
        pa.field("speed_dkmh", pa.uint16(), nullable=False),
        pa.field("direction_deg", pa.uint16(), nullable=False),
        pa.field("report_alarm", pa.uint32(), nullable=False),  # alarm flags of the report that brought it
        pa.field("status", pa.uint32(), nullable=False),  # status of that report
        pa.field("source", pa.string(), nullable=False),  # 808, 1078, adas, dsm, tpms, bsd, driving, fault
        pa.field("type", pa.string(), nullable=False),  # "6401", "6601" (wheel bit), "808:00", "1078:00", "F100"
        pa.field("level", pa.uint8(), nullable=False),  # 0 none
        pa.field("identification", pa.binary(), nullable=False),  # 报警标识号 as it came, or empty
        pa.field("files", pa.uint8(), nullable=False),  # 附件数量
        pa.field("sequence", pa.uint8(), nullable=False),  # 序号 of the identification
        pa.field("dialect", pa.string(), nullable=False),
        pa.field("item", pa.binary(), nullable=False),  # the items that say it: id, length, value, as they came
        pa.field("edition", pa.uint16(), nullable=False),
        pa.field("backfill", pa.bool_(), nullable=False),
        pa.field("batch", pa.uint64(), nullable=False),  # of the locations it was derived from
    ]
)
"""One row a phase of an alarm."""

SCHEMAS = {
    FIX: LOCATION,
    SESSION: SESSION_EVENT,
    LEDGER: LEDGER_ENTRY,
    MESSAGE: MESSAGE_FRAME,
    MEDIA: MEDIA_PART,
    ALARM: ALARM_EVENT,
}


@dataclass(frozen=True, slots=True)
class BatchId:
    """Identity of one bus message: the boot of a gateway (random, 32 bits) and a number counting from 1."""

    boot: int
    number: int

    @property
    def value(self) -> int:
        """As stored in the ``batch`` columns."""
        return self.boot << 32 | self.number

    @property
    def text(self) -> str:
        """As sent in the ``Nats-Msg-Id`` header."""
        return f"{self.boot:08x}-{self.number}"

    @staticmethod
    def parse(text: str) -> BatchId:
        """The inverse of ``text``. Raises ValueError."""
        boot, _, number = text.partition("-")
        return BatchId(int(boot, 16), int(number))


def pack(batch: pa.RecordBatch) -> bytes:
    """One record batch as an Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    result: bytes = sink.getvalue().to_pybytes()
    return result


def unpack(payload: bytes | memoryview) -> pa.RecordBatch:
    """The record batch of a bus message; zero-copy over ``payload``. Raises pa.ArrowInvalid."""
    try:
        with pa.ipc.open_stream(payload) as reader:
            return reader.read_next_batch()
    except pa.ArrowInvalid:
        raise
    except (pa.ArrowException, OSError, StopIteration, ValueError, KeyError, MemoryError) as error:
        raise pa.ArrowInvalid(f"no record batch: {type(error).__name__}: {error}") from error


def kind_of(subject: str) -> str:
    """``fix`` of ``fix.3``. Raises ValueError for a subject that carries no fact."""
    kind = subject.partition(".")[0]
    if kind not in SCHEMAS:
        raise ValueError(f"subject {subject!r}: must start with one of {', '.join(SUBJECTS)}")
    return kind


def rows_to_batch(kind: str, rows: list[dict[str, Any]]) -> pa.RecordBatch:
    """Rows of a rare fact (session, ledger, message) as a record batch of its schema."""
    return pa.RecordBatch.from_pylist(rows, schema=SCHEMAS[kind])
