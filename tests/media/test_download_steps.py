"""What is done next about a download: by reference §6.7, with the times of the table in §6."""

from __future__ import annotations

import time
from typing import Any

import pytest

from luwei.registry import command
from luwei.registry.download import ASKED, DONE, EXPIRED, FAILED, PAUSED, QUEUED, REFUSED, UPLOADING
from luwei.video import download_book
from luwei.video.download_steps import ASK, STOP, WITHDRAW, Known, Order, Sent, decide

T = 1_795_000_000_000
S = 1_000
MIN = 60 * S
ALL, WIFI = 7, 1
GOING: dict[str, Any] = {"state": ASKED, "batch_id": 5}


def order(**more: Any) -> Order:
    given: dict[str, Any] = {
        "id": 1, "vehicle_id": 1, "state": QUEUED, "reason": "", "networks": ALL, "batch_id": None, "serial": None,
        "tries": 0, "idle_tries": 0, "asked_at": None, "next_at": None, "told_at": None, "announced_bytes": None,
        "received_bytes": 0, "sessions": 0, "fault": "", "started_at": None, "last_byte_at": None,
        "expires_at": T + 24 * 60 * MIN,
    }  # fmt: skip
    return Order(**given | more)


def asked(**more: Any) -> Order:
    """An order that the terminal said yes to at T."""
    return order(**{"state": ASKED, "batch_id": 5, "serial": 77, "tries": 1, "asked_at": T} | more)


def sending(**more: Any) -> Order:
    """One of which 500 bytes came, the last of them a second after T."""
    came = {"state": UPLOADING, "received_bytes": 500, "started_at": T, "last_byte_at": T + S}
    return asked(**came | more)


def known(at: int = T, **more: Any) -> Known:
    given: dict[str, Any] = {"at": at, "online": True, "turn": True}
    return Known(**given | more)


SAID_YES = Sent(command.ANSWERED, "success", 77, T)


def test_a_queued_one_is_asked_for_when_it_is_its_turn() -> None:
    assert decide(order(), known()).acts == (ASK,)
    assert decide(order(), known(turn=False)).values == {"reason": "turn"}
    assert decide(order(next_at=T + S), known()).values == {"reason": "again"}
    assert decide(order(state=PAUSED), known()).values == {}


def test_the_command_that_waits_for_the_terminal_and_its_answer() -> None:
    waiting = order(batch_id=5)
    assert decide(waiting, known(sent=Sent(command.QUEUED, "offline", None, None))).values == {"reason": "offline"}
    step = decide(waiting, known(sent=SAID_YES))
    assert step.values == {"state": ASKED, "reason": "", "asked_at": T, "serial": 77, "answer": "success"}
    # on its way: the serial comes with the answer
    assert decide(waiting, known(sent=Sent(command.SENT, "", None, T))).values["serial"] is None
    assert decide(asked(serial=None), known(sent=SAID_YES)).values["serial"] == 77


@pytest.mark.parametrize("answer", ["failure", "message_error", "unsupported", "edition", "slave_server"])
def test_a_terminal_that_says_no_has_refused(answer: str) -> None:
    step = decide(order(batch_id=5), known(sent=Sent(command.FAILED, answer, 77, T)))
    assert (step.values["ending"], step.values["answer"]) == (REFUSED, answer)


def test_no_answer_is_asked_again_and_given_up_after_four() -> None:
    silent = Sent(command.FAILED, "no_answer", 77, T)
    first = decide(order(batch_id=5), known(sent=silent)).values
    assert (first["state"], first["batch_id"], first["idle_tries"]) == (QUEUED, None, 1)
    assert first["next_at"] > T
    last = decide(order(batch_id=5, idle_tries=3), known(sent=silent)).values
    assert (last["ending"], last["reason"]) == (FAILED, "not_confirmed")
    # whose answer got lost, but which sends
    assert "ending" not in decide(sending(idle_tries=3), known(T + 2 * S, sent=silent)).values


def test_what_stands_still_for_two_minutes_is_asked_again_where_it_is() -> None:
    assert decide(sending(sessions=1), known(T + 2 * S, files=1)).values == {}
    assert decide(sending(), known(T + 2 * S, files=1)).values == {"state": UPLOADING, "reason": "broken"}
    assert decide(sending(), known(T + 2 * S, files=1, online=False)).values["reason"] == "offline"
    again = decide(sending(idle_tries=3), known(T + S + 2 * MIN, files=1)).values
    assert (again["state"], again["idle_tries"]) == (QUEUED, 0)  # something had come
    assert decide(sending(), known(T + S + 2 * MIN, files=1, online=False)).values["reason"] == "offline"


def test_a_terminal_that_was_away_has_fifteen_seconds_to_go_on_by_itself() -> None:
    back = known(T + 40 * S, online=False, back_at=T + 30 * S, files=1)
    assert decide(sending(), back).values == {"state": UPLOADING, "reason": "broken"}
    assert decide(sending(), known(T + 45 * S, back_at=T + 30 * S, files=1)).values["state"] == QUEUED


def test_without_the_mobile_network_a_terminal_may_wait_for_days() -> None:
    assert decide(asked(networks=WIFI), known(T + 6 * 60 * MIN)).values == {"state": ASKED, "reason": "network"}
    assert decide(asked(), known(T + 2 * MIN)).values["idle_tries"] == 1
    given_up = decide(asked(idle_tries=3), known(T + 2 * MIN)).values
    assert (given_up["ending"], given_up["reason"]) == (FAILED, "no_connection")
    # once it began, silence is silence
    assert decide(sending(networks=WIFI), known(T + S + 2 * MIN, files=1)).values["state"] == QUEUED


def test_the_terminals_word_counts_where_it_fits_what_arrived() -> None:
    told = {"told": (T + 2 * S, 0)}
    assert decide(sending(), known(T + 2 * S, files=1, whole=1, **told)).values["ending"] == DONE
    assert decide(sending(), known(T + 9 * S, files=0, **told)).values["reason"] == "empty"
    half = decide(sending(), known(T + 9 * S, files=2, whole=1, **told)).values
    assert (half["state"], half["told_at"]) == (QUEUED, T + 2 * S)
    # it may overtake what the FTP server has to write down
    assert "ending" not in decide(sending(), known(T + 3 * S, files=1, whole=0, **told)).values


def test_failed_it_is_tried_again_and_then_believed() -> None:
    told = {"told": (T + S, 1)}
    assert decide(asked(), known(T + 9 * S, **told)).values["state"] == QUEUED
    believed = decide(asked(idle_tries=3), known(T + 9 * S, **told))
    assert (believed.values["ending"], believed.values["reason"], believed.acts) == (FAILED, "terminal", (STOP,))


def test_without_a_word_whole_files_are_the_end_after_a_minute() -> None:
    whole = {"files": 1, "whole": 1}
    assert decide(sending(), known(T + 50 * S, **whole)).values == {}
    silent = decide(sending(), known(T + S + MIN, **whole)).values
    assert (silent["ending"], silent["reason"]) == (DONE, "no_notice")
    # but not where much of what was announced lacks, nor while it is connected
    assert decide(sending(announced_bytes=1000), known(T + S + MIN, **whole)).values == {}
    assert decide(sending(sessions=1), known(T + S + MIN, **whole)).values == {}


@pytest.mark.parametrize(
    ("made", "there", "ending", "reason"),
    [
        (sending(expires_at=T), True, EXPIRED, ""),
        (sending(state=PAUSED, expires_at=T), True, EXPIRED, ""),
        (sending(fault="too_large"), True, FAILED, "too_large"),
        (sending(), False, FAILED, "no_terminal"),
    ],
    ids=["expired", "expired-paused", "too-large", "no-terminal"],
)
def test_what_ends_it_whatever_it_does(made: Order, there: bool, ending: str, reason: str) -> None:
    step = decide(made, known(there=there))
    assert (step.values["ending"], step.values["reason"], step.acts) == (ending, reason, (STOP,))


@pytest.mark.parametrize(
    ("made", "acts"),
    [
        (order(), ()),
        (order(batch_id=5), (WITHDRAW,)),  # its 0x9206 waits for the terminal
        (order(batch_id=6, serial=77), (WITHDRAW, STOP)),  # the terminal may hold a half of the one before, too
        (asked(), (STOP,)),
        (sending(), (STOP,)),
        (sending(state=PAUSED), (STOP,)),
    ],
    ids=["queued", "ordered", "ordered-again", "asked", "sending", "paused"],
)
def test_one_whose_orderer_may_not_have_it_any_more_ends_wherever_it_stands(made: Order, acts: tuple[str, ...]) -> None:
    step = decide(made, known(allowed=False))
    assert (step.values["ending"], step.values["reason"], step.acts) == (FAILED, "forbidden", acts)


@pytest.mark.parametrize(
    ("states", "turns"),
    [
        ([{}, {}], {1}),  # the oldest of the queue
        ([GOING, {}], {1}),  # one goes on: no other
        ([{}, GOING], set()),  # what goes on needs no turn
        ([{"batch_id": 5}, {}], {1}),  # its 0x9206 waits for the terminal
        ([{"next_at": T + 1}, {}], {1, 2}),  # one that is asked again later lets others pass, and is asked in time
        ([{"state": PAUSED}, {}], {1, 2}),
        ([GOING, GOING], set()),
        ([{}, {"vehicle_id": 2}], {1, 2}),
    ],
    ids=["oldest", "goes_on", "goes_on_later", "sent", "again", "paused", "two", "other_truck"],
)
def test_one_download_of_a_truck_goes_on_at_a_time(states: list[dict[str, Any]], turns: set[int]) -> None:
    orders = [order(id=number, **more) for number, more in enumerate(states, 1)]
    assert download_book.turns(orders, T) == turns


def test_the_turns_of_many_trucks_are_found_in_no_time() -> None:
    orders = [order(id=number, vehicle_id=number // 4) for number in range(1, 40_001)]
    began = time.process_time()
    assert len(download_book.turns(orders, T)) == 10_001
    assert time.process_time() - began < 2  # each looked at with each other: minutes
