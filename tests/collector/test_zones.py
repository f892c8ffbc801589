"""What the last reports say of the queue zones."""

import json
from pathlib import Path

import msgspec
import pytest

from collector.cli import main
from collector.queries.totals import Selection, totals
from collector.queries.zones import ZoneState, last_zones
from collector.store.sqlite.store import SqliteStore
from edge.wire.report import Expected, LengthLevel, Level, Likely, Report, Waits, ZoneReport
from tests.collector.messages import MINUTE_MS, NOON_MS, a_report, blind, received


def zone(standing: int) -> ZoneReport:
    return ZoneReport(
        inside=Level(mean=9.5, max=12, end=standing + 1),
        standing=Level(mean=7.25, max=11, end=standing),
        parked=1,
        by_class={"truck": standing + 1},
        left=4,
        waited=3,
        wait_ms=Waits(p50=61_000, p90=125_000, max=130_000),
        expected_ms=Expected(p10=50_000, p50=90_000, p90=200_000),
        hidden_likely=Likely(mean=1.4, p10=0, p90=3),
        queue_m=LengthLevel(mean=80.0, max=104.2, end=99.6),
    )


def a_store(path: Path, *reports: Report) -> Path:
    with SqliteStore(path / "store.sqlite") as store:
        store.commit([received(report) for report in reports], now_ms=NOON_MS)
    return path / "store.sqlite"


def test_every_zone_is_as_in_the_last_report_of_its_device(tmp_path: Path) -> None:
    path = a_store(
        tmp_path,
        a_report(2, zones={"queue": zone(8), "bay": zone(2)}),
        a_report(1, zones={"queue": zone(5)}),
        a_report(1, device="mast-2"),
        blind(3, device="mast-3", zones=None),
    )
    with SqliteStore(path, write=False) as store:
        assert last_zones(store) == [
            ZoneState("bridge", "mast-1", "bay", NOON_MS + 2 * MINUTE_MS, MINUTE_MS, zone(2)),
            ZoneState("bridge", "mast-1", "queue", NOON_MS + 2 * MINUTE_MS, MINUTE_MS, zone(8)),
            ZoneState("bridge", "mast-3", "", NOON_MS + 3 * MINUTE_MS, MINUTE_MS, None),
        ]
        assert last_zones(store, device="mast-2") == []


def test_zones_change_no_total(tmp_path: Path) -> None:
    found = []
    for name, more in (("with", {"zones": {"queue": zone(8)}}), ("without", {})):
        (tmp_path / name).mkdir()
        with SqliteStore(a_store(tmp_path / name, a_report(1, **more)), write=False) as store:
            found.append(totals(store, Selection()))
    assert found[0] == found[1]


def test_the_command_prints_a_table_or_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = a_store(tmp_path, a_report(1, zones={"queue": zone(8)}), blind(1, device="mast-3", zones=None))
    assert main(["zones", "--store", str(path)]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    until = "2026-11-25T12:02:00Z"
    hidden = ["1.4", "(0", "to", "3)"]
    waits = ["61", "s", "125", "s", "90", "s", "50", "to", "200", "s"]
    assert rows[1] == ["bridge", "mast-1", "queue", until, "9", "8", "11", "1", "4", *waits, "100", "m", *hidden, "-"]
    assert rows[2] == ["bridge", "mast-3", "-", until, *["blind"] * 12]
    assert main(["zones", "--store", str(path), "--json", "--device", "mast-1"]) == 0
    [said] = json.loads(capsys.readouterr().out)["zones"]
    assert said["said"] == msgspec.to_builtins(zone(8))


def test_no_zones_are_said_and_are_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zones", "--store", str(a_store(tmp_path, a_report(1)))]) == 0
    assert capsys.readouterr() == ("", "no zones in the last reports\n")
