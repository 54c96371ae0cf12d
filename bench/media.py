"""Media server: CPU and memory a stream against a plain TCP relay in the same run, the cost of sound, of many viewers.

Every part has a sender (terminals), a server whose CPU time counts, and viewers, each a process of its own. The relay
copies what comes to whoever is connected to its other port: the same language and event loop, no protocol.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import multiprocessing
import os
import secrets
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import msgspec
import numpy as np
import uvloop

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from luwei.bus import Bus, EmbeddedServer
from luwei.media.node import Node
from luwei.media.orders import NODE_SUBJECT, RECORD, TEXT, Admit, Announcement, Expect, node_subject
from luwei.protocol.jt1078.writing import PacketWriter, sim_field
from luwei.settings import Settings
from ports import free_port, free_ports, free_run_of_ports

FPS, GROUP = 25, 50
FIRST_PHONE = 13_000_000_000
CLOCK = os.sysconf("SC_CLK_TCK")
SETTLE_S = 3.0


def encode(bit_rate: int, pictures: int, keys: frozenset[int]) -> list[tuple[bytes, bool]]:
    """Pictures of H.264 with a moving block of noise."""
    context: Any = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = 640, 360, "yuv420p"
    context.time_base, context.framerate, context.bit_rate = Fraction(1, FPS), Fraction(FPS), bit_rate
    context.options = {
        "preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "nal-hrd": "cbr",
        "maxrate": str(bit_rate), "bufsize": str(bit_rate // 2), "x264-params": "keyint=10000:scenecut=0",
    }  # fmt: skip
    noise, made = np.random.default_rng(1), []
    for number in range(pictures):
        plane = np.full((360, 640, 3), number * 3 % 255, np.uint8)
        top = number * 4 % 300
        plane[top : top + 60] = noise.integers(0, 255, (60, 640, 3))
        frame = av.VideoFrame.from_ndarray(plane, "rgb24").reformat(format="yuv420p")
        frame.pts, frame.pict_type = number, cast(Any, 1 if number in keys else 0)
        made += [(bytes(packet), packet.is_keyframe) for packet in context.encode(frame)]
    return made


def sender(ports: list[int], streams: int, bit_rate: int, audio: bool, stop: Any) -> None:
    """Terminals: stream i goes to port i of ``ports`` (taken in turn)."""
    os.nice(5)
    clip = encode(bit_rate, GROUP * 2, frozenset({0, GROUP}))
    block = bytes(0x55 ^ (number * 7 & 0x7F) for number in range(320))

    async def run() -> None:
        writers = []
        for number in range(streams):
            _, writer = await asyncio.open_connection("127.0.0.1", ports[number % len(ports)])
            writers.append((writer, PacketWriter(sim_field(str(FIRST_PHONE + number)), 1)))
        began, tick = time.monotonic(), 0
        while not stop.is_set():
            data, key = clip[tick % len(clip)]
            for place, (writer, packets) in enumerate(writers):
                burst = packets.video(data, 98, tick * 40, 0, 40, 0 if key else 1)
                if audio:
                    burst += packets.audio(block, 6, tick * 40)
                writer.write(b"".join(burst))
                if place % 10 == 9:
                    # spread over the 40 ms, as trucks are
                    due = began + tick / FPS + place / streams / FPS
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
            tick += 1
            await asyncio.sleep(max(0.0, began + tick / FPS - time.monotonic()))

    uvloop.run(run())


def viewers(targets: list[tuple[int, bytes]], stop: Any, counted: Any) -> None:
    """Connections that read: (port, first bytes to say)."""
    os.nice(5)

    class Read(asyncio.BufferedProtocol):
        buffer = memoryview(bytearray(262_144))

        def __init__(self, hello: bytes) -> None:
            self.hello = hello

        def connection_made(self, transport: Any) -> None:
            if self.hello:
                transport.write(self.hello)

        def get_buffer(self, sizehint: int) -> memoryview:
            return self.buffer

        def buffer_updated(self, nbytes: int) -> None:
            counted.value += nbytes

    async def run() -> None:
        loop = asyncio.get_running_loop()
        for port, hello in targets:
            await loop.create_connection(lambda hello=hello: Read(hello), "127.0.0.1", port)
        while not stop.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    uvloop.run(run())


def relay(ports: list[int], out_ports: list[int], stop: Any) -> None:
    """What comes to a port goes to all connections of the port with the same place."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        outs: list[list[Any]] = [[] for _ in ports]

        class In(asyncio.Protocol):
            def __init__(self, place: int) -> None:
                self.place = place

            def data_received(self, data: bytes) -> None:
                for transport in outs[self.place]:
                    if not transport.is_closing():
                        transport.write(data)

        class Out(asyncio.Protocol):
            def __init__(self, place: int) -> None:
                self.place = place

            def connection_made(self, transport: Any) -> None:
                outs[self.place].append(transport)

        for place, (port, out) in enumerate(zip(ports, out_ports, strict=True)):
            await loop.create_server(lambda place=place: In(place), "127.0.0.1", port)
            await loop.create_server(lambda place=place: Out(place), "127.0.0.1", out)
        while not stop.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    uvloop.run(run())


def node(port: int, url: str, folder: str, stop: Any) -> None:
    """A media process as ``luwei media`` runs it."""

    async def run() -> None:
        bus = await Bus.connect(url, "media-0")
        settings = Settings(
            data=Path(folder), media_port=port, media_streams=5_000, media_connections=5_000,
            media_connections_per_address=5_000,
        )  # fmt: skip
        made = Node(settings, 0, bus)
        await made.start()
        while not stop.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        await made.stop()
        await bus.close()

    import structlog

    structlog.configure(logger_factory=structlog.PrintLoggerFactory(io.StringIO()))
    uvloop.run(run())


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK


def rss_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


class Part:
    """One measurement: processes that are started together and ended together."""

    def __init__(self) -> None:
        self.spawn = multiprocessing.get_context("spawn")
        self.stop = self.spawn.Event()
        self.counted = self.spawn.Value("Q", 0, lock=False)
        self.running: list[Any] = []

    def start(self, work: Any, *arguments: Any) -> int:
        process = self.spawn.Process(target=work, args=arguments, daemon=True)
        process.start()
        self.running.append(process)
        assert process.pid is not None
        return int(process.pid)

    def measure(self, pid: int, seconds: float) -> tuple[float, float]:
        """Share of a core that ``pid`` used, and Mbit/s that viewers read."""
        before, octets, at = cpu_s(pid), self.counted.value, time.monotonic()
        time.sleep(seconds)
        took = time.monotonic() - at
        return (cpu_s(pid) - before) / took, (self.counted.value - octets) * 8 / took / 1e6

    def end(self) -> None:
        self.stop.set()
        for process in self.running:
            process.join(10)
            if process.is_alive():
                process.kill()


def by_relay(streams: int, fan: int, bit_rate: int, seconds: float, audio: bool = False) -> tuple[float, float]:
    part = Part()
    try:
        ports, outs = free_ports(streams), free_ports(streams)
        pid = part.start(relay, ports, outs, part.stop)
        time.sleep(1.5)
        part.start(viewers, [(out, b"") for out in outs for _ in range(fan)], part.stop, part.counted)
        time.sleep(1.0)
        part.start(sender, ports, streams, bit_rate, audio, part.stop)
        time.sleep(SETTLE_S)
        return part.measure(pid, seconds)
    finally:
        part.end()


def by_node(
    streams: int, fan: int, bit_rate: int, seconds: float, audio: bool, listen: bool
) -> tuple[float, float, float]:
    """Share of a core, Mbit/s, MiB a stream."""
    part = Part()
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder) / "bus", free_port()) as server:
        try:
            port = free_run_of_ports(3)
            pid = part.start(node, port, server.url, folder, part.stop)
            targets, empty = asyncio.run(_prepare(server.url, streams, fan, listen, pid))
            part.start(viewers, targets, part.stop, part.counted)
            time.sleep(1.0)
            part.start(sender, [port], streams, bit_rate, audio, part.stop)
            time.sleep(SETTLE_S)
            share, rate = part.measure(pid, seconds)
            return share, rate, (rss_mib(pid) - empty) / streams
        finally:
            part.end()


async def _prepare(url: str, streams: int, fan: int, listen: bool, pid: int) -> tuple[list[tuple[int, bytes]], float]:
    """Tell the node what to expect and whom to admit; where viewers go, and its memory before."""
    bus = await Bus.connect(url, "bench")
    heard: asyncio.Future[Announcement] = asyncio.get_running_loop().create_future()

    async def take(_: str, payload: bytes, __: dict[str, str]) -> None:
        if not heard.done():
            heard.set_result(msgspec.msgpack.decode(payload, type=Announcement))

    await bus.subscribe(NODE_SUBJECT, take)
    said = await asyncio.wait_for(heard, 30)
    empty = rss_mib(pid)
    targets = []
    for number in range(streams):
        name = f"s{number}"
        expect = Expect(name, "live", str(FIRST_PHONE + number), 1, "live")
        await bus.request(node_subject(said.node), msgspec.msgpack.encode(expect), 5)
        for _ in range(fan):
            key = secrets.token_hex(8)
            admit = Admit(name, key, key, ["fmp4-h264"], listen, 60_000)
            await bus.request(node_subject(said.node), msgspec.msgpack.encode(admit), 5)
            hello = msgspec.json.encode({"key": key})
            targets.append((said.view_port, RECORD.pack(len(hello), TEXT) + hello))
    await bus.close()
    return targets, empty


def frames_read_back() -> None:
    """499 pictures with key pictures at 0, 250 and 346 through three muxers, read before and after the end."""
    clip = encode(1_000_000, 499, frozenset({0, 250, 346}))

    def library(form: str, options: dict[str, str], closed: bool, stamp: Any) -> int:
        out = io.BytesIO()
        container: Any = av.open(out, "w", format=form, options=options)
        stream = container.add_stream("h264", rate=FPS)
        stream.width, stream.height, stream.time_base = 640, 360, Fraction(1, 1000)
        for number, (data, key) in enumerate(clip):
            packet = av.Packet(data)
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 1000), key
            packet.pts = packet.dts = stamp(number)
            with contextlib.suppress(ValueError):
                container.mux(packet)
        if closed:
            container.close()
        return _read(out.getvalue(), form)

    def ours(closed: bool, stamp: Any) -> int:
        from luwei.media import fmp4
        from luwei.media.output import Fragments, Placed
        from luwei.protocol.jt1078.frames import VIDEO_KIND, Frame, StreamKey
        from luwei.protocol.jt1078.timeline import Timeline
        from luwei.protocol.jt1078.video import VideoTrack

        track, line, fragments, parts = VideoTrack(), Timeline(), Fragments(), []
        for number, (data, key) in enumerate(clip):
            frame = Frame(StreamKey(b"", 1, VIDEO_KIND), 98, 0 if key else 1, stamp(number), 0, 40, data, 1, False)
            picture = track.take(frame)
            assert picture is not None and track.configuration is not None
            if not parts:
                parts.append(fmp4.video_init(track.configuration, track.format))
            if done := fragments.add(Placed(line.place_video(stamp(number), 40), picture)):
                parts.append(done[0][6:])
        if closed and (last := fragments.flush()):
            parts.append(last[0][6:])
        return _read(b"".join(parts), "mp4")

    def even(number: int) -> int:
        return number * 40

    def twice(number: int) -> int:
        return number // 2 * 80

    print("| muxer | while it runs | closed | every timestamp twice |\n|---|---|---|---|")
    base = "empty_moov+default_base_moof"
    for name, form, options in (
        ("PyAV mp4, frag_keyframe", "mp4", {"movflags": f"frag_keyframe+{base}"}),
        ("PyAV mp4, frag_every_frame", "mp4", {"movflags": f"frag_every_frame+{base}"}),
        ("PyAV flv", "flv", {}),
    ):
        figures = [library(form, options, *how) for how in ((False, even), (True, even), (True, twice))]
        print(f"| {name} | {' | '.join(map(str, figures))} |")
    figures = [ours(*how) for how in ((False, even), (True, even), (True, twice))]
    print(f"| luwei.media.fmp4 | {' | '.join(map(str, figures))} |")


def _read(data: bytes, form: str) -> int:
    with av.open(io.BytesIO(data), format=form) as container:
        return sum(1 for _ in container.decode(video=0))


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--bit-rate", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fan-streams", type=int, default=10)
    parser.add_argument("--talks", type=int, default=50)
    parser.add_argument("--part", choices=["all", "streams", "fan", "muxers", "talk"], default="all")
    given = parser.parse_args(arguments)
    print(f"load at the start: {os.getloadavg()[0]:.1f}")
    if given.part in ("all", "muxers"):
        frames_read_back()
    if given.part in ("all", "streams"):
        for _ in range(given.rounds):
            plain, plain_rate = by_relay(given.streams, 1, given.bit_rate, given.seconds)
            silent, rate, memory = by_node(given.streams, 1, given.bit_rate, given.seconds, False, False)
            sounding, sound_rate, _ = by_node(given.streams, 1, given.bit_rate, given.seconds, True, True)
            print(
                f"{given.streams} streams: relay {plain:.3f} core ({plain_rate:.0f} Mbit/s), "
                f"media {silent:.3f} ({rate:.0f} Mbit/s) = {silent / rate / (plain / plain_rate):.2f} x a Mbit/s, "
                f"{memory:.2f} MiB a stream; with G.711 to AAC {sounding:.3f} ({sound_rate:.0f} Mbit/s) = "
                f"{sounding / sound_rate / (plain / plain_rate):.2f} x a Mbit/s"
            )
    if given.part in ("all", "fan"):
        count = given.fan_streams
        for _ in range(given.rounds):
            one, _ = by_relay(count, 1, given.bit_rate, given.seconds)
            fifty, _ = by_relay(count, 50, given.bit_rate, given.seconds)
            own, _, _ = by_node(count, 1, given.bit_rate, given.seconds, False, False)
            many, rate, _ = by_node(count, 50, given.bit_rate, given.seconds, False, False)
            print(
                f"{count} streams, 1 and 50 viewers: relay {one:.3f} and {fifty:.3f}, media {own:.3f} and {many:.3f} "
                f"({rate:.0f} Mbit/s): apart from sending {(many - (fifty - one)) / own:.2f} x"
            )
    if given.part in ("all", "talk"):
        from bench import media_talk  # it needs this module

        media_talk.talks(given.talks, given.seconds, given.rounds)
