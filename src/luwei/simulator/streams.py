"""Where the pictures and sounds of a media line come from: a camera that films now, or a clip that was filmed once."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple, Protocol

from luwei.protocol.jt1078.audio_blocks import split_hisilicon
from luwei.protocol.jt1078.packet import Packet
from luwei.protocol.jt1078.writing import PacketWriter, sim_field
from luwei.simulator.encoding import H264, PAYLOAD_TYPES, STREAMS, Quality, Unit, VideoEncoder
from luwei.simulator.looking import Turned
from luwei.simulator.scene import Scene
from luwei.simulator.tones import AUDIO_WAYS, AudioWay, blocks, silence

I_FRAME, P_FRAME = 0, 1
ECHO_MAX = 500
"""Most blocks that wait to be echoed."""
HEARD_MAX = 30_000
"""Most blocks that are remembered of one talk, ten minutes of 20 ms."""
NOTHING_HEARD = -1


class Shot(NamedTuple):
    """One picture to be sent. ``at_ms``: its own time since 1970; ``wait_s``: until the next one is to be sent."""

    unit: Unit
    at_ms: int
    wait_s: float


class VideoSource(Protocol):
    """Gives the pictures of a line, one after the other."""

    @property
    def payload_type(self) -> int:
        """98 or 99."""

    @property
    def slow(self) -> bool:
        """Whether ``next`` takes so long that it is to be called off the event loop."""

    @property
    def silent(self) -> bool:
        """Whether no sound goes with the pictures at present."""

    def next(self, at_s: float) -> Shot | None:
        """The picture of ``at_s``, seconds since 1970; None at the end."""

    def want_key(self) -> None:
        """The next picture shall be a key picture."""


class CameraStream:
    """A camera of which one stream is filmed and encoded as it is asked for.

    ``stream``: ``sub`` (352×288, 12.5 pictures a second, about 130 kbit/s) or ``main`` (1280×720, 15, about 500);
    ``speed``: tells how fast the truck drives, km/h; ``doing``: what the driver does, a name of ``happenings``;
    ``look``: where the camera was turned to, None for straight ahead. Not for several threads at once.
    """

    slow, silent = True, False

    def __init__(
        self,
        plate: str,
        channel: int,
        stream: str = "sub",
        codec: str = H264,
        *,
        speed: Callable[[], float] = lambda: 60.0,
        doing: Callable[[], str] = lambda: "",
        look: Callable[[], Turned | None] = lambda: None,
        quality: Quality | None = None,
    ) -> None:
        """Raises ValueError for an unknown stream or codec."""
        if stream not in STREAMS or codec not in PAYLOAD_TYPES:
            raise ValueError(f"stream {stream!r}, codec {codec!r}: {', '.join(STREAMS)}; {', '.join(PAYLOAD_TYPES)}")
        self.plate, self.channel, self.stream, self.codec = plate, channel, stream, codec
        self.payload_type = PAYLOAD_TYPES[codec]
        self.quality = quality or STREAMS[stream]
        self._speed, self._doing, self._look = speed, doing, look
        self._key = False
        self._seen: tuple[Quality, str, Scene] | None = None
        self._encoder: VideoEncoder | None = None

    def next(self, at_s: float) -> Shot:
        """Film one picture."""
        quality, doing = self.quality, self._doing()
        if self._encoder is None or self._encoder.quality is not quality:
            self._encoder = VideoEncoder(self.codec, quality)
        if self._seen is None or self._seen[0] is not quality or self._seen[1] != doing:
            self._seen = (quality, doing, Scene(self.plate, self.channel, quality.size, at_s, doing=doing))
        key, self._key = self._key, False
        unit = self._encoder.encode(self._seen[2].planes(at_s, self._speed(), self._look()), key)
        return Shot(unit, int(at_s * 1000), 1 / quality.fps)

    def want_key(self) -> None:
        """The next picture shall be a key picture."""
        self._key = True

    def switch(self, stream: str) -> None:
        """Go on as ``main`` or ``sub``, from a key picture on."""
        self.stream, self.quality = stream, STREAMS[stream]

    def resize(self, width: int, height: int) -> None:
        """Go on with pictures of another size, from a key picture on."""
        self.quality = replace(self.quality, width=width, height=height)

    def throttle(self, share: float) -> None:
        """Go on with a share of the usual bit rate, as a terminal does that is told of losses (0x9105)."""
        usual = STREAMS[self.stream]
        if self.quality.kbps != round(usual.kbps * share):
            self.quality = replace(self.quality, kbps=round(usual.kbps * share))


@dataclass(frozen=True, slots=True)
class Clip:
    """Pictures that were encoded once. Sending them costs no encoding."""

    units: tuple[Unit, ...]
    codec: str
    quality: Quality
    start_s: float
    channel: int

    @property
    def seconds(self) -> float:
        return len(self.units) / self.quality.fps

    def play(self, repeat: bool = True) -> ClipStream:
        """A source that sends it from the beginning, over and over."""
        return ClipStream(self, repeat)


@lru_cache(12)
def record(
    plate: str = "粤B00001",
    channel: int = 1,
    stream: str = "sub",
    codec: str = H264,
    seconds: float = 4.0,
    start_s: float = 1_735_704_000.0,
) -> Clip:
    """Film and encode a clip; the same arguments give the same clip, made once while it is in use."""
    camera = CameraStream(plate, channel, stream, codec)
    step_s = 1 / camera.quality.fps
    count = max(1, round(seconds / step_s))
    return Clip(
        tuple(camera.next(start_s + n * step_s).unit for n in range(count)), codec, camera.quality, start_s, channel
    )


class ClipStream:
    """A clip on its way: the pictures carry the time at which they are sent."""

    slow, silent = False, False

    def __init__(self, clip: Clip, repeat: bool = True) -> None:
        self.clip = clip
        self.payload_type = PAYLOAD_TYPES[clip.codec]
        self._repeat = repeat
        self._at = 0
        self._key = False

    def next(self, at_s: float) -> Shot | None:
        units = self.clip.units
        if self._at >= len(units):
            if not self._repeat:
                return None
            self._at = 0
        if self._key:
            self._key = False
            self._at = next((n for n in range(self._at, len(units)) if units[n].key), 0)
        unit = units[self._at]
        self._at += 1
        return Shot(unit, int(at_s * 1000), 1 / self.clip.quality.fps)

    def want_key(self) -> None:
        self._key = True


class Sound:
    """The microphone: blocks of a tone, over and over."""

    def __init__(self, way: str = "g711a", hz: int = 440) -> None:
        """Raises KeyError for an unknown ``way`` (``tones.AUDIO_WAYS``)."""
        self.way = AUDIO_WAYS[way]
        self._blocks = blocks(way, hz)
        self._at = NOTHING_HEARD

    @property
    def payload_type(self) -> int:
        return self.way.payload_type

    @property
    def block_ms(self) -> float:
        return self.way.block_ms

    def next(self) -> bytes | None:
        """The next block; None: nothing is sent this time."""
        self._at = (self._at + 1) % len(self._blocks)
        return self._blocks[self._at]

    def hear(self, packet: Packet) -> None:
        """Something came down; a microphone does not hear it."""


@dataclass(slots=True)
class Heard:
    """What came out of a loudspeaker, in the order in which it came: bodies of packets and when, seconds since 1970."""

    way: AudioWay
    blocks: list[tuple[float, bytes]] = field(default_factory=list)
    refused: int = 0
    """Blocks in another form than the terminal's own, which is not played."""

    @property
    def milliseconds(self) -> float:
        return len(self.blocks) * self.way.block_ms


class Talk(Sound):
    """Microphone and loudspeaker in a quiet cabin: what comes down in the terminal's own form comes back as an echo.

    What comes in another form is not played: some devices are that strict (reference §3.2, §7).
    """

    def __init__(
        self, way: str = "g711a", hz: int = 440, answers: bool = True, echo_ms: float = 0.0, tone: bool = False
    ) -> None:
        """``answers``: whether it sends at all; a broadcast only sends one block, so that it can be recognised.
        ``echo_ms``: after what time it comes back; ``tone``: somebody in the cabin whistles instead."""
        super().__init__(way, hz)
        self._answers = answers
        self._echo_s, self._tone = echo_ms / 1000, tone
        self._quiet = silence(way)
        self._echo: deque[tuple[float, bytes]] = deque(maxlen=ECHO_MAX)
        self.heard = Heard(self.way)

    @property
    def played(self) -> int:
        """Blocks that came down and could be played."""
        return len(self.heard.blocks)

    @property
    def refused(self) -> int:
        """Blocks that could not."""
        return self.heard.refused

    def next(self) -> bytes | None:
        self._at += 1
        if not self._answers:
            return self._quiet if self._at == 0 else None
        if self._tone:
            return self._blocks[self._at % len(self._blocks)]
        if self._echo and self._echo[0][0] <= time.time():
            return self._echo.popleft()[1]
        # a word of its own before anybody speaks: some platforms wait for it
        return self._blocks[self._at] if self._at < len(self._blocks) and not self.played else self._quiet

    def hear(self, packet: Packet) -> None:
        wrapped = split_hisilicon(packet.body) is not None
        long = self.way.fixed and len(packet.body) != len(self._quiet)
        if packet.payload_type != self.payload_type or wrapped != self.way.hisilicon or long:
            self.heard.refused += 1
            return
        now = time.time()
        if len(self.heard.blocks) < HEARD_MAX:
            self.heard.blocks.append((now, packet.body))
        self._echo.append((now + self._echo_s, packet.body))


def packetise(clip: Clip, phone: str, channel: int, sim_size: int = 6, start_ms: int = 0) -> list[tuple[float, bytes]]:
    """A clip as packets, for who sends many at once: seconds since the first picture, and all packets of one picture.

    Raises ProtocolError for a phone that does not fit.
    """
    writer = PacketWriter(sim_field(phone, sim_size), channel)
    step_ms = 1000 / clip.quality.fps
    key_ms = start_ms
    made: list[tuple[float, bytes]] = []
    for due_ms, unit in zip(accumulate([step_ms] * len(clip.units), initial=0.0), clip.units, strict=False):
        at_ms = start_ms + round(due_ms)
        since_ms = at_ms - key_ms
        key_ms = at_ms if unit.key else key_ms
        packets = writer.video(unit.data, PAYLOAD_TYPES[clip.codec], at_ms, since_ms,
                               round(step_ms) if made else 0, I_FRAME if unit.key else P_FRAME)  # fmt: skip
        made.append((due_ms / 1000, b"".join(packets)))
    return made
