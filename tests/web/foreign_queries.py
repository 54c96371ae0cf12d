"""What reading routes may be asked for by a parameter, and what of it is somebody else's."""

from __future__ import annotations

import re

import httpx
from owned import Owned

NO_QUERY_IDS = frozenset({
    "page", "size", "from", "to", "table", "grade", "escalated", "level", "from_day", "to_day", "day", "color", "start",
    "end", "message_id", "stage", "offset", "limit", "channel", "at", "frame", "edition", "minutes", "before", "after",
    "template", "noun_id",
})  # fmt: skip
"""Numbers that name no row, or none of anybody's: templates are the same for everybody; ``noun_id`` goes with a noun,
and the log is read by whose people acted."""
PUBLIC_QUERIES = {
    ("/api/organisations", "city"): "authorities are known to everybody",
    ("/api/organisations", "county"): "authorities are known to everybody",
    ("/api/models", "vendor"): "models are known to everybody",
}
NEEDED = {
    "kind": "operator", "month": "2026-11", "from_day": 20_700, "to_day": 20_701, "day": 20_700, "operator": 1,
    "grade": 1, "plate": "粤B00000", "color": 2, "reason": "checksum", "before": 1, "after": 1, "channel": 1,
    "from": 1_795_000_000_000, "to": 1_795_000_060_000, "hex": "7e0002", "vehicle_id": 1, "command": 1, "loser": 1,
}  # fmt: skip
"""What a route must be given, by the name of the parameter."""


def own_address(path: str, m: Owned) -> str:
    """The path with ids of rows of ``m``."""
    own = {"vehicles": m.truck, "terminals": m.seats[0], "drivers": m.driver, "organisations": m.company}
    key = next((own[word] for word in path.split("/") if word in own), 1)
    found = path.replace("{noun_name}", "vehicles").replace("{form}", "csv")
    return re.sub(r"{\w+}", str(key), found)


def named_in(path: str, name: str, o: Owned) -> int:
    """What of ``o`` a parameter may name. Raises KeyError for one that nobody knows: it goes here or into
    NO_QUERY_IDS."""
    losers = {"vehicles": o.bare, "terminals": o.seats[1], "drivers": o.driver2, "organisations": o.barn}
    found: dict[str, int] = {
        "vehicle": o.truck, "vehicle_id": o.truck, "city": o.city, "county": o.city + 4, "operator": o.company,
        "organisation": o.company, "monitor": o.monitor, "insurer": o.insurer, "vendor": o.vendor, "parent": o.company,
        "terminal": o.seats[0], "loser": losers.get(path.split("/")[2], 0), "batch": o.batch, "target": o.company,
        "case": o.open[3], "case_id": o.open[3], "command": o.command, "list": o.list,
    }  # fmt: skip
    return found[name]


def plain(answer: httpx.Response) -> tuple[int, str]:
    """Status and text of an answer without the time it was made at and, of a refusal, without the number it names."""
    text = re.sub(r'"(as_of|kept_from)":\d+', "", answer.text)
    return answer.status_code, text if answer.status_code == 200 else re.sub(r"\d+", "…", text)
