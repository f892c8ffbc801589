"""Every report once: twice, out of order and contradicting changes nothing that was stored."""

import random
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from messages import NOON_MS, a_report, received

from collector.errors import CollectorError, InputError
from collector.ingest import Refusal
from collector.store import Store, Tally
from collector.totals import Selection, Total, totals


def sums(store: Store) -> list[tuple[str, dict[str, int] | None, int]]:
    return [(total.direction, total.counts, total.watched_ms) for total in totals(store, Selection())]


def test_the_same_report_twice_counts_once(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        assert store.commit([received(a_report(3))] * 2, now_ms=NOON_MS) == Tally(stored=1, duplicates=1)
        assert store.commit([received(a_report(3))], now_ms=NOON_MS) == Tally(duplicates=1)
        assert sums(store) == [
            ("outbound", {"car": 3, "truck": 0}, 60_000),
            ("return", {"car": 0, "truck": 1}, 60_000),
        ]


def test_the_same_report_in_other_bytes_is_the_same_report(tmp_path: Path) -> None:
    message = received(a_report(3))
    spaced = type(message)(message.topic, message.payload + b" ", message.report)
    with Store(tmp_path / "store.sqlite") as store:
        assert store.commit([message, spaced], now_ms=NOON_MS) == Tally(stored=1, duplicates=1)


def test_another_report_under_the_same_key_is_refused_and_the_first_stays(tmp_path: Path) -> None:
    other = a_report(1, watched_ms=59_000)
    with Store(tmp_path / "store.sqlite") as store:
        store.commit([received(a_report(1))], now_ms=NOON_MS)
        before = sums(store)
        assert store.commit([received(other)], now_ms=NOON_MS) == Tally(refused=1)
        assert sums(store) == before
        (refusal,) = store.refusals()
        assert refusal.reason == "another report of run run-1 has the number 1; the first one stays"


def test_halves_of_two_runs_add_up(tmp_path: Path) -> None:
    halves = [
        a_report(2, watched_ms=30_000),
        a_report(3, run="run-2", watched_ms=30_000, start=a_report(2).start),
    ]
    with Store(tmp_path / "store.sqlite") as store:
        assert store.commit([received(half) for half in halves], now_ms=NOON_MS) == Tally(stored=2)
        assert sums(store)[0] == ("outbound", {"car": 2 + 3, "truck": 0}, 60_000)


def test_the_same_number_of_another_device_or_site_is_another_report(tmp_path: Path) -> None:
    reports = [a_report(), a_report(device="mast-2"), a_report(site="tunnel")]
    with Store(tmp_path / "store.sqlite") as store:
        assert store.commit([received(report) for report in reports], now_ms=NOON_MS) == Tally(stored=3)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(order=st.lists(st.integers(1, 6), max_size=30), batch=st.integers(1, 5))
def test_order_batches_and_repetition_change_nothing(tmp_path: Path, order: list[int], batch: int) -> None:
    name = f"{random.getrandbits(64):x}.sqlite"
    with Store(tmp_path / name) as store, Store(tmp_path / f"plain-{name}") as plain:
        messages = [received(a_report(seq)) for seq in order]
        for i in range(0, len(messages), batch):
            store.commit(messages[i : i + batch], now_ms=NOON_MS)
        plain.commit([received(a_report(seq)) for seq in sorted(set(order))], now_ms=NOON_MS)
        assert totals(store, Selection()) == totals(plain, Selection())


def test_a_batch_is_stored_whole_or_not_at_all(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as store:
        broken = received(a_report(2))
        object.__setattr__(broken, "payload", object())  # SQLite cannot store it
        with pytest.raises(CollectorError, match="cannot be used"):
            store.commit([received(a_report(1)), broken], now_ms=NOON_MS)
        assert totals(store, Selection()) == []
        assert store.commit([received(a_report(1))], now_ms=NOON_MS) == Tally(stored=1)


def test_the_last_refusals_are_kept_and_no_more(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite", refusals_max=3) as store:
        refusals = [Refusal("topic", b"payload", str(i)) for i in range(10)]
        assert store.commit(refusals, now_ms=NOON_MS) == Tally(refused=10)
        assert store.refusals() == refusals[-3:]


def test_a_reader_sees_what_was_committed_while_the_writer_goes_on(tmp_path: Path) -> None:
    with Store(tmp_path / "store.sqlite") as writer:
        writer.commit([received(a_report(1))], now_ms=NOON_MS)
        with Store(tmp_path / "store.sqlite", write=False) as reader:
            assert totals(reader, Selection()) == totals(writer, Selection())
            writer.commit([received(a_report(2))], now_ms=NOON_MS)
            assert totals(reader, Selection()) == totals(writer, Selection())


def test_reading_a_store_that_does_not_exist_makes_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"store .*store\.sqlite does not exist"):
        Store(tmp_path / "store.sqlite", write=False)
    assert list(tmp_path.iterdir()) == []


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE diary (day TEXT)")
    database.close()
    before = path.read_bytes()
    with pytest.raises(InputError, match="is not a collector's store"):
        Store(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be taken for one" * 50)
    with pytest.raises(CollectorError, match=r"store .*notes\.txt cannot be used"):
        Store(path)


def test_a_total_knows_its_share() -> None:
    assert Total("s", "d", "l", "out", {"car": 1}, 30, 60).watched_share == 0.5
