"""One stream: expected by the core, brought by a terminal's connection, shared by all its viewers.

Pictures pass as they came; only their wrapper changes. The last group of pictures is kept, so that who comes begins at
once. What only some viewers need (sound, stills, another wrapper) is made while somebody wants it, and once for all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from luwei.media import output
from luwei.media.kept import Kept
from luwei.media.orders import BINARY, VIDEO_TRACK, Expect, StreamState
from luwei.media.output import ANNEXB, FMP4, JPEG, Fragments, Placed, VideoClock
from luwei.media.report import report_of
from luwei.media.sound import Sound
from luwei.media.viewer import Viewer
from luwei.protocol.jt1078.audio import AudioSetting, AudioTrack
from luwei.protocol.jt1078.frames import AUDIO_KIND, VIDEO_KIND, Frame
from luwei.protocol.jt1078.serials import SerialCheck
from luwei.protocol.jt1078.timeline import Timeline
from luwei.protocol.jt1078.video import Picture, VideoTrack

PAUSE_AFTER_MS = 250
"""Without a picture for so long, what is pending is sent."""
STALLED_MS = 3_000
KEY_MS = 10_000
"""Data without a key picture for so long is told."""
STILL_MS = 1_000
"""Shortest time between two stills of a stream."""
LISTEN_MS = 5_000
"""Without sound for so long, who listens is told that none comes."""

LEFT_ALONE_MS = 60_000
"""A stream without viewers ends by itself after so long: the core closes it much earlier, where it is there."""
UNUSED_MS = 120_000
"""An expected stream that never came."""

EXPECTED, CONNECTED, LIVE, STALLED = "expected", "connected", "live", "stalled"


class Host(Protocol):
    """What a stream needs of its node."""

    def event(self, stream: Stream, what: str, detail: str = "") -> None: ...

    def still(self, picture: Picture, done: Callable[[bytes], None]) -> None:
        """Have a JPEG made; ``done`` gets it, or nothing where it cannot be or too many are being made."""

    def now_ms(self) -> int: ...


class Source(Protocol):
    """The connection that brings a stream."""

    peer: str
    transport_name: str

    @property
    def serials(self) -> SerialCheck: ...

    @property
    def packets(self) -> int: ...

    def release(self, stream: Stream, reason: str) -> None:
        """``stream`` is brought by another line now, or is over: a line ends with its last stream."""


class Stream:
    """Lives as long as the core expects it; connections of the terminal come and go."""

    def __init__(self, expect: Expect, host: Host, budget: Callable[[int], bool]) -> None:
        """``budget``: whether the process may keep so many more octets of pictures (negative: fewer)."""
        self.expect = expect
        self._host = host
        self.source: Source | None = None
        self.viewers: set[Viewer] = set()
        self.expected_at = host.now_ms()
        self.connected_at = self.data_at = self.key_at = self.last_at = 0
        self.idle_since = self.expected_at
        """Since when nobody looks."""
        self.state = EXPECTED
        self.bytes = self.frames = self.pictures = 0
        self.untold_bytes = self.untold_ms = 0
        """Of the traffic that the core has not heard of."""
        self.bit_rate = 0
        self.fps = 0.0
        self.changed = 0
        self.refused: Counter[str] = Counter()
        """Other lines that claimed it, by reason."""
        self._kept = Kept(budget)
        self.last_key: Picture | None
        """What a still is made of."""
        self._still_at = 0
        self._before = (0, 0)
        self._told_no_key = False
        self._arrival = self._anew = False
        """Pictures are placed when they come; the next key picture begins a new time line."""
        self.newest_ms = self.newest_stamp_ms = 0
        self._reset()

    def _reset(self) -> None:
        """Begin anew: another connection's times and parameter sets need not go with those before."""
        hints = self.expect.audio
        self.video = VideoTrack()
        self._begin_line()
        self.audio = AudioTrack(
            AudioSetting(hints.codec or None, hints.bits, hints.sample_rate or None, hints.channels or None)
        )
        self._want_key()

    def _begin_line(self) -> None:
        self.timeline = Timeline()
        self.clock = VideoClock()
        self.fragments = Fragments()
        self.sound: Sound | None = None

    def _want_key(self) -> None:
        self._kept.clear()
        self.last_key = None  # a still of it would show another moment than what follows
        for viewer in self.viewers:
            viewer.needs_key = True
            if viewer.audio:
                self.listen(viewer, True)

    def pace(self, arrival: bool) -> None:
        """The terminal plays on in another way or from another place (``orders.Pace``)."""
        self._pause()
        self._arrival, self._anew = arrival, True
        self.data_at, self.key_at = self.data_at and self._host.now_ms(), 0
        self._told_no_key = False
        self._begin_line()
        self._want_key()

    # The terminal's side

    def attach(self, source: Source) -> None:
        """A connection brings the stream."""
        if source is self.source:
            return  # under another of the SIMs that it writes, or it was known by its address before it said one
        if self.source is not None:
            self.source.release(self, "superseded")
        else:
            self.connected_at = self._host.now_ms()
        self._reset()
        self.source = source
        self.data_at = self.key_at = 0
        self._told_no_key = False
        self.last_at = self._host.now_ms()
        self.state = CONNECTED
        self._host.event(self, "connected", source.peer)

    def detach(self, source: Source) -> None:
        """The connection ended."""
        if self.source is source:
            self.source = None
            self.state = EXPECTED
            self._pause()
            self._host.event(self, "lost")

    def count(self, octets: int) -> None:
        """Octets came on the line."""
        self.bytes += octets
        self.untold_bytes += octets

    def take(self, frame: Frame, now_ms: int) -> None:
        """One whole frame."""
        self.last_at = now_ms
        self.frames += 1
        if not self.data_at:
            self.data_at = now_ms
            self._host.event(self, "data")
        if frame.key.kind == VIDEO_KIND:
            picture = self.video.take(frame)
            if picture is not None:
                self._show(picture, now_ms)
        elif frame.key.kind == AUDIO_KIND:
            self._hear(frame)

    def _show(self, picture: Picture, now_ms: int) -> None:
        self.pictures += 1
        if self.state != LIVE:
            self.state = LIVE
            if self.key_at:
                self._host.event(self, "live")
        if picture.key:
            self.last_key = picture
            if not self.key_at:
                self.key_at = now_ms
                self._host.event(self, "key", picture.configuration.codec)
        if picture.changed or (self._anew and picture.key):
            self._pause()
            self._kept.clear()
            for viewer in list(self.viewers):
                self._open(viewer)
            if picture.changed:
                self.changed += 1
            if picture.changed and self.changed > 1:
                self._host.event(self, "changed", picture.configuration.codec)
        if picture.key:
            self._anew = False
        stamp, interval = picture.timestamp_ms or 0, picture.frame_interval_ms
        if self._arrival:
            stamp, interval = now_ms, None
        placed = Placed(self.clock.place(self.timeline.place_video(stamp, interval)), picture)
        self.newest_ms, self.newest_stamp_ms = placed.at_ms, picture.timestamp_ms or 0
        self._kept.add(placed)
        done = self.fragments.add(placed)
        plain = stills = False
        for viewer in self.viewers:
            if viewer.format == FMP4:
                if done is not None:
                    self._first(viewer, viewer.offer(*done, placed.at_ms))
            elif viewer.format == ANNEXB:
                plain = True
            elif viewer.format == JPEG:
                stills = True
        if plain:
            self._show_plain(placed)
        if stills and picture.key:
            self._show_still(picture, now_ms)

    def _first(self, viewer: Viewer, sent: bool) -> None:
        if sent and not viewer.shown:
            viewer.shown = True
            self._host.event(self, "shown", viewer.name)

    def _show_plain(self, placed: Placed) -> None:
        made = output.annexb(placed)
        for viewer in self.viewers:
            if viewer.format == ANNEXB:
                self._first(viewer, viewer.offer(made, placed.picture.key, placed.at_ms))

    def _show_still(self, picture: Picture, now_ms: int) -> None:
        if now_ms - self._still_at < STILL_MS:
            return
        self._still_at = now_ms

        def done(jpeg: bytes) -> None:
            if not jpeg:
                return
            made = output.record(BINARY, VIDEO_TRACK, jpeg)
            for viewer in self.viewers:
                if viewer.format == JPEG:
                    self._first(viewer, viewer.offer(made, True, now_ms))

        self._host.still(picture, done)

    def _hear(self, frame: Frame) -> None:
        if self.sound is None:
            if self.audio.format is None:
                self.audio.take(frame)
            return
        blocks = self.audio.take(frame)
        if blocks is not None:
            at = self.timeline.place_audio(blocks.timestamp_ms or 0, blocks.duration_ms)
            self.sound.take(blocks, at - self.clock.shift_ms)

    def _pause(self) -> None:
        """Send what is pending: nobody knows when the next picture comes."""
        done = self.fragments.flush()
        if done is not None:
            made, key, until = done
            self.clock.paused(until)
            for viewer in self.viewers:
                if viewer.format == FMP4:
                    self._first(viewer, viewer.offer(made, key, until))

    # The viewers' side

    def join(self, viewer: Viewer, formats: list[str], audio: bool) -> None:
        """A viewer came; he begins with the kept pictures, or with the next key picture."""
        viewer.stream = self
        viewer.formats = formats
        self.viewers.add(viewer)
        if self.video.configuration is not None and self.video.pictures:
            self._open(viewer)
            self._begin(viewer)
        if audio:
            self.listen(viewer, True)

    def leave(self, viewer: Viewer) -> None:
        """A viewer went."""
        self.viewers.discard(viewer)
        if not self.viewers:
            self.idle_since = self._host.now_ms()
        self._hush()

    def _open(self, viewer: Viewer) -> None:
        """Tell what follows, in the best form that the viewer can play."""
        configuration = self.video.configuration
        assert configuration is not None
        plain = f"annexb-{configuration.codec}"
        wanted = {f"fmp4-{configuration.codec}": FMP4, plain: ANNEXB, "jpeg": JPEG}
        viewer.format = next((wanted[each] for each in viewer.formats if each in wanted), "")
        viewer.needs_key = True
        if not viewer.format:
            viewer.send(output.text({"kind": "unsupported", "codec": configuration.codec}))
            return
        viewer.send(output.video_open(configuration, self.video.format, viewer.format))
        if viewer.format == FMP4:
            viewer.send(output.video_init(configuration, self.video.format))

    def _begin(self, viewer: Viewer) -> None:
        if viewer.format == JPEG:
            if self.last_key is not None:
                self._still_at = 0
                self._show_still(self.last_key, self._host.now_ms())
            return
        waiting = len(self.fragments.pending) if viewer.format == FMP4 else 0
        group = self._kept.pictures
        ready = group[: len(group) - waiting]
        if not group or not viewer.format:
            return
        viewer.needs_key = False
        if viewer.format == ANNEXB:
            for placed in ready:
                viewer.begin(output.annexb(placed))
        elif ready:
            until = group[len(ready)].at_ms if waiting else ready[-1].at_ms + output.PAUSE_MS
            viewer.begin(self.fragments.of(ready, until))
        elif waiting:
            # the key picture itself is pending: what closes it is the first record
            viewer.needs_key = True
        self._first(viewer, bool(ready))

    def listen(self, viewer: Viewer, on: bool) -> None:
        """A viewer wants sound, or no more."""
        viewer.audio = on
        if not on:
            self._hush()
            return
        if self.sound is None:
            self.sound = Sound(self.expect.audio, self._say, self._host.now_ms())
        else:
            for made in self.sound.beginning:
                viewer.send(made)

    def _say(self, made: bytes, begins: bool) -> None:
        """A record of sound for everybody who listens."""
        for viewer in self.viewers:
            if viewer.audio:
                viewer.hear(made, begins)

    def _hush(self) -> None:
        if self.sound is not None and not any(viewer.audio for viewer in self.viewers):
            self.sound = None

    # Time

    def left_alone(self, now_ms: int) -> bool:
        """Whether it is to end by itself: nobody looked for long, though it runs, or it never came."""
        if self.viewers or now_ms - self.idle_since <= LEFT_ALONE_MS:
            return False
        return self.source is not None or now_ms - self.expected_at > UNUSED_MS

    def tick(self, now_ms: int) -> None:
        """To be called ten times a second."""
        if self.fragments.pending and now_ms - self.last_at > PAUSE_AFTER_MS:
            self._pause()
        if self.state == LIVE and now_ms - self.last_at > STALLED_MS:
            self.state = STALLED
            self._host.event(self, "stalled")

    def second(self, now_ms: int) -> None:
        """To be called once a second: rates, and what did not come."""
        octets, pictures = self._before
        self._before = (self.bytes, self.pictures)
        self.bit_rate += round(((self.bytes - octets) * 8 - self.bit_rate) / 2)
        self.fps += (self.pictures - pictures - self.fps) / 2
        if self.source is not None:
            self.untold_ms += 1000
        if self.data_at and not self.key_at and not self._told_no_key and now_ms - self.data_at > KEY_MS:
            self._told_no_key = True
            self._host.event(self, "no_key", self.video.likely or "")
        sound = self.sound
        if sound is not None and not sound.begun and not sound.told and now_ms - sound.since_ms > LISTEN_MS:
            sound.told = True
            state = "unsupported" if sound.unsupported or self.audio.unknown else "none"
            self._say(output.text({"kind": "audio", "state": state, "source": sound.source}), True)

    def end(self, reason: str) -> None:
        """The core does not expect it any more, or the process stops."""
        source, self.source = self.source, None
        if source is not None:
            source.release(self, reason)
        for viewer in list(self.viewers):
            viewer.end(reason)
        self.viewers.clear()
        self._kept.clear()

    def report(self) -> StreamState:
        """What the core is told each second."""
        return report_of(self)
