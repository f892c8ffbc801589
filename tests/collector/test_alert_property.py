"""In whichever order reports come, however often we look and start anew: the same alerts exist."""

import random
import tempfile
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from collector.alerts.settings import (
    AlertSettings,
    BlindRule,
    CessationRule,
    DropRule,
    History,
    ResumptionRule,
    SilentRule,
    SurgeRule,
)
from collector.store.sqlite.store import SqliteStore
from edge.wire.report import Report
from tests.collector.messages import NOON_MS, received
from tests.collector.test_alert_watch import DAY_MS, HOUR_MS, hourly, listed, watch

WEEKS = 2
HOURS = 16
"""Of which alerts may come, after the weeks that tell what is usual."""
SETTINGS = AlertSettings(
    history=History(weeks=2, weeks_min=2),
    surge=SurgeRule(hours=2, score=3.0),
    drop=DropRule(hours=2, score=2.0),
    cessation=CessationRule(expected_min=100, hours_min=3),
    resumption=ResumptionRule(vehicles_min=3),
    blind=BlindRule(enabled=False),  # of the moment in which we look, as the other rules of devices
    silent=SilentRule(enabled=False),
)
Existing = list[tuple[str, str, int, int | None, int]]


@st.composite
def days(draw: st.DrawFn) -> list[Report]:
    """What happens: spans of usual, busy, slow, empty and blind hours, and a bus now and then."""
    hours: list[int | None] = []
    while len(hours) < HOURS:
        cars = draw(st.sampled_from([50, 50, 130, 12, 0, None]))
        hours += [cars] * draw(st.integers(1, 8))
    buses = draw(st.sets(st.integers(0, HOURS - 1), max_size=3))
    found = []
    for i, cars in enumerate(hours[:HOURS]):
        start_ms = NOON_MS + i * HOUR_MS
        number = WEEKS * 168 + i + 1
        if cars is None:
            found.append(hourly(number, start_ms, 0, state="blind", watched_ms=0, lines=None))
        else:
            found.append(hourly(number, start_ms, cars, bus=int(i in buses)))
    return found


def existing(store: SqliteStore) -> Existing:
    """All but what is of the moment in which it was noticed."""
    return sorted(
        (one.kind, one.subject.key, one.at_ms, one.until_ms, one.times)
        for one in listed(store)
        if one.fate != "withdrawn"
    )


def prepared(folder: str, name: str) -> SqliteStore:
    path = Path(folder) / name
    path.write_bytes((Path(folder) / "past").read_bytes())
    store = SqliteStore(path)
    store._database.execute("PRAGMA synchronous = OFF")
    return store


def past(folder: str) -> None:
    with SqliteStore(Path(folder) / "past") as store:
        first_ms = NOON_MS - WEEKS * 168 * HOUR_MS
        reports = [hourly(i + 1, first_ms + i * HOUR_MS, 50) for i in range(WEEKS * 168)]
        store.commit([received(one) for one in reports], now_ms=NOON_MS)
        watch(store, SETTINGS).look(NOON_MS)
        assert listed(store) == []
        store._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@settings(
    max_examples=8, deadline=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(days(), st.randoms(use_true_random=False))
def test_order_restarts_and_how_often_we_look_change_no_alert(reports: list[Report], chance: object) -> None:
    assert isinstance(chance, random.Random)
    end_ms = NOON_MS + HOURS * HOUR_MS
    with tempfile.TemporaryDirectory() as folder:
        past(folder)
        # every hour as it comes, and looked at twice
        with prepared(folder, "a") as store:
            looker = watch(store, SETTINGS)
            for report in reports:
                now_ms = report.start_ms + HOUR_MS
                store.commit([received(report)], now_ms=now_ms)
                looker.look(now_ms)
                looker.look(now_ms + 60_000)
            in_order = existing(store)
            told = store._database.execute("SELECT count(*) FROM telling").fetchall()
            looker.look(now_ms + 120_000)
            assert existing(store) == in_order
            assert store._database.execute("SELECT count(*) FROM telling").fetchall() == told
        # all of them at last, in any order, some twice
        mixed = [*reports, *chance.sample(reports, 3)]
        chance.shuffle(mixed)
        with prepared(folder, "b") as store:
            store.commit([received(one) for one in mixed], now_ms=end_ms)
            watch(store, SETTINGS).look(end_ms)
            assert existing(store) == in_order
        # in order but for neighbours that change places; the collector starts anew all the time
        swapped = list(reports)
        for i in range(0, len(swapped) - 1, 2):
            if chance.random() < 0.5:
                swapped[i], swapped[i + 1] = swapped[i + 1], swapped[i]
        prepared(folder, "c").close()
        for i, report in enumerate(swapped):
            with SqliteStore(Path(folder) / "c") as store:
                now_ms = NOON_MS + (i + 2) * HOUR_MS
                store.commit([received(report)], now_ms=now_ms)
                watch(store, SETTINGS).look(now_ms)
        with SqliteStore(Path(folder) / "c") as store:
            watch(store, SETTINGS).look(end_ms + HOUR_MS)
            assert _without_firsts(existing(store)) == _without_firsts(in_order)
            assert len(existing(store)) == len(in_order)


def _without_firsts(found: Existing) -> Existing:
    return [one for one in found if one[0] != "first"]


def test_reports_that_come_a_day_late_are_noted_and_not_told() -> None:
    with tempfile.TemporaryDirectory() as folder:
        past(folder)
        with prepared(folder, "late") as store:
            quiet = msgspec.structs.replace(SETTINGS, cessation=CessationRule(enabled=False))
            reports = [hourly(WEEKS * 168 + i + 1, NOON_MS + i * HOUR_MS, 5) for i in range(4)]
            now_ms = NOON_MS + 2 * DAY_MS
            watch(store, quiet).look(NOON_MS + HOUR_MS)
            store.commit([received(one) for one in reports[:3]], now_ms=now_ms)
            watch(store, quiet).look(now_ms)
            assert [(one.kind, one.fate) for one in listed(store)] == [("drop", "late")]
            assert store._database.execute("SELECT count(*) FROM telling").fetchall() == [(0,)]
