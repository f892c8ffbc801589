"""The account of a journal: what is missing is exactly what has not come, within its bound."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from collector.protocol.gaps import (
    RANGES_KEPT_MAX,
    UNSEEN_YOUNG_MS,
    WAIT_MS_FIRST,
    WAIT_MS_MAX,
    YOUNG_MS,
    Journal,
    Missing,
)

NOW_MS = 1_795_608_000_000
numbers = st.integers(1, 40)


def missing(first: int, last: int, **fields: Any) -> Missing:
    given: dict[str, Any] = {"since_ms": NOW_MS, "due_ms": NOW_MS + YOUNG_MS}
    return Missing(first, last, **(given | fields))


def held_out(journal: Journal) -> set[int]:
    return {seq for one in journal.missing for seq in range(one.first, one.last + 1)}


def test_a_journal_begins_with_1() -> None:
    journal = Journal()
    journal.arrived([3], now_ms=NOW_MS)
    assert (journal.high, journal.missing) == (3, (missing(1, 2),))


def test_who_overtakes_within_a_batch_leaves_no_gap() -> None:
    journal = Journal()
    journal.arrived([3, 1, 2], now_ms=NOW_MS)
    assert (journal.high, journal.missing) == (3, ())


@given(st.lists(st.lists(numbers, max_size=8), max_size=12))
def test_missing_is_what_lies_under_the_highest_and_has_not_come(batches: list[list[int]]) -> None:
    journal = Journal()
    for batch in batches:
        journal.arrived(batch, now_ms=NOW_MS)
    came = {seq for batch in batches for seq in batch}
    assert held_out(journal) == set(range(1, max(came, default=0))) - came
    assert all(one.first <= one.last for one in journal.missing)
    assert all(one.last < after.first for one, after in zip(journal.missing, journal.missing[1:], strict=False))


def test_what_the_device_says_it_has_sent_is_expected_too() -> None:
    journal = Journal()
    journal.sent(3, now_ms=NOW_MS)
    unseen = {"due_ms": NOW_MS + UNSEEN_YOUNG_MS}  # it may be on its way
    assert journal.missing == (missing(1, 3, **unseen),)
    journal.arrived([1, 2, 5], now_ms=NOW_MS)
    journal.sent(4, now_ms=NOW_MS)  # the word was slower than a report
    assert (journal.high, journal.missing) == (5, (missing(3, 3, **unseen), missing(4, 4)))
    journal.sent(5, now_ms=NOW_MS)
    journal.arrived([3, 4], now_ms=NOW_MS)
    assert (journal.high, journal.missing) == (5, ())


@given(came=st.sets(numbers), gone=st.tuples(numbers, numbers), asked=st.tuples(numbers, numbers))
def test_asking_and_answering_change_no_number(came: set[int], gone: tuple[int, int], asked: tuple[int, int]) -> None:
    journal = Journal()
    journal.arrived(came, now_ms=NOW_MS)
    before = held_out(journal)
    journal.asked(min(asked), max(asked), now_ms=NOW_MS)
    journal.gone(min(gone), max(gone))
    assert held_out(journal) == before
    for one in journal.missing:
        for seq in range(one.first, one.last + 1):
            assert one.gone == (min(gone) <= seq <= max(gone))
            assert one.asked == (min(asked) <= seq <= max(asked))


def test_the_wait_doubles_up_to_its_ceiling() -> None:
    journal = Journal(9, [missing(1, 5)])
    now_ms, waits = NOW_MS, []
    for _ in range(12):
        journal.asked(1, 5, now_ms=now_ms)
        waits.append(journal.missing[0].due_ms - now_ms)
        now_ms += waits[-1]
    assert waits[:3] == [WAIT_MS_FIRST, 2 * WAIT_MS_FIRST, 4 * WAIT_MS_FIRST]
    assert waits[-1] == WAIT_MS_MAX


def test_only_what_is_missing_as_a_whole_and_waits_no_more_is_due() -> None:
    journal = Journal(20, [missing(1, 5), missing(8, 9, gone=True)])
    late_ms = NOW_MS + YOUNG_MS
    assert journal.are_due([(2, 5)], now_ms=late_ms)
    for ranges, now_ms in (([(2, 5)], late_ms - 1), ([(2, 6)], late_ms), ([(8, 9)], late_ms), ([(30, 31)], late_ms)):
        assert not journal.are_due(ranges, now_ms=now_ms)


def test_beyond_the_bound_the_nearest_ranges_become_one_and_no_gap_is_forgotten() -> None:
    journal = Journal()
    came = [4 * i for i in range(1, RANGES_KEPT_MAX + 1)] + [4 * RANGES_KEPT_MAX + 2]
    journal.arrived(came, now_ms=NOW_MS)
    assert len(journal.missing) == RANGES_KEPT_MAX
    truly = set(range(1, max(came))) - set(came)
    assert held_out(journal) >= truly
    journal.arrived(held_out(journal), now_ms=NOW_MS)  # what is here already comes again as a duplicate
    assert journal.missing == ()


@given(st.lists(st.integers(1, 2**53 - 1), max_size=30))
def test_numbers_of_any_size_cost_no_memory(came: list[int]) -> None:
    journal = Journal()
    journal.arrived(came, now_ms=NOW_MS)
    assert len(journal.missing) <= len(came)
