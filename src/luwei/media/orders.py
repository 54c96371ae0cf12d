"""What the core and the media nodes say to each other, as MessagePack on the bus, and the records of a view line.

A node answers requests on ``video.node.<node>``, one of ``Expect``, ``Admit``, ``Close``, ``Snap`` and ``Pace``; it
tells what it is and has on ``video.node`` once a second (``Announcement``) and what happens on ``video.event`` at once.
Pictures do not take the bus: the core fetches them from the node's view port (``RECORD``).
"""

from __future__ import annotations

import struct

import msgspec

NODE_SUBJECT = "video.node"
EVENT_SUBJECT = "video.event"
TRAFFIC_SUBJECT = "video.traffic"
STRANGER_SUBJECT = "video.stranger"
"""Asked of the core about a stream that no node expects."""

MAIN, SUB = "main", "sub"
QUALITIES = {MAIN: 0, SUB: 1}
"""Stream by its number in 0x9101 and 0x9102 (1078 §4.3); playback counts otherwise."""
LIVE, PLAYBACK, TALK = "live", "playback", "talk"
RECORD_PURPOSE = "record"
"""Purpose of a live stream that is recorded while nobody looks."""
LINES = (LIVE, PLAYBACK, TALK)
"""Ports of a process, in this order: headers of live, playback and talk are the same (reference §6.8), so each has its
own."""
LISTEN, BROADCAST = "listen", "broadcast"
"""Besides TALK, what the line of talk carries."""
DATA_TYPES = {TALK: 2, LISTEN: 3, BROADCAST: 4}
"""Of 0x9101 (1078 §4.3)."""
SPOKEN_MAX = 4096
"""Octets of one record of a supervisor's voice."""

TEXT, BINARY = 1, 2
RECORD = struct.Struct(">IB")
"""Before each record of a view line: octets behind this head, and TEXT (JSON) or BINARY."""
VIDEO_TRACK, AUDIO_TRACK = b"\x01", b"\x02"
"""First octet of binary records."""


def node_subject(node: str) -> str:
    """Subject of the requests to one node."""
    return f"{NODE_SUBJECT}.{node}"


class AudioHints(msgspec.Struct, frozen=True, array_like=True):
    """What is known of a terminal's sound beforehand; empty: see the data."""

    codec: str = ""
    bits: int = 0
    sample_rate: int = 0
    channels: int = 0
    g726_big_endian: bool = False
    adpcm_low_first: bool = False


class TalkOrder(msgspec.Struct, frozen=True, array_like=True):
    """What a leg of a talk is for, and what is known of the terminal's loudspeaker."""

    talk: str
    kind: str
    """TALK, LISTEN or BROADCAST."""
    payload_type: int = 0
    """Codec octet of 0x1003; 0: it did not say."""
    frame_length: int = 0
    hisilicon: str = "auto"
    """Whether sound goes down behind that header: ``auto`` as it comes up, ``always``, ``never``."""


class Expect(msgspec.Struct, frozen=True, array_like=True, tag="expect"):
    """A terminal will be asked to send: take its stream. Repeated for a stream that is expected, it changes nothing but
    the purpose that its traffic counts under from then on."""

    stream: str
    line: str
    phone: str
    channel: int
    purpose: str
    peer: str = ""
    """Address of the terminal's 808 connection: a SIM of zeros counts from there only."""
    audio: AudioHints = AudioHints()
    talk: TalkOrder | None = None
    """Of the line of talk."""


class Admit(msgspec.Struct, frozen=True, array_like=True, tag="admit"):
    """Somebody may look: who brings ``key`` to the view port within ``valid_ms`` is ``viewer``. ``stream`` is a stream,
    or a talk with all its legs: PCM of 8 kHz then goes both ways as BINARY records."""

    stream: str
    viewer: str
    key: str
    formats: list[str]
    audio: bool
    valid_ms: int


class Close(msgspec.Struct, frozen=True, array_like=True, tag="close"):
    """End a stream; ``quiet_s``: connections for it are closed unread for so long, since some devices ignore 0x9102."""

    stream: str
    reason: str
    quiet_s: int = 60


class Snap(msgspec.Struct, frozen=True, array_like=True, tag="snap"):
    """The last key picture as JPEG; the answer's ``data``."""

    stream: str


class Pace(msgspec.Struct, frozen=True, array_like=True, tag="pace"):
    """A playback goes on in another way, or from another place: its next key picture begins a new time line for all
    viewers, and is told by the event ``key``. ``arrival``: pictures are placed when they come, since the timestamps of
    fast, backward or single pictures do not tell when they are to be shown (reference §6.6, 3)."""

    stream: str
    arrival: bool


class Look(msgspec.Struct, frozen=True, array_like=True, tag="look"):
    """How the stream is at this moment: between two announcements a second passes."""

    stream: str


Request = Expect | Admit | Close | Snap | Pace | Look


class ViewerState(msgspec.Struct, frozen=True):
    viewer: str
    since: int
    format: str
    audio: bool
    skipped: int
    waiting_bytes: int


class StreamState(msgspec.Struct, frozen=True):
    """One stream as its node knows it; times in UTC ms, 0 for not yet."""

    stream: str
    phone: str
    channel: int
    line: str
    purpose: str
    state: str
    """``expected``, ``connected``, ``live``, ``stalled``."""
    expected_at: int
    connected_at: int
    data_at: int
    key_at: int
    peer: str
    transport: str
    codec: str
    codec_string: str
    width: int
    height: int
    audio: str
    bit_rate: int
    fps: float
    bytes: int
    packets: int
    lost: int
    loss_percent: float
    held_back: int
    faults: dict[str, int]
    last_at: int
    newest_ms: int
    """Place of the newest picture on the time line of the output."""
    changed: int
    """How often the decoder's configuration changed."""
    viewers: list[ViewerState]
    newest_stamp_ms: int = 0
    """Timestamp that the terminal gave the picture at ``newest_ms``."""
    unsupported: str = ""
    """Of a leg of a talk: the codec that cannot be made or read here."""


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """``refused`` is empty, or a reason: ``unknown_stream``, ``claimed``, ``full``, ``no_picture``."""

    refused: str = ""
    data: bytes = b""
    """JPEG of a ``Snap``."""
    state: StreamState | None = None
    """Of an ``Expect``, a ``Pace`` and a ``Look``: the stream as it is, which may run already."""


class Announcement(msgspec.Struct, frozen=True):
    """A node, once a second."""

    node: str
    boot: int
    at: int
    address: str
    """As terminals reach it."""
    ports: dict[str, int]
    """Port of each line, TCP and UDP."""
    view_host: str
    view_port: int
    load: float
    """Share of a core that the process used in the last second."""
    connections: int
    streams: list[StreamState]
    streams_max: int
    bit_rate: int
    refused: dict[str, int]


class Event(msgspec.Struct, frozen=True):
    """Something happened to a stream: ``connected``, ``data``, ``key``, ``changed``, ``stalled``, ``live``, ``lost``,
    ``unsupported``, ``shown``, ``slow`` (a viewer, the detail, was cut off), ``ended``."""

    node: str
    boot: int
    stream: str
    what: str
    at: int
    detail: str = ""


class Traffic(msgspec.Struct, frozen=True, array_like=True):
    """What a node received; repeated under its number until the core has answered, and counted once."""

    boot: int
    number: int
    at: int
    rows: list[tuple[str, int, str, int, int]]
    """Phone, channel, purpose, bytes, ms of streaming."""


class Stranger(msgspec.Struct, frozen=True, array_like=True):
    """A stream that nobody expects; the core answers with the reason it counts under."""

    node: str
    sim: str
    channel: int
    line: str
    peer: str
