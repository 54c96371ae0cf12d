"""What is known of a terminal's sound beforehand: its profile's habits, and what it said of itself in 0x1003."""

from __future__ import annotations

import json
from typing import NamedTuple

from sqlalchemy import Connection, Engine, select

from luwei.media.orders import AudioHints
from luwei.profiles import Catalogue
from luwei.profiles.profile import MediaHabits
from luwei.registry.command import ANSWERED, Command, CommandBatch
from luwei.registry.engine import read
from luwei.registry.terminal import Terminal
from luwei.registry.terminal_profile import TerminalProfile

ATTRIBUTES = 0x1003
_RATES = {0: 8_000, 1: 22_050, 2: 44_100, 3: 48_000}
"""Sample rates of 0x1003 (1078 §4.1)."""


class Loudspeaker(NamedTuple):
    """What a talk needs to know. ``payload_type`` and ``frame_length`` are 0, ``speaker`` None before the terminal was
    asked."""

    audio: AudioHints
    habits: MediaHabits
    payload_type: int
    frame_length: int
    speaker: bool | None


def audio_hints(engine: Engine, catalogue: Catalogue, vehicle_id: int, phone: str) -> AudioHints:
    """For the streams of a terminal. Blocks."""
    return loudspeaker(engine, catalogue, vehicle_id, phone).audio


def media_habits(engine: Engine, catalogue: Catalogue, phone: str) -> MediaHabits:
    """What a terminal's profile says of its media. Blocks."""
    with read(engine) as connection:
        return _habits(connection, catalogue, phone)


def _habits(connection: Connection, catalogue: Catalogue, phone: str) -> MediaHabits:
    row = connection.execute(
        select(TerminalProfile.profile, TerminalProfile.version)
        .join(Terminal, Terminal.id == TerminalProfile.terminal_id)
        .where(Terminal.phone == phone)
    ).first()
    profile = catalogue.known(row.profile, row.version) if row is not None else None
    return profile.media if profile is not None else MediaHabits()


def loudspeaker(engine: Engine, catalogue: Catalogue, vehicle_id: int, phone: str) -> Loudspeaker:
    """For talks with a terminal. Blocks."""
    with read(engine) as connection:
        habits = _habits(connection, catalogue, phone)
        said = attributes(connection, vehicle_id, phone)
    hints = AudioHints(
        habits.audio_codec,
        habits.g726_bits,
        _RATES.get(said[2], 0) if said else 0,
        said[1] if said and said[1] in (1, 2) else 0,
        habits.g726_big_endian,
        habits.adpcm_low_first,
    )
    if not said:
        return Loudspeaker(hints, habits, 0, 0, None)
    return Loudspeaker(hints, habits, said[0], int.from_bytes(said[4:6], "big"), bool(said[6]))


def attributes(connection: Connection, vehicle_id: int, phone: str) -> bytes:
    """The last 0x1003 of a truck's terminal (10 octets), empty before it was asked: what the terminal before it said
    counts for nothing."""
    kept = connection.scalar(
        select(Command.answer)
        .join(CommandBatch, CommandBatch.id == Command.batch_id)
        .where(
            Command.vehicle_id == vehicle_id, Command.phone == phone, Command.state == ANSWERED,
            Command.answer.is_not(None), CommandBatch.kind == "video_attributes",
        )
        .order_by(Command.id.desc())
        .limit(1)
    )  # fmt: skip
    answer = json.loads(kept) if kept else {}
    body = bytes.fromhex(str(answer.get("hex", ""))) if answer.get("message_id") == ATTRIBUTES else b""
    return body if len(body) == 10 else b""
