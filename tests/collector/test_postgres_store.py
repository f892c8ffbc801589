"""The store in PostgreSQL: several collectors at once, partitions, a server that is restarted, secrets."""

import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from collector.protocol.intake import ReceivedReport, Refusal
from collector.protocol.items import CommitCounts, ResendRequested
from collector.queries.totals import Selection, totals
from collector.store.interface import StatementError, UnstorableError
from collector.store.opening import open_store
from collector.store.postgres.schema import VERSION, month_of, partition
from collector.store.postgres.store import PostgresStore
from edge.errors import CrossingError, InputError, WorkError
from edge.wire.times import rfc3339
from tests.collector.messages import NOON_MS, a_report, received
from tests.collector.postgres import Server

COLLECTORS = 4


def at_once(work: Callable[[int], object]) -> list[object]:
    """Run it in threads that begin together; what each returned or raised."""
    results: list[object] = [None] * COLLECTORS
    gate = threading.Barrier(COLLECTORS)

    def one(i: int) -> None:
        gate.wait()
        try:
            results[i] = work(i)
        except CrossingError as error:
            results[i] = error

    threads = [threading.Thread(target=one, args=(i,)) for i in range(COLLECTORS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def fleet(seqs: range) -> list[ReceivedReport]:
    return [received(a_report(seq, device=f"mast-{device}")) for seq in seqs for device in range(5)]


def test_collectors_that_make_the_tables_at_once_make_them_once(postgres_url: str) -> None:
    def open_and_close(_: int) -> None:
        PostgresStore(postgres_url).close()

    assert at_once(open_and_close) == [None] * COLLECTORS


def test_the_same_reports_through_several_collectors_are_stored_once(postgres_url: str) -> None:
    """In other orders, other batches, with new devices, lines and partitions: no batch fails and nothing is twice."""
    messages = [*fleet(range(1, 41)), received(a_report(1, device="mast-9", start="2024-05-01T00:00:00Z"))]

    def take(i: int) -> CommitCounts:
        order = messages if i % 2 else messages[::-1]
        tally = CommitCounts()
        with PostgresStore(postgres_url) as store:
            for at in range(0, len(order), 23 + i):
                tally += store.commit(order[at : at + 23 + i], now_ms=NOON_MS)
        return tally

    results = at_once(take)
    assert all(isinstance(one, CommitCounts) for one in results), results
    assert sum((one for one in results if isinstance(one, CommitCounts)), CommitCounts()) == CommitCounts(
        stored=len(messages), duplicates=(COLLECTORS - 1) * len(messages)
    )
    with PostgresStore(postgres_url) as store:
        found = totals(store, Selection(device="mast-3"))
        assert [total.counts for total in found] == [{"car": sum(range(1, 41)), "truck": 0}, {"car": 0, "truck": 40}]
        assert store.due(now_ms=NOON_MS + 10**6, heard_after_ms=0, limit=10) == []


def test_several_collectors_that_divide_the_reports_see_no_gap_at_the_end(postgres_url: str) -> None:
    messages = fleet(range(1, 61))

    def take(i: int) -> CommitCounts:
        tally = CommitCounts()
        mine = messages[i::COLLECTORS]
        with PostgresStore(postgres_url) as store:
            for at in range(0, len(mine), 20):
                tally += store.commit(mine[at : at + 20], now_ms=NOON_MS)
        return tally

    results = at_once(take)
    assert all(isinstance(one, CommitCounts) for one in results), results
    with PostgresStore(postgres_url) as store, store.reading() as view:
        assert view.rows("SELECT first FROM missing", {}) == []
        assert {high for (high,) in view.rows("SELECT high FROM journal", {})} == {60}


def test_a_gap_is_asked_for_by_one_collector_only(postgres_url: str) -> None:
    with PostgresStore(postgres_url) as store:
        store.commit([received(a_report(5))], now_ms=NOON_MS)
    request = ResendRequested("bridge", "mast-1", "", ((1, 4),))

    def ask(_: int) -> int:
        with PostgresStore(postgres_url) as store:
            return store.commit([request], now_ms=NOON_MS + 60_000).asked

    assert sorted(at_once(ask)) == [0] * (COLLECTORS - 1) + [1]  # type: ignore[type-var]


def test_a_server_that_is_restarted_fails_one_batch_and_is_found_again(postgres: Server, postgres_url: str) -> None:
    with PostgresStore(postgres_url) as store:
        store.commit([received(a_report(1))], now_ms=NOON_MS)
        postgres.restart()
        with pytest.raises(CrossingError) as error:
            store.commit([received(a_report(2))], now_ms=NOON_MS)
        assert not isinstance(error.value, UnstorableError)
        assert "\n" not in str(error.value)
        assert store.commit([received(a_report(2))], now_ms=NOON_MS) == CommitCounts(stored=1)


def test_a_server_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(CrossingError, match=r"store postgresql://127\.0\.0\.1/crossing cannot be used: .*refused"):
        PostgresStore("postgresql://nobody@127.0.0.1:1/crossing")


def test_a_store_of_another_version_is_left_alone(postgres_url: str) -> None:
    PostgresStore(postgres_url).close()
    with psycopg.connect(postgres_url) as database:
        database.execute("UPDATE crossing.version SET version = 99")
    with pytest.raises(InputError, match=f"is of version 99, of a newer collector; this one reads {VERSION}"):
        PostgresStore(postgres_url)


def test_reading_an_empty_database_makes_no_tables(postgres_url: str) -> None:
    with pytest.raises(InputError, match="is empty"):
        PostgresStore(postgres_url, write=False)
    with psycopg.connect(postgres_url) as database:
        assert database.execute("SELECT to_regclass('crossing.version')").fetchone() == (None,)


def test_a_month_has_a_partition_and_a_clock_that_was_never_set_has_the_default_one(postgres_url: str) -> None:
    starts = ["2026-11-30T23:59:00Z", "2026-12-01T00:00:00Z", "1970-01-01T00:00:00Z"]
    with PostgresStore(postgres_url) as store:
        batch = [received(a_report(seq, start=start)) for seq, start in enumerate(starts, 1)]
        store.commit(batch, now_ms=NOON_MS)
        with store.reading() as view:
            rows = view.rows("SELECT tableoid::regclass::text, seq FROM report ORDER BY seq", {})
    assert rows == [("report_2026_11", 1), ("report_2026_12", 2), ("report_default", 3)]


def test_partitions_meet_without_a_hole() -> None:
    assert "FOR VALUES FROM (1796083200000) TO (1798761600000) " in partition("report", (2026, 12))
    assert rfc3339(1796083200000) == "2026-12-01T00:00:00Z"
    assert [month_of(ms) for ms in (1796083199999, 1796083200000, -(2**60), 2**60)] == [
        (2026, 11),
        (2026, 12),
        None,
        None,
    ]


def test_a_url_with_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(InputError, match="must not hold the password") as error:
        PostgresStore("postgresql://collector:hunter2@127.0.0.1/crossing")
    assert "hunter2" not in str(error.value)


def test_the_password_comes_from_a_file_and_is_in_no_message(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("hunter2\n")
    with pytest.raises(CrossingError) as error:
        open_store("postgresql://collector@127.0.0.1:1/crossing", password_file=secret)
    assert "hunter2" not in str(error.value)
    with pytest.raises(InputError, match=r"store_password_file .*nowhere cannot be read"):
        open_store("postgresql://collector@127.0.0.1:1/crossing", password_file=tmp_path / "nowhere")


def test_text_that_postgres_cannot_hold_is_unstorable_and_not_a_failure(postgres_url: str) -> None:
    with PostgresStore(postgres_url) as store, pytest.raises(UnstorableError):
        store.commit([Refusal("a\x00b", b"", "")], now_ms=NOON_MS)


BREAKS = {
    "a permission that was revoked": (
        "REVOKE ALL ON ALL TABLES IN SCHEMA crossing FROM collector",
        "GRANT ALL ON ALL TABLES IN SCHEMA crossing TO collector",
    ),
    "a table that is missing": ("ALTER TABLE journal RENAME TO elsewhere", "ALTER TABLE elsewhere RENAME TO journal"),
    "a column that is missing": (
        "ALTER TABLE device RENAME COLUMN late_ms TO later_ms",
        "ALTER TABLE device RENAME COLUMN later_ms TO late_ms",
    ),
    "a rule of the tables": (
        "ALTER TABLE report ADD CONSTRAINT few CHECK (watched_ms < 1) NOT VALID",
        "ALTER TABLE report DROP CONSTRAINT few",
    ),
}


@pytest.mark.parametrize("what", BREAKS)
def test_a_database_that_refuses_our_statements_loses_nothing(postgres_url: str, what: str) -> None:
    """Whatever an operator breaks is no fault of the message: it stays unacknowledged, and is stored once mended."""
    breaks, mends = BREAKS[what]
    PostgresStore(postgres_url).close()
    with psycopg.connect(postgres_url, autocommit=True) as owner:
        owner.execute("SET search_path TO crossing")
        owner.execute(
            "DO $$ BEGIN CREATE ROLE collector LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
            " GRANT USAGE, CREATE ON SCHEMA crossing TO collector;"
            " GRANT ALL ON ALL TABLES IN SCHEMA crossing TO collector;"
            " GRANT ALL ON ALL SEQUENCES IN SCHEMA crossing TO collector"
        )
        for table in ("report", "vehicles", "zone_report", "message"):  # who makes partitions must own the table
            owner.execute(f"ALTER TABLE {table} OWNER TO collector")
        with PostgresStore(postgres_url.replace("postgres@", "collector@")) as store:
            store.commit([received(a_report(1))], now_ms=NOON_MS)
            owner.execute(breaks)
            with pytest.raises(StatementError, match="refuses a statement of the collector") as error:
                store.commit([received(a_report(2))], now_ms=NOON_MS)
            assert not isinstance(error.value, UnstorableError)
            owner.execute(mends)
            assert store.commit([received(a_report(2))], now_ms=NOON_MS) == CommitCounts(stored=1)


def test_a_full_disk_of_the_database_loses_nothing(postgres_url: str) -> None:
    with PostgresStore(postgres_url) as store, psycopg.connect(postgres_url, autocommit=True) as owner:
        store.commit([received(a_report(1))], now_ms=NOON_MS)
        owner.execute(
            "SET search_path TO crossing; CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$;"
            " CREATE TRIGGER full_disk BEFORE INSERT ON report_key EXECUTE FUNCTION full_disk()"
        )
        with pytest.raises(CrossingError, match="could not extend file") as error:
            store.commit([received(a_report(2))], now_ms=NOON_MS)
        assert type(error.value) is WorkError
        owner.execute("DROP TRIGGER full_disk ON crossing.report_key")
        assert store.commit([received(a_report(2))], now_ms=NOON_MS) == CommitCounts(stored=1)
