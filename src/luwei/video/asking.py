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

    async def channels(self, vehicle_id: int, phone: str, actor: Actor) -> None:
        """Which channels a terminal has (0x8106 for 0x0076) and how its sound is coded (0x9003), if it is there."""
        now = asyncio.get_running_loop().time()
        if now - self._asked.get(phone, -AGAIN_S) < AGAIN_S:
            return
        if len(self._asked) >= ASKED_MAX:
            self._asked.clear()
        self._asked[phone] = now
        asked: tuple[tuple[str, dict[str, object]], ...] = (
            ("read_parameters", {"ids": [CHANNEL_LIST]}),
            ("video_attributes", {}),
        )
        for kind, values in asked:
            sending = await self._commanding.send(kind, values, vehicle_id, phone, actor, "channels")
            self._commanding.forget(sending)
