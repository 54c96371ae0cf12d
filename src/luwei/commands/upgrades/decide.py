"""What an upgrade order does next, as plain functions of what is known: no clock, no registry, no bus.

Success is never a command's own answer: it is 0x0108 (result 0), the new version reported, or both. A vehicle that says
nothing within the stage's time has failed. A stage is judged when every one of its vehicles is over, not before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from luwei.protocol.jt808.messages.control import UPGRADE_RESULTS
from luwei.registry import upgrade as u

ASK_AFTER_MS = 3_000
"""A terminal that authenticates again is asked for its version a moment later."""
LAST_ASK_MS = 60_000
"""So long before its time is over a silent terminal is asked once."""
SAME_VERSION = 0x12
STAGES_MAX = 10
_PROGRESS_FAILED = {3: "download_failed", 6: "install_failed", 7: "result_16", 8: "result_17", 10: "result_19"}
_REFUSED = frozenset({"failure", "message_error", "unsupported", "edition", "busy"})
_UNREACHED = frozenset({"offline", "expired"})


@dataclass(frozen=True, slots=True)
class Unit:
    """One vehicle as it is: its row, the command of its step, and what it reported since the upgrade command.

    ``command``: state of the command, empty without one. ``software``: what 0x0107 answered, or None. ``results``: of
    0x0108; ``states``: of 0x1FC4, both oldest first.
    """

    id: int
    step: str
    asked_version: bool
    """Whether its edition can be asked for its version, and the order is for the terminal itself."""
    command: str = ""
    why: str = ""
    software: str | None = None
    model: str | None = None
    command_at: int | None = None
    """When the command was sent."""
    sent_at: int | None = None
    ask_at: int | None = None
    asks: int = 0
    proof: str = ""
    cause: str = ""
    version_before: str = ""
    version_after: str = ""
    results: tuple[int, ...] = ()
    states: tuple[tuple[int, int], ...] = ()
    seen_version: str | None = None
    """What it told of itself unasked after the command (0x0102 of 2019)."""
    back_at: int | None = None
    """When it authenticated last, as far as that was heard."""
    parked: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """What the decision needs of the order and of the stage under way."""

    state: str
    version: str
    model: str
    only_parked: bool
    wait_ms: int
    started_at: int


@dataclass(frozen=True, slots=True)
class Next:
    """What a vehicle becomes. ``act``: the command to be sent now (check, send or ask), or empty."""

    step: str
    act: str = ""
    result: str = ""
    cause: str = ""
    proof: str = ""
    version_before: str = ""
    version_after: str = ""
    sent_at: int | None = None
    ask_at: int | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """Vehicles of one stage by how they ended, and how many are not over."""

    open: int = 0
    success: int = 0
    failed: int = 0
    skipped: int = 0
    unreached: int = 0
    cancelled: int = 0


CHECK, SEND, ASK = "check", "send", "ask"


def sizes(total: int, percents: Sequence[int]) -> list[int]:
    """Vehicles of each stage: up to ``percents`` of all, rounded up, so that a stage of 1 % has one of ten."""
    reached = [math.ceil(total * percent / 100) for percent in percents]
    return [upto - before for before, upto in zip([0, *reached], reached, strict=False)]


def next_of(unit: Unit, order: Order, now: int, proofs_known: bool) -> Next | None:
    """What follows for one vehicle, None where nothing changes.

    ``proofs_known`` false: nobody could tell what terminals reported, so that silence means nothing.
    """
    return _STEPS[unit.step](unit, order, now, proofs_known)


def _over(unit: Unit, result: str, cause: str = "", proof: str = "", after: str = "") -> Next:
    return Next(
        u.OVER, "", result, cause, proof or unit.proof, unit.version_before, after or unit.version_after, unit.sent_at,
    )  # fmt: skip


def _kept(unit: Unit, step: str, act: str = "", **changes: object) -> Next:
    values: dict[str, object] = {
        "cause": unit.cause, "proof": unit.proof, "version_before": unit.version_before,
        "version_after": unit.version_after, "sent_at": unit.sent_at, "ask_at": unit.ask_at,
    } | changes  # fmt: skip
    return Next(step, act, **values)  # type: ignore[arg-type]


def _late(order: Order, now: int) -> bool:
    return now >= order.started_at + order.wait_ms


def _waiting(unit: Unit, order: Order, now: int, _: bool) -> Next | None:
    if order.state == u.STOPPED:
        return _over(unit, u.WITHDRAWN)
    if order.state != u.RUNNING:
        return None
    return _kept(unit, u.CHECKING, CHECK) if unit.asked_version else _kept(unit, u.READY)


def _checking(unit: Unit, order: Order, now: int, _: bool) -> Next | None:
    if unit.command in ("", "queued", "sent"):
        return None
    if unit.command == "cancelled":
        return _taken_back(unit, order)
    if unit.command == "answered":
        version, model = unit.software or "", unit.model or ""
        if version == order.version:
            return Next(u.OVER, "", u.SKIPPED, "same_version", "", version, version)
        if order.model and model and model != order.model:
            return Next(u.OVER, "", u.SKIPPED, "other_model", "", version)
        return _kept(unit, u.READY, version_before=version)
    if unit.why in _REFUSED:
        return _kept(unit, u.READY)
    return _over(unit, u.UNREACHED, "offline" if unit.why in _UNREACHED else unit.why)


def _ready(unit: Unit, order: Order, now: int, _: bool) -> Next | None:
    if order.state == u.STOPPED:
        return _over(unit, u.WITHDRAWN)
    if order.state != u.RUNNING:
        return _kept(unit, u.WAITING)
    if order.only_parked and not unit.parked:
        return _over(unit, u.UNREACHED, "moving") if _late(order, now) else None
    return _kept(unit, u.SENDING, SEND)


def _sending(unit: Unit, order: Order, now: int, proofs_known: bool) -> Next | None:
    if unit.command in ("", "queued"):
        return None
    if unit.command == "sent":
        # the answer may be lost while what it answered already happens
        return _told(unit, order, unit.command_at)
    if unit.command == "cancelled":
        return _taken_back(unit, order)
    if unit.command == "answered":
        return _kept(unit, u.SENT, sent_at=unit.command_at or now)
    if unit.why in _REFUSED:
        return _over(unit, u.FAILED, unit.why)
    if unit.why in _UNREACHED:
        return _over(unit, u.UNREACHED, "offline")
    # nobody knows whether it got the command: only its proof tells
    return _kept(unit, u.SENT, sent_at=unit.command_at or now, cause=unit.why)


def _sent(unit: Unit, order: Order, now: int, proofs_known: bool) -> Next | None:
    told = _told(unit, order, unit.sent_at)
    if told is not None:
        return told
    if unit.asked_version and unit.seen_version == order.version:
        return _over(unit, u.SUCCESS, "", "version", order.version)
    since = unit.sent_at or now
    over_at = since + order.wait_ms
    if unit.asked_version:
        if unit.ask_at is None and unit.back_at is not None and unit.back_at > since:
            return _kept(unit, u.SENT, ask_at=unit.back_at + ASK_AFTER_MS)
        due = unit.ask_at is not None and now >= unit.ask_at
        last = unit.asks == 0 and now >= over_at - min(LAST_ASK_MS, order.wait_ms // 4)
        if due or last:
            return _kept(unit, u.CONFIRMING, ASK, ask_at=None)
    if proofs_known and now >= over_at:
        same = bool(unit.version_after) and unit.version_after == unit.version_before
        return _over(unit, u.FAILED, "version_unchanged" if same else unit.cause or "no_result")
    return None


def _confirming(unit: Unit, order: Order, now: int, proofs_known: bool) -> Next | None:
    if unit.command in ("", "queued", "sent"):
        told = _told(unit, order, unit.sent_at)
        if told is not None and told.step == u.OVER:
            return told
        if proofs_known and now >= (unit.sent_at or now) + order.wait_ms + LAST_ASK_MS:
            return _unproven(unit)
        return None
    proof = unit.proof or ("0108" if unit.results[-1:] == (0,) else "")
    if unit.command == "answered" and unit.software is not None:
        if unit.software == order.version:
            return _over(unit, u.SUCCESS, "", f"{proof}+version".strip("+"), unit.software)
        if proof:
            return _over(unit, u.FAILED, "other_version", proof, unit.software)
        return _kept(unit, u.SENT, version_after=unit.software, ask_at=None)
    return _over(unit, u.SUCCESS, "", proof) if proof else _kept(unit, u.SENT, ask_at=None)


def _unproven(unit: Unit) -> Next:
    return _over(unit, u.SUCCESS) if unit.proof else _over(unit, u.FAILED, unit.cause or "no_result")


def _taken_back(unit: Unit, order: Order) -> Next:
    return _over(unit, u.WITHDRAWN) if order.state == u.STOPPED else _kept(unit, u.WAITING)


def _told(unit: Unit, order: Order, since: int | None) -> Next | None:
    """What 0x0108 and 0x1FC4 say, None while they say nothing final."""
    if unit.results:
        last = unit.results[-1]
        if last == 0:
            if unit.proof:
                return None
            if unit.asked_version:
                return _kept(unit, u.CONFIRMING, ASK, proof="0108", sent_at=since, ask_at=None)
            return Next(u.OVER, "", u.SUCCESS, "", "0108", unit.version_before, "", since)
        if last == SAME_VERSION:
            return Next(u.OVER, "", u.SKIPPED, "same_version", "", unit.version_before, order.version, since)
        return _over(unit, u.FAILED, f"result_{last}" if last in UPGRADE_RESULTS else "result_unknown")
    if unit.states and unit.states[-1][0] in _PROGRESS_FAILED:
        return _over(unit, u.FAILED, _PROGRESS_FAILED[unit.states[-1][0]])
    return None


_STEPS = {
    u.WAITING: _waiting, u.CHECKING: _checking, u.READY: _ready, u.SENDING: _sending, u.SENT: _sent,
    u.CONFIRMING: _confirming,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of an order: its state and why; ``begin_next``: its next stage begins."""

    state: str
    cause: str = ""
    begin_next: bool = False


def judge(tally: Tally, accept_percent: int, stop_failures: int, last: bool, confirm: bool) -> Verdict | None:
    """What the results of the stage under way mean, None while it goes on.

    Vehicles that never got the command count neither way; a stage that reached nobody waits for a person.
    """
    if tally.failed >= stop_failures:
        return Verdict(u.STOPPED, "failures")
    if tally.open:
        return None
    tried = tally.success + tally.failed
    if not tried and not tally.skipped and tally.unreached:
        return Verdict(u.DONE if last else u.PAUSED, "nobody_reached")
    if tried and tally.success * 100 < accept_percent * tried:
        return Verdict(u.STOPPED, "not_accepted")
    if last:
        return Verdict(u.DONE)
    return Verdict(u.PAUSED, "stage_done") if confirm else Verdict(u.RUNNING, "", True)
