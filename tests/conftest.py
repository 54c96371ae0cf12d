"""Fixtures that tests of several rooms share, and the order of the rooms."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest_plugins = ["postgres"]

LAST = ("system", "browser")
"""Whole systems come last: what is wrong in the small is told before, and nothing runs beside the browser's demo."""


VECTORS = Path(__file__).parents[2] / "shared" / "vectors"


def pytest_sessionstart() -> None:
    """Tests of captured frames are skipped by name where these are absent; under CI their absence is a failure."""
    if os.environ.get("CI") == "true" and not (VECTORS / "attachments").is_dir():
        pytest.exit(f"CI=true, and the captured frames are not at {VECTORS}", returncode=1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: next((1 + n for n, room in enumerate(LAST) if item.get_closest_marker(room)), 0))
