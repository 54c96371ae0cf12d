"""Where the captured frames of other implementations are."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import luwei.protocol.jt808.messages  # noqa: F401 - declares them
from luwei.protocol.message import REGISTRY

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "vectors"


def lines(name: str, where: Callable[[dict[str, Any]], bool] = lambda record: True) -> list[Any]:
    """Parameters, one a line of ``name`` that ``where`` takes.

    A single skipped one where the vectors are absent; under CI their absence is an error.
    """
    path = FOLDER / name
    if not path.exists():
        if os.environ.get("CI") == "true":
            raise FileNotFoundError(path)
        return [pytest.param(None, id=name, marks=pytest.mark.skip(reason=f"{name} is not beside the repository"))]
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [pytest.param(record, id=record["id"]) for record in records if where(record)]


def declared(record: dict[str, Any]) -> bool:
    """Whether the frame is good and its message declared."""
    return "expect" in record and int(record["expect"]["message_id"], 16) in REGISTRY
