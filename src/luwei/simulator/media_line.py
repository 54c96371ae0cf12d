"""One media connection of a simulated terminal: pictures and sounds into packets, packets into a socket, in real time.

Pictures are encoded on threads of their own; the event loop only cuts and writes. A connection that does not take what
is sent loses pictures up to the next key picture, as a camera behind a narrow line does.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from random import Random
from typing import NamedTuple, cast

from luwei.protocol.jt1078.nal import RULES, split_units
from luwei.protocol.jt1078.packet import AUDIO, Packet
from luwei.protocol.jt1078.stream import PacketReader
from luwei.protocol.jt1078.writing import PacketWriter, sim_field
from luwei.simulator.encoding import PAYLOAD_TYPES, Unit, encoders
from luwei.simulator.media_faults import GOOD, MediaFault
from luwei.simulator.streams import I_FRAME, P_FRAME, CameraStream, Shot, Sound, VideoSource

CONNECT_S = 10.0
LATE_S = 0.25
"""Who is later than this leaves pictures out."""
UNSENT_MAX = 1 << 20
"""Octets that wait in a connection before pictures are left out."""
CLOSED, LOST, UNREACHABLE, ENDED = "closed", "lost", "unreachable", "ended"
"""How a line ends: the terminal closed it, the other side did, it never came about, the recording is over."""
START_CODE = b"\0\0\0\1"
_CODECS = {number: codec for codec, number in PAYLOAD_TYPES.items()}


class Address(NamedTuple):
    """Where a line leads to."""

    host: str
    port: int
    udp: bool = False


@dataclass(slots=True)
class Sent:
    """What went over a line."""

    pictures: int = 0
    keys: int = 0
    blocks: int = 0
    packets: int = 0
    octets: int = 0
    skipped: int = 0
    """Pictures that were left out because line or machine were too slow."""


class _Tcp(asyncio.Protocol):
    def __init__(self, line: MediaLine) -> None:
        self._line = line

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._line.connected(cast(asyncio.Transport, transport))

    def data_received(self, data: bytes) -> None:
        self._line.arrived(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._line.lost()


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, line: MediaLine) -> None:
        self._line = line

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._line.arrived(data)


class MediaLine:
    """Sends until it is stopped, cut, or its recording ends. ``video`` and ``sound`` may be None.

    ``relative``: the timestamps count from 0, else they are milliseconds since 1970; both are seen in the field.
    """

    def __init__(
        self,
        address: Address,
        phone: str,
        channel: int,
        *,
        video: VideoSource | None = None,
        sound: Sound | None = None,
        sim_size: int = 6,
        relative: bool = False,
        fault: MediaFault = GOOD,
        seed: int = 0,
    ) -> None:
        """Raises ProtocolError for a phone that does not fit into ``sim_size`` octets."""
        self.address, self.phone, self.channel = address, phone, channel
        self.video, self.sound, self.fault = video, sound, fault
        self.sent = Sent()
        self.paused = False
        self.end: str | None = None
        """How it ended; None before."""
        self._seed, self._sim_size, self._relative = seed, sim_size, relative
        self._rng = Random(f"line {phone} {channel} {seed}")
        self._writer = PacketWriter(sim_field(phone, sim_size), channel)
        self._reader = PacketReader(sim_size)
        self._stream: asyncio.Transport | None = None
        self._datagrams: asyncio.DatagramTransport | None = None
        self._changed = asyncio.Event()
        self._base_ms: int | None = None
        self._key_ms = self._frame_ms = self._shift_ms = 0
        self._number = 0
        self._behind = False
        self._held: list[bytes] = []

    # What others tell it

    def stop(self) -> None:
        """Close it."""
        self._finish(CLOSED)

    def pause(self, paused: bool) -> None:
        """Send nothing for a while; afterwards go on with a key picture."""
        self.paused = paused
        if not paused and self.video is not None:
            self.video.want_key()
        self._changed.set()

    def mute(self) -> None:
        """Only pictures from now on."""
        self.sound = None

    def blind(self) -> None:
        """Only sound from now on."""
        self.video = None

    def again(self) -> MediaLine:
        """A new line for the same, to be run after this one."""
        if self.video is not None:
            self.video.want_key()
        return MediaLine(
            self.address, self.phone, self.channel, video=self.video, sound=self.sound, sim_size=self._sim_size,
            relative=self._relative, fault=self.fault, seed=self._seed + 1,
        )  # fmt: skip

    def connected(self, transport: asyncio.Transport) -> None:
        """Called by the connection."""
        self._stream = transport

    def arrived(self, data: bytes) -> None:
        """What comes down is audio to be played."""
        for event in self._reader.feed(data):
            if isinstance(event, Packet) and event.data_type == AUDIO and self.sound is not None:
                self.sound.hear(event)

    def lost(self) -> None:
        """Called when the connection is gone."""
        self._finish(LOST)

    # Its life

    async def run(self, wait_s: float = 0.0) -> str:
        """Connect after ``wait_s`` and send; returns how it ended."""
        if wait_s and self.end is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), wait_s)
        if self.end is not None:
            return self.end
        try:
            await self._connect()
        except (OSError, TimeoutError, ValueError):  # the last: a name that is none
            self._finish(UNREACHABLE)
            return UNREACHABLE
        try:
            if self.fault.speaks:
                await self._send()
            while self.end is None:
                self._changed.clear()
                await self._changed.wait()
        finally:
            self._finish(CLOSED)
        return self.end or CLOSED

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        host, port, udp = self.address
        async with asyncio.timeout(CONNECT_S):
            if udp:
                self._datagrams, _ = await loop.create_datagram_endpoint(lambda: _Udp(self), remote_addr=(host, port))
            else:
                await loop.create_connection(lambda: _Tcp(self), host, port)

    def _finish(self, how: str) -> None:
        if self.end is None:
            self.end = how
        for transport in (self._stream, self._datagrams):
            if transport is not None and not transport.is_closing():
                transport.close()
        self._changed.set()

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        offset_s = time.time() - loop.time()
        picture_s = block_s = loop.time()
        while self.end is None:
            video, sound = self.video, self.sound
            if self.paused or (video is None and sound is None):
                self._changed.clear()
                await self._changed.wait()
                picture_s = block_s = loop.time()
                continue
            due_s = min(picture_s if video else block_s, block_s if sound else picture_s)
            now_s = loop.time()
            if due_s > now_s:
                await asyncio.sleep(due_s - now_s)
                continue
            if (sound is not None and block_s < picture_s) or video is None:
                assert sound is not None
                block_s = self._sound(sound, block_s, offset_s)
                continue
            picture_s, lag_s = max(picture_s, now_s - LATE_S), now_s - picture_s
            self.sent.skipped += lag_s > LATE_S
            shot = await self._shot(video, picture_s + offset_s)
            if shot is None:
                self._finish(ENDED)
                return
            if self.end is None and not self.paused and video is self.video:
                # what is played is of another time, and its sound with it
                self._shift_ms = shot.at_ms - round((picture_s + offset_s) * 1000)
                self._picture(shot, video.payload_type)
                self._resize(shot, video)
            picture_s += shot.wait_s

    @staticmethod
    async def _shot(video: VideoSource, at_s: float) -> Shot | None:
        if not video.slow:
            return video.next(at_s)
        return await asyncio.get_running_loop().run_in_executor(encoders(), video.next, at_s)

    def _sound(self, sound: Sound, block_s: float, offset_s: float) -> float:
        """Send the block that is due; when the next one is."""
        block = None if self.video is not None and self.video.silent else sound.next()
        if block is not None:
            kind = sound.payload_type if self.fault.audio_type is None else self.fault.audio_type
            self._write(
                self._writer.audio(block, kind, self._stamp(round((block_s + offset_s) * 1000) + self._shift_ms))
            )
            self.sent.blocks += 1
        return block_s + sound.block_ms / 1000

    def _picture(self, shot: Shot, payload_type: int) -> None:
        fault, unit = self.fault, shot.unit
        if unit.key and not fault.keys:
            return
        if self._behind and not unit.key:
            self.sent.skipped += 1
            return
        self._behind = False
        if self._stream is not None and self._stream.get_write_buffer_size() > UNSENT_MAX:
            self._behind = True
            return
        kind = payload_type if fault.video_type is None else fault.video_type
        first = self.sent.pictures == 0
        since_key_ms = 0 if first else shot.at_ms - self._key_ms
        since_frame_ms = 0 if first else shot.at_ms - self._frame_ms
        intervals = (since_key_ms, since_frame_ms) if fault.interval_ms is None else (fault.interval_ms,) * 2
        self._frame_ms = shot.at_ms
        self._key_ms = shot.at_ms if unit.key or first else self._key_ms
        self.sent.pictures += 1
        self.sent.keys += unit.key
        stamp = self._stamp(shot.at_ms)
        packets: list[bytes] = []
        for data in _apart(unit, payload_type) if unit.key and fault.sets_apart else (unit.data,):
            packets += self._writer.video(
                data, kind, stamp, max(0, intervals[0]), max(0, intervals[1]), I_FRAME if unit.key else P_FRAME
            )
        self._write(packets)

    def _resize(self, shot: Shot, video: VideoSource) -> None:
        if self.fault.resize is not None and isinstance(video, CameraStream) and shot.unit.key and self.sent.keys == 3:
            video.resize(*self.fault.resize)

    def _stamp(self, at_ms: int) -> int:
        if self._base_ms is None:
            self._base_ms = at_ms if self._relative else 0
        self._number += 1
        shown = at_ms - self._base_ms
        return max(0, shown if self.fault.stamp is None else self.fault.stamp(shown, self._number))

    def _write(self, packets: list[bytes]) -> None:
        fault = self.fault
        if fault.serial_step == 0:
            self._writer.serial = 0
            packets = [packet[:6] + b"\0\0" + packet[8:] for packet in packets]
        if fault.loss:
            packets = [packet for packet in packets if self._rng.random() >= fault.loss]
        self.sent.packets += len(packets)
        if self._datagrams is not None:
            for number in range(0, len(packets), fault.merged):
                datagram = b"".join(packets[number : number + fault.merged])
                self.sent.octets += len(datagram)
                self._datagrams.sendto(datagram)
            return
        if self._stream is None or self._stream.is_closing():
            return
        data = b"".join(packets)
        self.sent.octets += len(data)
        if fault.merged == 1:
            self._stream.write(data)
            return
        self._held.append(data)
        if len(self._held) >= fault.merged:
            # the tail waits for the next ones: reads end anywhere, inside a header too
            whole = b"".join(self._held)
            cut = self._rng.randrange(len(whole) - min(60, len(whole) - 1), len(whole))
            self._stream.write(whole[:cut])
            self._held = [whole[cut:]]


def _apart(unit: Unit, payload_type: int) -> tuple[bytes, bytes]:
    """The parameter sets of a key picture, and the rest of it."""
    rules = RULES[_CODECS[payload_type]]
    units = split_units(unit.data) or []
    sets = [each for each in units if rules.type_of(each) in rules.sets]
    rest = [each for each in units if rules.type_of(each) not in rules.sets]
    return START_CODE + START_CODE.join(sets), START_CODE + START_CODE.join(rest)


async def stream_to(
    host: str,
    port: int,
    phone: str,
    channel: int = 1,
    *,
    plate: str = "粤B00001",
    stream: str = "sub",
    codec: str = "h264",
    sound: str | None = None,
    udp: bool = False,
    seconds: float | None = None,
    source: VideoSource | None = None,
    sim_size: int = 6,
    relative: bool = False,
    fault: MediaFault = GOOD,
) -> MediaLine:
    """Send a camera's stream to ``host``:``port`` for ``seconds``, or until the other side closes; the ended line.

    ``sound``: a way of ``tones.AUDIO_WAYS``; ``source``: another one than a camera that films now, such as
    ``streams.record().play()``. Raises ProtocolError for a phone that does not fit, ValueError for a stream or codec
    and KeyError for a sound that nobody knows.
    """
    line = MediaLine(
        Address(host, port, udp), phone, channel, video=source or CameraStream(plate, channel, stream, codec),
        sound=None if sound is None else Sound(sound), sim_size=sim_size, relative=relative, fault=fault,
    )  # fmt: skip
    if seconds is None:
        await line.run()
        return line
    loop = asyncio.get_running_loop()
    handle = loop.call_later(seconds, line.stop)
    try:
        await line.run()
    finally:
        handle.cancel()
    return line
