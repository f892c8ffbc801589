"""totals, balance, export and rollup in the terminal: local times, blind told from zero, whole files or none."""

import csv
import json
import sys
import zipfile
from datetime import date
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from collector.cli import main
from collector.queries.export import columns_of
from collector.queries.export_xlsx import Xlsx
from collector.queries.records import Record
from collector.queries.sums import BalanceRecord, TotalRecord
from collector.store.sqlite.store import SqliteStore
from edge.errors import InputError
from tests.collector.messages import MINUTE_MS, NOON_MS, a_report, blind, received
from tests.collector.older import make_postgres_older, make_sqlite_older

DAY_MS = 86_400_000


@pytest.fixture
def config(tmp_path: Path) -> list[str]:
    """A store of an hour from noon UTC on, which is 20:00 at the site, handed in two days later as of a recording."""
    with SqliteStore(tmp_path / "store.sqlite") as store:
        reports = [*(a_report(seq) for seq in (1, 2, 3)), blind(61), a_report(1, device="mast-2")]
        store.commit([received(report) for report in reports], now_ms=NOON_MS + 2 * DAY_MS)
    path = tmp_path / "collector.yaml"
    path.write_text(
        "store: store.sqlite\nmqtt: {host: x}\nsites:\n  bridge:\n    time_zone: Asia/Shanghai\n"
        "    latitude: 40.1\n    longitude: 124.4\n    tonnes: {truck: 40}\n"
        "    same_lines: {deck: [mast-1/deck, mast-2/deck]}\n"
    )
    return ["--config", str(path)]


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(list(words)) == 0
    return capsys.readouterr().out


SPAN = ["--from", "2026-11-25T20:00", "--to", "2026-11-25T22:00"]


def test_totals_by_hour_are_in_the_sites_time_and_blind_is_no_zero(
    config: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = said(capsys, "totals", *config, *SPAN, "--interval", "hour", "--device", "mast-1").splitlines()
    assert [row.split() for row in rows[:3]] == [
        ["site", "device", "line", "direction", "from", "car", "truck", "all", "watched"],
        ["bridge", "mast-1", "deck", "outbound", "2026-11-25", "20:00", "6", "0", "6", "5.0%"],
        ["bridge", "mast-1", "deck", "outbound", "2026-11-25", "21:00", "blind", "blind", "blind", "0.0%"],
    ]


def test_estimates_and_loads_have_columns_of_their_own(config: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    words = ["totals", *config, *SPAN, "--interval", "hour", "--device", "mast-1", "--estimate", "--load"]
    row = said(capsys, *words).splitlines()[3]
    assert row.split()[-6:] == ["0", "3", "3", "~60", "~120", "5.0%"]
    first = json.loads(said(capsys, *words, "--json"))["totals"][1]["intervals"]
    assert (first[0]["counts"], first[0]["estimates"]["truck"], first[0]["tonnes_estimate"]) == (
        {"car": 0, "truck": 3},
        60.0,
        120.0,
    )
    assert (first[1]["counts"], first[1]["all"], first[1]["state"]) == (None, None, "blind")


def test_places_and_daylight(config: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    rows = said(capsys, "totals", *config, *SPAN, "--interval", "day", "--places").splitlines()
    assert [row.split()[1:4] for row in rows[1:]] == [["-", "deck", "outbound"], ["-", "deck", "return"]]
    by_day, by_night = said(capsys, "totals", *config, *SPAN, "--interval", "day", "--daylight").split("\n\n")
    assert "blind" in by_day.splitlines()[1]
    assert by_night.splitlines()[1].split()[-4:-1] == ["6", "0", "6"]


def test_a_time_with_a_zone_means_the_same_everywhere(config: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    local = said(capsys, "totals", *config, "--from", "2026-11-25T20:02", "--json")
    assert local == said(capsys, "totals", *config, "--from", "2026-11-25T12:02Z", "--json")
    assert json.loads(local)["totals"][0]["counts"] == {"car": 5, "truck": 0}


def test_balance(config: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    rows = said(capsys, "balance", *config).splitlines()
    assert [row.split()[2:7] for row in rows[1:4]] == [
        ["deck", "car", "6", "0", "+6"],
        ["deck", "truck", "0", "3", "-3"],
        ["deck", "all", "6", "3", "+3"],
    ]
    (found,) = json.loads(said(capsys, "balance", *config, "--json"))["balances"]
    assert found["classes"]["truck"]["balance"] == -3


def test_the_balance_says_what_its_interval_covers(config: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    words = said(capsys, "balance", *config)
    assert "true" not in words
    assert "95%, unwatched time only" in words.splitlines()[0]
    assert "errors of counting, in time that was watched, are not in it." in words
    (found,) = json.loads(said(capsys, "balance", *config, "--json"))["balances"]
    assert found["covers"].startswith("where the balance lies with the vehicles of time that nobody watched")


def test_export_as_csv_and_json_lines_say_the_same(
    config: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "counts.csv"
    assert main(["export", *config, *SPAN, "--out", str(out)]) == 0
    rows = list(csv.DictReader(StringIO(out.read_text())))
    lines = said(capsys, "export", *config, *SPAN, "--format", "jsonl").splitlines()
    assert [(row["start"], row["vehicles"], row["state"]) for row in rows] == [
        (one["start"], "" if one["vehicles"] is None else str(one["vehicles"]), one["state"])
        for one in map(json.loads, lines)
    ]
    assert list(rows[0]) == list(columns_of(Record))
    assert rows[0] == {
        "site": "bridge", "device": "mast-1", "line": "deck", "direction": "outbound", "class": "car",
        "start": "2026-11-25T12:00:00Z", "end": "2026-11-25T13:00:00Z", "local_start": "2026-11-25T20:00:00+08:00",
        "vehicles": "6", "state": "partial", "watched_ms": "180000", "span_ms": "3600000", "watched_share": "0.05",
        "estimate": "", "tonnes": "", "models": "",
    }  # fmt: skip


def test_what_an_install_without_the_extra_lacks_is_told_in_one_sentence(
    config: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "astral", None)
    monkeypatch.delitem(sys.modules, "collector.queries.daylight", raising=False)
    assert main(["totals", *config, *SPAN, "--interval", "day", "--daylight"]) == 2
    assert "--daylight needs astral: pip install 'crossing-monitor[collector]'" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_export_as_parquet_and_arrow(config: list[str], tmp_path: Path, kind: str) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / f"counts.{kind}"
    assert main(["export", *config, *SPAN, "--interval", "minute", "--out", str(out)]) == 0
    table = pq.read_table(out) if kind == "parquet" else pa.ipc.open_file(out).read_all()
    assert table.column_names == list(columns_of(Record))
    trucks = [row["vehicles"] for row in table.to_pylist() if row["class"] == "truck" and row["direction"] == "return"]
    assert [trucks[i] for i in (0, 1, 2, 4, 61)] == [None, 1, 1, None, None]
    assert table.column("start")[0].as_py().isoformat() == "2026-11-25T12:00:00+00:00"


def cells(workbook: Path, sheet: int) -> list[dict[str, str | float]]:
    """What a sheet holds, row by row, by the letters of its columns."""
    name = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    with zipfile.ZipFile(workbook) as parts:
        root = ElementTree.fromstring(parts.read(f"xl/worksheets/sheet{sheet}.xml"))
    found = []
    for row in root.iter(f"{name}row"):
        values: dict[str, str | float] = {}
        for cell in row.iter(f"{name}c"):
            text = "".join(cell.itertext())
            values[cell.attrib["r"].rstrip("0123456789")] = text if cell.get("t") == "inlineStr" else float(text)
        found.append(values)
    return found


def test_a_workbook_has_numbers_times_units_and_notes(config: list[str], tmp_path: Path) -> None:
    pytest.importorskip("xlsxwriter")
    out = tmp_path / "counts.xlsx"
    assert main(["export", *config, *SPAN, "--interval", "minute", "--class", "truck", "--out", str(out)]) == 0
    notes, (heads, *rows) = cells(out, 1), cells(out, 2)
    assert list(heads.values())[4:8] == ["class", "start (UTC)", "end (UTC)", "local_start (site's time)"]
    assert {row.get("E") for row in rows} <= {"truck", None}
    trucks = [row for row in rows if row["D"] == "return" and row.get("E") == "truck"]
    assert [trucks[i].get("I") for i in (0, 1, 2, 4, 61)] == [None, 1, 1, None, None], "empty where nobody watched"
    day = (date(2026, 11, 25) - date(1899, 12, 30)).days
    assert (trucks[0]["F"], trucks[0]["H"]) == (day + 0.5, pytest.approx(day + 20 / 24))
    assert [note["A"] for note in notes[1:17]] == list(columns_of(Record))
    assert notes[9] == {"A": "vehicles", "B": "vehicles", "C": "Counted crossings. Empty is not 0: nobody watched."}


def test_a_sheet_that_is_full_goes_on_in_the_next(tmp_path: Path) -> None:
    pytest.importorskip("xlsxwriter")

    class Row(msgspec.Struct):
        site: str
        vehicles: int | None

    book = Xlsx(("site", "vehicles"), sheet_rows=3)
    assert book.piece([Row("=1+1", n) for n in range(5)]) == b""
    (tmp_path / "book.xlsx").write_bytes(book.end())
    assert [len(cells(tmp_path / "book.xlsx", sheet)) for sheet in (2, 3, 4)] == [3, 3, 2]
    assert cells(tmp_path / "book.xlsx", 2)[1] == {"A": "=1+1", "B": 0.0}, "a text, and no formula"


def test_an_export_to_standard_output_is_csv_of_the_class_asked_for_with_a_mark_on_request(
    config: list[str], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["export", *config, *SPAN, "--class", "truck", "--mark"]) == 0
    out = capfdbinary.readouterr().out
    assert out.startswith(b"\xef\xbb\xbfsite,device,")
    rows = list(csv.DictReader(StringIO(out.decode("utf-8-sig"))))
    assert {row["class"] for row in rows} == {"truck"}
    assert main(["export", *config, "--mark", "--format", "jsonl"]) == 2
    assert main(["export", *config, "--class", "truck", "--convoys"]) == 2


def test_an_export_that_fails_leaves_no_file(config: list[str], tmp_path: Path) -> None:
    assert main(["export", *config, "--scheme", "tls-5+1", "--out", str(tmp_path / "x.csv")]) == 2
    assert main(["export", *config, "--out", str(tmp_path / "x.xls")]) == 2
    assert main(["export", *config, "--out", str(tmp_path / "nowhere" / "x.csv")]) == 1
    assert {path.name.split("-")[0] for path in tmp_path.iterdir()} == {"collector.yaml", "store.sqlite"}


def test_rollup_tells_a_zone_that_was_changed_and_rebuild_sums_up_in_it(
    config: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = said(capsys, "totals", *config, "--interval", "day")
    states = json.loads(said(capsys, "rollup", *config, "--json"))["rollups"]
    assert [(one["time_zone"], one["state"]) for one in states] == [("UTC", "other zone")] * 2
    states = json.loads(said(capsys, "rollup", *config, "--rebuild", "--json"))["rollups"]
    assert [(one["time_zone"], one["state"]) for one in states] == [("Asia/Shanghai", "current")] * 2
    assert said(capsys, "totals", *config, "--interval", "day") == before


def test_a_store_of_the_first_version_is_taken_on_by_who_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "old.sqlite"
    with SqliteStore(path) as store:
        store.commit([received(a_report(seq * 60)) for seq in range(1, 40)], now_ms=NOON_MS + 5 * DAY_MS)
    before = said(capsys, "totals", "--store", str(path), "--interval", "day")
    make_sqlite_older(path, 2)
    with pytest.raises(InputError, match="is of version 2; `crossing-collector run` brings it to version 6"):
        SqliteStore(path, write=False)
    with SqliteStore(path) as store:
        assert [state.complete for state in store.rollups()] == [False]
    assert said(capsys, "totals", "--store", str(path), "--interval", "day") == before
    with SqliteStore(path) as store:  # a report that comes before anybody summed up loses nothing
        store.commit([received(a_report(60 * 40))], now_ms=NOON_MS + 5 * DAY_MS)
    kept = said(capsys, "totals", "--store", str(path), "--interval", "day")
    said(capsys, "rollup", "--store", str(path), "--rebuild")
    with SqliteStore(path) as store:
        assert [state.complete for state in store.rollups()] == [True]
    assert said(capsys, "totals", "--store", str(path), "--interval", "day") == kept


def test_postgresql_of_the_first_version_is_taken_on(postgres_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    from collector.store.postgres.store import PostgresStore  # noqa: PLC0415

    with PostgresStore(postgres_url) as store:
        store.commit([received(a_report(seq * 60)) for seq in range(1, 40)], now_ms=NOON_MS + 5 * DAY_MS)
    before = said(capsys, "totals", "--store", postgres_url, "--interval", "day")
    make_postgres_older(postgres_url, 1)
    with pytest.raises(InputError, match="is of version 1; `crossing-collector run` brings it to version 5"):
        PostgresStore(postgres_url, write=False)
    with PostgresStore(postgres_url) as store:
        assert [state.complete for state in store.rollups()] == [False]
    assert said(capsys, "totals", "--store", postgres_url, "--interval", "day") == before
    said(capsys, "rollup", "--store", postgres_url, "--rebuild")
    assert said(capsys, "totals", "--store", postgres_url, "--interval", "day") == before


@pytest.mark.parametrize(
    ("site", "sentence"),
    [
        ("{time_zone: Asia/Nowhere}", "sites.bridge: time_zone: there is no time zone 'Asia/Nowhere'"),
        ("{latitude: 40}", "sites.bridge: `latitude` and `longitude` go together"),
        ("{lattitude: 40}", "sites.bridge.lattitude is not known; did you mean 'latitude'?"),
        ("{out: [a], back: [a]}", "sites.bridge: `out` and `back` both name a"),
        ("{same_lines: {d: [m/l, m/l]}}", "sites.bridge: same_lines: m/l stands there twice"),
        ("{same_lines: {d: [nothing]}}", "allowed is device/line, such as mast-1/deck"),
    ],
)
def test_what_is_wrong_about_a_site_is_one_sentence(
    site: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "collector.yaml"
    path.write_text(f"store: s\nmqtt: {{host: x}}\nsites: {{bridge: {site}}}\n")
    assert main(["totals", "--config", str(path)]) == 2
    assert sentence in capsys.readouterr().err


def test_the_last_day_is_all_there(config: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    hours = json.loads(said(capsys, "totals", *config, "--interval", "hour", "--json"))["totals"]
    assert sum(one["span_ms"] for one in hours[0]["intervals"]) == 61 * MINUTE_MS


def test_an_interval_shorter_than_the_reports_is_refused(config: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with SqliteStore(Path(config[1]).with_name("store.sqlite")) as store:
        wide = a_report(600, device="mast-3", width_ms=5 * MINUTE_MS, watched_ms=MINUTE_MS)
        store.commit([received(wide)], now_ms=NOON_MS)
    assert main(["totals", *config, "--interval", "minute"]) == 2
    said_ = "--interval minute is shorter than the reports of bridge/mast-3, of 5 min each"
    assert capsys.readouterr().err == f"crossing-collector: {said_}\n"
    assert main(["totals", *config, "--interval", "minute", "--device", "mast-1"]) == 0
    assert main(["export", *config, "--interval", "5min", "--format", "csv"]) == 0


def test_totals_and_balances_are_written_as_a_workbook_with_units_and_notes(
    config: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("xlsxwriter")
    out = tmp_path / "sums.xlsx"
    assert main(["export", *config, *SPAN, "--totals", "--device", "mast-1", "--out", str(out)]) == 0
    heads, *rows = cells(out, 2)
    assert list(heads.values())[8:10] == ["vehicles (vehicles)", "state"]
    assert [(row["D"], row["E"], row["I"]) for row in rows] == [
        ("outbound", "car", 6), ("outbound", "truck", 0), ("return", "car", 0), ("return", "truck", 3),
    ]  # fmt: skip
    assert [note["A"] for note in cells(out, 1)[1:19]] == list(columns_of(TotalRecord))

    assert main(["export", *config, *SPAN, "--balance", "--class", "truck", "--out", str(out)]) == 0
    heads, row = cells(out, 2)
    assert list(heads.values())[6:11] == [
        "out_direction", "back_direction", "out (vehicles)", "back (vehicles)", "balance (vehicles)",
    ]  # fmt: skip
    assert (row["D"], row["G"], row["I"], row["J"], row["K"]) == ("truck", "outbound", 0, 3, -3)
    assert [note["A"] for note in cells(out, 1)[1:21]] == list(columns_of(BalanceRecord))
    (table,) = json.loads(said(capsys, "balance", *config, *SPAN, "--json"))["balances"]
    lines = [
        json.loads(one) for one in said(capsys, "export", *config, *SPAN, "--balance", "--format", "jsonl").split()
    ]
    assert {one["class"]: one["balance"] for one in lines} == {"car": 6, "truck": -3, "all": 3}
    assert lines[-1]["unseen_low"] == table["all"]["low"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--totals", "--interval", "day"], "--interval does not go with --totals and --balance"),
        (["--balance", "--estimate"], "--estimate and --load do not go with --balance"),
        (["--balance", "--totals"], "not allowed with argument"),
    ],
)
def test_what_does_not_go_together_is_refused(
    words: list[str], sentence: str, config: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(["export", *config, *words])
    except SystemExit as ended:
        code = ended.code  # type: ignore[assignment]
    assert code == 2
    assert sentence in capsys.readouterr().err
