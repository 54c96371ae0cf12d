from __future__ import annotations

import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine

sys.path.insert(0, str(Path(__file__).parent.parent / "cases"))

from case_world import World, build


@pytest.fixture
def world(engine: Engine) -> World:
    return build(engine)
