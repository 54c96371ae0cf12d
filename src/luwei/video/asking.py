"""What terminals are asked of themselves while somebody looks: the answers stand in the journal, where the next look
finds them."""

from __future__ import annotations

import asyncio

from luwei.registry.audit import Actor
from luwei.video.commanding import Commanding

CHANNEL_LIST = 0x0076
AGAIN_S = 3_600.0
ASKED_MAX = 50_000


class Asking:
    """Each terminal once in an hour."""

    def __init__(self, commanding: Commanding) -> None:
        self._commanding = commanding
        self._asked: dict[str, float] = {}

    async def channels(self, vehicle_id: int, phone: str, actor: Actor, wait_s: float = 0.0) -> bool:
        """Which channels a terminal has (0x8106 for 0x0076) and how its sound is coded (0x9003), if it is there.
        Whether the list of channels was answered within ``wait_s``."""
        now = asyncio.get_running_loop().time()
        if now - self._asked.get(phone, -AGAIN_S) < AGAIN_S:
            return False
        if len(self._asked) >= ASKED_MAX:
            self._asked.clear()
        self._asked[phone] = now
        asked: tuple[tuple[str, dict[str, object]], ...] = (
            ("read_parameters", {"ids": [CHANNEL_LIST]}),
            ("video_attributes", {}),
        )
        sent = [
            await self._commanding.send(kind, values, vehicle_id, phone, actor, "channels") for kind, values in asked
        ]
        try:
            return wait_s > 0 and await self._commanding.ended(sent[0], wait_s) and sent[0].ok
        finally:
            for sending in sent:
                self._commanding.forget(sending)
