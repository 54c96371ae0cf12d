"""Roadside check 路检路查: what an officer found at a truck on the road, and what the platform had told him."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base, now_ms

FOUND, NOT_INSTALLED, REMOVED, SHIELDED, PLATE_MISMATCH, TERMINAL_DEAD, CAMERA_FAULT, OTHER = (
    "found", "not_installed", "removed", "shielded", "plate_mismatch", "terminal_dead", "camera_fault", "other",
)  # fmt: skip
FINDINGS = {
    FOUND: ("设备在位且工作", "device in place and working"),
    NOT_INSTALLED: ("未安装设备", "not installed"),
    REMOVED: ("设备已拆除", "device removed"),
    SHIELDED: ("屏蔽或遮挡", "shielded or covered"),
    PLATE_MISMATCH: ("号牌或车辆与登记不符", "plate or truck differs from the register"),
    TERMINAL_DEAD: ("终端不工作", "terminal dead"),
    CAMERA_FAULT: ("摄像头缺失或损坏", "camera missing or broken"),
    OTHER: ("其他", "other"),
}
"""Codes of what was found and their words. FOUND stands alone: nothing is wrong."""


class RoadsideCheck(Base):
    """One check. Only ever added. Whose truck it was is asked of the bindings at ``at``."""

    __tablename__ = "roadside_check"
    __table_args__ = (
        Index("ix_roadside_check_at", "at"),
        Index("ix_roadside_check_user_id_at", "user_id", "at"),
        Index("ix_roadside_check_organisation_id_at", "organisation_id", "at"),
        Index("ix_roadside_check_vehicle_id_at", "vehicle_id", "at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    user_id: Mapped[int] = mapped_column(Integer)
    organisation_id: Mapped[int | None] = mapped_column(Integer)
    """Of the officer."""
    vehicle_id: Mapped[int | None] = mapped_column(Integer)
    """Null: the registry knew no such plate."""
    plate: Mapped[str] = mapped_column(String(20))
    """As it was read on the truck."""
    plate_color: Mapped[int] = mapped_column(Integer)
    terminal_id: Mapped[int | None] = mapped_column(Integer)
    """What the registry had bound to the truck."""
    note: Mapped[str] = mapped_column(String(500), default="")
    place: Mapped[str] = mapped_column(String(100), default="")
    """In the officer's words."""
    lat_e6: Mapped[int | None] = mapped_column(Integer)
    lon_e6: Mapped[int | None] = mapped_column(Integer)
    """Where the officer's phone said that it was, where he let it."""
    told: Mapped[str] = mapped_column(Text, default="{}")
    """JSON object: verdict by item, as the platform gave it at that moment."""


class RoadsideFinding(Base):
    """One of FINDINGS that a check came to; at least one each."""

    __tablename__ = "roadside_finding"
    __table_args__ = (Index("ix_roadside_finding_finding", "finding"),)

    check_id: Mapped[int] = mapped_column(ForeignKey("roadside_check.id"), primary_key=True, autoincrement=False)
    finding: Mapped[str] = mapped_column(String(20), primary_key=True)
