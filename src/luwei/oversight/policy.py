"""Oversight policy 督查规则 as data: limits of orders and checks, thresholds of flags and proposals.

A document is a tree of tables as ``policy.toml`` has it. ``parse`` checks every field and names a wrong one by its path
(``sham.many.more_than``). Source of the shipped one: reference supervision §4, §7.2, §7.4.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from luwei.cases import policy_form as form
from luwei.registry.supervision import GENERAL, URGENT

DAY_S = 86_400
_MORE = form.Table({"more_than": form.whole(1, 10_000), "within_s": form.whole(10, DAY_S)})
_FORM = form.Table(
    {
        "orders": form.Table(
            {
                "urgent_s": form.whole(60, 30 * DAY_S),
                "general_s": form.whole(60, 30 * DAY_S),
                "rework_times": form.whole(0, 10),
                "extension_most_s": form.whole(60, 30 * DAY_S),
            }
        ),
        "checks": form.Table(
            {
                "limit_s": form.whole(60, 3_600),
                "targets_most": form.whole(1, 100_000),
                "times_most": form.whole(1, 100),
            }
        ),
        "sham": form.Table(
            {
                "same_text": _MORE,
                "many": _MORE,
                "too_fast": form.Table({"faster_than_s": form.whole(1, 600), "more_than": form.whole(0, 10_000)}),
                "unseen": form.Table({"more_than": form.whole(0, 10_000)}),
            }
        ),
        "proposals": form.Table(
            {
                "handled_percent": form.whole(1, 100),
                "handled_cases": form.whole(1, 100_000),
                "lost_percent": form.whole(0, 100),
                "lost_files": form.whole(1, 1_000_000),
                "vehicle_cases": form.whole(2, 1_000),
                "vehicle_days": form.whole(1, 366),
                # a version of before this rule has its shipped values
                "offline_hours": form.default(form.whole(1, 720), 24),
                "offline_km": form.default(form.whole(1, 1_000), 5),
            }
        ),
        "packages": form.Table({"keep_days": form.whole(1, 365)}),
    }
)


@dataclass(frozen=True, slots=True)
class Burst:
    """More than ``more_than`` verdicts of one person within ``within_s`` seconds."""

    more_than: int
    within_s: int


@dataclass(frozen=True, slots=True)
class OversightRules:
    """One version. Lengths in seconds unless named otherwise."""

    version: int
    limits_s: dict[int, int]
    """By level of the order."""
    rework_times: int
    extension_most_s: int
    check_limit_s: int
    check_targets_most: int
    check_times_most: int
    same_text: Burst
    many: Burst
    fast_s: int
    fast_more_than: int
    unseen_more_than: int
    handled_percent: int
    handled_cases: int
    lost_percent: int
    lost_files: int
    vehicle_cases: int
    vehicle_days: int
    offline_hours: int
    offline_km: int
    keep_days: int


def parse(document: Any, version: int = 0) -> OversightRules:
    """The rules of a document. Raises RegistryError naming the path of the first wrong field and its rule."""
    read = _FORM(document, "")
    orders, checks, sham, proposals = read["orders"], read["checks"], read["sham"], read["proposals"]
    if orders["urgent_s"] > orders["general_s"]:
        form.refuse("orders.urgent_s", "must not be longer than general_s", orders["urgent_s"])
    return OversightRules(
        version,
        {URGENT: orders["urgent_s"], GENERAL: orders["general_s"]},
        orders["rework_times"],
        orders["extension_most_s"],
        checks["limit_s"],
        checks["targets_most"],
        checks["times_most"],
        Burst(**sham["same_text"]),
        Burst(**sham["many"]),
        sham["too_fast"]["faster_than_s"],
        sham["too_fast"]["more_than"],
        sham["unseen"]["more_than"],
        **proposals,
        keep_days=read["packages"]["keep_days"],
    )


@cache
def shipped_document() -> dict[str, Any]:
    """The document that comes with this release."""
    with (Path(__file__).parent / "policy.toml").open("rb") as file:
        return tomllib.load(file)
