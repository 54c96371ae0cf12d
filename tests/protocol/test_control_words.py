"""Parameters of terminal control 0x8105, written as text or binary (2019 table 17, reference §8.8)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luwei.protocol.errors import ProtocolError
from luwei.protocol.jt808.control_words import read_control, write_control
from luwei.protocol.jt808.messages.control import TerminalControl

SERVER = {"control": 0, "platform_code": "AUTH", "address": "gps.example.cn", "tcp_port": 7611, "time_limit": 30}


def test_an_empty_parameter_keeps_its_separator() -> None:
    raw = write_control(2, SERVER)
    assert raw == b"0;AUTH;;;;gps.example.cn;7611;;30"
    assert TerminalControl(command=2, params=raw).encode(2019) == b"\x02" + raw


def test_back_to_the_default_server_is_the_control_alone() -> None:
    assert write_control(2, {"control": 1}) == b"1"


def test_a_word_without_parameters_has_none() -> None:
    assert write_control(4, {}) is None
    assert TerminalControl(command=4).encode(2019) == b"\x04"


@pytest.mark.parametrize("binary", [False, True])
def test_what_was_written_is_read_again(binary: bool) -> None:
    raw = write_control(2, SERVER | {"udp_port": 0x3B3B}, binary=binary)
    assert raw is not None
    read = read_control(2, raw, binary=binary)
    assert {name: value for name, value in read.items() if value != ""} == SERVER | {"udp_port": 0x3B3B}


def test_fields_behind_the_known_ones_are_kept() -> None:
    assert read_control(2, b"1;;;;;;;;;more;last")["extra_2"] == "last"


@pytest.mark.parametrize(
    ("command", "values"),
    [(2, {"url": "x"}), (4, {"control": 1}), (2, {"tcp_port": 65536}), (2, {"tcp_port": "x"}), (2, {"apn": "a;b"})],
)
def test_what_cannot_be_written_is_refused(command: int, values: dict[str, str | int]) -> None:
    with pytest.raises(ProtocolError):
        write_control(command, values)


@given(command=st.integers(0, 8), raw=st.binary(max_size=80), binary=st.booleans())
def test_any_bytes_are_taken_apart_without_fail(command: int, raw: bytes, binary: bool) -> None:
    read_control(command, raw, binary=binary)
