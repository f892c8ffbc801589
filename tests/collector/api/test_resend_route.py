"""A person has a gap asked for at once, through the same asking as ever."""

from collections.abc import Callable

from collector.protocol.gaps import WAIT_MS_FIRST, YOUNG_MS, Journal
from collector.protocol.items import ResendRequested, ResendUrged
from collector.store.interface import Store
from tests.collector.api.api_world import Api
from tests.collector.messages import NOON_MS, a_report, received

DUE = {"heard_after_ms": 0, "limit": 10}


def test_a_gap_is_wished_for_and_what_is_not_missing_is_404(api: Api) -> None:
    client = api.client("operate")
    where = "/api/v1/devices/bridge/mast-1/resend"
    answer = client.post(where, json={"journal": "", "first": 1, "last": 6})
    assert (answer.status_code, answer.json()) == (202, {"reports": 1, "heard": True})
    assert api.wishes == [ResendUrged("bridge", "mast-1", "", ((6, 6),))]
    assert client.post(where, json={"journal": "", "first": 1, "last": 5}).status_code == 404
    assert client.post(where, json={"journal": "other", "first": 1, "last": 9}).status_code == 404
    assert client.post(where, json={"journal": "", "first": 7, "last": 6}).status_code == 422
    assert client.post(where, json={"journal": "", "first": "6", "last": 7}).status_code == 422


def test_what_is_hurried_is_due_at_once_and_waits_again_once_asked(open_store: Callable[[], Store]) -> None:
    store = open_store()
    store.commit([received(a_report(1)), received(a_report(5))], now_ms=NOON_MS)
    assert store.due(now_ms=NOON_MS, **DUE) == []
    store.commit([ResendUrged("bridge", "mast-1", "", ((2, 3),))], now_ms=NOON_MS)
    assert [(gap.missing.first, gap.missing.last) for gap in store.due(now_ms=NOON_MS, **DUE)] == [(2, 3)]
    assert store.commit([ResendRequested("bridge", "mast-1", "", ((2, 3),))], now_ms=NOON_MS).asked == 1
    assert store.due(now_ms=NOON_MS, **DUE) == []


def test_who_was_just_asked_is_not_hurried() -> None:
    journal = Journal()
    journal.arrived([3], now_ms=0)
    journal.asked(1, 2, now_ms=YOUNG_MS)
    journal.hurry(1, 2, now_ms=YOUNG_MS + 1)
    assert not journal.are_due([(1, 2)], now_ms=YOUNG_MS + 1)
    journal.asked(1, 2, now_ms=YOUNG_MS + WAIT_MS_FIRST)
    journal.hurry(1, 2, now_ms=YOUNG_MS + 2 * WAIT_MS_FIRST)
    assert journal.are_due([(1, 2)], now_ms=YOUNG_MS + 2 * WAIT_MS_FIRST)


def test_what_is_gone_is_not_hurried() -> None:
    journal = Journal()
    journal.arrived([3], now_ms=0)
    journal.gone(1, 2)
    journal.hurry(1, 2, now_ms=5)
    assert not journal.are_due([(1, 2)], now_ms=5)
