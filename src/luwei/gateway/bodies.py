"""Bodies of kept messages, read as their declaration and the session's profile say (docs/profiles.md, "Decisions")."""

from __future__ import annotations

from collections.abc import Callable

from luwei.gateway.connections import Connection, Table
from luwei.gateway.ledger import NOTED, REFUSED
from luwei.gateway.session_profiles import SessionProfiles
from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.frame import Frame
from luwei.protocol.jt808.messages.video import VideoAttributes
from luwei.protocol.message import REGISTRY
from luwei.registry.assignments import Observed

ATTRIBUTES = 0x0107
SUCCESS, MESSAGE_ERROR = 0, 2
"""Results of the platform general reply (JT/T 808-2019 §8.2) that a body can earn."""


class Bodies:
    """``note(connection, kind, reason, message_id, example, at_ms)`` writes into the ledger."""

    def __init__(self, table: Table, profiles: SessionProfiles, note: Callable[..., None]) -> None:
        self._table = table
        self._profiles = profiles
        self._note = note

    def check(self, connection: Connection, frame: Frame, edition: int, at_ms: int) -> int:
        """Read a kept message as its declaration and its profile say, and note what departs from them."""
        slot, message_id = connection.slot, frame.header.message_id
        declared = REGISTRY.get(message_id)
        if declared is None:
            return SUCCESS
        example = frame.raw or frame.body
        number = int(self._table.profile[slot])
        try:
            message = declared.decode(frame.body, edition, reading=self._profiles.dialects.reading(number))
        except ProtocolError as error:
            self._note(connection, REFUSED, error.code, message_id, example, at_ms)
            return MESSAGE_ERROR
        for problem in message.problems:
            self._note(connection, NOTED, problem.partition(":")[0], message_id, example, at_ms)
        if not declared.since <= edition <= declared.until:
            self._note(connection, NOTED, "message_edition", message_id, example, at_ms)
        profile = self._profiles.dialects.profile(number)
        if isinstance(message, VideoAttributes) and profile is not None and profile.audio_codecs:
            if message.audio_codec not in profile.audio_codecs:
                self._note(connection, NOTED, "audio_codec", message_id, example, at_ms)
        elif message_id == ATTRIBUTES and (firmware := getattr(message, "firmware", "")):
            self._profiles.observe(Observed(int(self._table.terminal_id[slot]), firmware))
        return SUCCESS
