"""What a node tells the core of one stream each second."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from luwei.media.fmp4 import codec_string
from luwei.media.orders import StreamState

if TYPE_CHECKING:
    from luwei.media.stream import Stream


VIEWERS_TOLD = 20
"""Of one stream: all streams of a process go into one message, and a bus takes no more than 1 MiB unless it is told
to."""


def report_of(stream: Stream) -> StreamState:
    """The stream as it is now."""
    source, size = stream.source, stream.video.format
    serials = source.serials if source else None
    lost = serials.lost if serials else 0
    packets = source.packets if source else 0
    return StreamState(
        stream=stream.expect.stream,
        phone=stream.expect.phone,
        channel=stream.expect.channel,
        line=stream.expect.line,
        purpose=stream.expect.purpose,
        state=stream.state,
        expected_at=stream.expected_at,
        connected_at=stream.connected_at,
        data_at=stream.data_at,
        key_at=stream.key_at,
        peer=source.peer if source else "",
        transport=source.transport_name if source else "",
        codec=stream.video.likely or "",
        codec_string=codec_string(stream.video.configuration) if stream.video.configuration else "",
        width=size.width if size else 0,
        height=size.height if size else 0,
        audio=stream.audio.format.codec if stream.audio.format else "",
        bit_rate=stream.bit_rate,
        fps=round(stream.fps, 1),
        bytes=stream.bytes,
        packets=packets,
        lost=lost,
        loss_percent=round(100 * lost / (packets + lost), 2) if packets else 0.0,
        held_back=stream.video.held_back,
        faults=dict(stream.video.faults) | dict(stream.refused),
        last_at=stream.last_at,
        newest_ms=stream.newest_ms,
        changed=stream.changed,
        viewers=[viewer.state() for viewer in islice(stream.viewers, VIEWERS_TOLD)],
        newest_stamp_ms=stream.newest_stamp_ms,
    )
