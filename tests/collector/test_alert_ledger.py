"""Alerts are opened once, told within bounds, and over once; in both kinds of store."""

from collections.abc import Callable

import msgspec
import pytest

from collector.alerts.alert import Alert, Subject
from collector.alerts.channels import Notification
from collector.alerts.delivery import ATTEMPTS_MAX, MessageDelivery
from collector.alerts.lifecycle import AlertLifecycle, ProvenFinding
from collector.alerts.repository import alert, alerts, deliveries, picture
from collector.alerts.rules.finding import Finding
from collector.alerts.settings import Rules
from collector.domain.faults import Faults
from collector.domain.scope import Scope
from collector.store.interface import Store
from edge.errors import InputError

NOW_MS = 1_795_608_000_000
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
OpenStore = Callable[..., Store]


def finding(
    device: str = "mast-1", *, at_ms: int = NOW_MS, kind: str = "silent", over: bool = False, reason: str = "so"
) -> Finding:
    given = {"kind": kind, "subject": {"site": "bridge", "device": device}, "at_ms": at_ms, "reason": reason}
    return msgspec.convert(given | {"over": over, "to_ms": at_ms, "figures": {"quiet_ms": 5}}, Finding)


def take(
    store: Store, *found: Finding, now_ms: int = NOW_MS, rules: Rules | None = None, jpeg: bytes | None = None
) -> None:
    with store.writing() as tables:
        ledger = AlertLifecycle(tables, "bridge", rules or Rules(), now_ms=now_ms, channels=["office"])
        ledger.take([ProvenFinding(one, jpeg=jpeg) for one in found])
        ledger.digest()


def listed(store: Store) -> list[Alert]:
    with store.reading() as reading:
        return alerts(reading)[::-1]


def told(store: Store) -> list[tuple[str, str, str]]:
    with store.reading() as reading:
        return [
            (row[0], row[1], row[2]) for row in reading.rows("SELECT event, fate, text FROM telling ORDER BY id", {})
        ]


def test_an_alert_is_opened_once_updated_and_closed(store: Store) -> None:
    take(store, finding(), finding())
    take(store, finding(reason="more so"), now_ms=NOW_MS + HOUR_MS)
    (one,) = listed(store)
    assert (one.open, one.reason, one.opened_ms, one.updated_ms) == (True, "more so", NOW_MS, NOW_MS + HOUR_MS)
    over = finding(over=True, at_ms=NOW_MS + 2 * HOUR_MS, reason="heard again")
    take(store, over, over, now_ms=NOW_MS + 2 * HOUR_MS)
    (one,) = listed(store)
    assert (one.open, one.ending, one.until_ms, one.times) == (False, "heard again", NOW_MS + 2 * HOUR_MS, 1)
    assert told(store) == [("opened", "told", "so"), ("closed", "told", "heard again")]


@pytest.mark.parametrize(("hours", "alerts_"), [(23, 1), (24, 2)])
def test_what_comes_again_soon_is_the_same_and_not_told_again(store: Store, hours: int, alerts_: int) -> None:
    take(store, finding())
    take(store, finding(over=True))
    again_ms = NOW_MS + hours * HOUR_MS
    take(store, finding(at_ms=again_ms), now_ms=again_ms)
    take(store, finding(at_ms=again_ms, over=True), now_ms=again_ms)
    found = listed(store)
    assert len(found) == alerts_
    assert found[0].times == 3 - alerts_
    assert len(told(store)) == 2 * alerts_


@pytest.mark.parametrize(("hours", "fate"), [(24, "told"), (25, "late")])
def test_old_reports_make_no_news(store: Store, hours: int, fate: str) -> None:
    take(store, finding(kind="first", at_ms=NOW_MS - hours * HOUR_MS))
    assert [one.fate for one in listed(store)] == [fate]
    assert len(told(store)) == (fate == "told")


@pytest.mark.parametrize(("days", "fate"), [(7, "told"), (8, "late")])
def test_a_device_that_died_while_we_were_away_is_told_and_one_taken_down_long_ago_is_not(
    store: Store, days: int, fate: str
) -> None:
    take(store, finding(at_ms=NOW_MS - days * DAY_MS))
    assert [one.fate for one in listed(store)] == [fate]


def test_no_more_messages_in_an_hour_than_stated_and_the_digest_counts_the_others(store: Store) -> None:
    rules = Rules(messages_per_hour=3)
    take(store, *(finding(f"mast-{i}") for i in range(5)), rules=rules)
    assert [one.fate for one in listed(store)] == ["told", "told", "suppressed", "suppressed", "suppressed"]
    take(store, now_ms=NOW_MS + HOUR_MS - 1, rules=rules)
    assert len(told(store)) == 5
    take(store, finding("mast-9", at_ms=NOW_MS + HOUR_MS), now_ms=NOW_MS + HOUR_MS, rules=rules)
    take(store, now_ms=NOW_MS + HOUR_MS + 1, rules=rules)
    events = told(store)
    assert [fate for _, fate, _ in events] == ["told"] * 2 + ["digested"] * 3 + ["told"] * 2
    assert events[-1][0] == "digest"
    assert events[-1][2].startswith(
        "3 messages about bridge were not sent, because there were more than 3 in an hour: 3 silent"
    )


def test_a_channel_that_was_away_gets_no_more_in_an_hour_either(store: Store) -> None:
    rules = Rules(messages_per_hour=3)
    for hour in range(4):
        found = [finding(f"mast-{hour}-{i}", at_ms=NOW_MS + hour * HOUR_MS) for i in range(2)]
        take(store, *found, now_ms=NOW_MS + hour * HOUR_MS, rules=rules)
    office = Office()
    postman = MessageDelivery(store, [office], per_hour=lambda site: {"bridge": 3}[site])
    back_ms = NOW_MS + 4 * HOUR_MS
    assert [postman.deliver(back_ms + i * HOUR_MS // 2) for i in range(7)] == [3, 0, 3, 0, 2, 0, 0]
    assert [message.alert.id for message in office.heard if message.alert] == list(range(1, 9))


def test_who_is_told_to_stop_leaves_the_rest_for_the_next_time(store: Store) -> None:
    take(store, *(finding(f"mast-{i}") for i in range(4)))
    office = Office()
    stopped = MessageDelivery(store, [office], stopping=lambda: len(office.heard) >= 2)
    assert stopped.deliver(NOW_MS) == 2
    assert MessageDelivery(store, [office]).deliver(NOW_MS) == 2
    assert len({message.id for message in office.heard}) == 4


def test_the_picture_comes_along_and_stays(store: Store) -> None:
    take(store, finding(kind="first"), jpeg=b"\xff\xd8\xffx")
    take(store, finding(kind="first"), jpeg=b"\xff\xd8\xffother")
    (one,) = listed(store)
    with store.reading() as reading:
        assert one.has_picture
        assert picture(reading, one.id) == b"\xff\xd8\xffx"
        assert picture(reading, 99) is None


def test_alerts_are_listed_by_scope_kind_time_and_page(store: Store) -> None:
    take(store, *(finding(f"mast-{i}") for i in range(4)), finding(kind="first"), finding("mast-2", over=True))
    with store.reading() as reading:
        assert len(alerts(reading, Scope(site="bridge"))) == 5
        assert alerts(reading, Scope(site="tunnel")) == []
        assert [one.subject.device for one in alerts(reading, Scope(device="mast-3"))] == ["mast-3"]
        assert len(alerts(reading, open_only=True)) == 3
        assert [one.kind for one in alerts(reading, kinds=["first"])] == ["first"]
        assert alerts(reading, to_ms=NOW_MS) == []
        assert len(alerts(reading, from_ms=NOW_MS + 1)) == 3
        first, second = alerts(reading, limit=2)
        assert alerts(reading, before_id=second.id, limit=2)[0].id == second.id - 1
        assert alert(reading, first.id) == first
        assert alert(reading, 99) is None
        with pytest.raises(InputError, match="there is no kind of alert 'x'; the kinds are first, likely, surge"):
            alerts(reading, kinds=["x"])


class Office:
    name = "office"

    def __init__(self) -> None:
        self.error = ""
        self.heard: list[Notification] = []

    def send(self, message: Notification) -> str:
        self.heard.append(message)
        return self.error


def state_of(store: Store) -> list[tuple[str, int]]:
    with store.reading() as reading:
        return [(one.state, one.attempts) for one in deliveries(reading, 1)]


def test_a_message_is_delivered_once(store: Store) -> None:
    office = Office()
    postman = MessageDelivery(store, [office])
    take(store, finding())
    assert postman.deliver(NOW_MS) == 1
    assert postman.deliver(NOW_MS + DAY_MS) == 0
    assert [(one.site, one.text, one.title) for one in office.heard] == [("bridge", "so", "bridge: silent mast-1")]
    assert state_of(store) == [("sent", 1)]


class Broken:
    """A channel whose code fails."""

    name = "broken"

    def send(self, message: Notification) -> str:
        raise ZeroDivisionError(f"at message {message.id}")


def test_a_channel_whose_code_fails_keeps_no_other_from_sending(store: Store) -> None:
    office, faults = Office(), Faults()
    with store.writing() as tables:
        ledger = AlertLifecycle(tables, "bridge", Rules(), now_ms=NOW_MS, channels=["broken", "office"])
        ledger.take([ProvenFinding(finding())])
    postman = MessageDelivery(store, [Broken(), office], faults=faults)
    assert postman.deliver(NOW_MS) == 1
    assert postman.deliver(NOW_MS + 60_000) == 0
    assert len(office.heard) == 1
    assert faults.counts == {"delivery": 2}
    assert [(one.subject, one.reason) for one in faults.now] == [("broken", "ZeroDivisionError: at message 1")]
    assert sorted(state_of(store)) == [("sent", 1), ("waiting", 2)]


def test_a_channel_that_fails_is_tried_again_later_each_time_and_given_up(store: Store) -> None:
    office = Office()
    office.error = "no"
    postman = MessageDelivery(store, [office])
    take(store, finding())
    now_ms, waits = NOW_MS, []
    while state_of(store)[0][0] == "waiting":
        before = len(office.heard)
        started_ms = now_ms
        while len(office.heard) == before:
            postman.deliver(now_ms)
            now_ms += 60_000
        waits.append((now_ms - started_ms) // 60_000)
    assert state_of(store) == [("failed", ATTEMPTS_MAX)]
    assert waits[:6] == [1, 1, 2, 4, 8, 16]
    assert max(waits) == 60


def test_who_dies_while_it_is_sent_says_it_once(open_store: OpenStore) -> None:
    store = open_store()
    take(store, finding())

    class Dies(Office):
        def send(self, message: Notification) -> str:
            super().send(message)
            raise KeyboardInterrupt

    dies = Dies()
    with pytest.raises(KeyboardInterrupt):
        MessageDelivery(store, [dies]).deliver(NOW_MS)
    store.close()
    again, office = open_store(), Office()
    postman = MessageDelivery(again, [office])
    assert postman.recover(NOW_MS) == 1
    assert postman.deliver(NOW_MS + DAY_MS) == 0
    assert state_of(again) == [("unsure", 0)]
    assert (len(dies.heard), office.heard) == (1, [])


def test_the_bounds_are_held(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.alerts.lifecycle.ALERTS_MAX", 3)
    monkeypatch.setattr("collector.alerts.lifecycle.PICTURES_MAX", 2)
    for i in range(6):
        take(store, finding(f"mast-{i}", kind="first", at_ms=NOW_MS), jpeg=b"\xff\xd8\xff")
    take(store, finding("open"))
    with store.writing() as tables:
        AlertLifecycle(tables, "bridge", Rules(), now_ms=NOW_MS).prune()
    assert [(one.subject.device, one.has_picture) for one in listed(store)] == [
        ("mast-4", True), ("mast-5", True), ("open", False),
    ]  # fmt: skip


def test_a_subject_is_told_apart_by_all_its_parts() -> None:
    parts = [Subject(site="s", **{name: "x"}) for name in ("device", "line", "direction", "label", "zone")]
    assert len({one.key for one in parts}) == 5
