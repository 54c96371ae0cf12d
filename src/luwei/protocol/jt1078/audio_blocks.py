"""Wrappers around audio: the HiSilicon header (reference §3.2), ADTS (ISO/IEC 13818-7 §6.2), the AudioSpecificConfig
(ISO/IEC 14496-3 §1.6.2.1) and the state of an IMA ADPCM block."""

from __future__ import annotations

from typing import NamedTuple

from luwei.protocol.errors import ProtocolError

SAMPLE_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
"""Sampling frequency index of MPEG-4."""
AAC_LC = 2
AAC_SAMPLES = 1024
"""Samples of one AAC frame."""
ADPCM_STATE = 4
"""Octets of state before the samples of an IMA ADPCM block."""

HISILICON_MAX = 510
"""Octets behind one HiSilicon header."""
_HISILICON = 4
_ADTS = 7
_STEP_MAX = 88


class AdtsFrames(NamedTuple):
    """AAC frames without their ADTS headers, and what the headers say."""

    sample_rate: int
    channels: int
    object_type: int
    frames: tuple[bytes, ...]


def split_hisilicon(block: bytes) -> tuple[bytes, ...] | None:
    """The blocks behind their ``00 01 LL 00`` headers (LL in words of 16 bits), None where the octets are not exactly
    a row of such blocks."""
    blocks = []
    at = 0
    while at < len(block):
        if block[at : at + 2] != b"\x00\x01" or at + _HISILICON > len(block) or block[at + 3]:
            return None
        start = at + _HISILICON
        at = start + 2 * block[at + 2]
        if at == start or at > len(block):
            return None
        blocks.append(block[start:at])
    return tuple(blocks) or None


def add_hisilicon(block: bytes) -> bytes:
    """``block`` behind its header. Raises ProtocolError ``value`` for an odd length, none, or more than 510 octets."""
    if not block or len(block) % 2 or len(block) > HISILICON_MAX:
        raise ProtocolError("value", f"block of {len(block)} bytes: 2 to 510, even")
    return bytes((0, 1, len(block) // 2, 0)) + block


def split_adts(block: bytes) -> AdtsFrames | None:
    """The frames of a row of ADTS frames that fills ``block`` exactly, None where it is none, or changes its format."""
    frames: list[bytes] = []
    heads = set()
    at = 0
    while at < len(block):
        if len(block) - at < _ADTS or block[at] != 0xFF or block[at + 1] & 0xF6 != 0xF0:
            return None
        index = block[at + 2] >> 2 & 15
        length = (block[at + 3] & 3) << 11 | block[at + 4] << 3 | block[at + 5] >> 5
        head = _ADTS if block[at + 1] & 1 else _ADTS + 2
        if index >= len(SAMPLE_RATES) or length <= head or at + length > len(block):
            return None
        heads.add((index, (block[at + 2] & 1) << 2 | block[at + 3] >> 6, (block[at + 2] >> 6) + 1))
        frames.append(block[at + head : at + length])
        at += length
    if len(heads) != 1:
        return None
    index, channels, object_type = heads.pop()
    return AdtsFrames(SAMPLE_RATES[index], channels, object_type, tuple(frames))


def add_adts(frame: bytes, sample_rate: int, channels: int = 1) -> bytes:
    """An AAC-LC frame behind its ADTS header without checksum. Raises ProtocolError ``value`` for a rate without an
    index, channels other than 1 to 7, or more than 8,184 octets."""
    length = len(frame) + _ADTS
    if sample_rate not in SAMPLE_RATES or not 1 <= channels <= 7 or length > 0x1FFF:
        raise ProtocolError("value", f"sample_rate {sample_rate}, channels {channels}, frame of {len(frame)} bytes")
    index = SAMPLE_RATES.index(sample_rate)
    head = 0xFFF1 << 40 | (AAC_LC - 1) << 38 | index << 34 | channels << 30 | length << 13 | 0x7FF << 2
    return head.to_bytes(_ADTS, "big") + frame


def audio_specific_config(sample_rate: int, channels: int, object_type: int = AAC_LC) -> bytes:
    """The two octets for raw AAC; AAC-LC of 8 kHz mono is ``15 88``. Raises ProtocolError ``value`` for a rate without
    an index, or channels other than 1 to 7."""
    if sample_rate not in SAMPLE_RATES or not 1 <= channels <= 7 or not 1 <= object_type <= 30:
        raise ProtocolError("value", f"sample_rate {sample_rate}, channels {channels}, object_type {object_type}")
    return (object_type << 11 | SAMPLE_RATES.index(sample_rate) << 7 | channels << 3).to_bytes(2, "big")


def has_ima_state(block: bytes) -> bool:
    """Whether ``block`` may begin with the state of IMA ADPCM: predictor, step index of at most 88, a zero, and whole
    tens of milliseconds of samples behind it (8 kHz, 4 bits: 40 octets each)."""
    return len(block) > ADPCM_STATE and block[2] <= _STEP_MAX and block[3] == 0 and (len(block) - ADPCM_STATE) % 40 == 0
