"""First vehicles of a class that a device judges by itself: what is certain, what is likely, and what people say."""

from typing import Any

import pytest

from collector.alerts.alert import Alert
from collector.alerts.judged_crossing import crossing_of
from collector.alerts.repository import picture
from collector.protocol.items import Item, VerdictAcknowledged
from collector.store.interface import Store
from collector.store.verdicts import record, unsent_verdicts
from edge.wire.times import rfc3339
from tests.collector.messages import MINUTE_MS, NOON_MS, a_report, received
from tests.collector.test_alert_watch import DAY_MS, HOUR_MS, JPEG, hourly, listed, said, watch, weeks_of

FIRSTS = ("first", "likely")
INFO: dict[str, Any] = {"version": "1", "rare": ["bus"], "commands": ["resend", "verdict"]}


def firsts(store: Store) -> list[Alert]:
    return [one for one in listed(store) if one.kind in FIRSTS]


def call(
    at_ms: int, *, likely: bool, share: float = 0.9995, device: str = "mast-1", before_ms: int | None = None
) -> Item:
    words: dict[str, Any] = {"at": rfc3339(at_ms), "kind": "rare-class", "reason": "the first bus", "line": "deck"}
    words |= {"direction": "outbound", "class": "bus", "likely": likely, "share": share, "jpeg": JPEG}
    return said("alert", device, **words)


def told(store: Store) -> list[tuple[str, str, int]]:
    return [(one.kind, one.fate, one.at_ms) for one in firsts(store)]


def say(store: Store, one: Alert, what: str, now_ms: int) -> None:
    with store.reading() as reading:
        crossing = crossing_of(reading, one.id)
    record(store, crossing, said=what, by="li", now_ms=now_ms)


def test_a_false_bus_in_the_reports_of_a_device_that_judges_does_not_hide_the_true_one(store: Store) -> None:
    seq = weeks_of(store, lambda i: 50)
    store.commit([said("info", **INFO)], now_ms=NOON_MS)
    looker = watch(store)
    looker.look(NOON_MS)
    at_ms = NOON_MS + 20 * MINUTE_MS
    hour = received(hourly(seq + 1, NOON_MS, 50, bus=1))
    store.commit([call(at_ms, likely=True, share=0.7), hour], now_ms=NOON_MS + HOUR_MS)
    looker.look(NOON_MS + HOUR_MS)
    assert told(store) == [("likely", "told", at_ms)]
    true_ms = at_ms + DAY_MS
    store.commit([call(true_ms, likely=False)], now_ms=true_ms + MINUTE_MS)
    looker.look(true_ms + MINUTE_MS)
    assert told(store) == [("likely", "told", at_ms), ("first", "told", true_ms)]
    first = firsts(store)[1]
    with store.reading() as reading:
        assert picture(reading, first.id) is not None, "it shows the crop"


def test_a_certain_bus_that_a_person_denies_does_not_hide_the_true_one_within_a_day(store: Store) -> None:
    seq = weeks_of(store, lambda i: 50)
    store.commit([said("info", **INFO), received(hourly(seq + 1, NOON_MS, 50, bus=1))], now_ms=NOON_MS)
    looker = watch(store)
    store.commit([call(NOON_MS + MINUTE_MS, likely=False)], now_ms=NOON_MS + 2 * MINUTE_MS)
    looker.look(NOON_MS + 2 * MINUTE_MS)
    (false,) = firsts(store)
    true_ms = NOON_MS + 20 * HOUR_MS
    say(store, false, "truck", NOON_MS + HOUR_MS)
    store.commit([call(true_ms, likely=False)], now_ms=true_ms + MINUTE_MS)
    looker.look(true_ms + MINUTE_MS)
    assert told(store) == [("first", "told", NOON_MS + MINUTE_MS), ("first", "told", true_ms)]


def test_one_that_nobody_denied_is_the_same_within_a_day(store: Store) -> None:
    weeks_of(store, lambda i: 50)
    store.commit([said("info", **INFO)], now_ms=NOON_MS)
    looker = watch(store)
    for at_ms in (NOON_MS + MINUTE_MS, NOON_MS + 20 * HOUR_MS):
        store.commit([call(at_ms, likely=False)], now_ms=at_ms)
        looker.look(at_ms + MINUTE_MS)
    assert len(firsts(store)) == 1


def test_a_likely_bus_that_a_person_confirms_is_news_and_says_who_confirms_it(store: Store) -> None:
    weeks_of(store, lambda i: 50)
    store.commit([said("info", **INFO)], now_ms=NOON_MS)
    looker = watch(store)
    store.commit([call(NOON_MS + MINUTE_MS, likely=True, share=0.7)], now_ms=NOON_MS + 2 * MINUTE_MS)
    looker.look(NOON_MS + 2 * MINUTE_MS)
    (likely,) = firsts(store)
    say(store, likely, "yes", NOON_MS + HOUR_MS)
    looker.look(NOON_MS + HOUR_MS)
    _, news = firsts(store)
    assert (news.kind, news.fate, news.at_ms) == ("first", "told", NOON_MS + MINUTE_MS)
    assert "li confirms it" in news.reason
    say(store, news, "yes", NOON_MS + 2 * HOUR_MS)
    looker.look(NOON_MS + 2 * HOUR_MS)
    assert len(firsts(store)) == 2, "it is told once"


def test_one_that_another_device_saw_for_certain_lately_is_no_news_and_a_likely_one_there_hides_nothing(
    store: Store,
) -> None:
    seq = weeks_of(store, lambda i: 50)
    store.commit([said("info", **INFO), said("info", "mast-2", **INFO)], now_ms=NOON_MS)
    looker = watch(store)
    other = hourly(1, NOON_MS - 5 * DAY_MS, 9, bus=1, device="mast-2")
    store.commit([received(other), received(hourly(seq + 1, NOON_MS, 50))], now_ms=NOON_MS)
    store.commit([call(NOON_MS + MINUTE_MS, likely=False)], now_ms=NOON_MS + 2 * MINUTE_MS)
    looker.look(NOON_MS + 2 * MINUTE_MS)
    assert len(firsts(store)) == 1, "the bus of the other one's report was not certain"
    total = {"journal": "j", "sent_through": 1, "last_seen": {"bus": rfc3339(NOON_MS + DAY_MS)}}
    store.commit([said("total", "mast-2", **total)], now_ms=NOON_MS + DAY_MS)
    later_ms = NOON_MS + 3 * DAY_MS
    store.commit([call(later_ms, likely=False)], now_ms=later_ms + MINUTE_MS)
    looker.look(later_ms + MINUTE_MS)
    assert len(firsts(store)) == 1, "the other one saw one two days before"


@pytest.mark.parametrize(("commands", "ids"), [(["resend", "verdict"], [1]), (["resend"], [])])
def test_a_device_that_knows_the_command_is_told_what_people_say(
    store: Store, commands: list[str], ids: list[int]
) -> None:
    store.commit(
        [said("info", version="1", commands=commands), received(a_report(1)), call(NOON_MS + 90_000, likely=True)],
        now_ms=NOON_MS,
    )
    watch(store).look(NOON_MS + 2 * MINUTE_MS)
    (likely,) = firsts(store)
    for what in ("no", "yes"):
        say(store, likely, what, NOON_MS + HOUR_MS)
    with store.reading() as reading:
        found = unsent_verdicts(reading, heard_after_ms=0, limit=10)
    assert [id_ for id_, _ in found] == ids
    assert [verdict.said for _, verdict in found] == ["no"] * len(ids), "in the order in which they were said"
    store.commit([VerdictAcknowledged("bridge", "mast-1", id_) for id_ in ids], now_ms=NOON_MS + HOUR_MS)
    with store.reading() as reading:
        assert [verdict.said for _, verdict in unsent_verdicts(reading, heard_after_ms=0, limit=10)] == ["yes"] * len(
            ids
        )
        assert unsent_verdicts(reading, heard_after_ms=NOON_MS + DAY_MS, limit=10) == [], "it was not heard since"
