"""Equipment 设备配置 of a terminal: its video and audio channels and the peripherals on its buses."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base

CHANNEL_KINDS = {"av": "音视频", "video": "视频", "audio": "音频"}

CHANNEL_POSITIONS = {
    "driver": "驾驶员",
    "front": "车辆正前方",
    "front_door": "车前门",
    "cabin_front": "车厢前部",
    "cabin_rear": "车厢后部",
    "rear_door": "车后门",
    "luggage": "行李舱",
    "left": "车辆左侧",
    "right": "车辆右侧",
    "rear": "车辆正后方",
    "cabin_middle": "车厢中部",
    "right_blind_spot": "右侧盲区",
    "load": "货厢",
    "other": "其他",
}
"""Places of a camera or microphone: JT/T 1076-2016 table 2 and what the programme adds for trucks."""

PERIPHERAL_KINDS = {
    "adas": "高级驾驶辅助系统",
    "dsm": "驾驶员状态监测系统",
    "tpms": "轮胎气压监测系统",
    "bsd": "盲区监测系统",
    "display": "显示屏",
    "sound_light": "声光报警器",
    "storage": "主存储器",
    "backup_storage": "灾备存储器",
    "card_reader": "IC卡读卡器",
    "recorder": "行驶记录仪",
    "fuel": "油量传感器",
    "load": "载重传感器",
    "other": "其他",
}


class TerminalChannel(Base):
    """One channel; numbers as JT/T 1078 counts them (logical, 逻辑通道号) and as the socket is marked (physical)."""

    __tablename__ = "terminal_channel"
    __table_args__ = (UniqueConstraint("terminal_id", "logical"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    terminal_id: Mapped[int] = mapped_column(ForeignKey("terminal.id"))
    logical: Mapped[int] = mapped_column(Integer)
    physical: Mapped[int | None] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(8))
    position: Mapped[str] = mapped_column(String(20))
    ptz: Mapped[bool] = mapped_column(default=False)
    """Can be turned (云台)."""


class TerminalPeripheral(Base):
    """One device beside the terminal."""

    __tablename__ = "terminal_peripheral"
    __table_args__ = (Index("ix_terminal_peripheral_terminal_id", "terminal_id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    terminal_id: Mapped[int] = mapped_column(ForeignKey("terminal.id"))
    kind: Mapped[str] = mapped_column(String(16))
    maker: Mapped[str] = mapped_column(String(40), default="")
    model: Mapped[str] = mapped_column(String(40), default="")
    serial: Mapped[str] = mapped_column(String(40), default="")
    capacity_gb: Mapped[int | None] = mapped_column(Integer)
    """Of a store (the programme asks 500 GB, supervision §3)."""
