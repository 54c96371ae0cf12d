"""The console names alarm bits as the protocol does."""

from __future__ import annotations

import importlib.util
from pathlib import Path

TOOL = Path(__file__).parents[2] / "tools" / "console_words.py"


def test_the_console_has_the_words_of_the_protocol() -> None:
    spec = importlib.util.spec_from_file_location("console_words", TOOL)
    assert spec is not None and spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.TARGET.read_text(encoding="utf-8") == tool.text(), "run python tools/console_words.py"
    # 2019 table 24: bit 3 is dangerous driving, bit 29 collision and rollover; 2013 named them otherwise
    words = tool.alarm_words()
    assert [since for since, _, _ in words["3"]][-1] == 2019 and len(words["29"]) >= 2
