"""Binding 绑定: what belonged to what, from when to when. A location of March belongs to the operator of March.

The columns of the rows themselves (``vehicle.operator_id``, ``terminal.vehicle_id`` …) say what holds now; the open
span (``to_at`` null) of the same thing says so too, since when. Both are written in one transaction.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from luwei.registry.base import Base

OPERATOR, MONITOR, INSURER, TERMINAL, AREA = "operator", "monitor", "insurer", "terminal", "area"
"""What a vehicle is bound to. AREA is the jurisdiction: its object is an adcode, the county's where known."""
VENDOR, SIM, EMPLOYER = "vendor", "sim", "employer"
"""Vendor of a terminal; terminal of a SIM card; operator that employs a driver."""
WHEEL, TRUCK = "wheel", "truck"
"""Who was at the wheel of a vehicle, by the driver's card (object 0: a card that the registry does not know); the truck
of an account of a driver. Nobody enters these by hand, and their first span does not count backwards."""

SUBJECTS = {
    OPERATOR: "vehicle", MONITOR: "vehicle", INSURER: "vehicle", TERMINAL: "vehicle", AREA: "vehicle",
    VENDOR: "terminal", SIM: "sim", EMPLOYER: "driver",
}  # fmt: skip
"""Noun of ``subject_id`` by ``what``."""


class Binding(Base):
    """One span. Neither id is a foreign key: a span outlives the merge of the rows it names."""

    __tablename__ = "binding"
    __table_args__ = (
        Index("ix_binding_what_subject_id_from_at", "what", "subject_id", "from_at"),
        Index("ix_binding_what_object_id_from_at", "what", "object_id", "from_at"),
        Index(
            "ix_binding_to_at", "to_at",
            sqlite_where=text("to_at IS NOT NULL"), postgresql_where=text("to_at IS NOT NULL"),
        ),
        Index(
            "ix_binding_counts_from", "counts_from",
            sqlite_where=text("counts_from > 0"), postgresql_where=text("counts_from > 0"),
        ),
        Index(
            "uq_binding_open", "what", "subject_id", unique=True,
            sqlite_where=text("to_at IS NULL"), postgresql_where=text("to_at IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )  # fmt: skip

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    what: Mapped[str] = mapped_column(String(10))
    subject_id: Mapped[int] = mapped_column(Integer)
    object_id: Mapped[int] = mapped_column(Integer)
    from_at: Mapped[int] = mapped_column(BigInteger)
    """First millisecond (UTC) that it held."""
    counts_from: Mapped[int] = mapped_column(BigInteger, server_default=str(1 << 62))
    """``from_at``, but 0 for the first known span of its subject and sort: what was recorded before anybody wrote a
    binding down is for the first that was. What nobody gave a beginning counts for nobody."""
    to_at: Mapped[int | None] = mapped_column(BigInteger)
    """First millisecond that it held no more; null: it holds."""
