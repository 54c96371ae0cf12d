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


def each(records: list[Any]) -> Callable[[Callable[[dict[str, Any]], None]], Callable[..., None]]:
    """Try a test on each of ``lines``, all of a message at a time: pytest takes longer over a test than over a frame.

    Raises ExceptionGroup with every frame that failed; its id is noted at the fault.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        if record.marks:  # the vectors are absent
            return pytest.mark.parametrize("record", [record])
        (values,) = record.values
        groups.setdefault(values.get("expect", {}).get("message_id", "unread"), []).append(values)

    def of(test: Callable[[dict[str, Any]], None]) -> Callable[..., None]:
        @pytest.mark.parametrize("frames", [pytest.param(frames, id=name) for name, frames in groups.items()])
        def every_frame(frames: list[dict[str, Any]]) -> None:
            faults = []
            for frame in frames:
                try:
                    test(frame)
                except Exception as fault:
                    fault.add_note(f"frame {frame['id']}")
                    faults.append(fault)
            if faults:
                raise ExceptionGroup(f"{len(faults)} of {len(frames)} frames", faults)

        every_frame.__doc__ = test.__doc__
        return every_frame

    return of


def declared(record: dict[str, Any]) -> bool:
    """Whether the frame is good and its message declared."""
    return "expect" in record and int(record["expect"]["message_id"], 16) in REGISTRY
