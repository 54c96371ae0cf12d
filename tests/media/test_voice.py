"""A supervisor's voice in the codecs of terminals: each decodes to what was said, by decoders that were made apart."""

from __future__ import annotations

import struct
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luwei.media.form import RATE, Unsupported, heard_form, known_form
from luwei.media.g726 import G726Encoder, pack
from luwei.media.microphone import CREEP_MS, KEEP_MS, MOST_MS, PIECE_MS, Microphone
from luwei.media.orders import AudioHints
from luwei.media.samples import listener_of
from luwei.media.voice import Voice
from luwei.protocol.jt1078.audio import AudioFormat
from luwei.protocol.jt1078.audio_blocks import split_adts, split_hisilicon

HABITS: dict[str, Any] = {"codec": "", "rate": 0, "bits": 0, "big_endian": False, "low_first": False}


def tone(hz: float, seconds: float, rate: int = RATE, amplitude: int = 8_000) -> Any:
    at = np.arange(round(seconds * rate)) / rate
    return (amplitude * np.sin(2 * np.pi * hz * at)).astype(np.int16)


def pitch(samples: Any, rate: int) -> float:
    """The strongest frequency."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum[5:]) + 5) * rate / len(samples)


def noise_db(said: Any, heard: Any) -> float:
    """Noise under the signal, at the delay at which the two fit best."""
    said, heard = said.astype(np.float64), heard.astype(np.float64)
    piece = heard[2_000:6_000]
    best = max(range(0, 2_000), key=lambda lag: float(np.dot(said[lag : lag + 4_000], piece)))
    there = said[best : best + 4_000]
    return float(10 * np.log10((np.mean((there - piece) ** 2) + 1e-9) / np.mean(there**2)))


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("bits", [2, 3, 4, 5])
def test_g726_is_bit_for_bit_what_the_library_makes(bits: int, big_endian: bool) -> None:
    """Input of 14 bits, as the recommendation has it: silence, a glide, noise, and a tone that ends suddenly."""
    chance = np.random.default_rng(726)
    glide = 9_000 * np.sin(2 * np.pi * np.cumsum(np.linspace(200, 3_400, 4_096)) / RATE)
    sudden = np.where(np.arange(2_048) < 1_000, 30_000 * np.sign(np.sin(np.arange(2_048) * 1.3)), 0)
    said = np.concatenate([np.zeros(2_048), glide, chance.normal(0, 6_000, 2_048), sudden])
    samples = (said.clip(-32_768, 32_767).astype(np.int16) >> 2) << 2
    context: Any = av.CodecContext.create("g726" if big_endian else "g726le", "w")
    context.sample_rate, context.layout, context.format, context.bit_rate = RATE, "mono", "s16", bits * RATE
    context.open()
    frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
    frame.sample_rate = RATE
    made = b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])
    encoder = G726Encoder(bits)
    codes: list[int] = []
    for start in range(0, len(samples), 320):
        codes += encoder.codes(samples[start : start + 320].tolist())
    assert pack(codes, bits, big_endian) == made[: len(samples) * bits // 8]


CASES = [
    (6, "g711a", {}), (7, "g711u", {}), (26, "adpcm_ima", {}), (26, "adpcm_ima", {"low_first": True}),
    (10, "dvi4", {}), (13, "dvi4", {}), (15, "pcm_s16be", {}), (16, "pcm_s16be", {}), (22, "pcm_s16le", {}),
    (8, "g726", {"bits": 2}), (8, "g726", {"bits": 3}), (8, "g726", {"bits": 4}), (8, "g726", {"bits": 5}),
    (8, "g726", {"bits": 4, "big_endian": True}), (19, "aac", {}), (19, "aac", {"rate": 16_000}),
    (24, "aac", {"rate": 44_100}), (28, "amr", {}),
]  # fmt: skip
NOISE_DB = {"g726": -12.0, "aac": -15.0, "amr": -5.0}


@pytest.mark.parametrize(("payload_type", "codec", "habits"), CASES, ids=[str(number) for number in range(len(CASES))])
def test_a_voice_comes_out_as_it_was_said(payload_type: int, codec: str, habits: dict[str, Any]) -> None:
    form = known_form(payload_type, False, 320, **HABITS | habits)
    assert form.codec == codec and form.payload_type == payload_type
    said = tone(440, 2) + tone(1_210, 2, amplitude=3_000)
    voice = Voice(form)
    made = [block for at in range(0, len(said), 160) for block in voice.speak(said[at : at + 160])]
    if codec == "aac":
        made = [frame for block in made for frame in split_adts(block).frames]  # type: ignore[union-attr]
    found = AudioFormat(codec, form.rate, form.channels, form.bits, False, False, 2, "")
    hints = AudioHints(g726_big_endian=form.big_endian, adpcm_low_first=form.low_first)
    decode = listener_of(found, hints)
    assert decode is not None
    heard = np.concatenate([decode(block) for block in made])
    assert len(heard) > form.rate * 1.6
    assert abs(pitch(heard[form.rate // 2 :], form.rate) - 440) < 6
    if form.rate == RATE:
        assert noise_db(said, heard) < NOISE_DB.get(codec, -20.0)


@pytest.mark.parametrize(
    ("payload_type", "frame_length", "bits", "samples"),
    [
        (6, 320, 0, 320), (6, 160, 0, 160), (6, 80, 0, 80), (6, 800, 0, 800), (6, 0, 0, 160), (6, 65_535, 0, 160),
        (8, 160, 4, 320), (8, 320, 4, 320), (8, 120, 3, 320), (26, 164, 0, 320), (26, 320, 0, 320), (28, 32, 0, 160),
        (19, 1024, 0, 1024), (16, 320, 0, 160), (22, 640, 0, 320),
    ],
)  # fmt: skip
def test_a_block_is_as_long_as_0x1003_says_in_octets_or_in_samples(
    payload_type: int, frame_length: int, bits: int, samples: int
) -> None:
    assert known_form(payload_type, False, frame_length, **HABITS | {"bits": bits}).samples == samples


@pytest.mark.parametrize("payload_type", [1, 2, 3, 4, 5, 9, 14, 17, 20, 25, 91, 98, 127])
def test_a_codec_that_cannot_be_made_is_named(payload_type: int) -> None:
    with pytest.raises(Unsupported) as caught:
        known_form(payload_type, False, 320, **HABITS)
    assert str(caught.value) in ("mpeg", str(payload_type))


def test_blocks_go_behind_the_hisilicon_header_where_it_can_hold_them() -> None:
    voice = Voice(known_form(6, True, 320, **HABITS))
    (block,) = voice.speak(tone(440, 0.04))
    assert block[:4] == bytes.fromhex("0001a000") and len(block) == 324
    long = known_form(22, True, 640, **HABITS)
    assert long.samples * 2 <= 510
    aac = Voice(known_form(19, True, 1024, **HABITS))
    made = [block for at in range(4) for block in aac.speak(tone(440, 0.128))]
    assert made and all(split_hisilicon(block) or len(block) > 510 or len(block) % 2 for block in made)


CODECS = ["g711a", "g711u", "g726", "adpcm_ima", "dvi4", "aac", "amr", "mpeg", "pcm_s16le"]
FORMATS = st.builds(
    AudioFormat, st.sampled_from(CODECS), st.integers(0, 200_000), st.integers(1, 2), st.integers(0, 16), st.booleans(),
    st.booleans(), st.integers(1, 5), st.just(""),
)  # fmt: skip


@given(FORMATS, st.integers(0, 127), st.binary(max_size=1_000))
@settings(max_examples=30, deadline=None)
def test_whatever_a_terminal_sends_it_is_spoken_to_or_its_codec_is_named(
    found: AudioFormat, payload_type: int, block: bytes
) -> None:
    try:
        form = heard_form(found, payload_type, block, False, False)
    except Unsupported as unsupported:
        assert str(unsupported) == found.codec
        return
    assert form.block_ms <= 256
    for made in Voice(form).speak(tone(440, 0.06)):
        assert 0 < len(made) <= 950


def samples(count: int, value: int = 1) -> Any:
    return np.full(count, value, np.int16)


def test_a_microphone_gives_in_pieces_what_was_said_in_frames_of_any_length() -> None:
    microphone, said = Microphone(), tone(440, 0.1)
    for start in (0, 7, 300, 301, 650):
        stop = {0: 7, 7: 300, 300: 301, 301: 650, 650: 800}[start]
        microphone.add(said[start:stop])
    pieces = []
    while (piece := microphone.take()) is not None:
        pieces.append(piece)
    assert [len(piece) for piece in pieces] == [160] * 5
    assert np.array_equal(np.concatenate(pieces), said)


def test_what_jams_is_dropped_from_its_old_end() -> None:
    microphone = Microphone()
    for number in range(MOST_MS // PIECE_MS + 1):
        microphone.add(samples(160, number))
    assert microphone.queue_ms == KEEP_MS and microphone.dropped_ms == MOST_MS + PIECE_MS - KEEP_MS
    piece = microphone.take()
    assert piece is not None and int(piece[0]) == MOST_MS // PIECE_MS - 2  # the newest three pieces are left


def test_what_waits_without_need_for_a_second_is_dropped() -> None:
    microphone = Microphone()
    microphone.add(samples(160 * 8))
    for _ in range(50):
        microphone.add(samples(160))
        microphone.take()
    assert microphone.queue_ms == 8 * PIECE_MS > CREEP_MS
    microphone.second()
    assert microphone.queue_ms == PIECE_MS
    for _ in range(50):
        microphone.add(samples(160))
        microphone.take()
    microphone.second()
    assert microphone.queue_ms == PIECE_MS


def test_the_header_of_ima_blocks_is_the_state_before_them() -> None:
    voice = Voice(known_form(26, False, 164, **HABITS))
    first, second = voice.speak(tone(440, 0.08))
    assert first[:4] == bytes(4) and len(first) == 164
    predictor, index, zero = struct.unpack("<hBB", second[:4])
    decode = listener_of(AudioFormat("adpcm_ima", RATE, 1, 4, False, False, 2, ""), AudioHints())
    assert decode is not None and int(decode(first)[-1]) == predictor and 0 < index <= 88 and zero == 0


def test_raw_aac_wants_a_rate_with_an_index() -> None:
    assert listener_of(AudioFormat("aac", 8_001, 1, 0, False, False, 2, ""), AudioHints()) is None
