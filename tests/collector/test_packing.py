"""Messages of past days are packed: the same bytes come back, whatever breaks, comes late, or comes twice."""

import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.cli import main
from collector.domain.scope import Scope
from collector.protocol.items import CommitCounts
from collector.queries.evidence import raw_report, raw_reports
from collector.queries.totals import Selection, totals
from collector.queries.zones import last_zones
from collector.store.interface import Retention, Store
from collector.store.messages import StoredMessage, block_of, messages_in
from collector.store.packing import BYTES_MAX, IDLE_MS, REPORTS_MAX, Packer
from collector.store.postgres.store import PostgresStore
from collector.store.sqlite.store import SqliteStore
from edge.clock import SystemClock
from edge.errors import CrossingError
from edge.wire.report import Level, Report, ZoneReport, encode
from edge.wire.times import rfc3339
from tests.collector.messages import MINUTE_MS, NOON_MS, a_report, received
from tests.collector.older import make_postgres_older, make_sqlite_older

DAY_MS = 86_400_000
MIDNIGHT_MS = NOON_MS // DAY_MS * DAY_MS
KEEPING = Retention(pack_after_days=3)
EVER_MS = (-(2**55), 2**55)
OpenStore = Callable[..., Store]


def at(seq: int, days: float, **fields: object) -> Report:
    """A report that began so many days ago."""
    return a_report(seq, start=rfc3339(NOON_MS - int(days * 1_440) * MINUTE_MS), **fields)


def put(store: Store, reports: Iterable[Report], *, now_ms: int = NOON_MS) -> CommitCounts:
    return store.commit([received(report) for report in reports], now_ms=now_ms)


def pack(store: Store, retention: Retention = KEEPING, *, now_ms: int = NOON_MS) -> int:
    """All that is to be done; how many steps it took."""
    for step in range(1_000):
        if not store.pack(retention, now_ms=now_ms):
            return step
    raise AssertionError("packing does not come to an end")


def number(store: Store, query: str) -> int:
    with store.reading() as reading:
        return int(reading.rows(f"SELECT count(*) FROM {query}", {})[0][0])


def messages(store: Store, site: str = "bridge") -> dict[tuple[str, str, int], bytes | None]:
    with store.reading() as reading:
        found = raw_reports(reading, Scope(site=site), *EVER_MS, limit=1_000)
        for one in found[:3]:
            assert raw_report(reading, one.site, one.device, one.run, one.seq) == one
    return {(one.device, one.run, one.seq): one.payload for one in found}


def as_sent(reports: Iterable[Report]) -> dict[tuple[str, str, int], bytes]:
    return {(one.device, one.run, one.seq): encode(one) for one in reports}


WEEK = [
    *(at(seq, 7 - seq / 6) for seq in range(1, 42)),
    *(at(seq, 5 - seq / 9, device="mast-2", run=f"run-{seq % 2}") for seq in range(1, 40)),
    a_report(50, start="1970-01-01T00:00:00Z"),
    a_report(51, start="0001-01-01T00:00:00Z"),
    a_report(52, start="2099-01-01T00:00:00Z"),
    at(53, -1),
]


def test_past_days_are_packed_and_every_byte_comes_back(store: Store) -> None:
    put(store, WEEK)
    before = totals(store, Selection())
    pack(store)
    assert messages(store) == as_sent(WEEK)
    assert totals(store, Selection()) == before
    # noon of the day that is three days ago is not yet a day that ended three days ago
    assert number(store, f"unpacked WHERE start_ms < {MIDNIGHT_MS - 3 * DAY_MS}") == 0
    assert number(store, f"unpacked WHERE start_ms > {MIDNIGHT_MS + 2 * DAY_MS}") == 0
    recent = f"start_ms >= {MIDNIGHT_MS - 3 * DAY_MS} AND start_ms < {MIDNIGHT_MS + 2 * DAY_MS}"
    assert number(store, f"unpacked WHERE {recent}") == number(store, f"report WHERE {recent}") > 0
    assert pack(store) == 0


def test_what_is_packed_is_told_from_another_report_under_its_key(store: Store) -> None:
    put(store, WEEK)
    pack(store)
    old = WEEK[0]
    spaced = received(old)
    spaced = type(spaced)(spaced.topic, spaced.payload + b" ", spaced.report)
    assert store.commit([received(old), spaced], now_ms=NOON_MS) == CommitCounts(duplicates=2)
    assert put(store, [at(1, 7 - 1 / 6, health={"frames": 9})]) == CommitCounts(refused=1)
    assert put(store, WEEK) == CommitCounts(duplicates=len(WEEK))
    assert messages(store) == as_sent(WEEK)


def test_what_comes_late_joins_the_block_of_its_day(store: Store) -> None:
    put(store, WEEK)
    pack(store)
    blocks = number(store, "packed")
    late = [at(seq, 6.5 - seq / 1_000) for seq in range(60, 70)]
    for report in late:
        put(store, [report])
        pack(store)
    assert messages(store) == as_sent([*WEEK, *late])
    assert number(store, "packed") == blocks


def test_a_block_is_bounded_in_reports_and_in_bytes(store: Store) -> None:
    many = [a_report(seq, start=rfc3339(MIDNIGHT_MS - 8 * DAY_MS + seq)) for seq in range(1, 2 * REPORTS_MAX + 2)]
    labels = {f"{'x' * 60}{i:04}": 1 for i in range(62)}
    lines = {f"deck-{i}": {"out": labels} for i in range(8)}
    large = [at(seq, 6, device="mast-2", lines=lines) for seq in range(1, 80)]
    put(store, [*many, *large])
    pack(store)
    with store.reading() as reading:
        rows = reading.rows("SELECT device_id, reports FROM packed ORDER BY device_id, number", {})
    assert [reports for _, reports in rows[:3]] == [REPORTS_MAX, REPORTS_MAX, 1]
    size = len(encode(large[0]))
    assert [reports for _, reports in rows[3:]] == [BYTES_MAX // size, 79 - BYTES_MAX // size]
    with store.reading() as reading:
        found = raw_reports(reading, Scope(), *EVER_MS, after=REPORTS_MAX - 10, limit=1_000)
        found += raw_reports(reading, Scope(), *EVER_MS, after=2 * REPORTS_MAX, limit=1_000)
    expected = [*many[REPORTS_MAX - 10 : REPORTS_MAX + 990], *many[2 * REPORTS_MAX :], *large]
    assert [one.payload for one in found] == [encode(report) for report in expected]


numbered = [0]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(data=st.data())
def test_whatever_comes_while_days_go_by_the_first_message_of_a_key_stays(store: Store, data: st.DataObject) -> None:
    numbered[0] += 1
    site = f"s{numbered[0]}"
    first: dict[tuple[str, str, int], bytes] = {}
    for day in range(data.draw(st.integers(1, 6))):
        now_ms = NOON_MS + day * DAY_MS
        batch = [
            a_report(
                data.draw(st.integers(1, 12)),
                site=site,
                device=data.draw(st.sampled_from(["a", "b"])),
                start=rfc3339(now_ms + data.draw(st.integers(-8, 3)) * DAY_MS // 2),
            )
            for _ in range(data.draw(st.integers(0, 8)))
        ]
        put(store, batch, now_ms=now_ms)
        for report in batch:
            first.setdefault((report.device, report.run, report.seq), encode(report))
        for _ in range(data.draw(st.integers(0, 5))):
            store.pack(KEEPING, now_ms=now_ms)
    assert messages(store, site) == first
    pack(store, now_ms=NOON_MS + 20 * DAY_MS)
    assert messages(store, site) == first
    assert number(store, "unpacked") == 0


def test_messages_are_deleted_after_so_many_days_and_the_numbers_stay(store: Store) -> None:
    zones = {"queue": ZoneReport(inside=Level(mean=1, max=1, end=1), standing=Level(mean=1, max=1, end=1))}
    reports = [*WEEK, at(70, 6, device="mast-3", zones=zones)]
    put(store, reports)
    before = totals(store, Selection())
    pack(store)
    assert [one.device for one in last_zones(store)] == ["mast-3"]
    pack(store, Retention(pack_after_days=3, messages_days=5))
    old_ms = MIDNIGHT_MS - 5 * DAY_MS
    kept = {key: body for key, body in messages(store).items() if body is not None}
    assert kept == as_sent(one for one in reports if one.start_ms >= old_ms)
    assert 0 < len(kept) < len(reports)
    assert totals(store, Selection()) == before
    assert last_zones(store) == []
    assert put(store, reports) == CommitCounts(duplicates=len(reports))
    assert put(store, [at(1, 7 - 1 / 6, watched_ms=1)]) == CommitCounts(refused=1)
    late = at(80, 6.5)
    put(store, [late])
    assert messages(store)["mast-1", "run-1", 80] == encode(late)
    pack(store, Retention(pack_after_days=3, messages_days=5))
    assert messages(store)["mast-1", "run-1", 80] is None


class Dying(sqlite3.Connection):
    """The world ends before the statement after so many."""

    left = 10**9

    def _count(self) -> None:
        Dying.left -= 1
        if Dying.left < 0:
            raise sqlite3.OperationalError("the world ends")

    def execute(self, *given: object) -> sqlite3.Cursor:
        self._count()
        return super().execute(*given)  # type: ignore[arg-type]

    def executemany(self, *given: object) -> sqlite3.Cursor:
        self._count()
        return super().executemany(*given)  # type: ignore[arg-type]


def test_an_end_before_any_statement_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store.sqlite"
    reports = [at(seq, 7 - seq / 6) for seq in range(1, 13)]
    with SqliteStore(path) as store:
        put(store, reports)
    statements, more = 10, True
    while more:
        statements += 1
        monkeypatch.setattr(Dying, "left", statements)
        with suppress(CrossingError), SqliteStore(path, factory=Dying) as store:
            more = store.pack(KEEPING, now_ms=NOON_MS)
        with SqliteStore(path, write=False) as reader:
            assert messages(reader) == as_sent(reports)
    assert statements > 20
    with SqliteStore(path) as store:
        assert number(store, "unpacked") == 0


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_killed_while_packing_nothing_is_lost(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    where = str(tmp_path / "store.sqlite") if kind == "sqlite" else request.getfixturevalue("postgres_url")
    now_ms = SystemClock().real_ms()
    sent: list[Report] = []
    with SqliteStore(Path(where)) if kind == "sqlite" else PostgresStore(where) as store:
        for day in range(4, 34):
            start_ms = now_ms - day * DAY_MS
            reports = [a_report(day * 30 + i, start=rfc3339(start_ms // 1_000 * 1_000 + i)) for i in range(30)]
            put(store, reports, now_ms=now_ms)
            sent += reports
        chance = random.Random(3)
        command = [sys.executable, "-c", "from collector.cli import main; main()", "pack", "--store", where]
        for _ in range(3):
            before = number(store, "packed")
            with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
                while number(store, "packed") == before and process.poll() is None:
                    time.sleep(0.002)
                time.sleep(chance.uniform(0, 0.02))
                process.send_signal(signal.SIGKILL)
            assert messages(store) == as_sent(sent)
        subprocess.run(command, check=True, capture_output=True)
        assert messages(store) == as_sent(sent)
        assert number(store, "packed") == 30


def test_sqlite_uses_the_pages_again(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    sizes = []
    with SqliteStore(path) as store:
        for day in range(12):
            now_ms = NOON_MS + day * DAY_MS
            batch = [
                a_report(day * 300 + i + 1, device=f"mast-{j}", start=rfc3339(now_ms + i * MINUTE_MS))
                for i in range(300)
                for j in range(3)
            ]
            put(store, batch, now_ms=now_ms)
            pack(store, now_ms=now_ms)
            with store.reading() as reading:
                sizes.append(reading.rows("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", {}))
    a_day = sizes[1][0][0] - sizes[0][0][0]
    grown = sizes[11][0][0] - sizes[5][0][0]
    assert grown < 6 * a_day / 2


def test_postgresql_drops_the_partitions_of_packed_days(postgres_url: str) -> None:
    sent = []
    with PostgresStore(postgres_url) as store:
        for day in range(6):
            now_ms = NOON_MS + day * DAY_MS
            reports = [at(day * 10 + seq, -day + seq / 1_440) for seq in range(1, 6)]
            put(store, reports, now_ms=now_ms)
            sent += reports
        pack(store, now_ms=NOON_MS + 5 * DAY_MS)
        today = NOON_MS // DAY_MS
        query = "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'message'::regclass"
        with store.reading() as reading:
            found = {name for (name,) in reading.rows(query, {})}
        assert found == {"message_default", *(f"message_{today + day}" for day in range(2, 6))}
        assert messages(store) == as_sent(sent)


def test_a_collector_with_a_wrong_clock_takes_no_partition_from_the_others(postgres_url: str) -> None:
    with PostgresStore(postgres_url) as right, PostgresStore(postgres_url) as wrong:
        put(right, [at(1, 0)])
        pack(wrong, now_ms=NOON_MS + 30 * DAY_MS)
        assert put(right, [at(2, 0)]) == CommitCounts(stored=1)
        with PostgresStore(postgres_url) as third:
            assert put(third, [at(3, 0)]) == CommitCounts(stored=1)
            assert messages(third) == as_sent(at(seq, 0) for seq in (1, 2, 3))


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_store_of_the_version_before_is_packed(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    store: Store
    if kind == "sqlite":
        path = tmp_path / "store.sqlite"
        with SqliteStore(path) as store:
            put(store, WEEK)
        make_sqlite_older(path, 3)
        store = SqliteStore(path)
    else:
        url = request.getfixturevalue("postgres_url")
        with PostgresStore(url) as store:
            put(store, WEEK)
        make_postgres_older(url, 2)
        store = PostgresStore(url)
    with store:
        assert put(store, [*WEEK, at(90, 6)]) == CommitCounts(stored=1, duplicates=len(WEEK))
        assert messages(store) == as_sent([*WEEK, at(90, 6)])
        pack(store)
        assert messages(store) == as_sent([*WEEK, at(90, 6)])
        assert number(store, f"unpacked WHERE start_ms < {MIDNIGHT_MS - 3 * DAY_MS}") == 0


class StillClock:
    """A clock that somebody moves."""

    now_ms = 0

    def real_ms(self) -> int:
        return NOON_MS + self.now_ms

    def monotonic_ms(self) -> int:
        return self.now_ms

    def sleep(self, seconds: float) -> None:
        self.now_ms += int(1_000 * seconds)


def test_the_packer_rests_when_nothing_is_left_and_outlives_a_store_that_fails(tmp_path: Path) -> None:
    clock = StillClock()
    store = SqliteStore(tmp_path / "store.sqlite")
    packer = Packer(store, KEEPING, clock)
    put(store, [at(seq, seq) for seq in range(4, 8)])
    for _ in range(6):
        packer.step()
    assert number(store, "packed") == 4
    put(store, [at(1, 9)])
    packer.step()
    assert number(store, "packed") == 4
    clock.now_ms += IDLE_MS
    packer.step()
    assert number(store, "packed") == 5
    store.close()
    clock.now_ms += 2 * IDLE_MS
    packer.step()


def test_the_command_packs_and_tells_what_it_gave(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "store.sqlite"
    with SqliteStore(path) as store:
        put(store, [a_report(seq, start=rfc3339(seq * MINUTE_MS)) for seq in range(1, 101)])
        put(store, [a_report(101, start=rfc3339(SystemClock().real_ms() // 1_000 * 1_000))])
    assert main(["pack", "--store", str(path), "--json"]) == 0
    said = capsys.readouterr().out
    assert '"deleted": 0, "packed": 100, ' in said
    assert '"unpacked": 1' in said
    assert main(["pack", "--store", str(path)]) == 0
    assert capsys.readouterr().out.startswith("100 messages packed in ")


@given(st.lists(st.tuples(st.integers(1, 2**62), st.integers(1, 2**53), st.binary(max_size=100))))
def test_a_block_holds_exactly_what_was_put_in(given_: list[tuple[int, int, bytes]]) -> None:
    said = [StoredMessage(*one) for one in given_]
    assert messages_in(block_of(said)) == said
