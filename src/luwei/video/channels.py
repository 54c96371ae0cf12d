"""Channels 逻辑通道 of a truck: what an installer noted, else what the terminal says it has, else what trucks usually
have (JT/T 1076-2016 table 2, reference §5)."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import Engine, select

from luwei.registry.command import ANSWERED, Command, CommandBatch
from luwei.registry.engine import read
from luwei.registry.equipment import CHANNEL_POSITIONS, TerminalChannel
from luwei.registry.terminal import Terminal
from luwei.video.hints import ATTRIBUTES

PLACES = {
    1: ("驾驶员", "Driver"),
    2: ("车辆正前方", "Road ahead"),
    3: ("车前门", "Front door"),
    4: ("车厢前部", "Cabin, front"),
    5: ("车厢后部", "Cabin, rear"),
    6: ("车后门", "Rear door"),
    7: ("行李舱", "Luggage"),
    8: ("车辆左侧", "Left side"),
    9: ("车辆右侧", "Right side"),
    10: ("车辆正后方", "Rear, outside"),
    11: ("车厢中部", "Cabin, middle"),
    12: ("车中门", "Middle door"),
    13: ("驾驶席车门", "Driver's door"),
    33: ("驾驶员（仅音频）", "Driver (sound)"),
    36: ("车厢前部（仅音频）", "Cabin front (sound)"),
    37: ("车厢后部（仅音频）", "Cabin rear (sound)"),
}
IN_CAB = frozenset({1, 4, 5, 11, 33, 36, 37})
IN_CAB_POSITIONS = frozenset({"driver", "cabin_front", "cabin_rear", "cabin_middle"})
USUAL = (1, 2, 8, 9, 10)
"""Of trucks (reference §5)."""
_ENGLISH = {
    "driver": "Driver", "front": "Road ahead", "front_door": "Front door", "cabin_front": "Cabin, front",
    "cabin_rear": "Cabin, rear", "rear_door": "Rear door", "luggage": "Luggage", "left": "Left side",
    "right": "Right side", "rear": "Rear, outside", "cabin_middle": "Cabin, middle",
    "right_blind_spot": "Right blind spot", "load": "Load", "other": "Other",
}  # fmt: skip
_CHANNEL_LIST = 0x0076
_KINDS = {0: "av", 1: "audio", 2: "video"}

NOTED, TOLD, USUALLY = "registry", "terminal", "default"


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel as the console lists it."""

    channel: int
    name_zh: str
    name_en: str
    kind: str
    in_cab: bool
    ptz: bool


@dataclass(frozen=True, slots=True)
class Channels:
    """``source``: ``registry``, ``terminal`` or ``default``."""

    source: str
    items: list[ChannelView]
    knows_ptz: bool = True
    """Whether it was said which cameras can be turned: 0x1003 and the usual channels do not say it."""

    def ptz(self, channel: int) -> bool | None:
        """Whether the camera of ``channel`` can be turned; None: not known."""
        if not self.knows_ptz:
            return None
        return any(each.channel == channel and each.ptz for each in self.items)


def names(channel: int) -> tuple[str, str]:
    """What a channel is called where nobody noted it."""
    return PLACES.get(channel, (f"通道 {channel}", f"Channel {channel}"))


def default(channel: int, kind: str = "av", ptz: bool = False) -> ChannelView:
    """A channel by its number alone."""
    zh, en = names(channel)
    return ChannelView(channel, zh, en, "audio" if channel >= 33 else kind, channel in IN_CAB, ptz)


def channels(engine: Engine, vehicle_id: int, terminal_id: int) -> Channels:
    """The channels of a truck. Blocks."""
    with read(engine) as connection:
        noted = connection.execute(
            select(TerminalChannel.logical, TerminalChannel.kind, TerminalChannel.position, TerminalChannel.ptz)
            .where(TerminalChannel.terminal_id == terminal_id)
            .order_by(TerminalChannel.logical)
        ).all()
        if noted:
            return Channels(
                NOTED,
                [
                    ChannelView(
                        row.logical, CHANNEL_POSITIONS.get(row.position, ""), _ENGLISH.get(row.position, ""), row.kind,
                        row.position in IN_CAB_POSITIONS, bool(row.ptz),
                    )
                    for row in noted
                ],
            )  # fmt: skip
        told = connection.execute(
            select(CommandBatch.kind, Command.answer)
            .join(CommandBatch, CommandBatch.id == Command.batch_id)
            .where(
                Command.vehicle_id == vehicle_id, Command.state == ANSWERED, Command.answer.is_not(None),
                # what the terminal before it had is not in the truck any more
                Command.phone == select(Terminal.phone).where(Terminal.id == terminal_id).scalar_subquery(),
                CommandBatch.kind.in_(("video_attributes", "read_parameters")),
            )
            .order_by(Command.id.desc())
            .limit(20)
        ).all()  # fmt: skip
    for kind in ("read_parameters", "video_attributes"):
        for row in told:
            if row.kind == kind and (found := _told(json.loads(row.answer))):
                return Channels(TOLD, found, kind == "read_parameters")
    return Channels(USUALLY, [default(channel) for channel in USUAL], False)


def _told(answer: dict[str, object]) -> list[ChannelView]:
    """Channels out of a kept answer: the list of 0x0076, or the number of 0x1003."""
    if answer.get("message_id") == ATTRIBUTES:
        body = bytes.fromhex(str(answer.get("hex", "")))
        return [default(channel) for channel in range(1, min(body[9], 32) + 1)] if len(body) == 10 else []
    parameters = answer.get("parameters")
    for each in parameters if isinstance(parameters, list) else ():
        if each.get("id") == _CHANNEL_LIST and (rows := _rows(bytes.fromhex(each.get("hex", "")))):
            return [default(row[1], _KINDS.get(row[2], "av"), row[3] == 1) for row in rows]
    return []


def _rows(raw: bytes) -> list[bytes]:
    """Rows of 0x0076: physical number, logical number, type, PTZ (1078 §4.14)."""
    count = sum(raw[:3])
    return [raw[at : at + 4] for at in range(3, min(len(raw), 3 + 4 * count) - 3, 4)]
