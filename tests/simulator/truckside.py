"""A simulated terminal without an 808 socket, whose media lines and uploads are really run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from media_ear import MediaEar

from luwei.protocol.jt808.fragments import Assembler
from luwei.protocol.jt808.frame import Frame, decode_frame, encode_frame
from luwei.protocol.jt808.header import Header, phone_bytes
from luwei.protocol.jt808.messages.general import TerminalReply
from luwei.simulator.driving import Drive
from luwei.simulator.fleet import Truck, trucks
from luwei.simulator.media_faults import BY_NAME, GOOD
from luwei.simulator.terminal import Terminal
from luwei.simulator.truth import Truth
from luwei.simulator.video_gear import VideoGear
from luwei.simulator.video_unit import VideoUnit

NOON = 1_748_836_800.0
"""2025-06-02 12:00 in China."""
FLEET = trucks(300, seed=5)


class Truckside:
    """Says orders to the terminal at noon and runs what they lead to."""

    def __init__(self, truck: Truck, gear: VideoGear | None = None, fault: str = "") -> None:
        self.truck = truck
        self.terminal = Terminal(Drive(truck, 1, NOON, awake=True), Truth(None))
        equipment = self.terminal.commands.equipment
        if gear is not None or fault:
            equipment._video = VideoUnit(self.terminal, BY_NAME.get(fault, GOOD), gear)
        self.unit = equipment.video
        self.serial = 0
        self.tasks: list[asyncio.Task[None]] = []

    def say(self, message: Any) -> list[Frame]:
        """The terminal's answers, put together where they came in parts; what they lead to runs."""
        answers = self._tell(message)
        slots = asyncio.Semaphore(1)
        self.tasks += [asyncio.ensure_future(each) for each in self.terminal.commands.equipment.taken(slots)]
        return self.whole(answers)

    def take_apart(self, message: Any) -> list[Frame]:
        """The terminal's answers; what they lead to is thrown away."""
        answers = self._tell(message)
        for errand in self.unit.taken():
            errand.close()
        return self.whole(answers)

    def _tell(self, message: Any) -> list[bytes]:
        self.serial = (self.serial + 1) & 0xFFFF
        edition = self.truck.edition
        header = Header(
            message_id=message.id, body_length=0, serial=self.serial, phone_raw=phone_bytes(self.truck.phone, edition),
            edition=edition, protocol_version=1 if edition == 2019 else 0,
        )  # fmt: skip
        return self.terminal.received(encode_frame(header, message.encode(edition)), NOON)

    def whole(self, raws: list[bytes]) -> list[Frame]:
        """Messages of frames."""
        assembler = Assembler()
        found = [assembler.add(decode_frame(raw, strict=True), NOON) for raw in raws]
        return [frame for frame in found if frame is not None]

    def result(self, message: Any) -> int:
        """The result of the 0x0001 that must be the one answer."""
        (answer,) = self.say(message)
        reply = TerminalReply.decode(answer.body, self.truck.edition)
        assert (reply.reply_serial, reply.reply_id) == (self.serial, message.id)
        return reply.result


@asynccontextmanager
async def truckside(truck: Truck = FLEET[0], **how: Any) -> AsyncIterator[tuple[Truckside, MediaEar]]:
    """A terminal and a media server; at the end nothing of either runs."""
    side = Truckside(truck, **how)
    async with MediaEar() as server:
        yield side, server
        for task in side.tasks:
            task.cancel()
        await asyncio.gather(*side.tasks, return_exceptions=True)
