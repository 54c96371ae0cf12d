"""A talk as the core sees it: one person, and a call to each truck that takes part.

A call is a stream of sound to and from one terminal (``Upstream``): asked for by 0x9101, ended by 0x9102.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from luwei.media.orders import BROADCAST, LISTEN, TALK, TalkOrder
from luwei.protocol.jt1078.audio import AUDIO_TYPES
from luwei.registry.audit import Actor
from luwei.video import upstream
from luwei.video.upstream import Upstream

KINDS = (TALK, LISTEN, BROADCAST)

BUSY, TIME_OVER, IDLE, REPLACED, VIEWER_GONE = "busy", "time_over", "idle", "replaced", "viewer_gone"
"""Why a talk ends or does not begin, besides the reasons of ``upstream``: the terminal talks with somebody else, the
time is over, nobody said anything, its person began another one with the truck, his browser is gone."""


@dataclass(frozen=True, slots=True)
class Partner:
    """Who talks with a truck now, as others are told: by the role, not by name."""

    kind: str
    role: str
    role_zh: str
    role_en: str
    since: int
    user_id: int


@dataclass(slots=True, eq=False)
class Call(Upstream):
    """One truck's part."""

    kind: str = TALK
    talk_kind: str = TALK
    order: TalkOrder | None = None
    """What its node is told; codec and frame length may become known later."""
    data_type: int = 2
    plate: str = ""
    plate_color: int = 0
    talk: Talk | None = None
    busy: Partner | None = None
    on_air: bool = False
    """The terminal was asked and not yet told to stop."""
    row: int = 0
    """In the registry, while it is open there."""
    live_at: int = 0
    sent_ms: int = 0
    heard_ms: int = 0

    def changed(self) -> None:
        Upstream.changed(self)
        if self.talk is not None:
            self.talk.changed()

    def say(self, state: str, reason: str = "", detail: str = "") -> None:
        if state == upstream.LIVE and not self.live_at:
            self.live_at = self.steps.get(upstream.PACKET) or self.steps.get(upstream.CONNECTED, 0)
        Upstream.say(self, state, reason, detail)

    @property
    def paid_for(self) -> str:
        """The purpose that its traffic counts under."""
        return self.talk_kind

    @property
    def codec(self) -> str:
        """Of the terminal, as far as it is known."""
        if self.report is not None and self.report.audio:
            return self.report.audio
        said = self.order.payload_type if self.order is not None else 0
        return AUDIO_TYPES[said].codec if said in AUDIO_TYPES else ""

    def view(self) -> dict[str, Any]:
        """For the messages of the socket, and lists."""
        steps = [{"step": name, "at": self.steps[name]} for name in upstream.STEPS if name in self.steps]
        return {
            "vehicle_id": self.vehicle_id,
            "plate": self.plate,
            "plate_color": self.plate_color,
            "channel": self.channel,
            "state": self.state,
            "reason": self.reason,
            "detail": self.detail,
            "answer": self.answer,
            "attempt": self.attempt,
            "steps": steps,
            "codec": self.codec,
            "busy": partner_view(self.busy),
        }


@dataclass(slots=True, eq=False)
class Talk:
    """From its ticket to its end."""

    id: str
    kind: str
    user_id: int
    actor: Actor
    role: str
    role_zh: str
    role_en: str
    purpose: str
    until_ms: int
    created_at: int
    calls: list[Call] = field(default_factory=list)
    joined_at: int = 0
    ended: str = ""
    """Why; empty while it goes on."""
    figures: dict[str, Any] = field(default_factory=dict)
    """What the nodes told last."""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def speaks(self) -> bool:
        return self.kind != LISTEN

    @property
    def hears(self) -> bool:
        return self.kind != BROADCAST

    @property
    def partner(self) -> Partner:
        return Partner(
            self.kind, self.role, self.role_zh, self.role_en, self.joined_at or self.created_at, self.user_id
        )

    @property
    def open(self) -> list[Call]:
        """Calls that have not ended."""
        return [call for call in self.calls if not call.ended]

    def changed(self) -> None:
        """Tell who waits."""
        old, self.news = self.news, asyncio.Event()
        old.set()

    @property
    def state(self) -> tuple[str, str, str]:
        """State, reason and detail of all together: live as soon as one truck is."""
        if len(self.calls) == 1:
            only = self.calls[0]
            return only.state, only.reason, only.detail
        for state in (upstream.LIVE, upstream.STALLED, upstream.WAITING):
            if any(call.state == state and not call.ended for call in self.calls):
                return state, "", ""
        return upstream.ENDED, self.ended or self.calls[0].reason, ""

    def message(self, at: int) -> dict[str, Any]:
        """The ``state`` message of the socket."""
        state, reason, detail = self.state
        return {
            "kind": "state", "state": state, "reason": reason, "detail": detail,
            "trucks": [call.view() for call in self.calls], "at": at,
        }  # fmt: skip


def partner_view(busy: Partner | None) -> Mapping[str, Any] | None:
    """Who talks with a truck, for others."""
    if busy is None:
        return None
    return {
        "kind": busy.kind, "role": busy.role, "role_zh": busy.role_zh, "role_en": busy.role_en, "since": busy.since,
    }  # fmt: skip
