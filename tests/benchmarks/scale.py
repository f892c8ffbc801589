# ruff: noqa: T201 - a script prints
"""What one machine holds: a store of very many devices, really filled, then asked, and fed on top.

    python -m tests.benchmarks.scale --keep scale.sqlite                                   10,000 devices
    python -m tests.benchmarks.scale --store postgres --url postgresql://... --devices 1000

Sites of five devices, each with a line of two directions and seven classes and a zone. There are roll-ups of a year,
hour by hour and day by day, and the one-minute reports of today, as they would lie in the tables after a year whose
older reports were moved away. Databases fill their tables by arithmetic: rows and sizes are real, numbers are not, and
days are not the sums of their hours. One site in `--whole` keeps its messages, and only such sites are asked about;
the rest have an empty message, which no view reads. Then every device reports once a minute through a broker, over the
turn of an hour, in which all that they have is summed up, while pages are asked for.
"""

import argparse
import json
import multiprocessing
import os
import random
import resource
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from collector.api.site_routes import _site_today
from collector.domain.calendar import floor
from collector.domain.scope import Scope
from collector.queries.axis import axis
from collector.queries.counts import counts, coverage
from collector.queries.devices import devices
from collector.store.interface import Store
from collector.store.opening import open_store
from edge.errors import CrossingError
from edge.wire.report import encode
from edge.wire.topics import topic_of
from tests.benchmarks import intake, load
from tests.benchmarks.views import (
    CHANCE,
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    PAGE,
    REST,
    ZONE,
    Ask,
    a_report,
    measure,
    page_of,
    sites_of,
    table,
    taken,
)  # fmt: skip
from tests.collector import mosquitto, postgres

NOW_MS = 1_795_680_000_000 - MINUTE_MS
"""One minute before an hour, in the afternoon at the sites."""
DAY_FROM_MS = floor("day", ZONE, NOW_MS)
PER_SITE = 5
EVERY_HOURS = {"bicycle": 10, "bus": 10, "car": 1, "motorcycle": 10, "truck": 2, "unclassified": 10, "van": 2}
"""In one of so many hours a vehicle of the class crosses: a quiet road, 5 rows an hour of the 14 there could be."""
IN_MINUTES = {"bicycle": 1, "bus": 1, "car": 30, "motorcycle": 1, "truck": 10, "unclassified": 1, "van": 5}
PAUSE_S = 2.0


class Fleet(NamedTuple):
    """So many devices, how many days they have reported, and of how many sites one keeps its messages."""

    devices: int
    days: int
    whole: int

    def name(self, i: int) -> tuple[str, str]:
        """Site and device."""
        return f"site-{i // PER_SITE}", f"mast-{i % PER_SITE}"

    def sites(self) -> int:
        """How many."""
        return -(-self.devices // PER_SITE)

    def asked(self) -> list[str]:
        """The sites that keep their messages."""
        return [f"site-{i}" for i in range(0, self.sites(), self.whole)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="scale", description="Fills a store as large as a fleet's, and asks it.")
    parser.add_argument("--devices", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--whole", type=int, default=20, help="of so many sites one keeps whole messages")
    parser.add_argument("--rounds", type=int, default=20, help="of questions; 0: none")
    parser.add_argument("--minutes", type=int, default=3, help="of live intake; 0: none")
    parser.add_argument("--store", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--keep", type=Path, default=Path("scale.sqlite"), help="a SQLite file to make, or to ask")
    parser.add_argument("--url", help="a PostgreSQL to fill, or to ask; else one is made and forgotten")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    fleet = Fleet(given.devices, given.days, given.whole)
    with _place(given.store, given.keep, given.url) as where:
        if not _is_built(where):
            builder = multiprocessing.get_context("spawn").Process(target=_build, args=(where, fleet))
            builder.start()  # a process of its own: how much it holds is not asked
            builder.join()
            assert builder.exitcode == 0
        found: dict[str, Any] = {"bytes": _size(where)}
        print(f"store: {found['bytes'] / 1e9:.2f} GB")
        if given.rounds:
            found["ms"] = _ask(where, fleet, given.rounds)
            found["resident_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            table({given.store: {"ms": found["ms"], "built": {}}})
            print(f"who asked held at most {found['resident_mib']:.0f} MiB")
        if given.minutes:
            found["live"] = _live(where, fleet, given.minutes, given.store)
    if given.json:
        print(json.dumps(found, sort_keys=True))
    return 0


@contextmanager
def _place(kind: str, keep: Path, url: str | None) -> Iterator[str]:
    if kind == "sqlite":
        yield str(keep)
    elif url is not None:
        yield url
    else:
        with postgres.server() as server:
            yield server.url


def _is_built(where: str) -> bool:
    try:
        with open_store(where, write=False) as store:
            return bool(devices(store))
    except CrossingError:
        return False


def _size(where: str) -> int:
    if not where.startswith("postgresql"):
        return Path(where).stat().st_size
    with open_store(where, write=False) as store, store.reading() as reading:
        return int(reading.rows("SELECT pg_database_size(current_database())", {})[0][0])


def _build(where: str, fleet: Fleet) -> None:
    """Names by real reports, the rest by the database itself."""
    started = time.monotonic()
    zones = {f"site-{i}": ZONE for i in range(fleet.sites())}
    minutes = (NOW_MS - DAY_FROM_MS) // MINUTE_MS  # of today; the last of them came as a real report
    with open_store(where, time_zones=zones) as store:
        for at in range(0, fleet.devices, 1_000):
            names = [fleet.name(i) for i in range(at, min(at + 1_000, fleet.devices))]
            batch = [taken(a_report(*name, minutes, NOW_MS - MINUTE_MS)) for name in names]
            store.commit(batch, now_ms=NOW_MS)
        payload = encode(a_report(*fleet.name(0), minutes, NOW_MS))
        is_postgres = where.startswith("postgresql")
        statements = [*_prepared(is_postgres), *_filling(fleet, minutes - 1, payload, is_postgres)]
        for statement in statements:
            _run(store, statement)
            seconds = time.monotonic() - started
            print(f"{seconds:>6.0f} s  {' '.join(statement.split())[:90]}", file=sys.stderr, flush=True)


def _run(store: Store, statement: str) -> None:
    store._database.execute(statement)  # type: ignore[attr-defined]


def _prepared(is_postgres: bool) -> list[str]:
    if is_postgres:
        return ["SET statement_timeout = 0", "SET synchronous_commit = off", "SET maintenance_work_mem = '512MB'"]
    return [
        "PRAGMA journal_mode = OFF",
        "PRAGMA synchronous = OFF",
        "PRAGMA cache_size = -1048576",
        "DROP INDEX report_time",
    ]


def _filling(fleet: Fleet, minutes: int, payload: bytes, is_postgres: bool) -> Iterator[str]:
    """Statements for both: rows come in the order of the keys, but reports in the order of time."""
    hours = fleet.days * 24
    from_ms, days_from_ms = NOW_MS // HOUR_MS * HOUR_MS - hours * HOUR_MS, DAY_FROM_MS - fleet.days * DAY_MS
    numbers = max(hours, minutes, fleet.days)
    yield "CREATE TEMP TABLE n (i INTEGER PRIMARY KEY)"
    yield (
        f"INSERT INTO n WITH RECURSIVE m (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM m WHERE i < {numbers - 1})"
        " SELECT i FROM m"
    )
    mine = "SELECT id, device_id, class FROM series ORDER BY id"
    for level, start_ms, step_ms, of in ((1, from_ms, HOUR_MS, hours), (2, days_from_ms, DAY_MS, fleet.days)):
        start = f"CAST({start_ms} AS BIGINT) + CAST({step_ms} AS BIGINT) * i"
        every = _of_class(EVERY_HOURS) if level == 1 else "1"
        yield (
            f"INSERT INTO rollup_vehicles (level, series_id, start_ms, number) SELECT {level}, mine.id,"
            f" {start} * mine.every, (1 + i % 9) * {1 if level == 1 else 24}"
            f" FROM (SELECT id, {every} AS every FROM series AS mine ORDER BY id) AS mine CROSS JOIN n"
            f" WHERE i < {of} / mine.every"
        )
        watched_ms = f"{step_ms} - 120000 * (i % 2)"
        yield (
            "INSERT INTO rollup_watched (level, device_id, start_ms, layout_id, watched_ms, reported_ms, reports)"
            f" SELECT {level}, mine.device_id, {start}, mine.id, {watched_ms}, {step_ms}, {step_ms // MINUTE_MS}"
            f" FROM (SELECT id, device_id FROM layout ORDER BY device_id) AS mine CROSS JOIN n WHERE i < {of}"
        )
    start = f"CAST({DAY_FROM_MS} AS BIGINT) + CAST({MINUTE_MS} AS BIGINT) * i"
    whole = f"'\\x{payload.hex()}'::bytea" if is_postgres else f"x'{payload.hex()}'"
    empty = "'{}'::bytea" if is_postgres else "x'7b7d'"
    asked = ", ".join(f"'{site}'" for site in fleet.asked())
    is_whole = f"mine.device_id IN (SELECT id FROM device WHERE site IN ({asked}))"
    if is_postgres:
        report, report_id, vehicle, of_vehicle = "", "", "", ""
    else:
        report, report_id = "id, ", f"{fleet.devices} + 1 + i * {fleet.devices} + mine.device_id, "
        vehicle, of_vehicle = ", report_id", f", {report_id[:-2]}"
    columns = "device_id, run_id, seq, start_ms, width_ms, watched_ms, layout_id, received_ms, payload"
    yield (
        f"INSERT INTO report ({report}{columns}) SELECT {report_id}mine.device_id, mine.run_id, i + 1, {start},"
        f" {MINUTE_MS}, {MINUTE_MS}, mine.layout_id, {start} + {MINUTE_MS} + 800,"
        f" CASE WHEN {is_whole} THEN {whole} ELSE {empty} END"
        " FROM n CROSS JOIN (SELECT run.device_id, run.id AS run_id, layout.id AS layout_id"
        " FROM run JOIN layout ON layout.device_id = run.device_id) AS mine"
        f" WHERE i < {minutes} ORDER BY i"
    )
    if is_postgres:
        yield f"INSERT INTO report_key SELECT run_id, seq, device_id, start_ms FROM report WHERE seq <= {minutes}"
    often = CHANCE.format(minute="CAST(i AS BIGINT)", of="mine.id")
    yield (
        f"INSERT INTO vehicles (series_id, start_ms, number{vehicle})"
        f" SELECT mine.id, {start}, 1 + i % 2{of_vehicle} FROM ({mine}) AS mine CROSS JOIN n"
        f" WHERE i < {minutes} AND {often} < {_of_class(IN_MINUTES)}"
    )
    yield (f"UPDATE device SET time_zone = '{ZONE}', hours_ms = {NOW_MS // HOUR_MS * HOUR_MS}, days_ms = {DAY_FROM_MS}")
    if is_postgres:
        yield "VACUUM (ANALYZE)"
    else:
        yield "CREATE INDEX report_time ON report (device_id, start_ms, width_ms, watched_ms, layout_id)"
        yield "PRAGMA journal_mode = WAL"


def _of_class(shares: dict[str, int]) -> str:
    whens = " ".join(f"WHEN '{label}' THEN {share}" for label, share in shares.items())
    return f"CASE mine.class {whens} END"


def _ask(where: str, fleet: Fleet, rounds: int) -> dict[str, list[float]]:
    sites = sites_of(fleet.sites())
    from_ms = NOW_MS - fleet.days * DAY_MS
    today = axis("hour", ZONE, DAY_FROM_MS, NOW_MS)
    by_month, by_day = (axis(interval, ZONE, from_ms, NOW_MS) for interval in ("month", "day"))
    others: dict[str, Ask] = {
        "a site, all time by day": lambda reading, site, _: counts(reading, Scope(site=site), by_day),
        "overview, 100 of the sites": lambda reading, *_: [
            _site_today(reading, site, sites, None, NOW_MS) for site in fleet.asked()[:100]
        ],
        "all sites, today by hour": lambda reading, *_: counts(reading, Scope(), today),
        "all sites, all time by month": lambda reading, *_: counts(reading, Scope(), by_month),
        "coverage of all, today by hour": lambda reading, *_: coverage(reading, Scope(), today),
    }
    names = _names(fleet, rounds)
    took = measure(where, page_of(sites, NOW_MS), {}, names)
    took.pop(REST)
    return took | {
        name: of for name, of in measure(where, {}, others, names[: max(2, rounds // 5)]).items() if name != PAGE
    }


def _names(fleet: Fleet, rounds: int) -> list[tuple[str, str]]:
    chance = random.Random(7)
    sites = fleet.asked()
    return [(chance.choice(sites), f"mast-{chance.randrange(PER_SITE)}") for _ in range(rounds)]


def _live(where: str, fleet: Fleet, minutes: int, kind: str) -> dict[str, Any]:
    """Every device reports once a minute, over the turn of an hour; every two seconds a new reader asks for a page."""
    reports = fleet.devices * minutes
    sites = sites_of(fleet.sites())
    with mosquitto.mosquitto() as broker:
        collect = partial(intake.collect, every=fleet.devices, wait_s=60 * minutes + 120)
        said, child = intake._start(collect, broker.port, "scale", where, reports)
        assert said.recv() == "subscribed"
        sender = multiprocessing.get_context("spawn").Process(target=_send, args=(broker.port, fleet, minutes))
        sender.start()
        took: list[float] = []
        resident_kib = 0
        for name in _names(fleet, 10_000):
            if said.poll(PAUSE_S):
                answer = said.recv()
                if isinstance(answer, tuple):
                    seconds, cpu_s = answer
                    break
                resident_kib = answer[1]
                print(f"{answer[0]:,} reports stored, {answer[1] / 1024:.0f} MiB", file=sys.stderr, flush=True)
            took += measure(where, page_of(sites, NOW_MS), {}, [name])[PAGE]
        child.join()
        sender.join()
    took.sort()
    found = {
        "reports": reports, "seconds": seconds, "cpu_share": cpu_s / seconds, "resident_mib": resident_kib / 1024,
        "page_p50_ms": statistics.median(took), "page_p95_ms": took[int(0.95 * (len(took) - 1) + 0.5)],
    }  # fmt: skip
    print(
        f"{fleet.devices:,} devices live for {minutes} minutes over the turn of an hour: {reports:,} reports in"
        f" {seconds:.0f} s, {100 * found['cpu_share']:.1f}% of one core, {found['resident_mib']:.0f} MiB ({kind});"
        f" a new reader's page meanwhile: p50 {found['page_p50_ms']:.0f} ms, p95 {found['page_p95_ms']:.0f} ms"
        f" of {len(took)}; load {os.getloadavg()[0]:.1f}"
    )
    return found


def _send(port: int, fleet: Fleet, minutes: int) -> None:
    first = (NOW_MS - DAY_FROM_MS) // MINUTE_MS
    stream = (
        (topic_of(*fleet.name(i), "report"), encode(a_report(*fleet.name(i), first + 1 + m, NOW_MS + m * MINUTE_MS)))
        for m in range(minutes)
        for i in range(fleet.devices)
    )
    load.send(port, stream, fleet.devices / 60)


if __name__ == "__main__":
    sys.exit(main())
