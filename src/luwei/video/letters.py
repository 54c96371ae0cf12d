"""0x9101, 0x9102, 0x9201, 0x9202 and 0x9205 as commands of the journal: they are not in the list that people choose
from, but who had them sent, why, and what the terminal answered is kept like that of all others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from luwei.commands.recordings import terminal_time
from luwei.gateway.orders import Letter
from luwei.protocol.jt808.messages.video import (
    LiveControl,
    LiveRequest,
    PlaybackControl,
    PlaybackRequest,
    QueryResources,
)
from luwei.protocol.message import EDITIONS, Message

START, CONTROL = "video_start", "video_control"
LIST, PLAY, STEER = "video_list", "video_playback", "video_playback_control"
RESOURCES = 0x1205
LIST_S = 60
"""Time for a list (reference §6)."""
NO_TIME = "2000-00-00 00:00:00"
"""Zeros."""

CLOSE, SWITCH, END_TALK = 0, 1, 4
"""Control word of 0x9102 (1078 §4.4)."""


class LiveLetter:
    """A kind of command: its values are the fields of the message."""

    repeatable = False
    """A request that nobody knows the fate of is made again by the desk, to where the stream is wanted then."""

    def __init__(
        self, message: Callable[..., Message], answer: int = 0, general_ends: bool = False, patience_s: int = 0
    ) -> None:
        self._message = message
        self._answered = answer, general_ends, patience_s

    def letter(self, values: Mapping[str, Any]) -> Letter:
        """The message for every edition. Raises ProtocolError for what a field cannot hold."""
        made = self._message(**values)
        return Letter(made.id, {edition: made.encode(edition) for edition in EDITIONS}, *self._answered)


KINDS = {
    START: LiveLetter(LiveRequest),
    CONTROL: LiveLetter(LiveControl),
    LIST: LiveLetter(QueryResources, RESOURCES, patience_s=LIST_S),
    # the text wants 0x1205, many devices send 0x0001 (reference §6.6, 2)
    PLAY: LiveLetter(PlaybackRequest, RESOURCES, general_ends=True),
    STEER: LiveLetter(PlaybackControl),
}


def start(address: str, tcp_port: int, udp_port: int, channel: int, data_type: int, quality: int) -> dict[str, Any]:
    """Values of a 0x9101; a port of 0 is not used."""
    return {
        "server_ip": address, "tcp_port": tcp_port, "udp_port": udp_port, "channel": channel, "data_type": data_type,
        "stream_type": quality,
    }  # fmt: skip


def control(channel: int, command: int, quality: int = 0) -> dict[str, Any]:
    """Values of a 0x9102: CLOSE ends sound and picture, SWITCH goes over to the stream ``quality``,
    END_TALK ends a talk."""
    return {"channel": channel, "command": command, "close_av": 0, "switch_stream": quality}


def listing(
    channel: int, from_at: int, to_at: int, alarm: int = 0, media_type: int = 0, stream: int = 0, storage: int = 0
) -> dict[str, Any]:
    """Values of a 0x9205: what lies between two instants (UTC ms); channel 0 and the zeros: any."""
    return {
        "channel": channel, "start_time": terminal_time(from_at), "end_time": terminal_time(to_at), "alarm": alarm,
        "media_type": media_type, "stream_type": stream, "storage_type": storage,
    }  # fmt: skip


def playback(
    address: str, tcp_port: int, udp_port: int, channel: int, stream: int, storage: int, mode: int, speed: int,
    from_at: int, to_at: int,
) -> dict[str, Any]:  # fmt: skip
    """Values of a 0x9201 for what was recorded between two instants, with sound; a port of 0 is not used."""
    return {
        "server_ip": address, "tcp_port": tcp_port, "udp_port": udp_port, "channel": channel, "media_type": 0,
        "stream_type": stream, "storage_type": storage, "playback_mode": mode, "speed": speed,
        "start_time": terminal_time(from_at), "end_time": terminal_time(to_at),
    }  # fmt: skip


def steering(channel: int, control: int, speed: int = 0, to_at: int | None = None) -> dict[str, Any]:
    """Values of a 0x9202; ``to_at`` for a drag."""
    at = NO_TIME if to_at is None else terminal_time(to_at)
    return {"channel": channel, "command": control, "speed": speed, "time": at}
