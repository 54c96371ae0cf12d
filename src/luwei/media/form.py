"""The form in which a terminal takes sound: codec, rate, length of a block, wrappers (reference §3.5, §4.1)."""

from __future__ import annotations

from typing import Any, NamedTuple

from luwei.protocol.jt1078 import audio
from luwei.protocol.jt1078.audio import AUDIO_TYPES, AudioFormat
from luwei.protocol.jt1078.audio_blocks import AAC_SAMPLES, ADPCM_STATE, HISILICON_MAX, SAMPLE_RATES
from luwei.protocol.jt1078.packet import BODY_STANDARD

RATE = 8_000
"""Of what is spoken and of what is heard, on the line to the core and on the browser's socket."""
BLOCK_MS, BLOCK_LEAST_MS, BLOCK_MOST_MS = 20, 5, 120
"""A block where the terminal does not say, and what it may say (reference §3.5)."""
USUAL_MS = (40, 20)
"""Lengths of devices, by which a frame length in octets is told from one in samples."""
AMR_SAMPLES = 160


ENCODED = frozenset(
    (
        audio.G711A, audio.G711U, audio.G726, audio.ADPCM_IMA, audio.DVI4, audio.PCM_BE, audio.PCM_LE, audio.AAC,
        audio.AMR,
    )
)  # fmt: skip
"""Codecs that sound can be made in (``voice``)."""


_BITS = {
    audio.G711A: 8, audio.G711U: 8, audio.ADPCM_IMA: 4, audio.DVI4: 4, audio.PCM_BE: 16, audio.PCM_LE: 16,
}  # fmt: skip
"""Of a sample, where the codec has one answer."""


class Form(NamedTuple):
    """How a terminal takes sound. ``samples`` of ``rate`` in a block, 0 where the codec decides."""

    codec: str
    payload_type: int
    rate: int
    channels: int
    bits: int
    samples: int
    hisilicon: bool
    adts: bool
    big_endian: bool
    low_first: bool

    @property
    def block_ms(self) -> float:
        """How long a block lasts."""
        return self.samples * 1000 / self.rate


class Unsupported(ValueError):
    """Sound cannot be made in this codec; the message is its name."""


def known_form(payload_type: int, hisilicon: bool, frame_length: int, **habits: Any) -> Form:
    """The form of a terminal that sent no sound yet: by the codec octet and the frame length of its 0x1003.

    ``habits``: ``codec`` (what an operator has set, or empty), ``rate``, ``bits``, ``big_endian``, ``low_first``.
    Raises Unsupported.
    """
    codec = habits["codec"] or (AUDIO_TYPES[payload_type].codec if payload_type in AUDIO_TYPES else "")
    typed = AUDIO_TYPES.get(payload_type)
    if typed is None or typed.codec != codec:
        number = next((number for number, each in AUDIO_TYPES.items() if each.codec == codec), None)
        if number is None:
            raise Unsupported(str(payload_type))
        payload_type, typed = number, AUDIO_TYPES[number]
    rate = habits["rate"] or typed.sample_rate
    bits = (habits["bits"] or 4) if codec == audio.G726 else typed.bits
    found = Form(
        codec, payload_type, rate, typed.channels, bits, 0, hisilicon, codec == audio.AAC, habits["big_endian"],
        habits["low_first"],
    )  # fmt: skip
    return _checked(found._replace(samples=_block_samples(found, frame_length)))


def heard_form(found: AudioFormat, payload_type: int, block: bytes, big_endian: bool, low_first: bool) -> Form:
    """The form in which a terminal sends: ``block`` is one of its blocks without wrappers. Raises Unsupported."""
    form = Form(
        found.codec, payload_type, found.sample_rate, found.channels, _BITS.get(found.codec, found.bits), 0,
        found.hisilicon, found.adts, big_endian, low_first,
    )  # fmt: skip
    return _checked(form._replace(samples=_samples_of(form, len(block))))


def _checked(form: Form) -> Form:
    if form.codec not in ENCODED or not 4_000 <= form.rate <= 96_000:
        raise Unsupported(form.codec)
    if form.codec not in (audio.PCM_BE, audio.PCM_LE):
        form = form._replace(channels=1)
    if form.codec == audio.G726 and not 2 <= form.bits <= 5:
        form = form._replace(bits=4)
    if form.codec == audio.AAC:
        if form.rate not in SAMPLE_RATES:
            raise Unsupported(form.codec)
        return form._replace(samples=AAC_SAMPLES)
    if form.codec == audio.AMR:
        return form._replace(samples=AMR_SAMPLES, rate=RATE)
    samples = form.samples
    if not BLOCK_LEAST_MS <= samples * 1000 / form.rate <= BLOCK_MOST_MS:
        samples = form.rate * BLOCK_MS // 1000
    most = (HISILICON_MAX if form.hisilicon else BODY_STANDARD) - ADPCM_STATE
    while samples * form.bits * form.channels > most * 8:
        samples //= 2
    # whole octets, and whole words behind the HiSilicon header
    return form._replace(samples=max(16, samples - samples % 16))


def _samples_of(form: Form, octets: int) -> int:
    """Samples in a block of so many octets."""
    state = 4 if form.codec in (audio.ADPCM_IMA, audio.DVI4) else 0
    bits = form.bits * (form.channels if form.codec in (audio.PCM_BE, audio.PCM_LE) else 1)
    return max(0, octets - state) * 8 // bits if bits else 0


def _block_samples(form: Form, frame_length: int) -> int:
    """Samples of a block by 0x1003, whose frame length means octets or samples (reference §4.1): what is usual, else
    octets."""
    octets, samples = _samples_of(form, frame_length), frame_length
    usual = [form.rate * ms // 1000 for ms in USUAL_MS]
    return next((each for each in (octets, samples) if each in usual), octets or samples)
