"""Ranges and encodings as a client may ask for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luwei.web.files import accepts_gzip, byte_range


@given(st.text(max_size=30), st.integers(0, 1000))
def test_a_range_header_never_reaches_outside_the_file(header: str, size: int) -> None:
    for text in (header, f"bytes={header}"):
        try:
            span = byte_range(text, size)
        except ValueError:
            continue
        assert span is None or 0 <= span[0] <= span[1] < size


@given(st.integers(0, 2000), st.integers(0, 2000), st.integers(1, 1000))
def test_a_range_is_that_of_rfc_9110(first: int, last: int, size: int) -> None:
    try:
        span = byte_range(f"bytes={first}-{last}", size)
    except ValueError:
        assert first >= size and last >= first
        return
    assert span == (None if last < first else (first, min(last, size - 1)))


@pytest.mark.parametrize(
    ("header", "accepted"),
    [("gzip", True), ("br, gzip;q=0.5", True), ("gzip;q=0", False), ("identity", False), ("", False), ("*", True)],
)
def test_gzip_is_sent_to_those_who_take_it(header: str, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted
