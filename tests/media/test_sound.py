"""Sound of terminals as AAC for browsers: every way that devices send it, told by the tone that comes out."""

from __future__ import annotations

import io
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from node_harness import PHONE, Harness, packets, until

from luwei.media.orders import AudioHints
from luwei.media.samples import A_LAW, MU_LAW, decoder_of, ima_samples
from luwei.protocol.jt1078.audio import ADPCM_IMA, AMR, G711A, G711U, G726, MPEG, AudioFormat
from luwei.protocol.jt1078.writing import PacketWriter, sim_field
from luwei.simulator.tones import AUDIO_WAYS, blocks

Clip = list[tuple[bytes, bool]]
TONE_HZ = 440


def samples_of(parts: list[bytes]) -> tuple[Any, int]:
    """Samples and rate of an audio track as a viewer gets it."""
    with av.open(io.BytesIO(b"".join(parts))) as container:
        frames = list(container.decode(audio=0))
    return np.concatenate([frame.to_ndarray().ravel() for frame in frames]).astype(np.float64), frames[0].sample_rate


def pitch(samples: Any, rate: int) -> float:
    """The strongest frequency."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum[5:]) + 5) * rate / len(samples)


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("way", sorted(AUDIO_WAYS))
async def test_the_tone_of_every_way_is_heard(node: Harness, way: str) -> None:
    big = way.endswith("_be") or "_be_" in way
    stream = await node.expect(audio=AudioHints(g726_big_endian=big))
    view, truck = await node.view(stream, audio=True), await node.truck()
    writer = PacketWriter(sim_field(PHONE), 1)
    made, spec = blocks(way, TONE_HZ), AUDIO_WAYS[way]
    at = 0.0
    while at < 2000:
        for block in made:
            for packet in writer.audio(block, spec.payload_type, round(at)):
                truck.send(packet)
            at += spec.block_ms
    await until(lambda: len(view.got.audio) > 8, f"sound of {way}")
    await until(lambda: view.got.decoded("audio") > 8000 * 1.2, "more than a second")
    samples, rate = samples_of(view.got.audio)
    steady = samples[rate // 2 :]
    assert abs(pitch(steady, rate) - TONE_HZ) < 12
    (opened,) = view.got.opened("audio")
    assert opened["mime"] == 'audio/mp4; codecs="mp4a.40.2"'
    assert opened["sample_rate"] == rate


@pytest.mark.asyncio(loop_scope="session")
async def test_nothing_is_encoded_while_nobody_listens(node: Harness, clip: Clip) -> None:
    stream = await node.expect()
    view, truck = await node.view(stream), await node.truck()
    writer = PacketWriter(sim_field(PHONE), 1)
    for number in range(20):
        truck.send(b"".join(writer.audio(b"\xd5" * 160, 6, number * 20)))
    await until(lambda: node.state(stream).audio == "g711a", "codec known")
    found = node.node.stream(stream)
    assert found is not None and found.sound is None
    view.say(kind="audio", on=True)
    await until(lambda: found.sound is not None, "listens")
    for number in range(20, 60):
        truck.send(b"".join(writer.audio(b"\xd5" * 160, 6, number * 20)))
    await until(lambda: view.got.audio, "sound")
    view.say(kind="audio", on=False)
    await until(lambda: found.sound is None, "listens no more")


@pytest.mark.asyncio(loop_scope="session")
async def test_missing_blocks_become_silence_so_that_sound_stays_with_the_picture(node: Harness) -> None:
    stream = await node.expect()
    view, truck = await node.view(stream, audio=True), await node.truck()
    writer = PacketWriter(sim_field(PHONE), 1)
    for at in [*range(0, 1000, 20), *range(2000, 3000, 20)]:
        truck.send(b"".join(writer.audio(b"\x2a" * 160, 6, at)))
    await until(lambda: view.got.decoded("audio") > 2.6 * 8000, "three seconds of sound")
    samples, rate = samples_of(view.got.audio)
    assert np.abs(samples[round(1.4 * rate) : round(1.8 * rate)]).max() < 0.01


@pytest.mark.asyncio(loop_scope="session")
async def test_who_listens_to_a_silent_or_unknown_stream_is_told(
    node: Harness, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    from luwei.media import stream as streaming

    monkeypatch.setattr(streaming, "LISTEN_MS", 300)
    stream = await node.expect()
    view, truck = await node.view(stream, audio=True), await node.truck()
    truck.send(b"".join(packets(clip[:5])))
    told = await until(lambda: [each for each in view.got.texts if each["kind"] == "audio"], "told")
    assert told == [{"kind": "audio", "state": "none", "source": ""}]


def test_companded_samples_are_those_of_the_recommendation() -> None:
    """ITU-T G.711: the decision values of the largest and the smallest code, and silence."""
    assert (int(A_LAW[0xD5]), int(A_LAW[0x55])) == (8, -8)
    assert (int(A_LAW[0xAA]), int(A_LAW[0x2A])) == (32256, -32256)
    assert (int(MU_LAW[0xFF]), int(MU_LAW[0x7F])) == (0, 0)
    assert (int(MU_LAW[0x80]), int(MU_LAW[0x00])) == (32124, -32124)
    for name, table in (("pcm_alaw", A_LAW), ("pcm_mulaw", MU_LAW)):
        context: Any = av.CodecContext.create(name, "r")
        context.sample_rate, context.layout = 8000, "mono"
        decoded = np.concatenate([f.to_ndarray().ravel() for f in context.decode(av.Packet(bytes(range(256))))])
        assert np.array_equal(decoded, table)


def test_ima_adpcm_decodes_by_hand_calculation_in_either_nibble_order() -> None:
    """State 0, index 0: nibble 7 adds 0 + 7 + 3 + 1 = 11 and goes to index 8 (step 16); nibble F then takes away
    2 + 16 + 8 + 4 = 30."""
    assert ima_samples(b"\0\0\0\0\x7f", "little", low_first=False).tolist() == [11, -19]
    assert ima_samples(b"\0\0\0\0\xf7", "little", low_first=True).tolist() == [11, -19]
    assert ima_samples(b"\x10\0\0\0\0", "little", low_first=False).tolist() == [16, 16]
    assert ima_samples(b"\0\x10\0\0\0", "big", low_first=False).tolist() == [16, 16]


@given(
    st.sampled_from([G711A, G711U, G726, ADPCM_IMA, AMR, MPEG]),
    st.integers(2, 5),
    st.lists(st.binary(max_size=300), max_size=4),
)
def test_no_block_breaks_a_decoder(codec: str, bits: int, given_blocks: list[bytes]) -> None:
    decode = decoder_of(AudioFormat(codec, 8000, 1, bits, False, False, 2, "data"), AudioHints())
    assert decode is not None
    for block in given_blocks:
        assert decode(block).dtype == np.int16
