"""What a person, a truck, a SIM and the platform may have open at once; the fleet is not to be paid for by one page."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import Counter

from luwei.media.orders import TALK
from luwei.settings import Settings
from luwei.video.traffic import Used
from luwei.video.upstream import Upstream

refused = Counter("luwei_video_refused_total", "Viewers refused", ["reason"])


class QuotaExceeded(RuntimeError):
    """A limit is reached; the message is its name: ``sim_month``, ``streams``, ``truck_streams``, ``user_streams``."""


class Busy(RuntimeError):
    """A terminal plays a channel once (reference §6.6, 6)."""


def viewings_of(streams: Mapping[str, Upstream], user_id: int) -> int:
    """Tiles of one person; talks and recordings have limits of their own."""
    return sum(
        viewing.user_id == user_id and not viewing.records
        for stream in streams.values() if stream.kind != TALK for viewing in stream.viewings.values()
    )  # fmt: skip


def require_room(
    settings: Settings, streams: Mapping[str, Upstream], name: str, vehicle_id: int, user_id: int, used: Used
) -> None:
    """For one more viewer of the stream ``name``. Raises QuotaExceeded."""
    try:
        _require_room(settings, streams, name, vehicle_id, user_id, used)
    except QuotaExceeded:
        refused.labels("quota").inc()
        raise


def _require_room(
    settings: Settings, streams: Mapping[str, Upstream], name: str, vehicle_id: int, user_id: int, used: Used
) -> None:
    there = streams.get(name)
    if used.exhausted:
        raise QuotaExceeded("sim_month")
    if viewings_of(streams, user_id) >= settings.video_streams_per_user:
        raise QuotaExceeded("user_streams")
    if there is None or there.ended:
        pictures = [each for each in streams.values() if each.kind != TALK]
        if len(pictures) >= settings.video_streams:
            raise QuotaExceeded("streams")
        if sum(each.vehicle_id == vehicle_id for each in pictures) >= settings.video_streams_per_vehicle:
            raise QuotaExceeded("truck_streams")
