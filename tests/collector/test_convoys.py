"""Convoys that devices told of: each once at the centre, listed, exported, and told as an alert where they are long."""

import csv
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.cli import main
from collector.protocol.intake import ReceivedConvoy, Refusal, decode_message
from collector.store.convoys import convoys
from collector.store.interface import Store
from collector.store.postgres.store import PostgresStore
from collector.store.sqlite.store import SqliteStore
from deploy.channels import CHANNELS, payload_of
from edge.wire.times import rfc3339
from edge.wire.topics import topic_of
from tests.collector.messages import MINUTE_MS, NOON_MS, a_report, received
from tests.collector.older import make_postgres_older, make_sqlite_older
from tests.collector.test_alert_watch import listed, watch

[CHANNEL] = [channel for channel in CHANNELS if channel.name == "convoy"]


def payload(number: int = 1, *, since_ms: int = NOON_MS, trucks: int = 14, **fields: Any) -> bytes:
    times = {"since": rfc3339(since_ms), "until": rfc3339(since_ms + 12 * MINUTE_MS)}
    said = {"run": "run-1", "number": number, **times, "vehicles": trucks, "by_class": {"truck": trucks}}
    return msgspec.json.encode(json.loads(payload_of(CHANNEL)) | said | fields)


def convoy(number: int = 1, *, device: str = "mast-1", **fields: Any) -> ReceivedConvoy:
    item = decode_message(topic_of("bridge", device, "convoy"), payload(number, **fields))
    assert isinstance(item, ReceivedConvoy), item
    return item


def test_a_convoy_that_comes_twice_is_there_once(store: Store) -> None:
    for _ in range(2):
        store.commit([convoy(2, since_ms=NOON_MS + MINUTE_MS), convoy(1), convoy(1, device="mast-2")], now_ms=NOON_MS)
    with store.reading() as reading:
        found = convoys(reading, site="bridge")
        assert [(one.device, one.number) for one in found] == [("mast-1", 1), ("mast-2", 1), ("mast-1", 2)]
        assert (found[0].since_ms, found[0].until_ms) == (NOON_MS, NOON_MS + 12 * MINUTE_MS)
        assert (found[0].by_class, found[0].vehicles) == ({"truck": 14}, 14)
        assert (found[0].gap_min_ms, found[0].gap_p50_ms, found[0].gap_max_ms) == (5_200, 11_100, 19_400)
        assert [one.number for one in convoys(reading, device="mast-1", from_ms=NOON_MS + 1)] == [2]
        assert convoys(reading, site="bridge", to_ms=NOON_MS) == []
        assert convoys(reading, line="ramp") == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"until": rfc3339(NOON_MS - 1)},
        {"vehicles": 15},
        {"since": "soon"},
        {"number": 0},
        {"ended": "somehow"},
        {"by_class": {f"class-{number}": 1 for number in range(33)}, "vehicles": 33},
    ],
    ids=str,
)
def test_a_convoy_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    assert isinstance(decode_message("crossing/v1/bridge/mast-1/convoy", payload(**wrong)), Refusal)


def test_a_long_convoy_is_told_once_and_each_is_an_alert_of_its_own(store: Store) -> None:
    told = [convoy(1), convoy(2, since_ms=NOON_MS + 60 * MINUTE_MS, trucks=11, ended="unwatched"), convoy(3, trucks=9)]
    store.commit([received(a_report(1)), *told], now_ms=NOON_MS + 90 * MINUTE_MS)
    looker = watch(store)
    for minute in (90, 91):
        looker.look(NOON_MS + minute * MINUTE_MS)
        store.commit(told[:1], now_ms=NOON_MS + minute * MINUTE_MS)
    found = [one for one in listed(store) if one.kind == "convoy"]
    assert [(one.fate, one.subject.label, one.subject.direction, one.open) for one in found] == [
        ("told", "truck", "outbound", False)
    ] * 2
    first, second = (one.reason for one in found)
    assert first == (
        "A convoy of 14 trucks, outbound over deck (mast-1), 2026-11-25 12:00 to 12:12: half of the headways up to"
        " 11 s, the longest 19 s."
    )
    assert second.endswith("; the time after it was not watched, so it may be longer.")
    assert found[0].figures["by_class.truck"] == found[0].figures["vehicles"] == 14
    assert [one.first for one in found[0].evidence] == [1]


def test_a_convoy_of_yesterday_is_noted_and_not_told(store: Store) -> None:
    store.commit([received(a_report(1)), convoy(1)], now_ms=NOON_MS)
    watch(store).look(NOON_MS + 25 * 60 * MINUTE_MS)
    assert [one.fate for one in listed(store) if one.kind == "convoy"] == ["late"]


def test_a_store_of_the_version_before_takes_convoys_in_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    with SqliteStore(path) as store:
        store.commit([received(a_report(1))], now_ms=NOON_MS)
    make_sqlite_older(path, 5)
    with SqliteStore(path) as store:
        taken_on(store)


def test_a_store_of_the_version_before_takes_convoys_in_postgresql(postgres_url: str) -> None:
    with PostgresStore(postgres_url) as store:
        store.commit([received(a_report(1))], now_ms=NOON_MS)
    make_postgres_older(postgres_url, 4)
    with PostgresStore(postgres_url) as store:
        taken_on(store)


def taken_on(store: Store) -> None:
    store.commit([received(a_report(2)), convoy()], now_ms=NOON_MS)
    with store.reading() as reading:
        assert reading.rows("SELECT count(*) FROM report", {}) == [(2,)]
        assert len(convoys(reading)) == 1


def test_convoys_are_listed_in_the_terminal_as_json_and_in_an_export(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "counts.sqlite", tmp_path / "convoys.csv"
    with SqliteStore(path) as store:
        mixed: dict[str, Any] = {"by_class": {"bus": 1, "truck": 13}, "began": "unwatched"}
        store.commit([convoy(1), convoy(2, since_ms=NOON_MS + 60 * MINUTE_MS, **mixed)], now_ms=NOON_MS)
    source = ["--store", str(path)]
    assert main(["convoys", *source]) == 0
    table = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    assert [[cell.strip() for cell in row if cell.strip()] for row in table][1:] == [
        ["bridge", "mast-1", "deck", "outbound", "2026-11-25 12:00 to 12:12", "14 trucks", "11 s", "19 s", "-", "-"],
        [
            *("bridge", "mast-1", "deck", "outbound", "2026-11-25 13:00 to 13:12", "1 bus, 13 trucks", "11 s", "19 s"),
            *("not watched", "-"),
        ],
    ]
    assert main(["convoys", *source, "--from", "2026-11-25T13:00Z", "--json"]) == 0
    [told] = json.loads(capsys.readouterr().out)["convoys"]
    assert (told["number"], told["since"], told["by_class"]) == (
        2,
        rfc3339(NOON_MS + 60 * MINUTE_MS),
        mixed["by_class"],
    )
    assert main(["export", *source, "--convoys", "--out", str(out)]) == 0
    rows = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
    assert [(row["since"], row["vehicles"], row["classes"], row["began"]) for row in rows] == [
        (rfc3339(NOON_MS), "14", '{"truck":14}', "headway"),
        (rfc3339(NOON_MS + 60 * MINUTE_MS), "14", '{"bus":1,"truck":13}', "unwatched"),
    ]


def test_convoys_are_exported_to_parquet(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path, out = tmp_path / "counts.sqlite", tmp_path / "convoys.parquet"
    with SqliteStore(path) as store:
        store.commit([convoy(1)], now_ms=NOON_MS)
    assert main(["export", "--store", str(path), "--convoys", "--out", str(out)]) == 0
    [row] = parquet.read_table(out).to_pylist()
    assert (row["vehicles"], row["since"].timestamp() * 1000, row["ended"]) == (14, NOON_MS, "headway")
