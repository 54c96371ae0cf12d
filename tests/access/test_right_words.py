"""The console names every kind of data and every act that a right may speak of."""

from __future__ import annotations

import re
from pathlib import Path

from luwei.access.kinds import ACTS, KINDS

WORDS = Path(__file__).parents[2] / "console" / "src" / "pages" / "me" / "rights.ts"


def test_no_right_is_shown_by_its_code() -> None:
    """In the console's own order, which is the one of the rights table."""
    found = re.findall(r"^  (\w+): word\('([^']+)', '([^']+)'\),$", WORDS.read_text(encoding="utf-8"), re.MULTILINE)
    assert [code for code, _, _ in found] == [*KINDS, *ACTS]
    assert {code: zh for code, zh, _ in found if code in KINDS} == {kind.code: kind.zh for kind in KINDS.values()}
