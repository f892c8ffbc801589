"""What devices call out is looked at once, in whatever order it is committed, and in stores of the version before."""

from collections.abc import Callable
from pathlib import Path

from collector.protocol.intake import ReceivedAlert
from collector.store.device_alerts import device_alerts, store_device_alerts
from collector.store.interface import Store
from collector.store.postgres.store import PostgresStore
from collector.store.sqlite.store import SqliteStore
from edge.wire.times import rfc3339
from tests.collector.messages import MINUTE_MS, NOON_MS, a_report, received
from tests.collector.older import make_postgres_older, make_sqlite_older
from tests.collector.test_alert_watch import listed, said, watch

OpenStore = Callable[..., Store]


def call(device: str, label: str) -> ReceivedAlert:
    words = {"at": rfc3339(NOON_MS), "kind": "rare-class", "reason": "the first", "line": "deck", "class": label}
    item = said("alert", device, **words)
    assert isinstance(item, ReceivedAlert)
    return item


def kinds(store: Store) -> list[tuple[str, str]]:
    return [(one.subject.label, one.fate) for one in listed(store)]


def test_a_call_that_is_committed_after_one_with_a_greater_id_is_not_passed_over(postgres_url: str) -> None:
    with PostgresStore(postgres_url) as one, PostgresStore(postgres_url) as other, PostgresStore(postgres_url) as third:
        one.commit([received(a_report(1, device=device)) for device in ("mast-1", "mast-2")], now_ms=NOON_MS)
        with one.reading() as reading:
            rows = reading.rows("SELECT site, device, id FROM device", {})
        devices = {(site, device): id_ for site, device, id_ in rows}
        looker = watch(third)
        with one.writing() as tables:  # its id is given, and nobody else sees it yet
            store_device_alerts(tables, devices, [call("mast-1", "bus")], now_ms=NOON_MS)
            other.commit([call("mast-2", "tram")], now_ms=NOON_MS)
            looker.look(NOON_MS + MINUTE_MS)
            assert kinds(third) == [("tram", "told")]
        looker.look(NOON_MS + 2 * MINUTE_MS)
        assert kinds(third) == [("tram", "told"), ("bus", "told")]
        with third.reading() as reading:
            assert [one.label for one in device_alerts(reading)] == ["bus", "tram"]
            assert device_alerts(reading, new_only=True) == []


def test_a_call_is_looked_at_once(store: Store) -> None:
    store.commit([received(a_report(1)), call("mast-1", "bus")], now_ms=NOON_MS)
    looker = watch(store)
    looker.look(NOON_MS + MINUTE_MS)
    store.commit([call("mast-1", "bus")], now_ms=NOON_MS + MINUTE_MS)  # it comes again
    with store.reading() as reading:
        assert device_alerts(reading, new_only=True) == []
    looker.look(NOON_MS + 2 * MINUTE_MS)
    assert kinds(store) == [("bus", "told")]


def test_what_an_older_store_holds_was_looked_at_in_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with SqliteStore(path) as store:
        store.commit([call("mast-1", "bus")], now_ms=NOON_MS)
    make_sqlite_older(path, 3)
    with SqliteStore(path) as store:
        taken_on(store)


def test_what_an_older_store_holds_was_looked_at_in_postgresql(postgres_url: str) -> None:
    with PostgresStore(postgres_url) as store:
        store.commit([call("mast-1", "bus")], now_ms=NOON_MS)
    make_postgres_older(postgres_url, 2)
    with PostgresStore(postgres_url) as store:
        taken_on(store)


def taken_on(store: Store) -> None:
    with store.reading() as reading:
        assert len(device_alerts(reading)) == 1
        assert device_alerts(reading, new_only=True) == []
    store.commit([call("mast-1", "tram")], now_ms=NOON_MS)
    with store.reading() as reading:
        assert [one.label for one in device_alerts(reading, new_only=True)] == ["tram"]
