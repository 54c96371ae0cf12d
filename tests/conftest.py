"""Fixtures that tests of several rooms share, and the order of the rooms."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest_plugins = ["postgres"]

LAST = ("system", "browser")
"""Whole systems come last: what is wrong in the small is told before, and nothing runs beside the browser's demo."""
PLACES = {"system": ("system/", "evidence/test_kill.py"), "browser": ("browser/",)}
"""Where the tests of a mark are: ``dev`` runs each mark from these places alone."""
LONG = (
    "web/test_no_leak.py", "web/test_no_leak_postgres.py", "web/test_injection.py", "web/test_hostile_requests.py",
    "commands/test_command_engine.py", "web/test_core_process.py", "history/test_ingest.py", "web/test_video_web.py",
    "web/test_talk_web.py",
)  # fmt: skip
"""Files that take longest, the longest first: one that begins last has one worker busy while the others are done."""

TESTS = Path(__file__).parent
VECTORS = TESTS.parents[1] / "shared" / "vectors"


def pytest_sessionstart() -> None:
    """Tests of captured frames are skipped by name where these are absent; under CI their absence is a failure."""
    if os.environ.get("CI") == "true" and not (VECTORS / "attachments").is_dir():
        pytest.exit(f"CI=true, and the captured frames are not at {VECTORS}", returncode=1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Raises UsageError for a test that ``dev`` would run in no stage or in two."""
    order = {}
    for item in items:
        path = item.path.relative_to(TESTS).as_posix()
        room = next((1 + n for n, mark in enumerate(LAST) if item.get_closest_marker(mark)), 0)
        for number, mark in enumerate(LAST, 1):
            here, folder = path.startswith(PLACES[mark]), path.startswith(f"{mark}/")
            if (room == number and not here) or (room != number and folder):
                raise pytest.UsageError(f"{item.nodeid}: tests marked {mark!r} are in {' and '.join(PLACES[mark])}")
        order[item] = (room, LONG.index(path) if path in LONG else len(LONG))
    items.sort(key=lambda item: order[item])
