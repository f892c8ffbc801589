"""From reports in the store to alerts in the store: every rule once through the real views, in both kinds of store."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from collector.alerts.alert import Alert
from collector.alerts.evaluator import Evaluator
from collector.alerts.repository import acknowledge, alerts, picture
from collector.alerts.settings import AlertSettings, CessationRule, DropRule, FirstRule, OutboxRule
from collector.domain.faults import Faults
from collector.domain.scope import Scope
from collector.protocol.intake import DeviceMessage, ReceivedAlert, decode_message
from collector.protocol.items import Item
from collector.store.device_alerts import device_alerts
from collector.store.interface import Store
from edge.wire.report import Report
from edge.wire.times import rfc3339
from edge.wire.topics import topic_of
from tests.collector.messages import MINUTE_MS, NOON_MS, received

OpenStore = Callable[..., Store]
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
JPEG = "/9j/4AAQSkZJRg=="
SETTINGS = AlertSettings()


def hourly(seq: int, start_ms: int, cars: int, *, bus: int = 0, device: str = "mast-1", **fields: Any) -> Report:
    given: dict[str, Any] = {
        "site": "bridge",
        "device": device,
        "run": "run-1",
        "seq": seq,
        "start": rfc3339(start_ms),
        "width_ms": HOUR_MS,
        "watched_ms": HOUR_MS,
        "state": "ok",
        "lines": {"deck": {"outbound": {"bus": bus, "car": cars}, "return": {"bus": 0, "car": 40}}},
    }
    return Report(**(given | fields))


def said(channel: str, device: str = "mast-1", **fields: Any) -> Item:
    words: dict[str, Any] = {"schema": 1, "run": "run-1"}
    item = decode_message(topic_of("bridge", device, channel), msgspec.json.encode(words | fields))
    assert isinstance(item, DeviceMessage | ReceivedAlert), item
    return item


def health(now_ms: int, **fields: Any) -> Item:
    return said("health", as_of=rfc3339(now_ms), **fields)


def watch(store: Store, settings: AlertSettings = SETTINGS, *, listening_ms: int | None = 0) -> Evaluator:
    return Evaluator(store, settings, {}, holder="one", listening=lambda: listening_ms)


def listed(store: Store) -> list[Alert]:
    with store.reading() as reading:
        return alerts(reading, Scope(), limit=1_000)[::-1]


def weeks_of(store: Store, cars: Callable[[int], int], *, weeks: int = 6, until_ms: int = NOON_MS) -> int:
    """So many weeks of hours before noon; the last number."""
    hours = weeks * 7 * 24
    first_ms = until_ms - hours * HOUR_MS
    reports = [hourly(i + 1, first_ms + i * HOUR_MS, cars(i)) for i in range(hours)]
    for at in range(0, hours, 500):
        store.commit([received(one) for one in reports[at : at + 500]], now_ms=until_ms)
    return hours


def test_a_drop_is_told_with_its_figures_and_its_reports_and_is_over_when_it_is(store: Store) -> None:
    settings = msgspec.structs.replace(SETTINGS, cessation=CessationRule(enabled=False))
    seq = weeks_of(store, lambda i: 50)
    now_ms = NOON_MS
    looker = watch(store, settings)
    looker.look(now_ms)
    assert listed(store) == []
    for cars in (5, 5, 5, 5, 50, 50, 50, 50, 50, 50):
        seq, now_ms = seq + 1, now_ms + HOUR_MS
        store.commit([received(hourly(seq, now_ms - HOUR_MS, cars))], now_ms=now_ms)
        looker.look(now_ms)
    (drop,) = [one for one in listed(store) if one.kind == "drop"]
    assert drop.figures["usual"] == 150.0
    assert drop.figures["vehicles"] == 15
    assert drop.reason == (
        "15 vehicles outbound over deck (mast-1) from 2026-11-25 12:00 to 15:00 (100% watched), 90% fewer than the"
        " usual 150 of these hours in 6 past weeks (median; 5.3 times the usual spread of 26)."
    )
    assert not drop.open
    assert drop.ending.startswith("150 vehicles from")
    assert [(one.device, one.run) for one in drop.evidence] == [("mast-1", "run-1")]


def test_the_first_bus_is_told_within_a_minute_with_the_picture_of_the_device(store: Store) -> None:
    seq = weeks_of(store, lambda i: 50)
    looker = watch(store)
    looker.look(NOON_MS)
    call = said(
        "alert", at=rfc3339(NOON_MS + 20_000), kind="rare-class", reason="the first bus as far as this device knows",
        line="deck", direction="outbound", jpeg=JPEG, **{"class": "bus"},
    )  # fmt: skip
    store.commit([call, call], now_ms=NOON_MS + 30_000)
    looker.look(NOON_MS + MINUTE_MS)
    (first,) = listed(store)
    assert (first.kind, first.subject.label, first.has_picture) == ("first", "bus", True)
    assert first.reason.startswith("mast-1 says: the first bus")
    minute = hourly(seq + 1, NOON_MS, 1, bus=1, width_ms=MINUTE_MS, watched_ms=MINUTE_MS)
    store.commit([received(minute), call], now_ms=NOON_MS + 90_000)
    looker.look(NOON_MS + 2 * MINUTE_MS)
    (first,) = listed(store)
    assert first.reason == (
        "The first bus since watching began on 2026-10-14 12:00, outbound over deck (mast-1) at 2026-11-25 12:00:"
        " 42 days without one, 100% of them watched."
    )
    assert [(one.first, one.last) for one in first.evidence] == [(seq + 1, seq + 1)]
    with store.reading() as reading:
        jpeg = picture(reading, first.id)
        assert jpeg is not None
        assert jpeg.startswith(b"\xff\xd8\xff")
        assert len(device_alerts(reading)) == 1
    looker.look(NOON_MS + 3 * MINUTE_MS)
    assert len(listed(store)) == 1


def test_a_late_report_with_an_earlier_bus_withdraws_the_first(store: Store) -> None:
    seq = weeks_of(store, lambda i: 50)
    settings = msgspec.structs.replace(SETTINGS, first=FirstRule(days=28))
    looker = watch(store, settings)
    looker.look(NOON_MS)
    store.commit([received(hourly(seq + 5, NOON_MS, 1, bus=1))], now_ms=NOON_MS + HOUR_MS)
    looker.look(NOON_MS + HOUR_MS)
    assert [one.fate for one in listed(store)] == ["told"]
    late = [
        hourly(10_000 + i, NOON_MS - i * DAY_MS + 60_000, 0, bus=1, run="late", width_ms=1_000, watched_ms=1_000)
        for i in (1, 20)
    ]
    store.commit([received(one) for one in late], now_ms=NOON_MS + HOUR_MS)
    looker.look(NOON_MS + HOUR_MS + MINUTE_MS)
    assert [(one.kind, one.fate) for one in listed(store)] == [("first", "withdrawn")]


def test_a_cessation_takes_the_place_of_a_drop_and_ends_in_a_resumption(store: Store) -> None:
    seq = weeks_of(store, lambda i: 50)
    now_ms = NOON_MS
    looker = watch(store)
    for cars in (*([0] * 12), 20, 30, 50):
        seq, now_ms = seq + 1, now_ms + HOUR_MS
        store.commit([received(hourly(seq, now_ms - HOUR_MS, cars))], now_ms=now_ms)
        looker.look(now_ms)
    found = {one.kind: one for one in listed(store)}
    assert set(found) == {"drop", "cessation", "resumption"}
    assert found["drop"].ending == "It became a cessation."
    assert found["cessation"].at_ms == NOON_MS
    assert found["cessation"].until_ms == NOON_MS + 12 * HOUR_MS
    assert "after 12 h without (100% of them watched)" in found["resumption"].reason


def test_a_device_that_grows_silent_blind_or_wrong_is_told_and_it_is_over(store: Store) -> None:
    settings = msgspec.structs.replace(SETTINGS, outbox=OutboxRule(reports=100, hours=2), drop=DropRule(enabled=False))
    looker = watch(store, settings)
    now_ms, seq = NOON_MS, 0

    def minutes(number: int, *, speaks: bool = True, blind: bool = False, offset_ms: int = 0, waits: int = 0) -> None:
        nonlocal now_ms, seq
        for _ in range(number):
            now_ms, seq = now_ms + MINUTE_MS, seq + 1
            fields: dict[str, Any] = (
                {"state": "blind", "watched_ms": 0, "lines": None} if blind else {"watched_ms": MINUTE_MS}
            )
            if speaks:
                report = hourly(seq, now_ms - MINUTE_MS, 1, width_ms=MINUTE_MS, **fields)
                word = health(now_ms + offset_ms, outbox_unsent=waits + seq if waits else 0)
                store.commit([received(report), word], now_ms=now_ms)
            looker.look(now_ms)

    def kinds() -> list[tuple[str, bool]]:
        return [(one.kind, one.open) for one in listed(store)]

    minutes(20)
    minutes(40, blind=True)
    assert kinds() == [("blind", True)]
    minutes(10)
    assert kinds() == [("blind", False)]
    minutes(45, offset_ms=-120_000)
    assert kinds() == [("blind", False), ("clock", True)]
    minutes(45)
    assert kinds() == [("blind", False), ("clock", False)]
    minutes(130, waits=200)
    assert kinds()[2:] == [("outbox", True)]
    minutes(2)
    assert kinds()[2:] == [("outbox", False)]
    minutes(61, speaks=False)
    assert kinds()[3:] == [("silent", True)]
    minutes(1)
    assert kinds()[3:] == [("silent", False)]


def total(journal: str, number: int) -> Item:
    words: dict[str, Any] = {"since": rfc3339(NOON_MS), "as_of": rfc3339(NOON_MS), "watched_ms": 0, "dropped": 0}
    words |= {"sent_through": number, "last": number, "lines": {}}
    return said("total", journal=journal, reports=number, **words)


def minute(seq: int, run: str, journal: str) -> Item:
    fields: dict[str, Any] = {"width_ms": MINUTE_MS, "watched_ms": MINUTE_MS}
    return received(hourly(seq, NOON_MS + seq * MINUTE_MS, 1, run=run, journal=journal, **fields))


def test_a_second_device_of_a_name_is_told_once_and_over_a_day_after_its_last_sign(store: Store) -> None:
    looker, now_ms = watch(store), NOON_MS
    for seq in range(1, 11):
        now_ms = NOON_MS + (seq + 1) * MINUTE_MS
        store.commit([minute(seq, "run-1", "a"), minute(seq, "run-2", "b")], now_ms=now_ms)
        looker.look(now_ms)
    (alert,) = listed(store)
    assert (alert.kind, alert.open, alert.subject.device, alert.figures["overlapping"]) == (
        "identity",
        True,
        "mast-1",
        10,
    )
    assert "10 reports of mast-1 cover time that another device" in alert.reason
    for later_ms in (DAY_MS - 1, DAY_MS):
        store.commit([health(now_ms + later_ms)], now_ms=now_ms + later_ms)
        looker.look(now_ms + later_ms)
        assert [one.open for one in listed(store)] == [later_ms < DAY_MS]


def test_a_card_put_back_and_a_new_journal_are_told(store: Store) -> None:
    looker = watch(store)
    store.commit([minute(1, "run-1", "a"), total("a", 1)], now_ms=NOON_MS + 2 * MINUTE_MS)
    looker.look(NOON_MS + 2 * MINUTE_MS)
    assert listed(store) == []
    put_back = msgspec.structs.replace(hourly(1, NOON_MS + 3 * MINUTE_MS, 1), width_ms=MINUTE_MS, watched_ms=MINUTE_MS)
    put_back = msgspec.structs.replace(put_back, run="run-2", journal="a")
    store.commit([received(put_back)], now_ms=NOON_MS + 4 * MINUTE_MS)
    looker.look(NOON_MS + 4 * MINUTE_MS)
    (alert,) = listed(store)
    assert (alert.kind, alert.open) == ("identity", True)
    assert "was put back from an older copy" in alert.reason


def test_a_new_journal_under_a_name_is_told(store: Store) -> None:
    looker = watch(store)
    store.commit([minute(1, "run-1", "a"), total("a", 1)], now_ms=NOON_MS + 2 * MINUTE_MS)
    store.commit([minute(2, "run-2", "b"), total("b", 1)], now_ms=NOON_MS + 3 * MINUTE_MS)
    looker.look(NOON_MS + 4 * MINUTE_MS)
    (alert,) = listed(store)
    assert (alert.kind, alert.open) == ("identity", True)
    assert "began journal b" in alert.reason


def test_a_device_is_not_silent_while_nobody_listens(store: Store) -> None:
    weeks_of(store, lambda i: 50, weeks=1)
    watch(store, listening_ms=NOON_MS + 5 * HOUR_MS).look(NOON_MS + 5 * HOUR_MS + 59 * MINUTE_MS)
    watch(store, listening_ms=None).look(NOON_MS + 8 * HOUR_MS)
    assert listed(store) == []
    watch(store, listening_ms=NOON_MS + 5 * HOUR_MS).look(NOON_MS + 6 * HOUR_MS)
    assert [one.kind for one in listed(store)] == ["silent"]


def test_a_person_takes_note_once_and_may_write_more(store: Store) -> None:
    weeks_of(store, lambda i: 50, weeks=1)
    watch(store, listening_ms=0).look(NOON_MS + 2 * HOUR_MS)
    (silent,) = listed(store)
    noted = acknowledge(store, silent.id, by="Li  Wei", note="power is off", now_ms=NOON_MS + 3 * HOUR_MS)
    assert noted.acknowledged is not None
    assert (noted.acknowledged.by, noted.acknowledged.note) == ("Li Wei", "power is off")
    again = acknowledge(store, silent.id, by="Other", note="back at six", now_ms=NOON_MS + 4 * HOUR_MS)
    assert again.acknowledged == msgspec.structs.replace(noted.acknowledged, note="back at six")
    assert again.open


def test_one_collector_looks_at_a_time(open_store: OpenStore) -> None:
    first, second = open_store(), open_store()
    one = Evaluator(first, SETTINGS, {}, holder="one", listening=lambda: 0)
    other = Evaluator(second, SETTINGS, {}, holder="two", listening=lambda: 0)
    assert one.look(NOON_MS)
    assert not other.look(NOON_MS + MINUTE_MS)
    assert one.look(NOON_MS + 2 * MINUTE_MS)
    assert other.look(NOON_MS + 6 * MINUTE_MS)
    assert not one.look(NOON_MS + 6 * MINUTE_MS)


def test_a_collector_that_does_not_listen_leaves_its_turn_to_one_that_does(open_store: OpenStore) -> None:
    deaf, hears = open_store(), open_store()
    listening: list[int | None] = [0]
    one = Evaluator(deaf, SETTINGS, {}, holder="one", listening=lambda: listening[0])
    other = Evaluator(hears, SETTINGS, {}, holder="two", listening=lambda: 0)
    assert one.look(NOON_MS)
    listening[0] = None
    assert [one.look(NOON_MS + i * MINUTE_MS) for i in range(1, 6)] == [True, True, False, False, False]
    assert other.look(NOON_MS + 5 * MINUTE_MS)
    assert not one.look(NOON_MS + 9 * MINUTE_MS)  # a lapsed turn is for those that listen, first
    assert one.look(NOON_MS + 11 * MINUTE_MS)  # by itself it looks all the same, if seldom


def test_a_site_whose_rules_fail_is_counted_and_silences_no_other(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """An alert that cannot be read (of another version, of a broken disk) fails everything about its site."""
    faults = Faults()
    looker = Evaluator(store, SETTINGS, {}, holder="one", listening=lambda: 0, faults=faults)
    for site in ("bridge", "tunnel"):
        store.commit([received(hourly(1, NOON_MS, 5, site=site))], now_ms=NOON_MS + HOUR_MS)
    looker.look(NOON_MS + 2 * HOUR_MS)
    with store.writing() as tables:
        tables.many("UPDATE alert SET figures = '{' WHERE site = ?", [("bridge",)])
    for site in ("bridge", "tunnel"):
        store.commit([received(hourly(2, NOON_MS + HOUR_MS, 5, site=site))], now_ms=NOON_MS + 2 * HOUR_MS + 1)
    for minute in range(3):
        assert looker.look(NOON_MS + 2 * HOUR_MS + (minute + 1) * MINUTE_MS)
    with store.reading() as reading:
        rows = reading.rows("SELECT site FROM alert WHERE kind = 'silent' AND closed_ms IS NOT NULL", {})
    assert rows == [("tunnel",)]
    assert faults.counts == {"alerts": 3}
    assert [(one.part, one.subject) for one in faults.now] == [("alerts", "bridge")]
    assert len([one for one in caplog.records if one.levelname == "ERROR"]) == 1
    with store.writing() as tables:
        tables.many("UPDATE alert SET figures = '{}' WHERE site = ?", [("bridge",)])
    looker.look(NOON_MS + 2 * HOUR_MS + 5 * MINUTE_MS)
    assert faults.now == ()


@pytest.mark.parametrize("ahead_ms", [DAY_MS, 400 * DAY_MS])
def test_a_clock_that_ran_ahead_and_was_put_back_silences_nothing_and_repeats_nothing(
    store: Store, ahead_ms: int
) -> None:
    listening_ms = [0]
    looker = Evaluator(store, SETTINGS, {}, holder="one", listening=lambda: listening_ms[0])
    seq = weeks_of(store, lambda i: 50)
    now_ms = NOON_MS
    looker.look(now_ms)
    for at_ms in (now_ms + ahead_ms, now_ms):  # the subscriber notices both steps, and listens anew
        listening_ms[0] = at_ms
        for minute in range(1, 8):
            then_ms = at_ms + minute * MINUTE_MS
            store.commit([health(NOON_MS + minute * MINUTE_MS)], now_ms=then_ms)
            looker.look(then_ms)
    before = [(one.kind, one.at_ms) for one in listed(store)]
    assert [kind for kind, _ in before if kind != "clock"] == []
    for cars in (50, 5, 5, 5, 5):
        seq, now_ms = seq + 1, now_ms + HOUR_MS
        store.commit([received(hourly(seq, now_ms - HOUR_MS, cars))], now_ms=now_ms)
        looker.look(now_ms)
    looker.look(now_ms + 2 * HOUR_MS)
    found = [one for one in listed(store) if one.kind in ("drop", "silent")]
    assert [(one.kind, one.times) for one in found] == [("drop", 1), ("silent", 1)]
    assert all(one.fate == "told" for one in found)
    with store.reading() as reading:
        told = reading.rows("SELECT alert_id, event FROM telling WHERE fate = 'told'", {})
    assert len(told) == len(set(told))
