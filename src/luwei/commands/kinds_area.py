"""Commands about areas and routes (2019 §8.32–§8.41)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Engine

from luwei.commands import letters_area as letters
from luwei.commands.forms import FormField, Value
from luwei.commands.kind import Kind, pick
from luwei.registry import areas
from luwei.registry.errors import RegistryError
from luwei.registry.scope import Scope

AREA_KINDS: tuple[Value, ...] = (
    (1, "圆形区域", "Circles"), (2, "矩形区域", "Rectangles"), (3, "多边形区域", "Polygons"), (4, "路线", "Routes"),
)  # fmt: skip
SETTINGS: tuple[Value, ...] = ((1, "追加", "Append"), (2, "修改", "Modify"), (0, "替换全部", "Replace all"))
PUSHED_MAX = 24
"""Areas of one command; terminals hold some 24 of a kind."""
_KEPT = ("id", "name", "kind", "geometry", "rules", "version")
_CLAUSE = "§8.32–§8.38"
_IDS = FormField(
    "ids", "numbers", "区域 ID（空为全部）", "Area ids (none: all)", "§8.33", low=1, high=0xFFFFFFFF, most=125,
    default=[], required=False,
)  # fmt: skip


def snapshots(engine: Engine, scope: Scope, values: Mapping[str, Any]) -> dict[str, Any]:
    """The areas themselves in place of their ids, as they are now: later changes do not touch what was sent.

    Raises NotFound, and RegistryError where they do not fit one message.
    """
    found = areas.named(engine, scope, values["areas"])
    kinds = {area.kind for area in found}
    if len(kinds) > 1:
        raise RegistryError("parameters.areas", f"must be of one kind, not {', '.join(sorted(kinds))} ({_CLAUSE})")
    if len(found) > 1 and not kinds <= letters.SEVERAL:
        raise RegistryError("parameters.areas", f"of polygons and routes one goes in one message ({_CLAUSE})")
    return dict(values) | {"areas": [{name: asdict(area)[name] for name in _KEPT} for area in found]}


TABLE = (
    Kind(
        "push_areas", "下发区域或路线", "Push areas or a route", "area", _CLAUSE, letters.push,
        (
            FormField("areas", "areas", "区域或路线", "Areas or route", _CLAUSE, low=1, high=2**31 - 1,
                      most=PUSHED_MAX),
            pick("setting", "方式（圆形、矩形）", "How (circles, rectangles)", "§8.32", SETTINGS, 1),
        ),
        resolve=snapshots,
    ),
    Kind(
        "delete_areas", "删除区域或路线", "Delete areas or routes", "area", "§8.33", letters.delete,
        (pick("type", "类型", "Kind", "§8.33", AREA_KINDS, 1), _IDS),
    ),
    Kind(
        "read_areas", "查询区域或线路", "Read areas or routes", "area", "§8.40", letters.query,
        (pick("type", "类型", "Kind", "§8.40", AREA_KINDS, 1), _IDS), answer=0x0608,
    ),
)  # fmt: skip
