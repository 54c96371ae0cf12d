"""Every numbered quirk has a test, and docs/profiles.md says which; every reason rests on a clause."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from luwei.profiles.reasons import QUIRKS, REASONS
from luwei.profiles.reasons import reason_of as found

ROOT = Path(__file__).parent.parent.parent
ROW = re.compile(r"^\| (11\.\d\.\d+|AS[\d.]+) \| (.+?) \| `(tests/\S+\.py)::(test_\w+)` \|$", re.MULTILINE)
ROWS = ROW.findall((ROOT / "docs" / "profiles.md").read_text("utf-8"))


def test_the_table_has_every_number_once() -> None:
    numbers = [number for number, *_ in ROWS]
    assert len(numbers) == len(set(numbers)) and set(numbers) == QUIRKS


@pytest.mark.parametrize(("number", "file", "name"), [(number, file, name) for number, _, file, name in ROWS])
def test_the_test_of_a_quirk_exists(number: str, file: str, name: str) -> None:
    assert name in _tests(file), number


@cache
def _tests(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_reason_of_the_gateway_rests_on_a_clause() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "src" / "luwei" / "gateway").glob("*.py"))
    counted = set(re.findall(r'(?:REFUSED|NOTED), "([a-z_0-9]+)"', source)) | {
        "item_unknown", "item_length", "item_unexpected", "clock_behind", "clock_ahead", "heartbeat_body", "charset",
    }  # fmt: skip
    protocol = "".join(path.read_text("utf-8") for path in (ROOT / "src" / "luwei" / "protocol").rglob("*.py"))
    problems = set(re.findall(r'(?:scope|self)\.odd\(f?"([a-z_]+[a-z])\b', protocol)) - {"layout"}
    assert problems >= {"body_trailing", "recorder_check", "items_broken"}
    assert (counted | problems | {"layout_2011", "layout_2013", "records_unreadable"}) - REASONS.keys() == set()
    for code, reason in REASONS.items():
        assert (reason.clause or not reason.conformity) and reason.zh and reason.en, code
        assert not reason.quirk or reason.quirk in QUIRKS, code


def test_a_reason_without_an_entry_is_named_by_its_code() -> None:
    assert (found("moon:0x01").zh, found("moon").clause) == ("moon", "")
