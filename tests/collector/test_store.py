"""What every kind of store promises: twice, out of order and contradicting changes nothing that was stored."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.protocol.gaps import UNSEEN_YOUNG_MS, WAIT_MS_FIRST, WAIT_MS_MAX, YOUNG_MS, Missing
from collector.protocol.intake import DeviceMessage, ReceivedReport, Refusal, decode_message
from collector.protocol.items import CommitCounts, Gap, Item, ReportsGone, ResendRequested
from collector.queries.totals import Selection, totals
from collector.store.interface import StatementError, Store, UnstorableError
from collector.store.names import JOURNALS_MAX
from edge.errors import CrossingError
from edge.wire.times import milliseconds_of, rfc3339
from edge.wire.topics import topic_of
from tests.collector.messages import MINUTE_MS, NOON_MS, a_report, blind, received

OpenStore = Callable[..., Store]
LATER_MS = NOON_MS + YOUNG_MS


def put(store: Store, *items: Item, now_ms: int = NOON_MS) -> CommitCounts:
    return store.commit(items, now_ms=now_ms)


def sums(store: Store) -> list[tuple[str, dict[str, int] | None, int]]:
    return [(total.direction, total.counts, total.watched_ms) for total in totals(store, Selection())]


def due(store: Store, *, now_ms: int = LATER_MS, heard_after_ms: int = 0, limit: int = 100) -> list[Gap]:
    return store.due(now_ms=now_ms, heard_after_ms=heard_after_ms, limit=limit)


def gap(first: int, last: int, *, journal: str = "", **fields: Any) -> Gap:
    given: dict[str, Any] = {"since_ms": NOON_MS, "due_ms": LATER_MS}
    return Gap("bridge", "mast-1", journal, Missing(first, last, **(given | fields)))


def test_the_same_report_twice_counts_once(store: Store) -> None:
    assert put(store, *[received(a_report(3))] * 2) == CommitCounts(stored=1, duplicates=1)
    assert put(store, received(a_report(3))) == CommitCounts(duplicates=1)
    assert sums(store) == [("outbound", {"car": 3, "truck": 0}, 60_000), ("return", {"car": 0, "truck": 1}, 60_000)]


def test_the_same_report_in_other_bytes_is_the_same_report(store: Store) -> None:
    message = received(a_report(3))
    spaced = type(message)(message.topic, message.payload + b" ", message.report)
    assert put(store, message, spaced) == CommitCounts(stored=1, duplicates=1)
    assert put(store, spaced) == CommitCounts(duplicates=1)


def test_another_report_under_the_same_key_is_refused_and_the_first_stays(store: Store) -> None:
    other = received(a_report(1, watched_ms=59_000))
    assert put(store, received(a_report(1)), other) == CommitCounts(stored=1, refused=1)
    before = sums(store)
    assert put(store, other) == CommitCounts(refused=1)
    assert sums(store) == before
    (_, refusal) = store.refusals()
    assert refusal.reason == "another report of run run-1 has the number 1; the first one stays"


def test_halves_of_two_runs_add_up(store: Store) -> None:
    halves = [
        a_report(2, watched_ms=30_000),
        a_report(3, run="run-2", watched_ms=30_000, start=a_report(2).start),
    ]
    assert put(store, *map(received, halves)) == CommitCounts(stored=2)
    assert sums(store)[0] == ("outbound", {"car": 2 + 3, "truck": 0}, 60_000)


def test_the_same_number_of_another_run_device_or_site_is_another_report(store: Store) -> None:
    later = rfc3339(NOON_MS + 10 * MINUTE_MS)  # in the same minute it would be a second device of that name
    reports = [a_report(), a_report(device="mast-2"), a_report(site="tunnel"), a_report(run="run-2", start=later)]
    assert put(store, *map(received, reports)) == CommitCounts(stored=4)


def test_the_same_key_at_another_time_is_another_report_and_is_refused(store: Store) -> None:
    put(store, received(a_report(1)))
    assert put(store, received(a_report(1, start="2031-01-01T00:00:00Z"))) == CommitCounts(refused=1)


@pytest.mark.parametrize("start", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:00Z"])
def test_a_clock_that_was_never_set_loses_no_report(store: Store, start: str) -> None:
    assert put(store, received(a_report(1, start=start)), received(a_report(2))) == CommitCounts(stored=2)
    assert put(store, received(a_report(1, start=start))) == CommitCounts(duplicates=1)
    (outbound, _) = totals(store, Selection(from_ms=milliseconds_of("0001-01-01T00:00:00Z")))
    assert outbound.counts == {"car": 3, "truck": 0}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(order=st.lists(st.integers(1, 6), max_size=30), batch=st.integers(1, 5))
def test_order_batches_and_repetition_change_nothing(store: Store, order: list[int], batch: int) -> None:
    site = f"s{put_sites[0]}"
    put_sites[0] += 1
    messages = [received(a_report(seq, site=site)) for seq in order]
    for i in range(0, len(messages), batch):
        put(store, *messages[i : i + batch])
    found = totals(store, Selection(site=site))
    cars = sum(set(order))
    assert [total.counts for total in found[:1]] == ([{"car": cars, "truck": 0}] if order else [])
    missing = set(range(1, max(order, default=0))) - set(order)
    held = {n for g in due(store, limit=1_000) if g.site == site for n in range(g.missing.first, g.missing.last + 1)}
    assert held == missing


put_sites = [0]  # every example of the property above has a site of its own


def test_a_batch_is_stored_whole_or_not_at_all(store: Store) -> None:
    broken = DeviceMessage("bridge", "mast-1", "status", object())  # type: ignore[arg-type]  # no database can store it
    with pytest.raises(StatementError, match="refuses a statement of the collector"):
        put(store, received(a_report(1)), broken)
    assert totals(store, Selection()) == []
    assert put(store, received(a_report(1))) == CommitCounts(stored=1)


def test_text_that_is_not_unicode_is_unstorable(store: Store) -> None:
    with pytest.raises(UnstorableError, match="cannot hold it"):
        put(store, Refusal("topic\ud800", b"", ""))


def test_the_last_refusals_are_kept_and_no_more(open_store: OpenStore) -> None:
    store = open_store(refusals_max=3)
    refusals = [Refusal("topic", b"pay\x00load", str(i)) for i in range(10)]
    assert put(store, *refusals) == CommitCounts(refused=10)
    assert store.refusals() == refusals[-3:]
    put(store, refusals[0])
    assert store.refusals() == [*refusals[-2:], refusals[0]]


def test_a_reader_sees_what_was_committed_while_the_writer_goes_on(open_store: OpenStore) -> None:
    writer = open_store()
    put(writer, received(a_report(1)))
    reader = open_store(write=False)
    with reader.reading() as view:
        before = view.rows("SELECT seq FROM report", {})
        put(writer, received(a_report(2)))
        assert view.rows("SELECT seq FROM report", {}) == before
    assert totals(reader, Selection()) == totals(writer, Selection())


def test_what_was_stored_is_there_when_it_is_opened_again(open_store: OpenStore) -> None:
    with open_store() as store:
        put(store, received(a_report(1)), received(a_report(4)))
    again = open_store()
    assert put(again, received(a_report(4)), received(a_report(5))) == CommitCounts(stored=1, duplicates=1)
    assert due(again) == [gap(2, 3)]


def test_what_lies_under_the_highest_number_and_is_not_here_is_missing(store: Store) -> None:
    put(store, received(a_report(3)), received(a_report(7)))
    assert due(store) == [gap(1, 2), gap(4, 6)]
    put(store, received(a_report(5)))
    assert due(store) == [gap(1, 2), gap(4, 4), gap(6, 6)]
    put(store, *(received(a_report(seq)) for seq in (1, 2, 4, 6)))
    assert due(store) == []


def test_a_journal_counts_for_itself_and_runs_share_it(store: Store) -> None:
    reports = [a_report(1), a_report(2, run="run-2"), a_report(2, run="run-3", journal="j2")]
    put(store, *map(received, reports))
    assert due(store) == [gap(1, 1, journal="j2")]


def test_a_gap_is_due_once_it_is_old_enough_and_again_after_waiting_longer_each_time(store: Store) -> None:
    put(store, received(a_report(3)))
    assert due(store, now_ms=LATER_MS - 1) == []
    now_ms = LATER_MS
    for asked, wait_ms in enumerate((WAIT_MS_FIRST, 2 * WAIT_MS_FIRST, 4 * WAIT_MS_FIRST), 1):
        request = ResendRequested("bridge", "mast-1", "", ((1, 2),))
        assert put(store, request, now_ms=now_ms) == CommitCounts(asked=1)
        assert put(store, request, now_ms=now_ms) == CommitCounts()  # another collector was quicker
        assert due(store, now_ms=now_ms + wait_ms - 1) == []
        now_ms += wait_ms
        assert due(store, now_ms=now_ms) == [gap(1, 2, due_ms=now_ms, asked=asked, asked_ms=now_ms - wait_ms)]


def test_a_clock_that_was_put_back_keeps_nobody_from_asking(store: Store) -> None:
    put(store, received(a_report(3)), now_ms=NOON_MS + 2 * WAIT_MS_MAX)
    assert [one.missing.first for one in due(store, now_ms=NOON_MS)] == [1]


def test_part_of_a_gap_can_be_asked_for(store: Store) -> None:
    put(store, received(a_report(10)))
    put(store, ResendRequested("bridge", "mast-1", "", ((1, 4),)), now_ms=LATER_MS)
    assert due(store) == [gap(5, 9)]


def test_what_the_device_holds_no_more_is_not_asked_for_and_may_still_come(store: Store) -> None:
    put(store, received(a_report(6)))
    put(store, ReportsGone("bridge", "mast-1", "", ((1, 3), (6, 9))))
    assert due(store) == [gap(4, 5)]
    assert put(store, received(a_report(2))) == CommitCounts(stored=1)
    with store.reading() as view:
        rows = view.rows("SELECT first, last, gone FROM missing ORDER BY first", {})
    assert [tuple(row) for row in rows] == [(1, 1, 1), (3, 3, 1), (4, 5, 0)]


def test_only_who_spoke_lately_is_asked(store: Store) -> None:
    put(store, received(a_report(3)))
    assert due(store, heard_after_ms=NOON_MS - 1) == [gap(1, 2)]
    assert due(store, heard_after_ms=NOON_MS) == []
    put(store, received(a_report(3)), now_ms=NOON_MS + 1)  # a duplicate is a sign of life, too
    assert due(store, heard_after_ms=NOON_MS) == [gap(1, 2)]


def test_journals_beyond_the_bound_are_stored_without_looking_for_gaps(store: Store) -> None:
    starts = [rfc3339(NOON_MS + i * MINUTE_MS) for i in range(JOURNALS_MAX + 1)]
    reports = [a_report(2, run=f"r{i}", journal=f"j{i:03}", start=start) for i, start in enumerate(starts)]
    assert put(store, *map(received, reports)) == CommitCounts(stored=JOURNALS_MAX + 1)
    assert {one.journal for one in due(store)} == {f"j{i:03}" for i in range(JOURNALS_MAX)}


def test_any_number_of_replays_under_a_devices_name_leaves_it_its_journals(store: Store) -> None:
    def replay(i: int, *seqs: int) -> list[ReceivedReport]:
        name = f"replay-{i:04}"
        return [received(a_report(seq, run=name, journal=name)) for seq in seqs]

    put(store, *(received(a_report(1, run=f"r{i}", journal=f"j{i:03}")) for i in range(JOURNALS_MAX - 1)))
    put(store, *replay(0, 1, 3))
    for i in range(1, 2 * JOURNALS_MAX):
        put(store, *replay(i, 1, 2))
    assert due(store) == [gap(2, 2, journal="replay-0000")]

    put(store, *replay(7_000, 2), received(a_report(2, run="another", journal="j-new")))
    missing = {one.journal: (one.missing.first, one.missing.last) for one in due(store)}
    assert missing == {"replay-0000": (2, 2), "replay-7000": (1, 1), "j-new": (1, 1)}

    put(store, *replay(0, 2), *replay(7_000, 1))
    again = DeviceMessage("bridge", "mast-1", "total", b"{}", live=True, journal="replay-0001", sent_through=2)
    put(store, again)  # its journal was given up meanwhile, and its reports are here
    assert due(store, now_ms=NOON_MS + UNSEEN_YOUNG_MS) == [gap(1, 1, journal="j-new")]
    put(store, replace(again, sent_through=3))
    unseen_ms = NOON_MS + UNSEEN_YOUNG_MS
    assert due(store, now_ms=unseen_ms)[-1] == gap(3, 3, journal="replay-0001", due_ms=unseen_ms)


def test_the_last_word_of_a_device_is_kept(store: Store) -> None:
    said = [DeviceMessage("bridge", "mast-9", "status", word) for word in (b"1", b"2", b"3")]
    assert put(store, *said[:2]) == CommitCounts(said=2)
    put(store, said[2], now_ms=NOON_MS + 1)
    with store.reading() as view:
        rows = view.rows("SELECT channel, received_ms, payload FROM said", {})
    assert [(channel, at, bytes(payload)) for channel, at, payload in rows] == [("status", NOON_MS + 1, b"3")]


def test_what_a_total_says_was_sent_is_missing_until_it_comes(store: Store) -> None:
    total = DeviceMessage("bridge", "mast-1", "total", b"{}", live=True, journal="j1", sent_through=3)
    put(store, received(a_report(1, journal="j1")), total)
    assert due(store) == []  # it may be on its way
    unseen_ms = NOON_MS + UNSEEN_YOUNG_MS
    assert due(store, now_ms=unseen_ms) == [gap(2, 3, journal="j1", due_ms=unseen_ms)]
    put(store, received(a_report(2, journal="j1")), received(a_report(3, journal="j1")), total)
    assert due(store, now_ms=unseen_ms) == []


def test_a_device_whose_reports_were_all_lost_is_asked_once_it_says_that_it_sent_them(store: Store) -> None:
    for live in (False, True):
        put(store, DeviceMessage("bridge", "mast-1", "total", b"{}", live=live, journal="j1", sent_through=2))
        assert len(due(store, now_ms=NOON_MS + UNSEEN_YOUNG_MS)) == int(live)


def test_the_largest_report_is_stored(store: Store) -> None:
    labels = {f"{'ä' * 60}{i:04}": 1 for i in range(64)}
    lines = {"d" * 64: {f"{'ü' * 63}{i}": labels for i in range(7)}}
    assert put(store, received(a_report(1, lines=lines))) == CommitCounts(stored=1)
    assert sum(sum(counts.values()) for _, counts, _ in sums(store) if counts) == 7 * 64


def test_blind_reports_take_their_number_too(store: Store) -> None:
    put(store, received(a_report(1)), received(blind(2)), received(a_report(3)))
    assert due(store) == []
    assert sums(store)[0][2] == 2 * MINUTE_MS


def test_errors_are_of_one_kind() -> None:
    assert issubclass(UnstorableError, CrossingError)


def test_what_a_replay_says_under_the_name_of_a_device_takes_the_place_of_nothing_that_the_device_said(
    store: Store,
) -> None:
    def word(channel: str, by: str) -> DeviceMessage:
        said = {
            "status": {"schema": 1, "state": "online", "run": by, "since": "x"},
            "info": {"schema": 1, "run": by, "version": by},
            "total": {"schema": 1, "journal": by},
        }[channel]
        found = decode_message(topic_of("bridge", "mast-1", channel), json.dumps(said).encode())
        assert isinstance(found, DeviceMessage)
        return found

    def kept() -> set[str]:
        with store.reading() as view:
            return {json.loads(bytes(of)).get("run", "live") for (of,) in view.rows("SELECT payload FROM said", {})}

    channels = ("status", "info", "total")
    put(store, *(word(channel, "replay-1") for channel in channels[:2]))
    assert kept() == {"replay-1"}, "nobody else speaks of it"
    put(store, *(word(channel, by) for channel in channels for by in ("live", "replay-2")))
    assert kept() == {"live"}
    assert put(store, *(word(channel, "replay-3") for channel in channels)) == CommitCounts(said=3)
    assert kept() == {"live"}
