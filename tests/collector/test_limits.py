"""What one device may bring: bounds that an honest one never meets, and that end what a hostile one tries."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from collector.domain.limits import RECOUNTED_AFTER, Limits, RowLimit
from collector.protocol.intake import DeviceMessage, Refusal, decode_message
from collector.protocol.items import CommitCounts, JournalCompared
from collector.store.interface import Store
from collector.store.sqlite.store import SqliteStore
from edge.wire.report import Report, encode
from edge.wire.topics import topic_of
from tests.collector.messages import DAY_MS, NOON_MS, a_report, received

OpenStore = Callable[..., Store]
FEW = Limits(lines=2, directions=3, classes=4, zones=2, series=6, layouts=3, leap=100)


def counted(seq: int, lines: dict[str, dict[str, dict[str, int]]], **fields: object) -> Report:
    return a_report(seq, lines=lines, **fields)


def reasons(store: Store) -> list[str]:
    return [refusal.reason for refusal in store.refusals()]


@pytest.fixture
def small(open_store: OpenStore) -> Store:
    return open_store(limits=FEW)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ({f"line-{i}": {"out": {"car": 1}} for i in range(3)}, "lines"),
        ({"deck": {f"way-{i}": {"car": 1} for i in range(4)}}, "directions"),
        ({"deck": {"out": {f"class-{i}": 1 for i in range(5)}}}, "classes"),
        ({line: {way: {"a": 1, "b": 1} for way in ("out", "in")} for line in ("deck", "ramp")}, "series"),
    ],
)
def test_a_report_beyond_a_bound_is_refused_with_the_reason_and_others_go_on(
    small: Store, lines: dict[str, dict[str, dict[str, int]]], reason: str
) -> None:
    assert small.commit([received(counted(1, lines))], now_ms=NOON_MS) == CommitCounts(refused=1)
    assert reasons(small)[0].startswith(f"too many {reason} of one device: 0 are known, ")
    well = [received(counted(2, {"deck": {"out": {"car": 1}}})), received(a_report(1, device="mast-2"))]
    assert small.commit(well, now_ms=NOON_MS).stored == 2
    assert small.commit([received(counted(1, lines))], now_ms=NOON_MS) == CommitCounts(refused=1)


def test_names_add_up_over_reports_and_what_is_known_goes_on_at_the_bound(small: Store) -> None:
    for seq, label in enumerate("abcdef", 1):
        small.commit([received(counted(seq, {"deck": {"out": {label: 1}}}))], now_ms=NOON_MS)
    assert len(reasons(small)) == 3
    assert "too many layouts of one device: 3 are known, 1 would be new, at most 3 are taken" in reasons(small)
    assert small.commit([received(counted(9, {"deck": {"out": {"a": 1}}}))], now_ms=NOON_MS) == CommitCounts(stored=1)


def test_of_reports_in_one_batch_each_sees_what_those_before_it_brought(small: Store) -> None:
    batch = [received(counted(seq, {"deck": {"out": {f"class-{seq}": 1}}})) for seq in range(1, 9)]
    assert small.commit(batch, now_ms=NOON_MS) == CommitCounts(stored=3, refused=5)


def test_zones_and_their_classes_are_bounded(small: Store) -> None:
    level = {"mean": 0.0, "max": 0, "end": 0}

    def zoned(seq: int, zones: dict[str, int]) -> Report:
        many = {
            name: {"inside": level, "standing": level, "by_class": {f"c{i}": 1 for i in range(classes)}}
            for name, classes in zones.items()
        }
        return msgspec.convert(msgspec.to_builtins(a_report(seq)) | {"zones": many}, Report)

    assert small.commit([received(zoned(1, {"a": 1, "b": 1}))], now_ms=NOON_MS).stored == 1
    assert small.commit([received(zoned(2, {"c": 1}))], now_ms=NOON_MS).refused == 1
    assert small.commit([received(zoned(3, {"a": 5}))], now_ms=NOON_MS).refused == 1
    assert [reason.split(":")[0] for reason in reasons(small)] == [
        "too many zones of one device",
        "too many classes in zone a of one device",
    ]


def test_a_bound_that_was_lowered_stops_only_what_is_new(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "store.sqlite") as store:
        store.commit([received(a_report(1))], now_ms=NOON_MS)
    with SqliteStore(tmp_path / "store.sqlite", limits=Limits(lines=1, directions=1, classes=1, layouts=1)) as store:
        assert store.commit([received(a_report(2))], now_ms=NOON_MS) == CommitCounts(stored=1)
        assert store.commit([received(counted(3, {"deck": {"up": {"car": 1}}}))], now_ms=NOON_MS).refused == 1


def test_a_number_far_ahead_of_its_journal_is_refused_and_makes_no_endless_gap(small: Store) -> None:
    assert small.commit([received(a_report(1))], now_ms=NOON_MS).stored == 1
    far = [received(msgspec.structs.replace(a_report(2), seq=2**53 - 1)), received(a_report(102))]
    assert small.commit(far, now_ms=NOON_MS).refused == 2
    total = decode_message(topic_of("bridge", "mast-1", "total"), b'{"schema":1,"sent_through":9007199254740991}')
    assert isinstance(total, DeviceMessage)
    assert small.commit([total], now_ms=NOON_MS).refused == 1
    assert small.commit([received(a_report(101))], now_ms=NOON_MS).stored == 1
    gaps = small.due(now_ms=NOON_MS + 10**9, heard_after_ms=0, limit=10)
    assert [(gap.missing.first, gap.missing.last) for gap in gaps] == [(2, 100)]
    assert reasons(small)[0] == (
        "number 9007199254740991 is too far ahead of its journal, which is at 1; at most by 100"
    )


def test_a_bucket_that_is_wider_than_a_device_can_be_told_to_report_is_refused() -> None:
    day = a_report(1, width_ms=DAY_MS, watched_ms=DAY_MS)
    received(day)
    wide = encode(a_report(1, width_ms=366 * DAY_MS))
    refusal = decode_message(topic_of("bridge", "mast-1", "report"), wide)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "a bucket of 366.0 days is too wide, at most a day is taken"


@pytest.mark.parametrize("letter", ["\u202e", "\u2066", "\u200f", "\u061c", "\u0085", "\u200b", "\u2028", "\ufeff"])
def test_names_that_would_turn_or_hide_the_text_around_them_are_refused(letter: str) -> None:
    for lines in ({"deck": {f"out{letter}": {"car": 1}}}, {"deck": {"out": {f"{letter}car": 1}}}):
        payload = encode(counted(1, lines))
        refusal = decode_message(topic_of("bridge", "mast-1", "report"), payload)
        assert isinstance(refusal, Refusal)
        assert letter not in refusal.reason
    status = f'{{"schema":1,"state":"online","run":"r","since":"x","reason":"{letter}"}}'.encode()
    assert isinstance(decode_message(topic_of("bridge", "mast-1", "status"), status), Refusal)
    honest = {"мост": {"туда": {"грузовик": 1}}, "deck": {"أ": {"car": 1}}}
    received(counted(1, {"deck": honest["мост"] | honest["deck"]}))


def test_what_was_seen_where_nobody_watched_needs_one_layout_whatever_it_holds(small: Store) -> None:
    """A device says only what it saw then: each combination would otherwise be a layout of its own."""
    kinds = ({"a": 1}, {"b": 1}, {"c": 1}, {"a": 1, "b": 1}, {"a": 1, "c": 1})
    for seq, labels in enumerate(kinds, 1):
        unwatched = counted(seq, {"deck": {"out": labels}}, watched_ms=0, state="partial")
        assert small.commit([received(unwatched)], now_ms=NOON_MS) == CommitCounts(stored=1)


def at_minute(seq: int, run: str, journal: str) -> Report:
    return a_report(seq, run=run, journal=journal, lines={"deck": {"out": {"car": 1}}})


def missing(store: Store) -> list[tuple[str, int, int]]:
    gaps = store.due(now_ms=NOON_MS + 10**9, heard_after_ms=0, limit=10)
    return [(gap.journal, gap.missing.first, gap.missing.last) for gap in gaps]


def test_runs_beyond_the_bound_are_refused_with_the_reason_and_known_ones_go_on(open_store: OpenStore) -> None:
    store = open_store(limits=Limits(runs=3))
    for number in range(1, 6):
        tally = store.commit([received(at_minute(number, f"run-{number}", "j"))], now_ms=NOON_MS)
        assert tally == (CommitCounts(stored=1) if number <= 3 else CommitCounts(refused=1))
    assert reasons(store) == ["too many runs of one device: 3 are known, 1 would be new, at most 3 are taken"] * 2
    both = [received(at_minute(6, "run-3", "j")), received(at_minute(7, "run-7", "j"))]
    assert store.commit(both, now_ms=NOON_MS) == CommitCounts(stored=1, refused=1)
    assert missing(store) == [("j", 4, 5)]
    assert store.commit([received(a_report(1, device="mast-2"))], now_ms=NOON_MS) == CommitCounts(stored=1)
    assert open_store(limits=Limits(runs=4)).commit(both, now_ms=NOON_MS) == CommitCounts(stored=1, duplicates=1)


def test_a_device_that_compares_brings_no_runs(store: Store) -> None:
    """Its answer may name a hundred that nobody has a report of."""
    store.commit([received(at_minute(1, "run-1", "j"))], now_ms=NOON_MS)
    strange = tuple((number, f"strange-{number}") for number in range(2, 50))
    for present in (True, False):
        answer = JournalCompared("bridge", "mast-1", "j", present=present, first=2, runs=strange, begun="j2")
        store.commit([answer], now_ms=NOON_MS)
    with store.reading() as reading:
        assert reading.rows("SELECT name FROM run", {}) == [("run-1",)]


def test_overlapping_reports_beyond_the_bound_are_refused_and_told_and_stay_missing(open_store: OpenStore) -> None:
    store = open_store(limits=Limits(overlapping=3))
    numbers = range(1, 6)
    store.commit([received(at_minute(number, "r1", "j1")) for number in numbers], now_ms=NOON_MS)
    second = [received(at_minute(number, "r2", "j2")) for number in (*numbers, 5)]
    assert store.commit(second, now_ms=NOON_MS) == CommitCounts(overlapping=3, refused=2, duplicates=1)
    assert reasons(store)[0] == (
        "another device of the same name had watched that time, and too many such reports of it are set aside: 3, at"
        " most 3 are; crossing-collector overlaps lists them"
    )
    alone = received(at_minute(6, "r2", "j2"))
    assert store.commit([alone], now_ms=NOON_MS) == CommitCounts(stored=1)
    assert missing(store) == [("j2", 4, 5)]
    assert store.commit(second[3:5], now_ms=NOON_MS) == CommitCounts(refused=2)


def test_overlapping_reports_that_were_taken_back_elsewhere_make_room(open_store: OpenStore) -> None:
    store = open_store(limits=Limits(overlapping=2))
    for journal in ("j1", "j2"):
        batch = [received(at_minute(number, f"of-{journal}", journal)) for number in (1, 2, 3)]
        tally = store.commit(batch, now_ms=NOON_MS)
    assert tally == CommitCounts(overlapping=2, refused=1)
    assert open_store().take_back(1, overlapping=True) == 2
    assert store.commit(batch[2:], now_ms=NOON_MS) == CommitCounts(overlapping=1)


def test_a_count_is_looked_up_once_and_again_only_at_the_bound_or_after_many_rows() -> None:
    looked_up: list[int] = []
    rows = 0

    def count(device_id: int) -> int:
        looked_up.append(device_id)
        return rows

    room = RowLimit(count, RECOUNTED_AFTER + 10)
    for _ in range(RECOUNTED_AFTER):
        room.begin_batch()
        assert room.take(1)
    assert looked_up == [1]
    rows = RECOUNTED_AFTER + 8  # another collector brought eight
    room.begin_batch()
    assert [room.take(1) for _ in range(4)] == [True, True, False, False]
    assert looked_up == [1, 1]
