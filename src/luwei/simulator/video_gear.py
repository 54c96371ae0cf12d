"""What video equipment a simulated truck carries: cameras, codecs, sound, and the width of its SIM in media packets.

The first trucks of a fleet are plain, H.264 and the usual sounds, so that what is shown first works everywhere; behind
them comes what the road has. The same truck always carries the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import TYPE_CHECKING

from luwei.protocol.jt808.messages.video import VideoAttributes
from luwei.protocol.jt808.parameter_blocks import Channel, ChannelList
from luwei.simulator.encoding import H264, H265, PAYLOAD_TYPES
from luwei.simulator.media_faults import STEADY
from luwei.simulator.tones import AUDIO_WAYS

if TYPE_CHECKING:
    from luwei.simulator.fleet import Truck

WIRED, BY_TABLE = (1, 2, 3, 4), (1, 2, 8, 9, 10)
"""Channels as installers number them, and by JT/T 1076: driver, road ahead, left, right, rear (reference §5)."""
SOUND_ONLY = (33, 36, 37)
STEADY_SOUNDS = ("g711a", "g711a", "g711u", "g726_32_le", "g711a", "aac_adts", "adpcm", "g711a_20ms")
"""Of the first trucks, in turn."""
_SOUNDS = (
    ("g711a", 30), ("g711a_20ms", 10), ("g711a_hisilicon", 10), ("g711u", 8), ("g726_32_le", 12), ("g726_24_le", 3),
    ("g726_40_le", 2), ("g726_16_le", 2), ("g726_32_be", 4), ("g726_32_le_hisilicon", 3), ("adpcm", 6),
    ("adpcm_hisilicon", 3), ("aac_adts", 4), ("aac_raw", 2), ("amr", 1),
)  # fmt: skip
WIDE_SHARE: Mapping[str, float] = {"yuebiao": 0.5, "2019": 0.1}
"""Of the terminals whose SIM takes ten octets in media packets: T/GDRTA 002 wants it, others do it."""
SAFETY_CHANNELS: Mapping[str, tuple[int, ...]] = {"yuebiao": (0x64, 0x65)}
"""Cameras of active safety that stream too, though no list names them."""
H265_SHARE, RELATIVE_SHARE, UDP_SHARE, TABLE_SHARE, LIST_SHARE = 0.15, 0.2, 0.1, 0.2, 0.25


@dataclass(frozen=True, slots=True)
class VideoGear:
    """``sim_size``: 6 octets, or 10 as some terminals of 2019 do; ``relative``: timestamps from 0; ``prefers_udp``:
    where both ports are offered."""

    codec: str = H264
    sound: str = "g711a"
    channels: tuple[int, ...] = WIRED
    sim_size: int = 6
    relative: bool = False
    prefers_udp: bool = False
    unlisted: tuple[int, ...] = ()
    lists_on_playback: bool = False
    """Answers 0x9201 with 0x1205, as the text wants it; most devices send 0x0001."""
    echo_ms: float = 0.0
    """After what time what is said into the cabin comes back."""
    whistles: bool = False
    """Somebody in the cabin makes a tone instead of listening."""

    @property
    def attributes(self) -> VideoAttributes:
        """As 0x1003 tells it."""
        way = AUDIO_WAYS[self.sound]
        return VideoAttributes(
            audio_codec=way.payload_type, audio_channels=1, audio_sample_rate=0, audio_sample_bits=1,
            audio_frame_length=way.frame_length, audio_output=1, video_codec=PAYLOAD_TYPES[self.codec],
            max_audio_channels=1, max_video_channels=len(self.channels),
        )  # fmt: skip


@cache
def channel_list(channels: tuple[int, ...]) -> bytes:
    """Parameter 0x0076; the last camera can be turned."""
    listed = tuple(
        Channel(physical_channel=n, logical_channel=channel, kind=0, ptz=int(channel == channels[-1]))
        for n, channel in enumerate(channels, 1)
    )
    return ChannelList(audio_video=len(listed), audio=0, video=0, channels=listed).encode(2019)


def gear_of(truck: Truck) -> VideoGear:
    """The equipment of ``truck``."""
    unlisted = SAFETY_CHANNELS.get(truck.speech.safety, ())
    if truck.number < STEADY:
        return VideoGear(sound=STEADY_SOUNDS[truck.number % len(STEADY_SOUNDS)], unlisted=unlisted)
    rng = Random(f"video gear {truck.vin}")
    return VideoGear(
        codec=H265 if rng.random() < H265_SHARE else H264,
        sound=rng.choices([name for name, _ in _SOUNDS], [weight for _, weight in _SOUNDS])[0],
        sim_size=10 if rng.random() < WIDE_SHARE.get(truck.speech.safety or str(truck.edition), 0.0) else 6,
        relative=rng.random() < RELATIVE_SHARE,
        prefers_udp=rng.random() < UDP_SHARE,
        channels=BY_TABLE if rng.random() < TABLE_SHARE else WIRED,
        lists_on_playback=rng.random() < LIST_SHARE,
        unlisted=unlisted,
    )
