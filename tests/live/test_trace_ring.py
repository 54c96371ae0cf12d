"""What the core keeps of a trace."""

from __future__ import annotations

import pytest

from luwei.live import trace as live_trace
from luwei.live.trace import Trace


def test_the_ring_forgets_the_oldest_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_trace, "FRAMES_KEPT", 10)
    trace = Trace(1, "1", "test", 0, 1)
    for number in range(25):
        given = {"n": number, "at": number, "way": "up", "hex": "7e00", "outcome": "taken", "reasons": []}
        trace.add(given, "gw-0", 1)
    assert (trace.frames, len(trace.ring), trace.dropped) == (25, 10, 15)
    assert [frame.seq for frame in trace.after(0, 500)] == list(range(16, 26))
    assert [frame.seq for frame in trace.after(24, 500)] == [25]
    trace.change({"n": 24, "outcome": "refused", "reasons": ["code_wrong"]}, 1)
    assert [(frame.seq, frame.outcome) for frame in trace.changed(0)] == [(25, "refused")]
