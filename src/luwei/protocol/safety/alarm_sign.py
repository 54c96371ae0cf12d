"""Alarm identification number 报警标识号 (苏标 table 4-16, 粤标 table 5-16).

It is opaque: what a terminal sent goes back byte for byte in 0x9208, so a sign that was read is written as it came.
"""

from __future__ import annotations

from typing import Self

from luwei.protocol.errors import ProtocolError
from luwei.protocol.fields import BYTE, LATEST, TIME, Bytes, FixedText, Scope
from luwei.protocol.message import Record, field
from luwei.protocol.safety.dialects import DIALECTS, Dialect, dialect_of_sign


class AlarmSign(Record):
    """What every dialect's identification has; the sizes are the dialect's."""

    terminal_id: str
    time: str
    seq: int
    attachment_count: int

    @classmethod
    def read(cls, data: bytes, at: int, end: int, scope: Scope) -> tuple[Self, int]:
        sign, stop = super().read(data, at, end, scope)
        sign.__dict__["raw"] = data[at:stop]
        return sign, stop

    def encode(self, edition: int = LATEST) -> bytes:
        """As it came, or, for one that was built, as its dialect writes it. Raises ProtocolError ``value``."""
        came: bytes | None = self.__dict__.get("raw")
        return super().encode(edition) if came is None else came

    @staticmethod
    def of(raw: bytes) -> AlarmSign:
        """The identification in ``raw``. Raises ProtocolError ``body_malformed`` for a length no dialect has."""
        dialect = dialect_of_sign(len(raw))
        if dialect is None:
            raise ProtocolError("body_malformed", f"an alarm identification of {len(raw)} bytes")
        return SIGNS[dialect.name].read(raw, 0, len(raw), Scope(LATEST))[0]


def _sign(dialect: Dialect) -> type[AlarmSign]:
    class Sign(AlarmSign):
        terminal_id: str = field(FixedText(dialect.terminal_id), "终端ID", "Terminal id")
        time: str = field(TIME, "时间", "Time", note="GMT+8; some devices fill UTC")
        seq: int = field(BYTE, "序号", "Number among the alarms of the second")
        attachment_count: int = field(BYTE, "附件数量", "Attachments", note="0x1210 may announce more")

    class ReservedSign(Sign):
        reserved: bytes = field(Bytes(dialect.reserved), "预留", "Reserved", default=bytes(dialect.reserved))

    table = ReservedSign if dialect.reserved else Sign
    table.__name__ = table.__qualname__ = f"AlarmSign{dialect.sign}"
    table.__doc__ = f"{dialect.zh}：{dialect.sign} 字节"
    return table


SIGNS: dict[str, type[AlarmSign]] = {dialect.name: _sign(dialect) for dialect in DIALECTS}
"""Tables by name of dialect."""
