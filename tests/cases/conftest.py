from __future__ import annotations

import pytest
from case_world import World, build
from sqlalchemy import Engine


@pytest.fixture
def world(engine: Engine) -> World:
    return build(engine)
