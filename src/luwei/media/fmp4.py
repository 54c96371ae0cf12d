"""Fragmented MP4 for Media Source Extensions, written without I/O (ISO/IEC 14496-12, 14496-15; W3C MSE byte streams).

One track a file: sound that fails or is late then never stops the picture. An init segment, then fragments of whole
samples, each with its own duration and, in ``tfdt``, its place on the time line: a player that gets nothing but the
fragments from any key picture on plays the same as one that got all.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from luwei.protocol.jt1078.audio_blocks import audio_specific_config
from luwei.protocol.jt1078.nal import H264
from luwei.protocol.jt1078.sequence import PictureFormat
from luwei.protocol.jt1078.video import Configuration

VIDEO_TIMESCALE = 1000
"""Units a second of the video track: milliseconds, as the terminals' timestamps have them."""
AAC_OBJECT = 2

_KEY_FLAGS, _OTHER_FLAGS = 0x02000000, 0x01010000
"""Sample flags (14496-12 §8.8.3.1): depends on nothing; depends on others and is no sync sample."""
_FRAGMENT = struct.Struct(">I4sI4sIII4sI4sIII4sIQI4sIII")
_SAMPLE = struct.Struct(">III")
_BOX = struct.Struct(">I4s")
_LENGTH = struct.Struct(">I")
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_PROFILE_LEVEL = slice(3, 15)
"""Octets of an H.265 sequence parameter set with general profile, compatibility, constraints and level (§7.3.3)."""


class Sample(NamedTuple):
    """One picture or block of sound; ``duration`` in units of the track."""

    data: bytes
    duration: int
    key: bool


def access_unit(units: Iterable[bytes]) -> bytes:
    """NAL units as a sample: each behind its length in 4 octets (14496-15 §5.3.4.2)."""
    pack = _LENGTH.pack
    return b"".join([part for unit in units for part in (pack(len(unit)), unit)])


def codec_string(configuration: Configuration) -> str:
    """The ``codecs`` parameter (RFC 6381; 14496-15 annex E): ``avc1.4D001F``, ``hvc1.1.6.L93.B0``."""
    sps = configuration.sets[-2][0]
    if configuration.codec == H264:
        return f"avc1.{sps[1:4].hex().upper()}"
    levels = _h265_levels(sps)
    space = ("", "A", "B", "C")[levels[0] >> 6]
    compatible = int(f"{int.from_bytes(levels[1:5], 'big'):032b}"[::-1], 2)
    tier = "H" if levels[0] & 0x20 else "L"
    constraints = "".join(f".{octet:X}" for octet in levels[5:11].rstrip(b"\0"))
    return f"hvc1.{space}{levels[0] & 31}.{compatible:X}.{tier}{levels[11]}{constraints}"


def video_init(configuration: Configuration, size: PictureFormat | None) -> bytes:
    """The init segment of a video track; ``size`` None where the parameter set could not be read."""
    width, height = (size.width, size.height) if size is not None else (0, 0)
    name, box = (b"avc1", _avc_box) if configuration.codec == H264 else (b"hvc1", _hevc_box)
    entry = _box(
        name,
        struct.pack(">6xH16xHHIIIH32xHh", 1, width, height, 0x480000, 0x480000, 0, 1, 24, -1),
        box(configuration),
    )
    return _init(entry, b"vide", _box(b"vmhd", struct.pack(">I8x", 1)), VIDEO_TIMESCALE, width, height)


def audio_init(sample_rate: int, channels: int = 1) -> bytes:
    """The init segment of an AAC-LC track, timed in samples. Raises ProtocolError for an impossible rate."""
    config = audio_specific_config(sample_rate, channels, AAC_OBJECT)
    decoder = _descriptor(4, struct.pack(">BB3xII", 0x40, 0x15, 0, 0), _descriptor(5, config))
    esds = _box(b"esds", bytes(4), _descriptor(3, struct.pack(">HB", 1, 0), decoder, _descriptor(6, b"\x02")))
    entry = _box(b"mp4a", struct.pack(">6xH8xHHIHH", 1, channels, 16, 0, sample_rate, 0), esds)
    return _init(entry, b"soun", _box(b"smhd", bytes(8)), sample_rate, 0, 0)


def fragment(number: int, at: int, samples: Sequence[Sample]) -> bytes:
    """``moof`` and ``mdat`` of consecutive samples, the first of them at ``at`` in units of the track."""
    count = len(samples)
    table = 12 * count
    body = [sample.data for sample in samples]
    head = _FRAGMENT.pack(
        88 + table, b"moof",
        16, b"mfhd", 0, number & 0xFFFFFFFF,
        64 + table, b"traf",
        # the offset of the data counts from the beginning of this moof (14496-12 §8.8.7)
        16, b"tfhd", 0x020000, 1,
        20, b"tfdt", 0x01000000, at,
        20 + table, b"trun", 0x000701, count, 96 + table,
    )  # fmt: skip
    rows = [
        _SAMPLE.pack(sample.duration, len(sample.data), _KEY_FLAGS if sample.key else _OTHER_FLAGS)
        for sample in samples
    ]
    return b"".join((head, *rows, _BOX.pack(8 + sum(map(len, body)), b"mdat"), *body))


def _box(name: bytes, *parts: bytes) -> bytes:
    payload = b"".join(parts)
    return _BOX.pack(8 + len(payload), name) + payload


def _descriptor(tag: int, *parts: bytes) -> bytes:
    payload = b"".join(parts)
    return bytes((tag, len(payload))) + payload


def _init(entry: bytes, handler: bytes, header: bytes, timescale: int, width: int, height: int) -> bytes:
    table = _box(
        b"stbl",
        _box(b"stsd", struct.pack(">II", 0, 1), entry),
        _box(b"stts", bytes(8)),
        _box(b"stsc", bytes(8)),
        _box(b"stsz", bytes(12)),
        _box(b"stco", bytes(8)),
    )
    data = _box(b"dinf", _box(b"dref", struct.pack(">II", 0, 1), _box(b"url ", struct.pack(">I", 1))))
    media = _box(
        b"mdia",
        _box(b"mdhd", struct.pack(">IIIIIHH", 0, 0, 0, timescale, 0, 0x55C4, 0)),
        _box(b"hdlr", struct.pack(">II4s12x", 0, 0, handler), b"Luwei\0"),
        _box(b"minf", header, data, table),
    )
    volume = 0x0100 if handler == b"soun" else 0
    track = _box(
        b"trak",
        _box(
            b"tkhd",
            struct.pack(">IIIIII8xHHHH", 7, 0, 0, 1, 0, 0, 0, 0, volume, 0),
            _MATRIX,
            struct.pack(">II", width << 16, height << 16),
        ),
        media,
    )
    movie = _box(
        b"mvhd", struct.pack(">IIIIIIH10x", 0, 0, 0, timescale, 0, 0x10000, 0x0100), _MATRIX, bytes(24),
        struct.pack(">I", 2),
    )  # fmt: skip
    extends = _box(b"mvex", _box(b"trex", struct.pack(">IIIIII", 0, 1, 1, 0, 0, 0)))
    return _box(b"ftyp", b"iso6", struct.pack(">I", 1), b"iso6mp41") + _box(b"moov", movie, track, extends)


def _avc_box(configuration: Configuration) -> bytes:
    """AVCDecoderConfigurationRecord (14496-15 §5.3.3.1). Of the profiles that want chroma and depth only High (always
    4:2:0 of 8 bits) gets them: decoders read the parameter sets and refuse a record that contradicts them."""
    sps, pps = configuration.sets
    body = bytes((1,)) + sps[0][1:4] + bytes((0xFF, 0xE0 | len(sps)))
    for unit in sps:
        body += struct.pack(">H", len(unit)) + unit
    body += bytes((len(pps),))
    for unit in pps:
        body += struct.pack(">H", len(unit)) + unit
    return _box(b"avcC", body + (b"\xfd\xf8\xf8\x00" if sps[0][1] == 100 else b""))


def _h265_levels(sps: bytes) -> bytes:
    return sps[:64].replace(b"\0\0\x03", b"\0\0")[_PROFILE_LEVEL].ljust(12, b"\0")


def _hevc_box(configuration: Configuration) -> bytes:
    """HEVCDecoderConfigurationRecord (14496-15 §8.3.3.1): 4:2:0; 10 bits for the profile Main 10, else 8."""
    levels = _h265_levels(configuration.sets[1][0])
    depth = 2 if levels[0] & 31 == 2 else 0
    body = (
        b"\x01"
        + levels
        + struct.pack(">HBBBBHBB", 0xF000, 0xFC, 0xFD, 0xF8 | depth, 0xF8 | depth, 0, 0x0F, len(configuration.sets))
    )
    for kind, units in zip((32, 33, 34), configuration.sets, strict=True):
        body += struct.pack(">BH", 0x80 | kind, len(units))
        for unit in units:
            body += struct.pack(">H", len(unit)) + unit
    return _box(b"hvcC", body)
