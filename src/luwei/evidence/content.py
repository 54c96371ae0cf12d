"""What a file is, told by its first bytes: neither its name nor the terminal's word is believed."""

from __future__ import annotations

from collections.abc import Callable

HEAD = 64
"""Bytes that ``media_type`` wants to see; fewer only of a shorter file."""

UNKNOWN = "application/octet-stream"
STATE_RECORD = "application/x-vehicle-state-record"
"""车辆状态数据记录文件 of 苏标 table 4-22, 粤标 table 5-22: 64-byte blocks, each with a check byte."""

PICTURES = frozenset({"image/jpeg", "image/png", "image/gif", "image/bmp", "image/tiff", "image/webp"})
CLIPS = frozenset(
    {"video/mp4", "video/h264", "video/h265", "video/x-msvideo", "video/mpeg", "video/mp2t", "video/x-ms-asf",
     "audio/wav", "audio/aac", "audio/mpeg", "audio/amr", "audio/ogg"}
)  # fmt: skip
"""What an audio and video library can open."""
SEEN = frozenset(name for name in CLIPS if name.startswith("video/"))
"""Clips with pictures."""


def _begins(*prefixes: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(prefixes)


def _riff(form: bytes) -> Callable[[bytes], bool]:
    return lambda head: head[:4] == b"RIFF" and head[8:12] == form


def _annex_b(head: bytes) -> int:
    """First byte of the first NAL unit behind a start code, or -1."""
    for code in (b"\x00\x00\x00\x01", b"\x00\x00\x01"):
        if head.startswith(code) and len(head) > len(code):
            return head[len(code)]
    return -1


def _h264(head: bytes) -> bool:
    unit = _annex_b(head)
    # forbidden_zero_bit clear; slice, IDR, SEI, SPS, PPS or delimiter (ITU-T H.264 table 7-1)
    return 0 <= unit < 0x80 and unit & 0x1F in (1, 5, 6, 7, 8, 9)


def _h265(head: bytes) -> bool:
    # VPS, SPS, PPS or delimiter (ITU-T H.265 table 7-1)
    return _annex_b(head) in (0x40, 0x42, 0x44, 0x46)


def _state_record(head: bytes) -> bool:
    return len(head) == 64 and sum(head[:63]) & 0xFF == head[63] and 0 < int.from_bytes(head[:4], "big") < 1 << 20


_TABLE: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    ("image/jpeg", _begins(b"\xff\xd8\xff")),
    ("image/png", _begins(b"\x89PNG\r\n\x1a\n")),
    ("image/gif", _begins(b"GIF87a", b"GIF89a")),
    ("image/tiff", _begins(b"II*\x00", b"MM\x00*")),
    ("image/webp", _riff(b"WEBP")),
    ("audio/wav", _riff(b"WAVE")),
    ("video/x-msvideo", _riff(b"AVI ")),
    ("video/mp4", lambda head: head[4:8] == b"ftyp"),
    ("video/mpeg", _begins(b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3")),
    ("video/h265", _h265),
    ("video/h264", _h264),
    ("video/x-ms-asf", _begins(bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"))),
    ("audio/amr", _begins(b"#!AMR")),
    ("audio/ogg", _begins(b"OggS")),
    ("audio/aac", lambda head: head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xF6 == 0xF0),
    ("audio/mpeg", lambda head: head[:3] == b"ID3" or (head[:1] == b"\xff" and len(head) > 1 and head[1] >= 0xF2)),
    ("application/pdf", _begins(b"%PDF-")),
    ("application/zip", _begins(b"PK\x03\x04")),
    (STATE_RECORD, _state_record),
    ("image/bmp", lambda head: head[:2] == b"BM" and head[6:10] == bytes(4)),
)
"""The first that fits; the surest marks stand first."""


def media_type(head: bytes) -> str:
    """Media type of a file that begins with ``head``; UNKNOWN where nothing fits."""
    head = head[:HEAD]
    return next((name for name, fits in _TABLE if fits(head)), UNKNOWN)
