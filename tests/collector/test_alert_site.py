"""A whole site silent or blind is one alert with the figures of each device; nobody is silent while we do not hear."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collector.alerts.alert import Alert, Subject
from collector.alerts.evaluator import Evaluator
from collector.alerts.rules.finding import Finding
from collector.alerts.rules.site import NAMES_MAX, TOGETHER_MS, DeviceCondition, SiteMemory, evaluate
from collector.alerts.settings import AlertSettings
from collector.config import Mqtt
from collector.store.interface import Store
from collector.store.sqlite.store import SqliteStore
from tests.collector.listening import listening
from tests.collector.messages import MINUTE_MS, NOON_MS, received
from tests.collector.mosquitto import binary, mosquitto
from tests.collector.test_alert_ledger import told
from tests.collector.test_alert_watch import HOUR_MS, hourly, listed, watch

DEVICES = ("mast-1", "mast-2", "mast-3")


class Site:
    """Minutes of three devices, and a look after each."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now_ms = NOON_MS
        self._seq = 0
        self._looker = watch(store)

    def minutes(self, number: int, *, speak: tuple[str, ...] = DEVICES, blind: tuple[str, ...] = ()) -> list[Alert]:
        for _ in range(number):
            self.now_ms, self._seq = self.now_ms + MINUTE_MS, self._seq + 1
            batch = []
            for device in speak:
                fields: dict[str, Any] = {"device": device, "width_ms": MINUTE_MS, "watched_ms": MINUTE_MS}
                if device in blind:
                    fields |= {"state": "blind", "watched_ms": 0, "lines": None}
                batch.append(received(hourly(self._seq, self.now_ms - MINUTE_MS, 1, **fields)))
            self.store.commit(batch, now_ms=self.now_ms)
            self._looker.look(self.now_ms)
        return listed(self.store)


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Store]:
    with SqliteStore(tmp_path / "store.sqlite") as opened:
        yield opened


def names(found: list[Alert]) -> list[tuple[str, str, bool]]:
    return [(one.kind, one.subject.device, one.open) for one in found]


def test_a_site_that_falls_silent_is_one_alert_with_the_figures_of_each(store: Store) -> None:
    site = Site(store)
    site.minutes(5)
    site.minutes(3, speak=("mast-2", "mast-3"))  # they do not fall silent in the same minute
    assert site.minutes(59, speak=()) == []
    (alert,) = site.minutes(1, speak=())
    assert names([alert]) == [("silent", "", True)]
    assert alert.reason == (
        "All of bridge is silent: nothing is heard of its 3 devices, mast-1 since 2026-11-25 12:05, mast-2 since"
        " 2026-11-25 12:08, mast-3 since 2026-11-25 12:08."
    )
    assert alert.figures == {
        "devices": 3,
        "devices_before": 0,
        "time_zone": "UTC",
        **{
            f"{device}.{name}": value
            for device, minutes in zip(DEVICES, (63, 60, 60), strict=True)
            for name, value in (
                ("quiet_ms", minutes * MINUTE_MS),
                ("listened_ms", minutes * MINUTE_MS),
                ("state", ""),
            )
        },
    }
    assert {one.device for one in alert.evidence} == set(DEVICES)
    site.minutes(1, speak=("mast-2",))
    found = site.minutes(13, speak=("mast-2", "mast-1"))
    assert names(found) == [("silent", "", False)]
    assert found[0].ending == "mast-2 is heard again; not yet: mast-1, mast-3."
    found = site.minutes(3, speak=("mast-2", "mast-1"))  # mast-3 had its time to follow
    assert names(found) == [("silent", "", False), ("silent", "mast-3", True)]
    assert names(site.minutes(1))[1] == ("silent", "mast-3", False)
    assert [event for event, _, _ in told(store)] == ["opened", "closed", "opened", "closed"]


def test_a_site_that_is_blind_is_one_alert_and_one_that_sees_again_ends_it(sqlite: Store) -> None:
    site = Site(sqlite)
    site.minutes(20)
    found = site.minutes(30, blind=DEVICES)
    assert names(found) == [("blind", "", True)]
    assert found[0].reason.startswith("All of bridge is blind: its 3 devices report and see nothing, mast-1 since")
    assert found[0].figures["mast-3.blind_ms"] == 30 * MINUTE_MS
    found = site.minutes(10, blind=("mast-1", "mast-2"))
    assert names(found) == [("blind", "", False)]
    assert names(site.minutes(20, blind=("mast-1",)))[1:] == [("blind", "mast-1", True)]


def test_one_device_of_many_is_told_at_once_and_keeps_its_alert_when_the_others_follow(sqlite: Store) -> None:
    site = Site(sqlite)
    site.minutes(5)
    found = site.minutes(60, speak=("mast-2", "mast-3"))
    assert names(found) == [("silent", "mast-1", True)]
    found = site.minutes(60, speak=())
    assert names(found) == [("silent", "mast-1", True), ("silent", "", True)]
    assert found[1].reason.endswith("; 1 more had ceased before.")
    found = site.minutes(1, speak=("mast-1",))
    assert names(found) == [("silent", "mast-1", False), ("silent", "", False)]


def test_a_device_that_may_have_company_waits_for_it_a_quarter_of_an_hour(sqlite: Store) -> None:
    site = Site(sqlite)
    site.minutes(5)
    site.minutes(10, speak=("mast-2", "mast-3"))
    assert site.minutes(50, speak=()) == []  # the others have said nothing for 50 minutes
    found = site.minutes(1, speak=("mast-3",))
    assert names(found) == [("silent", "mast-1", True)]


def fares(*unwell: str, well: tuple[str, ...] = (), soon: bool = False) -> list[DeviceCondition]:
    found = [DeviceCondition(device=one, unwell=True, soon=True, since_ms=NOON_MS) for one in unwell]
    return found + [DeviceCondition(device=one, unwell=False, soon=soon, since_ms=0) for one in well]


def found_of(*devices: str) -> dict[str, list[Finding]]:
    return {
        one: [
            Finding(
                kind="silent",
                subject=Subject(site="bridge", device=one),
                at_ms=NOON_MS,
                reason="so",
                figures={"quiet_ms": 1},
                device=one,
            )
        ]
        for one in devices
    }


def said(memory: SiteMemory, of: list[DeviceCondition], now_ms: int) -> list[str]:
    unwell = [one.device for one in of if one.unwell]
    judged = evaluate(memory, "silent", "bridge", of, found_of(*unwell), now_ms=now_ms, time_zone="UTC")
    return [one.subject.device for one in judged]


def test_the_wait_has_an_end_though_the_others_never_follow() -> None:
    memory = SiteMemory(alone=[])
    almost = fares("mast-1", well=("mast-2",), soon=True)
    assert said(memory, almost, NOON_MS) == []
    assert said(memory, almost, NOON_MS + TOGETHER_MS - 1) == []
    assert said(memory, almost, NOON_MS + TOGETHER_MS) == ["mast-1"]


def test_a_site_of_one_device_has_alerts_of_the_device() -> None:
    memory = SiteMemory(alone=[])
    assert said(memory, fares("mast-1"), NOON_MS) == ["mast-1"]


def test_those_that_were_told_one_by_one_before_the_rule_was_there_stay_so() -> None:
    memory = SiteMemory()
    assert said(memory, fares("mast-1", "mast-2"), NOON_MS) == ["mast-1", "mast-2"]


def test_the_alert_of_a_large_site_is_bounded() -> None:
    memory = SiteMemory(alone=[])
    many = [f"mast-{i}" for i in range(200)]
    (one,) = evaluate(memory, "silent", "bridge", fares(*many), found_of(*many), now_ms=NOON_MS, time_zone="UTC")
    assert one.reason.endswith(f", {200 - NAMES_MAX} more.")
    assert len(one.figures) == NAMES_MAX + 2


@pytest.mark.skipif(binary() is None, reason="mosquitto is not installed")
def test_an_outage_of_our_own_connection_makes_nobody_silent(tmp_path: Path) -> None:
    """The broker is killed; who cannot be heard is judged only after we have listened for long enough again."""
    path = tmp_path / "s"
    with mosquitto() as broker, SqliteStore(path) as mine:
        heard_ms = time.time_ns() // 1_000_000
        batch = [received(hourly(1, heard_ms // HOUR_MS * HOUR_MS - HOUR_MS, 1, device=device)) for device in DEVICES]
        mine.commit(batch, now_ms=heard_ms)
        with listening(Mqtt(host="127.0.0.1", port=broker.port, tls=False), path) as subscriber:
            looker = Evaluator(mine, AlertSettings(), {}, holder="one", listening=lambda: subscriber.listening_ms)
            wait_until(lambda: subscriber.listening_ms is not None)
            broker.kill()
            wait_until(lambda: subscriber.listening_ms is None)
            for hours in range(1, 6):
                looker.look(heard_ms + hours * HOUR_MS)
            assert listed(mine) == []
            broker.start()
            wait_until(lambda: subscriber.listening_ms is not None)
            since_ms = subscriber.listening_ms or 0
            looker.look(since_ms + HOUR_MS - 1)
            assert listed(mine) == []
            looker.look(since_ms + HOUR_MS)
            assert names(listed(mine)) == [("silent", "", True)]


def wait_until(true: Any) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
