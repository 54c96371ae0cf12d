"""Writing media streams: frames cut into packets with one counter for all kinds (§1.1, §3.5)."""

from __future__ import annotations

from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt1078.packet import (
    ATOMIC,
    AUDIO,
    BODY_STANDARD,
    FIRST,
    I_FRAME,
    LAST,
    MIDDLE,
    PASSTHROUGH,
    SIM_SIZES,
    VIDEO_TYPES,
    Packet,
    encode_packet,
)

PASSTHROUGH_PAYLOAD = 91


def sim_field(sim: str, size: int = 6) -> bytes:
    """``sim`` (digits) as the field of ``size`` octets, zeros before it. Raises ProtocolError ``value`` for what is not
    made of digits or is too long."""
    if size not in SIM_SIZES or not (sim.isascii() and sim.isdigit()) or len(sim) > 2 * size:
        raise ProtocolError("value", f"sim {sim!r}: at most {2 * size} digits")
    return bytes.fromhex(sim.rjust(2 * size, "0"))


class PacketWriter:
    """Packets of one connection and channel. Serials begin at 0 and wrap behind 65535.

    ``body_max`` octets go into one packet, 950 by the standard. All methods raise ProtocolError ``value`` for what no
    packet can hold.
    """

    __slots__ = ("_body_max", "_channel", "_sim_raw", "serial")

    def __init__(self, sim_raw: bytes, channel: int, body_max: int = BODY_STANDARD) -> None:
        if body_max < 1:
            raise ProtocolError("value", f"body_max {body_max}: at least 1")
        self._sim_raw = sim_raw
        self._channel = channel
        self._body_max = body_max
        self.serial = 0
        """Of the next packet."""

    def video(
        self,
        frame: bytes,
        payload_type: int,
        timestamp_ms: int,
        i_interval_ms: int,
        frame_interval_ms: int,
        data_type: int = I_FRAME,
    ) -> list[bytes]:
        """The packets of one picture (payload type 98 H.264, 99 H.265). Intervals beyond 65535 are written as that."""
        if data_type not in VIDEO_TYPES:
            raise ProtocolError("value", f"data_type {data_type}: 0 to 2 are video")
        intervals = min(i_interval_ms, 0xFFFF), min(frame_interval_ms, 0xFFFF)
        return self._cut(frame, payload_type, data_type, timestamp_ms, *intervals)

    def audio(self, block: bytes, payload_type: int, timestamp_ms: int) -> list[bytes]:
        """The packets of one audio block; a block that is to be talked back is one packet."""
        return self._cut(block, payload_type, AUDIO, timestamp_ms, None, None)

    def passthrough(self, data: bytes) -> list[bytes]:
        """The packets of passed-through data."""
        return self._cut(data, PASSTHROUGH_PAYLOAD, PASSTHROUGH, None, None, None)

    def _cut(
        self,
        frame: bytes,
        payload_type: int,
        data_type: int,
        timestamp_ms: int | None,
        i_interval_ms: int | None,
        frame_interval_ms: int | None,
    ) -> list[bytes]:
        starts = range(0, max(1, len(frame)), self._body_max)
        packets: list[bytes] = []
        for start in starts:
            last = start == starts[-1]
            packet = Packet(
                payload_type,
                (self.serial + len(packets)) & 0xFFFF,
                self._sim_raw,
                self._channel,
                data_type,
                ATOMIC if len(starts) == 1 else FIRST if start == 0 else LAST if last else MIDDLE,
                timestamp_ms,
                i_interval_ms,
                frame_interval_ms,
                frame[start : start + self._body_max],
                int(last),
            )
            packets.append(encode_packet(packet))
        self.serial = (self.serial + len(packets)) & 0xFFFF
        return packets
