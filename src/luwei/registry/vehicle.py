"""Vehicle 车辆: a heavy truck, known by plate and plate colour, supervised by the authority of its 道路运输证."""

from __future__ import annotations

from datetime import date

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base, now_ms

SOURCE_IMPORT, SOURCE_OPEN, SOURCE_CONSOLE = "import", "open", "console"
"""Who brought a row into the registry: a file, a registration under the open policy, a person."""

VEHICLE_CLASSES = {
    "semi_trailer_tractor": "半挂牵引车",
    "general_freight_12t": "普通货运（总质量12吨及以上）",
    "general_freight": "普通货运（总质量12吨以下）",
    "dangerous_goods": "危险货物运输车",
    "slag_truck": "泥头车",
    "concrete_mixer": "混凝土搅拌车",
    "other": "其他",
}
"""Codes of ``vehicle_class`` and the words of the programme; the first two are the classes of the 2021 notice."""

NOTICE_CLASSES = ("semi_trailer_tractor", "general_freight_12t")
"""Classes that the 2021 notice covers (粤交运〔2021〕40号: tractors, general freight from 12 t)."""


class Vehicle(Base):
    """One truck. Ids are dense and never used twice: facts of the history and the live arrays are indexed by them."""

    __tablename__ = "vehicle"
    __table_args__ = (
        # PostgreSQL reads the ids of a page from the index alone only when they stand in it; in SQLite they always do.
        UniqueConstraint("plate", "plate_color", postgresql_include=["id"]),
        Index("ix_vehicle_city_county_plate", "city", "county", "plate", postgresql_include=["id"]),
        Index("ix_vehicle_operator_id_plate", "operator_id", "plate", postgresql_include=["id"]),
        Index("ix_vehicle_monitor_id_plate", "monitor_id", "plate", postgresql_include=["id"]),
        Index("ix_vehicle_insurer_id_plate", "insurer_id", "plate", postgresql_include=["id"]),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    plate: Mapped[str] = mapped_column(String(20))
    """车牌; with colour 0 the VIN, or the terminal's phone where neither was sent (JT/T 808-2019 table 7)."""
    plate_color: Mapped[int] = mapped_column(Integer)
    """车牌颜色, JT/T 415-2006 §5.4.12 (1 blue, 2 yellow, 3 black, 4 white, 9 other) and JT/T 697.7-2014 beyond."""
    vin: Mapped[str | None] = mapped_column(String(17), unique=True)
    vin_confirmed: Mapped[bool] = mapped_column(default=False)
    """A person confirmed the VIN without a valid check digit: an imported truck's need not have one."""
    vehicle_class: Mapped[str] = mapped_column(String(30), default="other")
    city: Mapped[int | None] = mapped_column(Integer)
    """Adcode of the city whose authority issued the 道路运输证: the jurisdiction key."""
    county: Mapped[int | None] = mapped_column(Integer)
    transport_certificate: Mapped[str | None] = mapped_column(String(30), unique=True)
    """道路运输证号."""
    certificate_valid_from: Mapped[date | None] = mapped_column()
    certificate_valid_to: Mapped[date | None] = mapped_column()
    gross_mass_kg: Mapped[int | None] = mapped_column(Integer)
    """总质量, for a tractor 准牵引总质量 is not meant."""
    owner: Mapped[str | None] = mapped_column(String(100))
    """车辆所有人."""
    operator_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"))
    """Today's operator, monitor and insurer; ``binding`` knows the former ones."""
    monitor_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"))
    insurer_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"))
    source: Mapped[str] = mapped_column(String(10), default=SOURCE_CONSOLE)
    created_at: Mapped[int] = mapped_column(BigInteger, default=now_ms)
    updated_at: Mapped[int] = mapped_column(BigInteger, default=now_ms, onupdate=now_ms)
