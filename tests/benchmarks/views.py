# ruff: noqa: T201 - a script prints
"""How long each view takes over a year of one-minute reports of 50 devices, on SQLite and on PostgreSQL.

    python -m tests.benchmarks.views               a year, 50 devices, both stores: 25 GB of disk, half an hour
    python -m tests.benchmarks.views --days 60 --store sqlite --keep year.sqlite    and the next time it is there

10 sites of 5 devices, of which two watch the same line; each device has a line of two directions and seven classes
and a zone. The databases fill their own tables (no report goes over a broker, and only the last week has whole
payloads: the views read no others), then `rebuild` sums up hours and days, as `crossing-collector rollup --rebuild`
does (in PostgreSQL a few statements do the same). A device is blind for one hour in 50, and one report in 200 is
missing. Every view is then asked `--rounds` times, each time of another site or device, over a store that was just
asked something else.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from collector.domain.calendar import floor
from collector.domain.scope import Scope
from collector.domain.sites import Site
from collector.protocol.intake import ReceivedReport, decode_message
from collector.queries.axis import axis
from collector.queries.balance import balance
from collector.queries.compare import agreements, bands
from collector.queries.counts import counts, coverage, places
from collector.queries.daylight import day_split
from collector.queries.devices import devices, gaps
from collector.queries.evidence import evidence, raw_reports
from collector.queries.queue import queues
from collector.store.interface import Reading, Store
from collector.store.opening import open_store
from collector.store.zone_rollups import STORED, sum_up_zones
from edge.errors import CrossingError
from edge.wire.report import Level, Report, Waits, ZoneReport, encode
from edge.wire.times import rfc3339
from edge.wire.topics import topic_of
from tests.benchmarks.load import CLASSES
from tests.collector import postgres

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
NOW_MS = 1_795_680_000_000 - 23 * MINUTE_MS  # some time in the afternoon at the sites
ZONE = "Asia/Shanghai"
SITES, DEVICES = 10, 5
PAYLOAD_DAYS = 7
USUAL = {"bicycle": 3, "bus": 1, "car": 45, "motorcycle": 4, "truck": 20, "unclassified": 2, "van": 9}
"""Of 100 minutes, those in which a vehicle of the class crosses."""
Ask = Callable[[Reading, str, str], Any]
PAGE = "the page: all of these"
REST = "devices and gaps"


def main() -> int:
    parser = argparse.ArgumentParser(prog="views", description="Measures the collector's answers.")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--store", choices=["sqlite", "postgres", "both"], default="both")
    parser.add_argument("--keep", type=Path, help="a SQLite file to make, or to ask again")
    parser.add_argument("--url", help="a PostgreSQL to fill, or to ask again; else one is made and forgotten")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = {}
    for kind in ("sqlite", "postgres") if given.store == "both" else (given.store,):
        if kind == "postgres" and postgres.binaries() is None:
            print("PostgreSQL is not installed: not measured", file=sys.stderr)
            continue
        with _place(kind, given.keep, given.url) as where:
            built = {} if _is_built(where) else _build(where, given.days)
            found[kind] = {"built": built, "ms": _measure(where, given.days, given.rounds)}
    table(found)
    if given.json:
        print(json.dumps(found, sort_keys=True))
    return 0


@contextmanager
def _place(kind: str, keep: Path | None, url: str | None) -> Iterator[str]:
    if kind == "postgres" and url is not None:
        yield url
    elif kind == "postgres":
        with postgres.server() as server:
            yield server.url
    elif keep is not None:
        yield str(keep)
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield str(Path(folder) / "views.sqlite")


def _is_built(where: str) -> bool:
    try:
        with open_store(where, write=False) as store:
            return bool(devices(store))
    except CrossingError:
        return False


def sites_of(number: int) -> dict[str, Site]:
    """What is told of so many sites."""
    return {
        f"site-{i}": Site(
            time_zone=ZONE, latitude=40.1, longitude=124.4, tonnes={"truck": 40.0},
            same_lines={"deck": ["mast-0/deck", "mast-1/deck"]},
        )
        for i in range(number)
    }  # fmt: skip


def a_report(site: str, device: str, seq: int, start_ms: int) -> Report:
    """As the README's, with a zone."""
    counts_of = {way: {label: (seq * (i + 3)) % 5 // 4 for i, label in enumerate(CLASSES)} for way in ("out", "back")}
    level = Level(mean=1.5, max=4, end=seq % 4)
    zone = ZoneReport(
        inside=level, standing=level, entered=3, left=2, waited=1, wait_ms=Waits(p50=9_000, p90=40_000, max=60_000)
    )
    return Report(
        site=site, device=device, run="run-1", seq=seq, start=rfc3339(start_ms), width_ms=MINUTE_MS,
        watched_ms=MINUTE_MS, state="ok", lines={"deck": counts_of}, zones={"queue": zone},
    )  # fmt: skip


def taken(report: Report) -> ReceivedReport:
    """As intake takes it."""
    received = decode_message(topic_of(report.site, report.device, "report"), encode(report))
    assert isinstance(received, ReceivedReport)
    return received


def _build(where: str, days: int) -> dict[str, float]:
    """Fill the tables and sum up; the seconds that each took."""
    from_ms = NOW_MS - days * DAY_MS
    started = time.monotonic()
    with open_store(where, time_zones=dict.fromkeys(sites_of(SITES), ZONE)) as store:
        names = [(f"site-{i}", f"mast-{j}") for i in range(SITES) for j in range(DEVICES)]
        # one real report each makes the names and the newest day; the tables of its month, too
        minutes = days * 1_440
        store.commit([taken(a_report(*name, minutes, NOW_MS - MINUTE_MS)) for name in names], now_ms=NOW_MS)
        payload = encode(a_report(*names[0], minutes, NOW_MS))
        (_fill_postgres if where.startswith("postgresql") else _fill_sqlite)(store, from_ms, minutes, payload)
        filled = time.monotonic()
        if where.startswith("postgresql"):
            _sum_up_postgres(store._database)  # type: ignore[attr-defined]
        else:
            for state in store.rollups():
                store.rebuild(state.device_id)
        done = time.monotonic()
    print(f"{where[:10]}: filled in {filled - started:.0f} s, summed up in {done - filled:.0f} s", file=sys.stderr)
    return {"fill_s": filled - started, "rebuild_s": done - filled}


# The same arithmetic in both: a number that looks random, of a minute and a series or device.
CHANCE = "(({minute} * 2654435761 + {of} * 40503) / 65536) % 100"
_SEEN = f"{CHANCE.format(minute='minute / 60', of='device_id')} >= 2"  # an hour in 50 is blind
_HERE = f"({CHANCE.format(minute='minute', of='device_id * 7')} > 0 OR minute % 2 = 0)"


def _columns(from_ms: int, payload: str, layout: str) -> str:
    start = f"CAST({from_ms} AS BIGINT) + minute * {MINUTE_MS}"
    return (
        f"device_id, run_id, minute + 1, {start}, {MINUTE_MS}, CASE WHEN {_SEEN} THEN {MINUTE_MS} ELSE 0 END,"
        f" CASE WHEN {_SEEN} THEN {layout} END, {start} + {MINUTE_MS} + 800, {payload}"
    )


def _usual(label: str) -> str:
    """Of a series and minute: more by day than by night."""
    return f"{CHANCE.format(minute='minute', of='series_id')} < {USUAL[label]} * (1 + minute / 60 % 24 / 8) / 2"


def _fill_sqlite(store: Store, from_ms: int, minutes: int, payload: bytes) -> None:
    database = store._database  # type: ignore[attr-defined]
    database.execute("PRAGMA synchronous = OFF")
    runs = database.execute(
        "SELECT device.id, run.id, max(layout.id) FROM device JOIN run ON run.device_id = device.id"
        " JOIN layout ON layout.device_id = device.id GROUP BY 1, 2"
    ).fetchall()
    every = f"minute (minute) AS (SELECT 0 UNION ALL SELECT minute + 1 FROM minute WHERE minute < {minutes - 2})"
    next_id = 1_000
    for device_id, run_id, layout_id in runs:
        database.execute("BEGIN")
        whole = f"CASE WHEN minute >= {minutes - PAYLOAD_DAYS * 1_440} THEN ? ELSE x'7b7d' END"
        database.execute(
            f"WITH RECURSIVE {every} INSERT INTO report SELECT {next_id} + minute,"
            f" {_columns(from_ms, whole, str(layout_id))}"
            f" FROM (SELECT minute, {device_id} AS device_id, {run_id} AS run_id FROM minute) WHERE {_HERE}",
            (payload,),
        )
        series = database.execute("SELECT id, class FROM series WHERE device_id = ?", (device_id,)).fetchall()
        for series_id, label in series:
            database.execute(
                f"WITH RECURSIVE {every} INSERT INTO vehicles SELECT series_id,"
                f" {from_ms} + minute * {MINUTE_MS}, {next_id} + minute, 1 + minute % 2 FROM"
                f" (SELECT minute, {series_id} AS series_id, {device_id} AS device_id FROM minute)"
                f" WHERE {_HERE} AND {_SEEN} AND {_usual(label)}"
            )
        database.execute("COMMIT")
        next_id += minutes + 1_000
    _fill_zones(database)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.execute("PRAGMA synchronous = FULL")


def _fill_zones(database: Any) -> None:
    """What every report says of its zone, in either store."""
    said = "zone.id, start_ms, watched_ms, watched_ms * 3 / 2, 4, 3, 2, 1, 9000, 40000, 60000, NULL, seq, run_id"
    database.execute(
        f"INSERT INTO zone_report ({', '.join(STORED)}) SELECT {said}, seq % 4, 0 FROM report"
        " JOIN zone ON zone.device_id = report.device_id WHERE layout_id IS NOT NULL ON CONFLICT DO NOTHING"
    )


def _fill_postgres(store: Store, from_ms: int, minutes: int, payload: bytes) -> None:
    from collector.store.postgres.schema import TABLES_OF_A_MONTH, month_of, partition  # noqa: PLC0415

    database = store._database  # type: ignore[attr-defined]
    database.execute("SET statement_timeout = 0")
    database.execute("SET synchronous_commit = off")
    database.execute("SET maintenance_work_mem = '512MB'")
    months = {month_of(from_ms + day * DAY_MS) for day in range(minutes // 1_440 + 1)}
    for month in sorted(month for month in months if month is not None):
        for table in TABLES_OF_A_MONTH:
            database.execute(partition(table, month))
    indexes = database.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'crossing'"
        " AND tablename IN ('report', 'vehicles')"
    ).fetchall()
    for name, _ in indexes:
        database.execute(f"DROP INDEX crossing.{name}")
    runs = database.execute(
        "SELECT device.id, run.id, max(layout.id) FROM device JOIN run ON run.device_id = device.id"
        " JOIN layout ON layout.device_id = device.id GROUP BY 1, 2"
    ).fetchall()
    # month by month, all devices in turn within an hour, as they would come
    whole = (
        f"CASE WHEN minute >= {minutes - PAYLOAD_DAYS * 1_440} THEN '\\x{payload.hex()}'::bytea ELSE '{{}}'::bytea END"
    )
    devices_of = ", ".join(f"({d}::bigint, {r}::bigint, {layout}::bigint)" for d, r, layout in runs)
    every = f"generate_series(0::bigint, {minutes - 2}::bigint) AS minute"
    database.execute(
        "INSERT INTO report (device_id, run_id, seq, start_ms, width_ms, watched_ms, layout_id, received_ms, payload)"
        f" SELECT {_columns(from_ms, whole, 'layout_id')} FROM {every}"
        f" CROSS JOIN (VALUES {devices_of}) AS mine (device_id, run_id, layout_id) WHERE {_HERE}"
    )
    print("postgres: reports are there", file=sys.stderr)
    for label in CLASSES:
        database.execute(
            "INSERT INTO vehicles (series_id, start_ms, number)"
            f" SELECT series_id, CAST({from_ms} AS BIGINT) + minute * {MINUTE_MS}, 1 + minute % 2 FROM {every}"
            f" CROSS JOIN (SELECT id AS series_id, device_id FROM series WHERE class = '{label}') AS mine"
            f" WHERE {_HERE} AND {_SEEN} AND {_usual(label)}"
        )
    print("postgres: vehicles are there", file=sys.stderr)
    for _, definition in indexes:
        database.execute(definition.replace(" ON ONLY ", " ON "))  # with those of the partitions
    _fill_zones(database)
    database.execute("VACUUM (ANALYZE) report")
    database.execute("VACUUM (ANALYZE) vehicles")


def _sum_up_postgres(database: Any) -> None:
    """What `rebuild` does device by day, in a few statements: all zones here are eight hours ahead of UTC."""
    from collector.store.postgres.store import _Tables  # noqa: PLC0415

    database.execute("SET statement_timeout = 0")
    hour, day = f"start_ms / {HOUR_MS} * {HOUR_MS}", f"(start_ms + 8 * {HOUR_MS}) / {DAY_MS} * {DAY_MS} - 8 * {HOUR_MS}"
    hours_ms, days_ms = NOW_MS // HOUR_MS * HOUR_MS, floor("day", ZONE, NOW_MS)
    database.execute("TRUNCATE rollup_watched, rollup_vehicles, rollup_zone")
    device_ids = [id_ for (id_,) in database.execute("SELECT id FROM device").fetchall()]
    for level, start, mark_ms in ((1, hour, hours_ms), (2, day, days_ms)):
        sum_up_zones(_Tables(database), device_ids, level, start, f"start_ms < {mark_ms}")
    for statement in (
        f"INSERT INTO rollup_vehicles SELECT 1, series_id, {hour}, sum(number) FROM vehicles"
        f" WHERE start_ms < {hours_ms} GROUP BY 2, 3",
        f"INSERT INTO rollup_vehicles SELECT 2, series_id, {day}, sum(number) FROM rollup_vehicles"
        f" WHERE level = 1 AND start_ms < {days_ms} GROUP BY 2, 3",
        f"INSERT INTO rollup_watched SELECT 1, device_id, {hour}, coalesce(layout_id, 0), sum(watched_ms),"
        f" sum(width_ms), count(*) FROM report WHERE start_ms < {hours_ms} GROUP BY 2, 3, 4",
        f"INSERT INTO rollup_watched SELECT 2, device_id, {day}, layout_id, sum(watched_ms), sum(reported_ms),"
        f" sum(reports) FROM rollup_watched WHERE level = 1 AND start_ms < {days_ms} GROUP BY 2, 3, 4",
        f"UPDATE device SET time_zone = '{ZONE}', hours_ms = {hours_ms}, days_ms = {days_ms}",
        "VACUUM (ANALYZE) rollup_watched, rollup_vehicles, rollup_zone, zone_report, device, series, zone",
    ):
        database.execute(statement)


def page_of(sites: Mapping[str, Site], now_ms: int) -> dict[str, Ask]:
    """What the page of one site asks."""
    day_ms = floor("day", ZONE, now_ms)
    month_ms = floor("month", ZONE, now_ms)
    today = axis("hour", ZONE, day_ms, day_ms + DAY_MS, now_ms=now_ms)
    fives = axis("5min", ZONE, day_ms, now_ms, now_ms=now_ms)
    month = axis("day", ZONE, now_ms - 30 * DAY_MS, now_ms)
    return {
        "today by hour": lambda reading, site, _: places(counts(reading, Scope(site=site), today), sites),
        "today by 5 minutes": lambda reading, site, _: counts(reading, Scope(site=site), fives),
        "usual for today, 8 weeks": lambda reading, site, _: bands(reading, Scope(site=site), today, weeks=8),
        "30 days by day": lambda reading, site, _: counts(reading, Scope(site=site), month),
        "balance, this month": lambda reading, site, _: balance(reading, site, sites, month_ms, now_ms),
        "queues, today by 5 minutes": lambda reading, site, _: queues(reading, Scope(site=site), fives),
        "coverage, 30 days": lambda reading, site, _: coverage(reading, Scope(site=site), month),
    }


def _others(days: int) -> dict[str, Ask]:
    sites = sites_of(SITES)
    from_ms = NOW_MS - days * DAY_MS
    day_ms = floor("day", ZONE, NOW_MS)
    month_ms = NOW_MS - 30 * DAY_MS
    today = axis("hour", ZONE, day_ms, NOW_MS)
    by_month, by_day, by_hour = (axis(interval, ZONE, from_ms, NOW_MS) for interval in ("month", "day", "hour"))
    elsewhere = axis("day", "America/New_York", from_ms, NOW_MS)
    hours = axis("hour", ZONE, month_ms, NOW_MS)
    minutes = axis("minute", ZONE, NOW_MS - DAY_MS, NOW_MS)
    quarters = axis("15min", ZONE, NOW_MS - 7 * DAY_MS, NOW_MS)
    return {
        "all sites, today by hour": lambda reading, *_: counts(reading, Scope(), today),
        "queues, 30 days by hour": lambda reading, site, _: queues(reading, Scope(site=site), hours),
        "queues, all time by month": lambda reading, site, _: queues(reading, Scope(site=site), by_month),
        "all sites, all time by month": lambda reading, *_: counts(reading, Scope(), by_month),
        "a site, all time by day": lambda reading, site, _: counts(reading, Scope(site=site), by_day),
        "a site, all time by day of another zone": lambda reading, site, _: counts(
            reading, Scope(site=site), elsewhere
        ),
        "a device, all time by hour": lambda reading, site, device: counts(
            reading, Scope(site=site, device=device), by_hour
        ),
        "a site, 30 days by hour": lambda reading, site, _: counts(reading, Scope(site=site), hours),
        "a site, 7 days by 15 minutes": lambda reading, site, _: counts(reading, Scope(site=site), quarters),
        "a site, 24 hours by minute": lambda reading, site, _: counts(reading, Scope(site=site), minutes),
        "balance, all time": lambda reading, site, _: balance(reading, site, sites, from_ms, NOW_MS),
        "coverage of all, all time by day": lambda reading, *_: coverage(reading, Scope(), by_day),
        "day and night, 30 days": lambda reading, site, _: day_split(
            reading, Scope(site=site), axis("day", ZONE, month_ms, NOW_MS), sites[site]
        ),
        "head to head, 30 days by hour": lambda reading, site, _: agreements(reading, site, sites, hours),
        "evidence of an hour": lambda reading, site, device: (
            evidence(reading, Scope(site=site, device=device), NOW_MS - HOUR_MS, NOW_MS),
            raw_reports(reading, Scope(site=site, device=device), NOW_MS - HOUR_MS, NOW_MS),
        ),
    }


def _measure(where: str, days: int, rounds: int) -> dict[str, list[float]]:
    chance = random.Random(7)
    names = [(f"site-{chance.randrange(SITES)}", f"mast-{chance.randrange(DEVICES)}") for _ in range(rounds)]
    return measure(where, page_of(sites_of(SITES), NOW_MS), _others(days), names)


def measure(
    where: str, page: Mapping[str, Ask], others: Mapping[str, Ask], names: Sequence[tuple[str, str]]
) -> dict[str, list[float]]:
    """Milliseconds of each question, asked about one site and device after the other."""
    took: dict[str, list[float]] = {name: [] for name in [PAGE, *page, *others, REST]}
    with open_store(where, write=False) as store:
        for site, device in names:
            started = time.perf_counter()
            with store.reading() as reading:
                for name, ask in page.items():
                    took[name].append(_ms(ask, reading, site, device))
            took[PAGE].append(1_000 * (time.perf_counter() - started))
            with store.reading() as reading:
                for name, ask in others.items():
                    took[name].append(_ms(ask, reading, site, device))
            started = time.perf_counter()
            devices(store)
            gaps(store)
            took[REST].append(1_000 * (time.perf_counter() - started))
    return took


def _ms(ask: Ask, reading: Reading, site: str, device: str) -> float:
    started = time.perf_counter()
    ask(reading, site, device)
    return 1_000 * (time.perf_counter() - started)


def table(found: dict[str, Any]) -> None:
    """Print p50 and p95 of every question, by kind of store."""
    kinds = list(found)
    print("| view | " + " | ".join(f"{kind} p50 | p95" for kind in kinds) + " |")
    print("|---|" + "---|" * 2 * len(kinds))
    for name in next(iter(found.values()))["ms"]:
        cells = []
        for kind in kinds:
            times = found[kind]["ms"][name]
            cells += [f"{statistics.median(times):.0f}", f"{sorted(times)[int(0.95 * (len(times) - 1) + 0.5)]:.0f}"]
        print(f"| {name} | " + " | ".join(cells) + " |")
    for kind in kinds:
        if built := found[kind]["built"]:
            print(f"{kind}: filled in {built['fill_s']:.0f} s, summed up in {built['rebuild_s']:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
