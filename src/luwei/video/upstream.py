"""One stream as the core sees it: what was asked, what came, who looks, and why a tile is black."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import Counter

from luwei.media.orders import LIVE as LIVE_LINE
from luwei.media.orders import MAIN, RECORD_PURPOSE, SUB, AudioHints, StreamState
from luwei.registry.audit import Actor

_black = Counter("luwei_video_black_total", "Reasons why no picture, or sound, came", ["line", "reason"])

WAITING, LIVE, STALLED, ENDED = "waiting", "live", "stalled", "ended"

OFFLINE, NO_ANSWER, REFUSED, NO_CONNECTION, NO_DATA, NO_KEY_FRAME, CODEC_UNKNOWN = (
    "offline", "no_answer", "refused", "no_connection", "no_data", "no_key_frame", "codec_unknown",
)  # fmt: skip
NODE_GONE, NO_NODE, CLOSED, LOST = "node_gone", "no_node", "closed", "lost"
AUDIO_UNSUPPORTED, NO_TERMINAL = "audio_unsupported", "no_terminal"
"""Why there is no picture: the terminal is not there, does not answer, says no, answers but does not connect, connects
but sends nothing, sends no key picture, or nothing that is known; the media process ended, there is none, somebody
ended the stream, the terminal's line ended and it is asked again; of a talk: its codec cannot be made or read here; the
terminal was given to another truck."""

ASKED, SENT, ANSWERED, CONNECTED, PACKET, KEY_FRAME, SHOWN = (
    "asked", "sent", "answered", "connected", "packet", "key_frame", "shown",
)  # fmt: skip
STEPS = (ASKED, SENT, ANSWERED, CONNECTED, PACKET, KEY_FRAME, SHOWN)


def host_of(peer: str) -> str:
    """The address of ``host:port``, empty where nothing is known."""
    return peer.rpartition(":")[0].strip("[]")


@dataclass(slots=True, eq=False)
class Viewing:
    """One viewer, from his ticket to his leaving. ``until_ms``: a ticket nobody redeems ends then."""

    id: str
    upstream: Upstream
    user_id: int
    actor: Actor
    purpose: str
    quality: str
    until_ms: int
    created_at: int
    joined_at: int = 0
    delay_ms: int | None = None
    dropped: int | None = None
    records: bool = False
    """No person looks: the pictures go into the evidence store."""
    slow: bool = False
    """Its node cut it off, since it took too little for too long."""

    @property
    def joined(self) -> bool:
        return self.joined_at > 0


@dataclass(slots=True, eq=False)
class Upstream:
    """One channel of one truck."""

    name: str
    vehicle_id: int
    phone: str
    channel: int
    actor: Actor
    """Who had it asked last."""
    purpose: str
    quality: str = SUB
    """What the terminal was asked for."""
    audio: AudioHints = field(default_factory=AudioHints)
    peer: str = ""
    """Address of the terminal's 808 connection, where it is known."""
    state: str = WAITING
    reason: str = ""
    detail: str = ""
    node: str = ""
    """The node that expects it; empty while there is none."""
    attempt: int = 0
    answer: str = ""
    steps: dict[str, int] = field(default_factory=dict)
    opened_at: int = 0
    idle_since: int = 0
    expected_at: int = 0
    """When its node began to expect it, by which reports of an earlier stream of the same name are told apart."""
    report: StreamState | None = None
    viewings: dict[str, Viewing] = field(default_factory=dict)
    ended: bool = False
    kind: str = LIVE_LINE
    news: asyncio.Event = field(default_factory=asyncio.Event)
    """Replaced whenever something changes: who waits for the old one looks again."""
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the drive has something to do."""

    @property
    def wanted(self) -> str:
        """Main as soon as one viewer wants it: a terminal sends a channel once (reference §6.1)."""
        return MAIN if any(each.quality == MAIN for each in self.viewings.values()) else SUB

    @property
    def looking(self) -> int:
        """People who see it."""
        return sum(each.joined and not each.records for each in self.viewings.values())

    @property
    def recording(self) -> bool:
        """Whether it is being recorded, which everybody who sees it is told."""
        return any(each.records for each in self.viewings.values())

    @property
    def paid_for(self) -> str:
        """The purpose that its traffic counts under: a recording's while nobody looks."""
        return RECORD_PURPOSE if self.viewings and all(each.records for each in self.viewings.values()) else self.kind

    @property
    def connected(self) -> bool:
        return CONNECTED in self.steps

    def key_came(self) -> None:
        """A key picture that its node tells of came."""

    def step(self, name: str, at: int) -> None:
        """A step was reached; the first time counts."""
        if name not in self.steps:
            self.steps[name] = at
            self.changed()

    def begin(self, at: int) -> None:
        """A new attempt: its steps start anew."""
        self.steps = {ASKED: at}
        self.answer = ""
        self.attempt += 1
        self.state = WAITING
        self.changed()

    def say(self, state: str, reason: str = "", detail: str = "") -> None:
        """State and reason for the viewers."""
        if (state, reason, detail) != (self.state, self.reason, self.detail):
            if reason and reason != self.reason:
                _black.labels(self.kind, reason).inc()
            self.state, self.reason, self.detail = state, reason, detail
            self.changed()

    def changed(self) -> None:
        """Tell who waits."""
        old, self.news = self.news, asyncio.Event()
        old.set()

    def message(self, at: int) -> dict[str, Any]:
        """The ``state`` message of the socket."""
        report = self.report
        return {
            "kind": "state",
            "state": self.state,
            "reason": self.reason,
            "detail": self.detail,
            "attempt": self.attempt,
            "attempts": 0,
            "answer": self.answer,
            "steps": [{"step": name, "at": self.steps[name]} for name in STEPS if name in self.steps],
            "last_frame_at": report.last_at if report and report.data_at else None,
            "retry": self.state != ENDED,
            "stream": self.quality,
            "viewers": self.looking,
            "recording": self.recording,
            "at": at,
        }

    def stats(self, at: int) -> Mapping[str, Any] | None:
        """The ``stats`` message; None before the node said anything."""
        report = self.report
        if report is None:
            return None
        return {
            "kind": "stats",
            "at": at,
            "bit_rate": report.bit_rate,
            "fps": report.fps,
            "packets": report.packets,
            "lost": report.lost,
            "loss_percent": report.loss_percent,
            "codec": report.codec,
            "audio_codec": report.audio,
            "width": report.width,
            "height": report.height,
            "newest_ms": report.newest_ms,
            "received_at": report.last_at,
            "viewers": self.looking,
            "bytes": report.bytes,
            "faults": report.faults,
        }
