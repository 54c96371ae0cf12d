"""Media streams for tests: the captured ones beside the repository, and a small written one."""

from __future__ import annotations

import gzip
from typing import Any

from captured_frames import FOLDER

from luwei.protocol.jt1078.packet import P_FRAME, Packet
from luwei.protocol.jt1078.stream import PacketReader, Slip
from luwei.protocol.jt1078.writing import PacketWriter, sim_field

SIM = sim_field("13912345678")
LONG_SIM = sim_field("13912345678", 10)

SPS, PPS, SEI = bytes.fromhex("674d001495a85825 90"), bytes.fromhex("68ee3c80"), bytes.fromhex("06e5010c80")
IDR, SLICE = bytes.fromhex("65b80004ff"), bytes.fromhex("61e1a2bf01")
H265_VPS, H265_SPS, H265_PPS = bytes.fromhex("40010c01ff"), bytes.fromhex("420101016f"), bytes.fromhex("4401c172b4")
H265_IDR, H265_SLICE = bytes.fromhex("2601af09"), bytes.fromhex("0201d00a")


def annex_b(*units: bytes) -> bytes:
    return b"".join(b"\x00\x00\x00\x01" + unit for unit in units)


def dump(record: dict[str, Any]) -> bytes:
    return gzip.decompress((FOLDER / record["file"]).read_bytes())


def packets_of(data: bytes, reader: PacketReader | None = None) -> list[Packet]:
    """All packets of ``data``, a lone last one included."""
    reader = reader or PacketReader()
    events = reader.feed(data) + reader.settle()
    return [event for event in events if not isinstance(event, Slip)]


def small_stream(sim_raw: bytes = SIM) -> list[bytes]:
    """19 packets: a key frame in 4, P-frames in 1 or 2, an audio block behind each frame, passed-through data."""
    writer = PacketWriter(sim_raw, 1)
    packets = writer.video(annex_b(SPS, PPS, IDR + bytes(range(1, 250)) * 12), 98, 1000, 0, 0)
    for n in range(1, 6):
        packets += writer.audio(bytes([0xD5]) * 320, 6, 1000 + 40 * n)
        picture = annex_b(SLICE + bytes(range(1, 200)) * (5 if n % 2 else 1))
        packets += writer.video(picture, 98, 1000 + 40 * n, 40 * n, 40, P_FRAME)
    return [*packets, *writer.passthrough(b"\x01")]
