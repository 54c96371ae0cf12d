"""Viewing copies 浏览副本 of clips: an MP4 that browsers play and that bears who looked, when and why on every picture.

Run as ``python -m luwei.evidence.clip_copy``; a job is {"path", "media_type", "out", "viewer", "moment", "purpose"}.
The original is read and never touched. Raw streams (H.264 or H.265 without a container) get one this way too.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from luwei.evidence.confined import confine, serve
from luwei.evidence.examine import PIXELS_MAX, RAW

if TYPE_CHECKING:
    import av
    import numpy as np

MEMORY = 2 << 30
BYTES_MAX = 256 << 20
FRAMES_MAX = 10_000
"""Pictures of a copy: a part of a recording, and more than any attachment."""
SIDE_MAX = 1280
"""Pixels of the longer side of a copy."""
RATE = Fraction(25)
"""Pictures a second of a stream that does not say."""
SOUND_RATES = (8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000)
"""Samples a second that AAC has."""


def copy(path: str, media_type: str, out: str, viewer: str, moment: str, purpose: str) -> dict[str, Any]:
    """Write the copy of ``path`` to ``out``: {"frames": n, "ms": its length, "cut": whether the original goes on}, or
    {"cause": why not}."""
    import av

    with av.open(path, format=RAW.get(media_type)) as source:
        video = next(iter(source.streams.video), None)
        if video is None:
            return {"cause": "no pictures in it"}
        if not 0 < video.width * video.height <= PIXELS_MAX:
            return {"cause": f"{video.width}×{video.height} pixels, at most {PIXELS_MAX}"}
        sound = next(iter(source.streams.audio), None)
        if sound is not None and sound.codec_context.sample_rate not in SOUND_RATES:
            sound = None
        with av.open(out, "w", format="mp4", options={"movflags": "+faststart"}) as sink:
            return _transcode(source, video, sound, sink, (f"{viewer}  {moment}", f"{viewer} · {moment} · {purpose}"))


def _transcode(source: Any, video: Any, sound: Any, sink: Any, words: tuple[str, str]) -> dict[str, Any]:
    import av
    from av.error import FFmpegError

    rate = video.average_rate or video.guessed_rate or RATE
    if not 1 <= rate <= 120:
        rate = RATE
    scale = min(1.0, SIDE_MAX / max(video.width, video.height))
    width, height = (max(2, int(side * scale) // 2 * 2) for side in (video.width, video.height))
    mark = _Mark(width, height, *words)
    target = sink.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "crf": "27"})
    target.width, target.height, target.pix_fmt = width, height, "yuv420p"
    target.codec_context.time_base = Fraction(1, 90_000)
    heard = sink.add_stream("aac", rate=sound.codec_context.sample_rate) if sound is not None else None
    video.codec_context.thread_count = 1
    frames, last, cut = 0, -1, False
    begin: int | None = None
    try:
        for packet in source.demux([video] if sound is None else [video, sound]):
            if frames >= FRAMES_MAX and packet.stream is video and packet.size:
                cut = True
                break
            for frame in packet.decode():
                if isinstance(frame, av.AudioFrame):
                    frame.pts = None
                    assert heard is not None
                    sink.mux(heard.encode(frame))
                    continue
                at = round(frame.time * 90_000) if frame.time is not None else round(frames * 90_000 / rate)
                # what was cut out of a longer recording does not begin at 0
                begin = at if begin is None else begin
                last = max(at - begin, last + 1)
                marked = mark.on(frame)
                marked.pts, marked.time_base = last, Fraction(1, 90_000)
                sink.mux(target.encode(marked))
                frames += 1
    except FFmpegError:
        # A clip that breaks off is shown as far as it goes.
        if not frames:
            raise
    sink.mux(target.encode(None))
    if heard is not None:
        sink.mux(heard.encode(None))
    if not frames:
        return {"cause": "no picture could be decoded"}
    return {"frames": frames, "ms": round(max(0, last) / 90 + 1000 / rate), "cut": cut}


class _Mark:
    """The words of a copy, made once, laid over the brightness of each picture."""

    def __init__(self, width: int, height: int, across: str, line: str) -> None:
        import numpy as np

        from luwei.evidence.watermark import across_mask, line_mask

        size = max(12, min(width, height) // 24)
        self.width, self.height = width, height
        mask = np.asarray(across_mask((width, height), across, size), np.float32)
        below, top = line_mask((width, height), line, max(11, size * 3 // 4))
        self._bright = 1.0 - mask / 255.0
        self._add = 235.0 * (mask / 255.0)
        strip = np.asarray(below, np.float32) / 255.0
        self._bright[top:] = 0.35 * (1.0 - strip)
        self._add[top:] = 16.0 * 0.65 + 225.0 * strip

    def on(self, frame: av.VideoFrame) -> av.VideoFrame:
        """A picture of the copy's size with the words on it."""
        import av
        import numpy as np

        planes: np.ndarray[Any, Any] = frame.reformat(self.width, self.height, "yuv420p").to_ndarray()
        bright = planes[: self.height]
        planes[: self.height] = np.clip(bright * self._bright + self._add, 0, 255).astype(np.uint8)
        return av.VideoFrame.from_ndarray(planes, "yuv420p")


def work(job: dict[str, Any]) -> dict[str, Any]:
    """One job; never raises."""
    try:
        return copy(job["path"], job["media_type"], job["out"], job["viewer"], job["moment"], job["purpose"])
    except MemoryError:
        return {"cause": "needs more memory than it may"}
    except Exception as error:
        return {"cause": f"{type(error).__name__}: {error}"[:200]}


def load() -> None:
    """Load what may no longer be loaded later, then give rights away."""
    import av

    from luwei.evidence import watermark

    av.logging.set_level(None)
    assert watermark
    confine(MEMORY, BYTES_MAX)


if __name__ == "__main__":
    serve(load, work)
