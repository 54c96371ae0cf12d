"""Standard MP4 of what was recorded as fragments: one file, its index in front, no picture or sound encoded anew.

Run as ``python -m luwei.evidence.remux``; a job is {"video", "sound" (or null), "out"}. Both inputs lie on one time
line; the output begins with the first picture. The same inputs give the same bytes, so a crash may have it done twice.
"""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Iterator
from typing import Any

from luwei.evidence.confined import confine, serve

MEMORY = 1 << 30
BYTES_MAX = 1 << 30


def remux(video: str, sound: str | None, out: str) -> dict[str, Any]:
    """Write ``out``: {"pictures", "duration_ms", "sound": whether it has any}, or {"cause": why not}."""
    import av

    with contextlib.ExitStack() as stack:
        pictures = stack.enter_context(av.open(video, format="mp4")).streams.video[0]
        heard = _sound_of(stack, sound)
        sink = stack.enter_context(av.open(out, "w", format="mp4", options={"movflags": "+faststart"}))
        seen = sink.add_stream_from_template(pictures)
        if pictures.codec_context.name == "hevc":
            # with the parameter sets in front of the samples, as players of this tag expect them
            seen.codec_context.codec_tag = "hvc1"
        targets = {id(pictures): seen}
        if heard is not None:
            targets[id(heard)] = sink.add_stream_from_template(heard)
        packets = heapq.merge(
            *(_timed(stream) for stream in (pictures, heard) if stream is not None), key=lambda each: each[0]
        )
        return _copy(sink, packets, targets, id(pictures))


def _sound_of(stack: contextlib.ExitStack, path: str | None) -> Any:
    """The sound's stream; None where there is none that can be read: pictures are stored without it then."""
    import av
    from av.error import FFmpegError

    if path is None:
        return None
    try:
        return next(iter(stack.enter_context(av.open(path, format="mp4")).streams.audio), None)
    except (FFmpegError, OSError):
        return None


def _timed(stream: Any) -> Iterator[tuple[float, int, Any]]:
    """Packets with their time in seconds and the stream they are of; what is cut off ends them."""
    from av.error import FFmpegError

    try:
        for packet in stream.container.demux(stream):
            if packet.dts is not None and packet.size:
                yield float(packet.dts * packet.time_base), id(stream), packet
    except FFmpegError:
        return


def _copy(sink: Any, packets: Iterator[tuple[float, int, Any]], targets: dict[int, Any], first: int) -> dict[str, Any]:
    counted, begin, end, heard = 0, None, 0.0, False
    for at, source, packet in packets:
        if begin is None:
            if source != first:
                continue
            begin = at
        shift = round(begin / packet.time_base)
        length = float((packet.duration or 0) * packet.time_base)
        packet.dts -= shift
        if packet.pts is not None:
            packet.pts -= shift
        packet.stream = targets[source]
        sink.mux(packet)
        if source == first:
            counted += 1
            end = max(end, at - begin + length)
        else:
            heard = True
    if not counted:
        return {"cause": "no picture in it"}
    return {"pictures": counted, "duration_ms": round(end * 1000), "sound": heard}


def work(job: dict[str, Any]) -> dict[str, Any]:
    """One job; never raises."""
    try:
        return remux(job["video"], job["sound"], job["out"])
    except MemoryError:
        return {"cause": "needs more memory than it may"}
    except Exception as error:
        return {"cause": f"{type(error).__name__}: {error}"[:200]}


def load() -> None:
    """Load what may no longer be loaded later, then give rights away."""
    import av

    av.logging.set_level(None)
    confine(MEMORY, BYTES_MAX)


if __name__ == "__main__":
    serve(load, work)
