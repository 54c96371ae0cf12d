"""Fixtures that tests of several rooms share, and the order of the rooms."""

from __future__ import annotations

import pytest

pytest_plugins = ["postgres"]

LAST = ("system", "browser")
"""Whole systems come last: what is wrong in the small is told before, and nothing runs beside the browser's demo."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: next((1 + n for n, room in enumerate(LAST) if item.get_closest_marker(room)), 0))
