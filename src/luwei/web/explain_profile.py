"""Which profile an explanation uses, and why: the one asked for, the terminal's own, or what the frame shows."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from luwei.profiles import Catalogue, Identity, Profile
from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.frame import Frame, decode_frame
from luwei.protocol.jt808.messages.location import Location
from luwei.protocol.jt808.messages.registration import Registration
from luwei.protocol.safety.alarm_items import SafetyAlarm
from luwei.registry.scope import Scope
from luwei.registry.terminal_profiles import view_of_phone
from luwei.web.errors import Refused
from luwei.web.explain_words import words

SOURCES = {
    "chosen": words("在本页选择", "chosen on this page"),
    "by_hand": words("终端档案中人工指定", "chosen by hand for this terminal"),
    "terminal": words("该终端注册时匹配", "matched for this terminal"),
    "frame": words(
        "按这一帧所示匹配，终端未登记", "matched from what this frame shows; the terminal is not registered"
    ),
}


@dataclass(frozen=True, slots=True)
class Use:
    """A profile with the reasons of its choice."""

    profile: Profile
    source: str
    why: tuple[tuple[str, str, str], ...]

    def to_json(self) -> dict[str, Any]:
        """For the page: name, version, where it comes from, criteria that fitted."""
        return {
            "name": self.profile.name,
            "version": self.profile.version,
            "zh": self.profile.zh,
            "en": self.profile.en,
            "document": self.profile.source,
            "source": self.source,
            "source_words": SOURCES[self.source],
            "why": [list(each) for each in self.why],
        }


def profile_for(engine: Engine, catalogue: Catalogue, scope: Scope, raw: bytes, phone: str, chosen: str) -> Use:
    """The profile to explain ``raw`` by. ``phone``: of its terminal where it is known otherwise than from the frame.

    Raises Refused (400) for a chosen profile that is not there.
    """
    if chosen:
        profile = catalogue.get(chosen)
        if profile is None:
            raise Refused(400, "profile", f"must be one of {', '.join(catalogue.current)}")
        return Use(profile, "chosen", ())
    frame: Frame | None = None
    with suppress(ProtocolError):
        frame = decode_frame(raw)
    phone = phone or (frame.header.phone if frame is not None else "")
    stored = view_of_phone(engine, phone, scope) if phone else None
    if stored is not None:
        profile = catalogue.known(stored.profile, stored.version)
        if profile is not None:
            why = tuple((each[0], each[1], each[2]) for each in stored.why)
            return Use(profile, "by_hand" if stored.by_hand else "terminal", why)
    choice = catalogue.match(shown(frame) if frame is not None else Identity())
    return Use(choice.profile, "frame", tuple((r.key, r.rule, r.value) for r in choice.reasons))


def shown(frame: Frame) -> Identity:
    """What one frame shows of its terminal."""
    header, edition = frame.header, frame.header.edition
    with suppress(ProtocolError):
        if header.message_id == Registration.id and not header.fragmented:
            body = Registration.decode(frame.body, edition)
            return Identity(body.manufacturer, body.model, "", body.province, body.edition)
        if header.message_id == Location.id and not header.fragmented:
            for item in Location.decode(frame.body, edition).items.items:
                value = item.value
                if isinstance(value, SafetyAlarm):
                    return Identity(edition=edition, dialect=value.dialect)
    return Identity(edition=edition)
