"""What a node tells of a stream, as steps and states of that stream."""

from __future__ import annotations

from luwei.media.orders import StreamState
from luwei.registry.base import now_ms
from luwei.video import upstream
from luwei.video.upstream import Upstream


def happened(stream: Upstream, what: str, at: int, detail: str) -> None:
    """An event of the node (``media.orders.Event``)."""
    if what == "connected":
        stream.step(upstream.CONNECTED, at)
        stream.say(upstream.WAITING)
    elif what == "data":
        stream.step(upstream.PACKET, at)
    elif what in ("key", "live"):
        if what == "key":
            stream.step(upstream.KEY_FRAME, at)
            stream.key_came()
        stream.say(upstream.LIVE)
    elif what == "shown":
        stream.step(upstream.SHOWN, at)
    elif what == "no_key":
        unknown = not detail
        stream.say(upstream.WAITING, upstream.CODEC_UNKNOWN if unknown else upstream.NO_KEY_FRAME)
    elif what == "stalled":
        stream.say(upstream.STALLED, upstream.NO_DATA)
    elif what == "unsupported":
        stream.say(upstream.WAITING, upstream.AUDIO_UNSUPPORTED, detail)
    elif what == "lost":
        for step in (upstream.CONNECTED, upstream.PACKET, upstream.KEY_FRAME):
            stream.steps.pop(step, None)
        stream.say(upstream.WAITING, upstream.LOST)
    elif what == "slow":
        if (viewing := stream.viewings.get(detail)) is not None:
            viewing.slow = True
            stream.changed()
        return
    elif what == "ended":
        stream.node = ""
        stream.steps.pop(upstream.CONNECTED, None)
    stream.wake.set()


def catch_up(stream: Upstream, said: StreamState) -> None:
    """What an event that got lost would have told."""
    if said.unsupported and stream.reason != upstream.AUDIO_UNSUPPORTED:
        happened(stream, "unsupported", now_ms(), said.unsupported)
    if said.state == "expected":
        if stream.connected and said.connected_at:
            happened(stream, "lost", now_ms(), "")
        return
    reached = (
        (upstream.CONNECTED, "connected", said.connected_at),
        (upstream.PACKET, "data", said.data_at),
        (upstream.KEY_FRAME, "key", said.key_at),
    )
    for step, what, at in reached:
        if at and step not in stream.steps:
            happened(stream, what, at, "")
    if said.state == "live" and stream.state != upstream.LIVE:
        happened(stream, "live", now_ms(), "")
