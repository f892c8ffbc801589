"""Two devices of one name at once: each moment counts once, and what one device reports alone always counts."""

import json
import random
import threading
from pathlib import Path
from typing import Any

import pytest

from collector.cli import main
from collector.domain.scope import Scope
from collector.protocol.identity import findings
from collector.protocol.items import CommitCounts
from collector.queries.axis import axis
from collector.queries.counts import counts
from collector.queries.devices import devices
from collector.queries.totals import Selection, totals
from collector.store.interface import Retention, Store
from collector.store.overlaps import TOLERANCE_MS
from collector.store.postgres.store import PostgresStore
from collector.store.sqlite.store import SqliteStore
from edge.wire.report import Report
from edge.wire.times import rfc3339
from tests.collector.messages import MINUTE_MS, NOON_MS, a_report, blind, received

NOW_MS = NOON_MS + 60 * MINUTE_MS


def at(seq: int, minute: int, run: str, journal: str, **fields: Any) -> Report:
    """One car out in a minute."""
    lines = {"deck": {"outbound": {"car": 1}, "return": {"car": 0}}}
    given = {"start": rfc3339(NOON_MS + minute * MINUTE_MS), "run": run, "journal": journal, "lines": lines}
    return a_report(seq, **(given | fields))


def put(store: Store, *reports: Report) -> CommitCounts:
    return store.commit([received(report) for report in reports], now_ms=NOW_MS)


def counted(store: Store) -> list[tuple[str, int]]:
    with store.reading() as reading:
        return sorted(reading.rows("SELECT name, seq FROM report JOIN run ON run.id = run_id", {}))


def apart(store: Store) -> list[tuple[str, int]]:
    with store.reading() as reading:
        return sorted(reading.rows("SELECT name, seq FROM set_aside JOIN run ON run.id = run_id", {}))


def share(store: Store) -> float | None:
    return totals(store, Selection(), now_ms=None)[0].watched_share


def sums(store: Store) -> list[list[tuple[object, ...]]]:
    with store.reading() as reading:
        return [
            reading.rows("SELECT series_id, start_ms, number FROM vehicles ORDER BY 1, 2, 3", {}),
            reading.rows("SELECT * FROM rollup_watched ORDER BY level, device_id, start_ms, layout_id", {}),
            reading.rows("SELECT * FROM rollup_vehicles ORDER BY level, series_id, start_ms", {}),
        ]


def test_of_two_devices_at_once_each_minute_counts_once(store: Store) -> None:
    for minute in range(1, 6):
        put(store, at(minute, minute, "r1", "j1"))
        put(store, at(minute, minute, "r2", "j2"))
    assert counted(store) == [("r1", number) for number in range(1, 6)]
    assert apart(store) == [("r2", number) for number in range(1, 6)]
    assert share(store) == 1.0
    assert totals(store, Selection(), now_ms=None)[0].counts == {"car": 5}
    (state,) = devices(store, now_ms=NOW_MS)
    assert (state.overlapping.number, state.set_aside.number, state.missing) == (5, 0, 0)
    words = findings(state.device, state.journals, now_ms=NOW_MS, overlapping=state.overlapping.number)
    assert any("5 reports" in sentence and "set aside" in sentence for sentence in words)


def test_in_one_batch_too_and_what_comes_again_changes_nothing(store: Store) -> None:
    both = [at(n, n, run, journal) for n in range(1, 6) for run, journal in (("r1", "j1"), ("r2", "j2"))]
    assert put(store, *both) == CommitCounts(stored=5, overlapping=5)
    assert put(store, *reversed(both)) == CommitCounts(duplicates=10)
    assert counted(store) == [("r1", number) for number in range(1, 6)]
    assert put(store, at(1, 1, "r2", "j2", watched_ms=1, state="partial")) == CommitCounts(refused=1)


def test_copies_that_number_in_one_journal_are_two_as_soon_as_a_number_is_taken(store: Store) -> None:
    put(store, at(1, 1, "r0", "j"))
    for minute in range(2, 5):
        put(store, at(minute, minute, "r1", "j"))
        put(store, at(minute, minute, "r2", "j"))
    assert apart(store) == [("r2", number) for number in (2, 3, 4)]
    assert share(store) == 1.0


def test_the_halves_of_a_minute_in_which_a_device_started_again_both_count(store: Store) -> None:
    half = {"watched_ms": MINUTE_MS // 2, "state": "partial"}
    put(store, at(1, 1, "r1", "j1", **half))
    put(store, at(1, 1, "r2", "j2", **half))
    assert apart(store) == []
    assert share(store) == 1.0


@pytest.mark.parametrize(("more_ms", "number"), [(TOLERANCE_MS, 0), (TOLERANCE_MS + 1, 1)])
def test_a_bucket_holds_its_width_and_what_clocks_differ_by(store: Store, more_ms: int, number: int) -> None:
    put(store, at(1, 1, "r1", "j1", watched_ms=30_000, state="partial"))
    put(store, at(1, 1, "r2", "j2", watched_ms=30_000 + more_ms, state="partial"))
    assert len(apart(store)) == number


def test_a_clock_put_back_makes_one_device_count_an_hour_twice(store: Store) -> None:
    put(store, *[at(n, n, "r1", "j") for n in range(1, 11)])
    put(store, *[at(n, n - 5, "r2", "j") for n in range(11, 21)])
    assert apart(store) == []
    assert len(counted(store)) == 20
    late_first = [at(n, n, "r3", "j") for n in range(21, 31)]
    put(store, *[at(n, n - 5, "r4", "j") for n in range(31, 41)])
    put(store, *late_first)
    assert apart(store) == []


def test_two_boots_with_a_clock_that_was_not_set_are_two_times(store: Store) -> None:
    put(store, at(1, 0, "r1", "j1", start="1970-01-01T00:00:00Z"), at(1, 0, "r2", "j2", start="1970-01-01T00:00:00Z"))
    assert (apart(store), len(counted(store))) == ([], 2)


def test_replays_of_one_clip_add_up(store: Store) -> None:
    for run in ("replay-a", "replay-b", "r1"):
        put(store, at(1, 1, run, run))
    assert apart(store) == []
    assert share(store) == 3.0


def test_minutes_in_which_one_of_them_is_blind_count_by_the_other(store: Store) -> None:
    put(store, blind(1, run="r1", journal="j1"))
    put(store, at(1, 1, "r2", "j2"))
    put(store, at(2, 2, "r2", "j2"))
    put(store, blind(2, run="r1", journal="j1"))
    assert apart(store) == []
    assert share(store) == 1.0


def test_another_width_hides_nothing(store: Store) -> None:
    put(store, at(1, 0, "r1", "j1", width_ms=5 * MINUTE_MS, watched_ms=5 * MINUTE_MS))
    put(store, at(1, 2, "r2", "j2"))
    put(store, at(2, 5, "r2", "j2"))
    assert apart(store) == [("r2", 1)]
    put(store, at(2, 5, "r1", "j1", width_ms=5 * MINUTE_MS, watched_ms=5 * MINUTE_MS))
    assert apart(store) == [("r1", 2), ("r2", 1)]


@pytest.mark.parametrize("beside_s", [-9, 9])
def test_what_straddles_a_minute_and_watched_little_does_not_hide_that_the_minute_is_full(
    store: Store, beside_s: int
) -> None:
    straddling = rfc3339(NOON_MS + 5 * MINUTE_MS + beside_s * 1_000)
    put(store, at(1, 5, "r1", "j1", watched_ms=32_000, state="partial"))
    put(store, at(1, 5, "r2", "j2", start=straddling, watched_ms=900, state="partial"))  # as of a corrected clock
    put(store, at(2, 5, "r3", "j2", watched_ms=32_000, state="partial"))
    assert apart(store) == [("r3", 2)]


@pytest.mark.parametrize("seed", range(12))
def test_in_any_order_and_any_batches_no_minute_counts_beyond_its_width(store: Store, seed: int) -> None:
    chance = random.Random(seed)
    reports = []
    for run, journal in (("r1", "j1"), ("r2", "j2"), ("r3", "j3")):
        for minute in range(1, 31):
            watched_ms = chance.choice((0, 20_000, 40_000, MINUTE_MS, MINUTE_MS))
            state = "ok" if watched_ms == MINUTE_MS else "partial" if watched_ms else "blind"
            lines = {"lines": None} if state == "blind" else {}
            reports.append(at(minute, minute, run, journal, watched_ms=watched_ms, state=state, **lines))
    came = [*reports, *chance.sample(reports, 30)]
    chance.shuffle(came)
    while came:
        number = chance.choice((1, 5, 40))
        put(store, *came[:number])
        came = came[number:]
    assert sorted(counted(store) + apart(store)) == sorted((one.run, one.seq) for one in reports)
    minutes = axis("minute", "UTC", NOON_MS, NOON_MS + 40 * MINUTE_MS)
    with store.reading() as reading:
        (flow, _) = counts(reading, Scope(), minutes).flows
    assert max(flow.watched_ms) <= MINUTE_MS + TOLERANCE_MS
    before = sums(store)
    assert devices(store)[0].missing == 0
    with store.reading() as reading:
        ((device_id,),) = reading.rows("SELECT id FROM device", {})
    store.rebuild(device_id)
    assert sums(store) == before, "roll-ups are the plain sums of what counts"


def test_what_was_packed_is_known_to_have_watched(store: Store) -> None:
    put(store, at(1, 1, "r1", "j1"))
    while store.pack(Retention(), now_ms=NOW_MS + 9 * 86_400_000):
        pass
    put(store, at(1, 1, "r2", "j2"))
    assert apart(store) == [("r2", 1)]


def test_two_collectors_at_one_database_agree(postgres_url: str) -> None:
    ours = [at(n, n, "r1", "j1") for n in range(1, 31)]
    theirs = [at(n, n, "r2", "j2") for n in range(1, 31)]
    with PostgresStore(postgres_url) as one, PostgresStore(postgres_url) as two:

        def hand_in(store: Store, reports: list[Report]) -> None:
            for report in reports:
                put(store, report)

        threads = [threading.Thread(target=hand_in, args=pair) for pair in ((one, ours), (two, theirs))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(counted(one)) == len(apart(one)) == 30
        assert share(one) == 1.0


def test_the_command_lists_them_and_takes_them_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "store.sqlite"
    with SqliteStore(path) as store:
        put(store, at(1, 1, "r1", "j1"), at(1, 1, "r2", "j2"), at(2, 2, "r2", "j2"))
    assert main(["overlaps", "--store", str(path), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["overlaps"]
    assert found == {
        "site": "bridge",
        "device": "mast-1",
        "run": "r2",
        "counted_run": "r1",
        "reports": 1,
        "from": rfc3339(NOON_MS + MINUTE_MS),
        "to": rfc3339(NOON_MS + 2 * MINUTE_MS),
    }
    assert main(["ahead", "--store", str(path), "--take-back"]) == 0
    assert "0 reports taken back" in capsys.readouterr().err, "they were not ahead"
    assert main(["overlaps", "--store", str(path), "--take-back"]) == 0
    assert "1 reports taken back" in capsys.readouterr().err
    with SqliteStore(path) as store:
        assert counted(store) == [("r1", 1), ("r2", 1), ("r2", 2)]
        assert put(store, at(1, 1, "r2", "j2")) == CommitCounts(duplicates=1)
