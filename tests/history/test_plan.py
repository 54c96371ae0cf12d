"""What the ingest remembers: ranges of batch numbers and the plan as it is written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from luwei.facts import BatchId
from luwei.history.plan import BOOTS, RANGES, Plan, Seen, compress, expand

numbers = st.sets(st.integers(1, 300))
batches = st.sets(st.builds(BatchId, st.integers(1, 4), st.integers(1, 60)))


def test_consecutive_numbers_become_one_range() -> None:
    assert compress([3, 1, 2, 7, 9, 8, 3]) == [[1, 3], [7, 9]]


@given(numbers)
def test_ranges_cover_exactly_their_numbers(chosen: set[int]) -> None:
    assert expand(compress(chosen)) == sorted(chosen)


@given(st.lists(batches, max_size=6))
def test_seen_has_what_was_added_in_any_order_and_nothing_else(rounds: list[set[BatchId]]) -> None:
    seen = Seen()
    for some in rounds:
        seen = Seen.from_json(seen.with_added(some).as_json())
    added = set().union(*rounds)
    for boot in range(1, 5):
        for number in range(1, 61):
            assert (BatchId(boot, number) in seen) == (BatchId(boot, number) in added)


def test_adding_leaves_the_earlier_seen_as_it_was() -> None:
    before = Seen().with_added([BatchId(1, 1)])
    after = before.with_added([BatchId(1, 2)])
    assert BatchId(1, 2) not in before
    assert BatchId(1, 2) in after


def test_seen_forgets_the_boot_heard_longest_ago() -> None:
    seen = Seen()
    for boot in range(1, BOOTS + 1):
        seen = seen.with_added([BatchId(boot, 1)])
    seen = seen.with_added([BatchId(1, 2)]).with_added([BatchId(BOOTS + 1, 1)])
    assert BatchId(1, 1) in seen
    assert BatchId(2, 1) not in seen
    assert len(seen.as_json()) == BOOTS


def test_seen_keeps_the_highest_ranges_of_a_boot_with_holes() -> None:
    seen = Seen().with_added([BatchId(1, 2 * n) for n in range(1, RANGES + 11)])
    assert BatchId(1, 2) not in seen
    assert BatchId(1, 2 * (RANGES + 10)) in seen


def test_a_plan_is_read_as_it_was_written() -> None:
    plan = Plan.first("a").next("b", 123, [9, 7, 8], [BatchId(5, 1), BatchId(5, 2)])
    read = Plan.load(plan.dump())
    assert (read.lineage, read.number, read.writer, read.at_ms) == (plan.lineage, 1, "b", 123)
    assert read.sequences == [7, 8, 9]
    assert BatchId(5, 2) in read.seen


def test_tokens_differ_between_plans_tables_and_buckets() -> None:
    one, two = Plan.first("a"), Plan.first("a")
    follower = one.next("a", 0, [], [])
    assert len({one.token("location"), one.token("ledger"), follower.token("location"), two.token("location")}) == 4
