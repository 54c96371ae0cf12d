"""What the core keeps of a trace."""

from __future__ import annotations

import pytest

from luwei.live import trace as live_trace
from luwei.live.trace import Trace, TracedFrame
from luwei.protocol.jt808.frame import decode_frame, encode_frame
from luwei.protocol.jt808.messages.video import UploadFiles


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


# 0x9206 of reference jt1078 §8, row 16: the user "username", the password "password", the path /alarm_file
UPLOAD = (
    "7E9206004512345678901200010B3139322E3136382E312E312B2D08757365726E616D650870617373776F72640B2F616C61726D5F66696C65"
    "01200726000000200726232359000000000000000000010101227E"
)


def taken(raw: bytes) -> TracedFrame:
    trace = Trace(1, "13800138000", "engineer", 0, 0)
    trace.add({"n": 1, "at": 1, "way": "down", "hex": raw.hex(), "outcome": "sent", "reasons": []}, "gw-0", 1)
    return trace.ring[0]


def test_the_password_of_an_upload_is_not_kept_and_the_rest_is() -> None:
    raw = bytes.fromhex(UPLOAD)
    frame = taken(raw)
    shown = decode_frame(bytes.fromhex(frame.hex))
    before, after = (UploadFiles.decode(each.body, each.header.edition) for each in (decode_frame(raw), shown))
    assert (before.password, after.password) == ("password", "********")
    assert bytes.fromhex(frame.hex)[:37] == raw[:37]
    assert (after.user, after.path, after.channel, after.start_time) == (
        "username",
        "/alarm_file",
        1,
        before.start_time,
    )
    assert shown.header == decode_frame(raw).header and not shown.quirks
    assert (frame.message_id, frame.serial) == (0x9206, 1)


@pytest.mark.parametrize("kept", range(40))
def test_an_upload_that_breaks_off_shows_nothing_of_a_password(kept: int) -> None:
    whole = decode_frame(bytes.fromhex(UPLOAD))
    frame = taken(encode_frame(whole.header, whole.body[:kept]))
    body = decode_frame(bytes.fromhex(frame.hex)).body
    assert len(body) == kept and b"passw" not in body
    if kept <= 32:  # the path's length, behind the password, is missing: nobody knows what stands where
        assert not body.strip(b"*")
