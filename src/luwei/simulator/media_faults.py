"""What terminals do wrong when they are asked for pictures (1078 reference §2.1, §6, §7), as a table.

A truck has at most one of these ways, and keeps it. ``shows`` is the reason that a viewer should be told, empty where
the pictures are to be seen all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

NO_ANSWER = -1
STEADY = 20
"""So many trucks of a fleet, the first ones, do everything right."""

Stamp = Callable[[int, int], int]
"""Time of a frame in ms and its number → what is written."""


@dataclass(frozen=True, slots=True)
class MediaFault:
    """One way to misbehave; every field as good terminals have it by default."""

    name: str
    reference: str
    shows: str = ""
    answer: int = 0
    """Result of the 0x0001; NO_ANSWER: none at all."""
    connects: bool = True
    wait_s: tuple[float, float] = (0.0, 0.0)
    """Between the answer and the connection."""
    lines: int = 1
    """Connections for one request."""
    speaks: bool = True
    """Whether anything comes over the connection."""
    keys: bool = True
    """Whether key pictures are sent."""
    sets_apart: bool = False
    """Parameter sets come as a frame of their own."""
    stamp: Stamp | None = None
    interval_ms: int | None = None
    """Written in both interval fields."""
    loss: float = 0.0
    """Share of packets that never come."""
    merged: int = 1
    """Frames that are written at once, and torn anywhere."""
    serial_step: int = 1
    codec: str = ""
    """Of the video, where the fault needs it."""
    video_type: int | None = None
    audio_type: int | None = None
    resize: tuple[int, int] | None = None
    """Size from the third key picture on."""
    stops: bool = True
    """Whether 0x9102 ends the stream, and a closed connection too."""
    again_s: tuple[float, float] | None = None
    """After the end, when it comes once more, unasked."""
    lists_after: int = 0
    """So many queries of the list stay without an answer."""
    list_wants_parameters: bool = False
    """Whether the list is answered only when parameters were set or asked for since the terminal signed in."""
    list_serial: bool = True
    """Whether 0x1205 names the query."""
    breaks_uploads: bool = False
    """Whether the line breaks while a file is uploaded."""
    tells_end: bool = True
    """Whether 0x1206 comes."""


MEDIA_FAULTS: tuple[MediaFault, ...] = (
    MediaFault("late_start", "7", wait_s=(5.0, 10.0)),
    MediaFault("no_answer", "6.1", "no_answer", answer=NO_ANSWER),
    MediaFault("refused", "6.1 4", "refused", answer=1),
    MediaFault("never_connects", "7", "no_connection", connects=False),
    MediaFault("no_data", "6", "no_data", speaks=False),
    MediaFault("no_key_frame", "6", "no_key_frame", keys=False),
    MediaFault("parameter_sets_apart", "2.1", sets_apart=True),
    MediaFault("stuck_timestamps", "7", stamp=lambda ms, number: 1_000),
    MediaFault("zero_timestamps", "7", stamp=lambda ms, number: 0),
    MediaFault("timestamps_fall_back", "7", stamp=lambda ms, number: ms - 30_000 * (number // 60)),
    MediaFault("intervals_65535", "7", interval_ms=0xFFFF),
    MediaFault("lost_packets", "1.4", loss=0.02),
    MediaFault("merged_packets", "1.4", merged=5),
    MediaFault("constant_serial", "7", serial_step=0),
    MediaFault("h265_as_98", "1.3", codec="h265", video_type=98),
    MediaFault("video_type_on_audio", "1.3", audio_type=98),
    MediaFault("no_stop", "7", stops=False),
    MediaFault("resolution_change", "2.1", resize=(640, 360)),
    MediaFault("two_connections", "7", lines=2),
    MediaFault("unasked", "7", again_s=(15.0, 60.0)),
    MediaFault("list_at_second_asking", "7", lists_after=1),
    MediaFault("list_after_parameters", "7", list_wants_parameters=True),
    MediaFault("list_without_serial", "4.7", list_serial=False),
    MediaFault("uploads_break", "6.7 5", breaks_uploads=True),
    MediaFault("upload_end_untold", "6.7 4", tells_end=False),
)
GOOD = MediaFault("", "")
BY_NAME: Mapping[str, MediaFault] = {fault.name: fault for fault in MEDIA_FAULTS}


def fault_of(number: int, vin: str, share: float) -> MediaFault:
    """The way of truck ``number``: ``share`` of the trucks behind the first ``STEADY`` misbehave."""
    rng = Random(f"media fault {vin}")
    if number < STEADY or rng.random() >= share:
        return GOOD
    return rng.choice(MEDIA_FAULTS)
