"""Audio: which codec, and blocks without their wrappers (reference §3, §7)."""

from __future__ import annotations

from typing import Any

import pytest
from captured_frames import lines
from hypothesis import given, settings
from hypothesis import strategies as st
from media_streams import SIM, dump, packets_of

from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.messages.video import CODECS
from luwei.protocol.jt1078.audio import (
    AAC,
    ADPCM_IMA,
    AMR,
    AUDIO_TYPES,
    BY_DATA,
    BY_PAYLOAD_TYPE,
    BY_SETTING,
    G711A,
    G711U,
    G726,
    PCM_BE,
    AudioBlocks,
    AudioSetting,
    AudioTrack,
)
from luwei.protocol.jt1078.audio_blocks import (
    add_hisilicon,
    audio_specific_config,
    has_ima_state,
    split_adts,
    split_hisilicon,
)
from luwei.protocol.jt1078.frames import Frame, FrameAssembler, StreamKey
from luwei.protocol.jt1078.packet import AUDIO

ADPCM = bytes.fromhex("3412 28 00") + bytes(range(160))
A_LAW, MU_LAW = b"\xd5" * 160, b"\xff" * 160
NOISE = bytes((n * 73 + 11) & 0xFF for n in range(160))


def adts(payload: bytes, index: int = 11, channels: int = 1, crc: bool = False) -> bytes:
    """An ADTS frame by ISO/IEC 13818-7: sync, MPEG-4, layer 0, AAC-LC."""
    head = 9 if crc else 7
    size = head + len(payload)
    return (
        bytes(
            (
                0xFF,
                0xF0 if crc else 0xF1,
                1 << 6 | index << 2 | channels >> 2,
                (channels & 3) << 6 | size >> 11,
                size >> 3 & 0xFF,
                (size & 7) << 5 | 0x1F,
                0xFC,
            )
        )
        + bytes(head - 7)
        + payload
    )


def frame(body: bytes, payload_type: int, stamp: int = 0) -> Frame:
    return Frame(StreamKey(SIM, 1, "audio"), payload_type, AUDIO, stamp, None, None, body, 1, False)


def heard(
    body: bytes, payload_type: int, step_ms: int = 0, setting: AudioSetting | None = None, count: int = 12
) -> AudioBlocks | None:
    """What the last of a row of equal frames is taken for."""
    track = AudioTrack(setting)
    blocks = None
    for n in range(count):
        blocks = track.take(frame(body, payload_type, 1_746_418_625_361 + n * step_ms))
    return blocks


def codec(blocks: AudioBlocks | None) -> tuple[str, str] | None:
    return None if blocks is None else (blocks.format.codec, blocks.format.source)


def test_the_payload_types_of_audio_have_the_names_of_the_standard() -> None:
    names = {G711A: "G.711A", G711U: "G.711U", G726: "G.726", ADPCM_IMA: "ADPCMA", AMR: "AMR"}
    for payload_type, known in AUDIO_TYPES.items():
        assert names.get(known.codec, CODECS[payload_type]) == CODECS[payload_type]
    assert CODECS[19] == "AAC"
    assert AUDIO_TYPES[19].codec == AAC


@pytest.mark.parametrize(
    "record", lines("jt1078_dumps.jsonl", lambda record: "3" in record["expect"]["frames_by_data_type"])
)
def test_the_audio_of_a_captured_stream_is_g711a_of_20_ms(record: dict[str, Any]) -> None:
    track = AudioTrack()
    frames = [entry for entry in FrameAssembler().take(packets_of(dump(record)), 0) if entry.key.kind == "audio"]
    heard_blocks = [track.take(entry) for entry in frames]
    assert len(heard_blocks) == 214
    assert {blocks.format for blocks in heard_blocks if blocks is not None} == {track.format}
    assert (track.format is not None and track.format.codec, track.measured_bits, track.unknown) == (G711A, 8, 0)
    assert {blocks.duration_ms for blocks in heard_blocks if blocks is not None} == {20}


@pytest.mark.parametrize(
    ("head", "payload"),
    [("00015000", 160), ("0001A000", 320), ("00015200", 164), ("00012800", 80), ("00013C00", 120), ("00016400", 200)],
)
def test_the_header_of_hisilicon_is_stripped(head: str, payload: int) -> None:
    body = NOISE * 3
    assert split_hisilicon(bytes.fromhex(head) + body[:payload]) == (body[:payload],)
    assert add_hisilicon(body[:payload]) == bytes.fromhex(head) + body[:payload]


def test_several_blocks_of_hisilicon_in_one_packet_are_all_found() -> None:
    blocks = heard(add_hisilicon(A_LAW) + add_hisilicon(NOISE), 6, 40)
    assert blocks is not None
    assert (blocks.blocks, blocks.format.hisilicon, blocks.duration_ms) == ((A_LAW, NOISE), True, 40)


@pytest.mark.parametrize(
    "body",
    [A_LAW, b"", b"\x00\x01\x50\x00" + A_LAW[:-1], b"\x00\x01\x50\x01" + A_LAW, b"\x00\x01\x00\x00", b"\x00\x01"],
)
def test_what_only_resembles_the_header_is_audio(body: bytes) -> None:
    assert split_hisilicon(body) is None


def test_the_form_of_the_uplink_is_remembered_for_the_talk_back() -> None:
    track = AudioTrack()
    assert track.hisilicon is None
    track.take(frame(add_hisilicon(A_LAW), 6))
    assert track.hisilicon is True
    track.take(frame(A_LAW, 6))
    assert track.hisilicon is False


@pytest.mark.parametrize("block", [b"", b"abc", bytes(512)])
def test_a_block_that_the_header_cannot_count_is_not_written(block: bytes) -> None:
    with pytest.raises(ProtocolError):
        add_hisilicon(block)


@pytest.mark.parametrize(("octets", "ms"), [(80, 10), (160, 20), (320, 40), (800, 100)])
@pytest.mark.parametrize(("payload_type", "name"), [(6, G711A), (7, G711U)])
def test_g711_of_any_block_length_is_known_by_its_payload_type(
    octets: int, ms: int, payload_type: int, name: str
) -> None:
    blocks = heard((NOISE * 5)[:octets], payload_type, ms)
    assert codec(blocks) == (name, BY_PAYLOAD_TYPE)
    assert blocks is not None
    assert (blocks.duration_ms, blocks.format.sample_rate, blocks.format.channels) == (ms, 8000, 1)


@pytest.mark.parametrize(("octets", "bits"), [(80, 2), (120, 3), (160, 4), (200, 5)])
def test_g726_has_the_bits_that_its_blocks_of_40_ms_have(octets: int, bits: int) -> None:
    for step_ms in (0, 40):
        blocks = heard((NOISE * 2)[:octets], 8, step_ms)
        assert blocks is not None
        assert (blocks.format.codec, blocks.format.bits, blocks.duration_ms) == (G726, bits, 40)


def test_g726_of_20_ms_has_its_bits_from_the_timestamps() -> None:
    blocks = heard(NOISE[:80], 8, 20)
    assert blocks is not None
    assert (blocks.format.codec, blocks.format.bits, blocks.duration_ms) == (G726, 4, 20)


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("payload_type", [26, 6, 98])
def test_ima_adpcm_is_known_by_its_state(payload_type: int, wrapped: bool) -> None:
    blocks = heard(add_hisilicon(ADPCM) if wrapped else ADPCM, payload_type, count=1)
    assert codec(blocks) == (ADPCM_IMA, BY_PAYLOAD_TYPE if payload_type == 26 else BY_DATA)
    assert blocks is not None
    assert (blocks.blocks, blocks.duration_ms) == ((ADPCM,), 40)


def test_a_step_index_above_88_is_no_adpcm_state() -> None:
    assert has_ima_state(ADPCM)
    assert not has_ima_state(ADPCM[:2] + b"\x59" + ADPCM[3:])
    assert not has_ima_state(ADPCM[:3] + b"\x01" + ADPCM[4:])


@pytest.mark.parametrize("crc", [False, True])
def test_adts_says_its_rate_and_channels_whatever_the_payload_type(crc: bool) -> None:
    body = adts(NOISE[:60], 8, 2, crc) + adts(NOISE[:50], 8, 2, crc)
    blocks = heard(body, 6, count=1)
    assert codec(blocks) == (AAC, BY_DATA)
    assert blocks is not None
    assert blocks.blocks == (NOISE[:60], NOISE[:50])
    assert (blocks.format.sample_rate, blocks.format.channels, blocks.format.adts) == (16_000, 2, True)
    # two frames of 1024 samples at 16 kHz
    assert blocks.duration_ms == 128


def test_raw_aac_takes_rate_and_channels_from_what_the_terminal_announced() -> None:
    blocks = heard(NOISE, 19, 64, AudioSetting(sample_rate=48_000, channels=2))
    assert blocks is not None
    assert (blocks.format.codec, blocks.format.adts, blocks.blocks) == (AAC, False, (NOISE,))
    assert (blocks.format.sample_rate, blocks.format.channels) == (48_000, 2)


def test_the_silence_of_mu_law_is_not_taken_for_adts() -> None:
    assert split_adts(MU_LAW) is None
    assert codec(heard(MU_LAW, 7, 20)) == (G711U, BY_PAYLOAD_TYPE)


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xf1", adts(NOISE)[:-1], adts(NOISE) + b"x", adts(NOISE, 13), adts(NOISE) + adts(NOISE, 8)]
)
def test_what_is_not_exactly_a_row_of_adts_frames_is_none(body: bytes) -> None:
    assert split_adts(body) is None


@pytest.mark.parametrize(
    ("rate", "channels", "config"), [(8000, 1, "1588"), (16_000, 1, "1408"), (44_100, 2, "1210"), (48_000, 2, "1190")]
)
def test_the_configuration_of_raw_aac_is_built_from_rate_and_channels(rate: int, channels: int, config: str) -> None:
    assert audio_specific_config(rate, channels).hex() == config


def test_a_rate_without_an_index_has_no_configuration() -> None:
    with pytest.raises(ProtocolError):
        audio_specific_config(8001, 1)


@pytest.mark.parametrize(
    ("body", "payload_type", "step_ms", "name"),
    [
        (A_LAW, 98, 20, G711A),
        (MU_LAW, 98, 20, G711U),
        (A_LAW, 8, 20, G711A),
        (NOISE, 6, 40, G726),
        (ADPCM[:4] + NOISE[:80], 6, 20, ADPCM_IMA),
    ],
    ids=["video_a", "video_u", "g726_is_g711", "g711_is_g726", "g711_is_adpcm_of_20_ms"],
)
def test_a_wrong_payload_type_is_found_out_by_the_bits_of_a_sample(
    body: bytes, payload_type: int, step_ms: int, name: str
) -> None:
    assert codec(heard(body, payload_type, step_ms)) == (name, BY_DATA)


def test_the_payload_type_holds_until_enough_steps_were_seen_or_where_they_say_nothing() -> None:
    assert codec(heard(NOISE, 6, 40, count=5)) == (G711A, BY_PAYLOAD_TYPE)
    assert codec(heard(NOISE, 6, 0)) == (G711A, BY_PAYLOAD_TYPE)
    assert codec(heard(NOISE, 6, 180)) == (G711A, BY_PAYLOAD_TYPE)
    assert codec(heard(NOISE, 28, 20)) == (AMR, BY_PAYLOAD_TYPE)
    assert codec(heard(NOISE * 2, 16, 20)) == (PCM_BE, BY_PAYLOAD_TYPE)


def test_what_an_operator_has_set_is_never_doubted() -> None:
    assert codec(heard(A_LAW, 6, 20, AudioSetting(codec=G726, bits=4))) == (G726, BY_SETTING)
    assert codec(heard(adts(NOISE), 19, 20, AudioSetting(codec=G711A))) == (G711A, BY_SETTING)


def test_audio_that_is_not_known_is_counted() -> None:
    track = AudioTrack()
    assert track.take(frame(NOISE, 98)) is None
    assert (track.unknown, track.payload_types[98]) == (1, 1)


WHOLE = st.sampled_from([A_LAW, ADPCM, adts(NOISE), add_hisilicon(A_LAW), add_hisilicon(adts(NOISE[:159]))])
BLOCK = (
    st.binary(min_size=1, max_size=40)
    | WHOLE
    | st.builds(lambda body, cut: body[: cut + 1], WHOLE, st.integers(0, 200))
)


@given(frames=st.lists(st.tuples(BLOCK, st.integers(0, 127), st.integers(0, 2**64 - 1)), max_size=12))
@settings(max_examples=60, deadline=None)
def test_any_audio_frames_are_blocks_or_unknown(frames: list[tuple[bytes, int, int]]) -> None:
    track = AudioTrack()
    for body, payload_type, stamp in frames:
        blocks = track.take(frame(body, payload_type, stamp))
        if blocks is not None:
            assert sum(map(len, blocks.blocks)) <= len(body)
            assert blocks.duration_ms >= 0
