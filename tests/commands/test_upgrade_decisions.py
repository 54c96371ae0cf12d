"""What an upgrade order does next, with the clock in the test's hand: proof, silence, thresholds, stages."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luwei.commands.upgrades.decide import ASK, CHECK, SEND, Next, Order, Tally, Unit, Verdict, judge, next_of, sizes
from luwei.registry import upgrade as u

WAIT = 600_000
START = 1_000_000
SENT_AT = START + 5_000
ORDER = Order(u.RUNNING, "V4", "NT-5S", True, WAIT, START)
UNIT = Unit(1, u.WAITING, True, version_before="V3")


def then(unit: Unit, now: int = START, order: Order = ORDER, proofs_known: bool = True) -> Next | None:
    return next_of(unit, order, now, proofs_known)


def over(found: Next | None) -> tuple[str, str, str]:
    assert found is not None and found.step == u.OVER
    return found.result, found.cause, found.proof


def unit(step: str, **changes: object) -> Unit:
    return dataclasses.replace(UNIT, step=step, **changes)  # type: ignore[arg-type]


def sent(**changes: object) -> Unit:
    return unit(u.SENT, **({"sent_at": SENT_AT} | changes))


def asked(**changes: object) -> Unit:
    return unit(u.CONFIRMING, **({"sent_at": SENT_AT, "command": "answered", "software": "V3"} | changes))


def test_a_terminal_is_asked_for_its_version_before_anything_is_sent() -> None:
    found = then(UNIT)
    assert found is not None and (found.step, found.act) == (u.CHECKING, CHECK)
    peripheral = then(dataclasses.replace(UNIT, asked_version=False))  # 0x0107 does not tell a camera's version
    assert peripheral is not None and (peripheral.step, peripheral.act) == (u.READY, "")


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ({"command": "answered", "software": "V4", "model": "NT-5S"}, ("skipped", "same_version", "")),
        ({"command": "answered", "software": "V3", "model": "HD-T20"}, ("skipped", "other_model", "")),
        ({"command": "expired", "why": "expired"}, ("unreached", "offline", "")),
        ({"command": "failed", "why": "no_answer"}, ("unreached", "no_answer", "")),
    ],
)
def test_who_has_it_already_or_cannot_be_reached_gets_no_command(
    answer: dict[str, str], result: tuple[str, str, str]
) -> None:
    assert over(then(unit(u.CHECKING, **answer))) == result


def test_a_terminal_that_cannot_tell_its_version_is_upgraded_all_the_same() -> None:
    found = then(unit(u.CHECKING, command="failed", why="unsupported"))
    assert found is not None and found.step == u.READY


def test_a_truck_that_moves_waits_until_it_stands_or_the_time_is_over() -> None:
    assert then(unit(u.READY), START + WAIT - 1) is None
    assert over(then(unit(u.READY), START + WAIT)) == ("unreached", "moving", "")
    parked = then(unit(u.READY, parked=True))
    assert parked is not None and (parked.step, parked.act) == (u.SENDING, SEND)
    anyhow = then(unit(u.READY), order=dataclasses.replace(ORDER, only_parked=False))
    assert anyhow is not None and anyhow.act == SEND


def test_the_commands_own_answer_proves_nothing() -> None:
    found = then(unit(u.SENDING, command="answered", why="success", command_at=SENT_AT))
    assert found is not None and (found.step, found.sent_at, found.result) == (u.SENT, SENT_AT, "")
    assert then(sent(), SENT_AT + WAIT // 2) is None


@pytest.mark.parametrize(
    ("why", "result"),
    [("failure", "failed"), ("unsupported", "failed"), ("message_error", "failed"), ("offline", "unreached")],
)
def test_a_refused_command_has_failed_and_an_unsent_one_reached_nobody(why: str, result: str) -> None:
    assert over(then(unit(u.SENDING, command="failed", why=why)))[:2] == (result, why)


@pytest.mark.parametrize("why", ["no_answer", "link_lost", "gateway_lost"])
def test_a_command_of_unknown_fate_waits_for_its_proof(why: str) -> None:
    found = then(unit(u.SENDING, command="failed", why=why, command_at=SENT_AT))
    assert found is not None and (found.step, found.cause) == (u.SENT, why)
    silent = sent(cause=why, asks=1)
    assert over(then(silent, SENT_AT + WAIT)) == ("failed", why, "")
    assert over(then(dataclasses.replace(silent, asked_version=False, results=(0,)), SENT_AT + 9)) == (
        "success", "", "0108",
    )  # fmt: skip


def test_0x0108_proves_it_and_the_version_is_asked_for_besides() -> None:
    found = then(sent(results=(0,)), SENT_AT + 1)
    assert found is not None and (found.step, found.act, found.proof) == (u.CONFIRMING, ASK, "0108")
    assert over(then(asked(software="V4", proof="0108"))) == ("success", "", "0108+version")
    assert over(then(asked(software="V3", proof="0108"))) == ("failed", "other_version", "0108")
    assert over(then(asked(software="V4", results=(0,)))) == ("success", "", "0108+version")
    mute = asked(command="failed", software=None, why="no_answer", proof="0108")
    assert over(then(mute)) == ("success", "", "0108")


def test_the_new_version_alone_proves_it() -> None:
    back = then(sent(back_at=SENT_AT + 60_000), SENT_AT + 60_001)
    assert back is not None and (back.step, back.ask_at) == (u.SENT, SENT_AT + 63_000)
    assert then(sent(ask_at=SENT_AT + 63_000), SENT_AT + 62_999) is None
    ask = then(sent(ask_at=SENT_AT + 63_000), SENT_AT + 63_000)
    assert ask is not None and (ask.step, ask.act) == (u.CONFIRMING, ASK)
    assert over(then(asked(software="V4"))) == ("success", "", "version")


def test_what_a_terminal_tells_of_itself_when_it_comes_back_proves_it_too() -> None:
    assert over(then(sent(seen_version="V4"), SENT_AT + 1)) == ("success", "", "version")
    assert then(sent(seen_version="V3"), SENT_AT + 1) is None
    camera = sent(seen_version="V4", asked_version=False)  # the terminal's version says nothing of its camera
    assert then(camera, SENT_AT + 1) is None


def test_a_terminal_that_came_back_too_early_is_waited_for_still() -> None:
    found = then(asked(software="V3"))
    assert found is not None and (found.step, found.version_after) == (u.SENT, "V3")
    assert over(then(sent(version_after="V3", asks=1), SENT_AT + WAIT)) == ("failed", "version_unchanged", "")


def test_silence_is_failure_after_one_last_question() -> None:
    last = then(sent(), SENT_AT + WAIT - 60_000)
    assert last is not None and (last.step, last.act) == (u.CONFIRMING, ASK)
    assert over(then(sent(asks=1), SENT_AT + WAIT)) == ("failed", "no_result", "")
    assert then(sent(asks=1), SENT_AT + WAIT - 1) is None


def test_silence_means_nothing_while_nobody_can_read_what_terminals_reported() -> None:
    assert then(sent(asks=1), SENT_AT + 10 * WAIT, proofs_known=False) is None


@pytest.mark.parametrize(
    ("code", "result"),
    [
        (1, ("failed", "result_1")), (2, ("failed", "result_2")), (0x10, ("failed", "result_16")),
        (0x11, ("failed", "result_17")), (0x12, ("skipped", "same_version")), (0x13, ("failed", "result_19")),
        (0x55, ("failed", "result_unknown")),
    ],
)  # fmt: skip
def test_a_reported_failure_ends_it_at_once(code: int, result: tuple[str, str]) -> None:
    assert over(then(sent(results=(code,)), SENT_AT + 1))[:2] == result
    on_the_wire = unit(u.SENDING, command="sent", command_at=SENT_AT, results=(code,))
    assert over(then(on_the_wire, SENT_AT + 1))[:2] == result


def test_progress_shows_failure_but_no_success() -> None:
    assert over(then(sent(states=((1, 40), (3, 40)))))[:2] == ("failed", "download_failed")
    assert then(sent(states=((1, 40), (5, 100)))) is None


@pytest.mark.parametrize("step", [u.WAITING, u.READY])
def test_a_stopped_order_sends_nothing_and_a_paused_one_waits(step: str) -> None:
    stopped, paused = (dataclasses.replace(ORDER, state=state) for state in (u.STOPPED, u.PAUSED))
    parked = unit(step, parked=True)
    assert over(then(parked, order=stopped)) == ("cancelled", "", "")
    held = then(parked, order=paused)
    assert held is None or (held.step, held.act) == (u.WAITING, "")
    taken_back = unit(u.SENDING, command="cancelled", why="cancelled")
    assert over(then(taken_back, order=stopped)) == ("cancelled", "", "")
    again = then(taken_back, order=paused)
    assert again is not None and again.step == u.WAITING
    assert over(then(sent(results=(1,)), order=stopped))[:2] == ("failed", "result_1")


@pytest.mark.parametrize(
    ("total", "percents", "expected"),
    [
        (1000, (1, 10, 100), [10, 90, 900]), (10, (1, 10, 100), [1, 0, 9]), (1, (1, 10, 100), [1, 0, 0]),
        (250, (2, 100), [5, 245]), (7, (100,), [7]),
    ],
)  # fmt: skip
def test_stages_hold_their_share_rounded_up(total: int, percents: tuple[int, ...], expected: list[int]) -> None:
    assert sizes(total, percents) == expected


@given(st.integers(1, 20_000), st.sets(st.integers(1, 99), max_size=9))
def test_every_vehicle_is_in_exactly_one_stage(total: int, percents: set[int]) -> None:
    found = sizes(total, [*sorted(percents), 100])
    assert sum(found) == total and min(found) >= 0 and found[0] >= 1


@pytest.mark.parametrize(
    ("tally", "verdict"),
    [
        (Tally(open=1, success=9), None),
        (Tally(open=5, failed=2), Verdict(u.STOPPED, "failures")),
        (Tally(success=19, failed=1), Verdict(u.RUNNING, "", True)),  # 95 %
        (Tally(success=18, failed=1), Verdict(u.STOPPED, "not_accepted")),  # 94.7 %
        (Tally(success=19, failed=1, unreached=30, skipped=5), Verdict(u.RUNNING, "", True)),
        (Tally(unreached=3), Verdict(u.PAUSED, "nobody_reached")),
        (Tally(skipped=3), Verdict(u.RUNNING, "", True)),
    ],
)
def test_a_stage_is_judged_when_all_its_results_are_known(tally: Tally, verdict: Verdict | None) -> None:
    assert judge(tally, 95, 2, False, False) == verdict


def test_the_last_stage_ends_the_order_and_a_person_may_decide_before() -> None:
    good = Tally(success=5)
    assert judge(good, 95, 1, True, True) == Verdict(u.DONE)
    assert judge(good, 95, 1, False, True) == Verdict(u.PAUSED, "stage_done")
    assert judge(Tally(unreached=2), 95, 1, True, False) == Verdict(u.DONE, "nobody_reached")
