"""Write the words that the console shares with the protocol's tables: ``python tools/console_words.py``.

``console/src/format/alarm-words.json``: bit of the alarm flags → [[first edition, Chinese, English], …].
"""

from __future__ import annotations

import json
from pathlib import Path

from luwei.protocol.jt808.bits import ALARM
from luwei.protocol.message import EDITIONS

TARGET = Path(__file__).parent.parent / "console" / "src" / "format" / "alarm-words.json"


def alarm_words() -> dict[str, list[tuple[int, str, str]]]:
    """Names of every alarm bit, each from the edition in which it came to be called so."""
    words: dict[str, list[tuple[int, str, str]]] = {}
    for bit in range(32):
        for edition in EDITIONS:
            for _, zh, en in ALARM.names(1 << bit, edition):
                known = words.setdefault(str(bit), [])
                if not known or known[-1][1:] != (zh, en):
                    known.append((edition, zh, en))
    return words


def text() -> str:
    """The file's content."""
    rows = (f'  "{bit}": {json.dumps(names, ensure_ascii=False)}' for bit, names in alarm_words().items())
    return "{\n" + ",\n".join(rows) + "\n}\n"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
