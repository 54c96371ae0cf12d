"""Which stream a line brings: the expected ones by number and channel, and why others are refused (reference §1.2,
§6.8, §7)."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from luwei.media.feed import Feed
from luwei.media.stream import Stream
from luwei.protocol.jt1078.packet import sim_matches

SILENT_S = 3.0
"""A line that said nothing for so long gives way to another that claims its stream."""
QUIET_MAX = 10_000

AMBIGUOUS, CLAIMED, UNEXPECTED, AFTER_CLOSE = "ambiguous", "claimed", "unexpected", "after_close"
"""Two terminals fit the SIM; another line brings the stream and goes on; nobody asked for it; it was closed a moment
ago and the device did not stop."""


class Found(NamedTuple):
    """The stream, or why there is none."""

    stream: Stream | None
    reason: str = ""


def _tail(phone: str) -> str:
    """What a SIM of 6 octets holds of a phone."""
    return phone.lstrip("0")[-12:].lstrip("0")


class Expected:
    """The streams of one process."""

    def __init__(self) -> None:
        self._streams: dict[str, Stream] = {}
        self._by_tail: defaultdict[tuple[str, str, int], list[Stream]] = defaultdict(list)
        self._quiet: dict[tuple[str, str, int], float] = {}

    def __len__(self) -> int:
        return len(self._streams)

    def all(self) -> list[Stream]:
        return list(self._streams.values())

    def get(self, name: str) -> Stream | None:
        return self._streams.get(name)

    def add(self, stream: Stream) -> None:
        """Expect a stream from now on."""
        said = stream.expect
        key = said.line, _tail(said.phone), said.channel
        self._streams[said.stream] = stream
        self._by_tail[key].append(stream)
        self._quiet.pop(key, None)

    def remove(self, name: str, quiet_until_s: float = 0.0) -> Stream | None:
        """Expect it no more; lines for it are closed until then."""
        stream = self._streams.pop(name, None)
        if stream is None:
            return None
        said = stream.expect
        key = said.line, _tail(said.phone), said.channel
        self._by_tail[key].remove(stream)
        if not self._by_tail[key]:
            del self._by_tail[key]
            if quiet_until_s and len(self._quiet) < QUIET_MAX:
                self._quiet[key] = quiet_until_s
        return stream

    def rival(self, line: str, phone: str, channel: int) -> Stream | None:
        """A stream of another name that the same packets would belong to."""
        found = self._by_tail.get((line, _tail(phone), channel))
        return next((each for each in found or () if each.expect.phone.lstrip("0") == phone.lstrip("0")), None)

    def forget_quiet(self, now_s: float) -> None:
        """Drop what is over."""
        self._quiet = {key: until for key, until in self._quiet.items() if until > now_s}

    def find(self, feed: Feed, sim_raw: bytes, channel: int, now_s: float) -> Found:
        """Whose stream ``feed`` brings."""
        digits = sim_raw.hex().lstrip("0")
        if not digits:
            return self._nobodys(feed, channel)
        key = feed.line, _tail(digits), channel
        fits = [each for each in self._by_tail.get(key, ()) if sim_matches(sim_raw, each.expect.phone)]
        if len(fits) > 1:
            return Found(None, AMBIGUOUS)
        if not fits:
            return Found(None, AFTER_CLOSE if self._quiet.get(key, 0) > now_s else UNEXPECTED)
        return self._free(fits[0], feed, now_s)

    def silent(self, feed: Feed) -> Stream | None:
        """Whose line says nothing, as some terminals do in a broadcast, or in a talk before they hear something
        (reference §6.3), and broken ones for a picture, whose viewer is told so: taken where exactly one stream of
        this line is waited for from this address."""
        waiting = [
            each
            for each in self._streams.values()
            if each.expect.line == feed.line and each.source is None and each.expect.peer == feed.address
        ]
        return waiting[0] if len(waiting) == 1 and feed.address else None

    def _free(self, stream: Stream, feed: Feed, now_s: float) -> Found:
        """Two lines that bring one stream are two terminals with one SIM, or one that came anew. The one from where the
        terminal signed in counts more; else the first one, while it sends."""
        holder = stream.source
        if not isinstance(holder, Feed) or holder is feed:
            return Found(stream)
        known = stream.expect.peer
        better = bool(known) and feed.address == known != holder.address
        if not better and holder.address != feed.address and now_s - holder.heard_s <= SILENT_S:
            stream.refused[CLAIMED] += 1
            return Found(None, CLAIMED)
        if better:
            stream.refused[CLAIMED] += 1
            holder.host.refuse(CLAIMED, holder.peer, "the terminal itself came, from where it signed in")
        holder.drop(stream)
        return Found(stream)

    def _nobodys(self, feed: Feed, channel: int) -> Found:
        """A SIM of zeros: taken where exactly one stream of this channel is waited for from this address."""
        waiting = [
            each
            for each in self._streams.values()
            if each.expect.line == feed.line and each.expect.channel == channel and each.source is None
            and each.expect.peer == feed.address
        ]  # fmt: skip
        return Found(waiting[0]) if len(waiting) == 1 and feed.address else Found(None, UNEXPECTED)
