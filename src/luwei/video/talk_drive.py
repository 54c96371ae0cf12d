"""The life of one call (reference §6.3): the terminal is asked, followed while its person is there, and told to stop
whatever ended it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from sqlalchemy.exc import OperationalError

from luwei.media.orders import BROADCAST, TALK, Announcement, Close
from luwei.protocol.errors import ProtocolError
from luwei.video import letters, upstream
from luwei.video.commanding import Sending
from luwei.video.drive import DATA_S, Desk, Drive
from luwei.video.nodes import NodeGone
from luwei.video.talk import Call
from luwei.video.upstream import AUDIO_UNSUPPORTED

ATTEMPTS = 3
"""So often one terminal is asked while somebody waits on the line; a broadcast is offered again and again."""
ATTRIBUTES_S = {BROADCAST: 10.0}
"""For 0x1003, where it is not known: who hears nothing from a terminal cannot guess its codec."""
ATTRIBUTES_USUAL_S = 3.0
STOP_S = 2.0

Learn = Callable[[Call], Coroutine[Any, Any, None]]


class TalkDrive(Drive):
    """Of one ``Call``."""

    line = TALK

    def __init__(self, desk: Desk, call: Call, learn: Learn) -> None:
        """``learn``: read again what the terminal said of its sound."""
        super().__init__(desk, call)
        self._call = call
        self._learn = learn
        self._asked_attributes = False

    def _wanted(self) -> bool:
        if not self._closed_by and self._call.reason == AUDIO_UNSUPPORTED:
            # what its terminal does while it is told to stop overwrites what the call says
            self._closed_by, self._closed_detail = AUDIO_UNSUPPORTED, self._call.detail
        return not self._closed_by and bool(self._call.viewings)

    async def _attempt(self) -> None:
        if not self._asked_attributes:
            self._asked_attributes = True
            await self._attributes()
        await super()._attempt()

    async def _attributes(self) -> None:
        """0x9003, once, where nothing is known."""
        call = self._call
        if call.order is None or call.order.payload_type:
            return
        with contextlib.suppress(ProtocolError, OperationalError, OSError):
            sending = await self._desk.commanding.send(
                "video_attributes", {}, call.vehicle_id, call.phone, call.actor, call.purpose
            )
            try:
                await self._desk.commanding.ended(sending, ATTRIBUTES_S.get(call.talk_kind, ATTRIBUTES_USUAL_S))
            finally:
                self._desk.commanding.forget(sending)
            await self._learn(call)

    async def _ask(self, node: Announcement) -> Sending:
        self._call.on_air = True
        return await super()._ask(node)

    def _request(self, node: Announcement) -> tuple[str, dict[str, Any]]:
        call, transport, port = self._call, self._desk.transport, node.ports[TALK]
        return letters.START, letters.start(
            node.address,
            port if transport in ("tcp", "both") else 0,
            port if transport in ("udp", "both") else 0,
            call.channel,
            call.data_type,
            0,
        )

    def _stopping(self) -> tuple[str, dict[str, Any]]:
        command = letters.END_TALK if self._call.talk_kind == TALK else letters.CLOSE
        return letters.CONTROL, letters.control(self._call.channel, command)

    async def _follow(self) -> bool:
        call = self._call
        began = self._now()
        while self._wanted() and call.node and call.connected:
            self._note()
            if call.state == upstream.LIVE:
                self._failures = 0
            elif call.talk_kind != BROADCAST and upstream.PACKET not in call.steps and self._now() - began > DATA_S:
                call.say(upstream.WAITING, upstream.NO_DATA)
            await self._pause(1.0)
        return self._wanted() and bool(call.node)

    async def _fail(self) -> None:
        if self._call.talk_kind != BROADCAST and self._failures + 1 >= ATTEMPTS:
            self._closed_by = self._closed_by or self._call.reason or upstream.NO_ANSWER
            return
        await super()._fail()

    async def _end(self) -> None:
        if self._call.on_air:
            await self._stop()

    async def _stop(self) -> None:
        """0x9102, then the end of the connection. Some devices understand only command 0."""
        call, commanding = self._call, self._desk.commanding
        if call.on_air:
            kind, values = self._stopping()
            sending = await self._control(kind, values)
            call.on_air = sending is None
            if sending is not None:
                ended = await commanding.ended(sending, STOP_S)
                commanding.forget(sending)
                if ended and not sending.ok and sending.result != "offline" and values["command"] != letters.CLOSE:
                    second = await self._control(kind, letters.control(call.channel, letters.CLOSE))
                    if second is not None:
                        await commanding.ended(second, STOP_S)
                        commanding.forget(second)
        node, call.node = call.node, ""
        if node:
            with contextlib.suppress(NodeGone):
                await self._desk.nodes.ask(node, Close(call.name, self._closed_by or upstream.CLOSED))
