"""Each rule of the alerts at its borders: one vehicle, one minute or one day less, and it says nothing."""

import datetime

import msgspec
import pytest

from collector.alerts.alert import Subject
from collector.alerts.rules import balance, device, first_vehicle, flow, queue
from collector.alerts.rules.balance import BalanceState, Day
from collector.alerts.rules.device import DeviceMemory, DeviceNow
from collector.alerts.rules.finding import About, Finding
from collector.alerts.rules.first_vehicle import Sighting
from collector.alerts.rules.flow import FlowState, Hour, PastHour
from collector.alerts.rules.queue import QueueState, Slot
from collector.alerts.settings import (
    BalanceRule,
    BlindRule,
    CessationRule,
    ClockRule,
    DropRule,
    FirstRule,
    History,
    IdentityRule,
    OutboxRule,
    QueueRule,
    ResumptionRule,
    Rules,
    SilentRule,
    SurgeRule,
)

HOUR_MS, DAY_MS, MINUTE_MS = 3_600_000, 86_400_000, 60_000
RULES = Rules(
    surge=SurgeRule(hours=1, factor=1.5, score=3.0, vehicles_min=20),
    drop=DropRule(hours=1, share_max=0.5, score=2.5, vehicles_min=20),
    cessation=CessationRule(expected_min=40, hours_min=2),
    resumption=ResumptionRule(vehicles_min=3, days=2),
)
FLOW = Subject(site="bridge", device="mast-1", line="deck", direction="outbound", label="all")
USUAL = (PastHour(100, 1.0),) * 8


def hour(i: int, number: int | None, *, share: float = 1.0, past: tuple[PastHour | None, ...] = USUAL) -> Hour:
    return Hour(i * HOUR_MS, (i + 1) * HOUR_MS, number, share if number is not None else 0.0, past)


def after(*hours: Hour, rules: Rules = RULES, state: FlowState | None = None) -> list[Finding]:
    state = state or FlowState()
    return [one for each in hours for one in flow.evaluate(state, each, About(FLOW, rules, "UTC"))]


def kinds(found: list[Finding]) -> list[tuple[str, bool]]:
    return [(one.kind, one.over) for one in found]


def border(usual: int, rules: Rules = RULES) -> int:
    """The least number that is a surge of a usual hour."""
    return next(n for n in range(usual, 10 * usual) if after(hour(0, n, past=(PastHour(usual, 1.0),) * 8), rules=rules))


def test_a_surge_needs_the_factor_the_score_and_the_vehicles() -> None:
    spread = (1000 + (flow.SPREAD_MIN * 1000) ** 2) ** 0.5
    assert border(1_000) == max(1_500, -(-(1000 + 3 * spread) // 1))
    by_factor = msgspec.structs.replace(RULES, surge=SurgeRule(hours=1, factor=3.0, score=1.0))
    assert border(1_000, by_factor) == 3_000
    by_number = msgspec.structs.replace(RULES, surge=SurgeRule(hours=1, factor=1.1, score=1.0, vehicles_min=500))
    assert border(1_000, by_number) == 1_500


def test_a_drop_needs_the_share_the_score_and_the_vehicles() -> None:
    assert kinds(after(hour(0, 50))) == [("drop", False)]
    assert after(hour(0, 51)) == []
    assert after(hour(0, 0, past=(PastHour(19, 1.0),) * 8)) == []  # 19 fewer are no 20
    scattered = tuple(PastHour(n, 1.0) for n in (60, 140, 60, 140, 60, 140, 100, 100))
    assert after(hour(0, 30, past=scattered)) == []  # it does that by itself


def test_what_is_usual_needs_its_weeks_and_its_watched_hours() -> None:
    assert after(hour(0, 10, past=USUAL[:3])) == []
    assert kinds(after(hour(0, 10, past=USUAL[:4]))) == [("drop", False)]
    assert after(hour(0, 10, past=(*USUAL[:3], None, None))) == []
    assert after(hour(0, 10, share=0.79)) == []
    assert kinds(after(hour(0, 10, share=0.8))) == [("drop", False)]


def test_half_a_watched_hour_is_held_against_half_of_the_usual() -> None:
    half = msgspec.structs.replace(RULES, history=History(watched_share_min=0.5))
    assert after(hour(0, 50, share=0.5), rules=half) == []
    (drop,) = after(hour(0, 10, share=0.5), rules=half)
    assert drop.figures["usual"] == 50.0


def test_a_blind_hour_says_nothing_and_a_holiday_neither() -> None:
    assert after(hour(0, None)) == []
    assert after(msgspec.structs.replace(hour(0, 0), holiday=True)) == []


def test_a_drop_is_over_after_two_hours_that_could_have_told() -> None:
    told = [hour(0, 10), hour(1, 76)]
    assert kinds(after(*told)) == [("drop", False)]
    assert kinds(after(*told, hour(2, 76))) == [("drop", False), ("drop", True)]
    assert kinds(after(*told, hour(2, 75), hour(3, 75))) == [("drop", False)]  # not yet halfway back
    at_night = [hour(i, 5, past=(PastHour(5, 1.0),) * 8) for i in range(2, 12)]
    assert kinds(after(*told, *at_night)) == [("drop", False)]  # so few tell nothing
    assert kinds(after(*told, *at_night, hour(30, None))) == [("drop", False), ("drop", True)]  # for a day nothing told


def test_a_drop_is_said_again_only_if_it_is_greater() -> None:
    assert [one.figures["vehicles"] for one in after(hour(0, 40), hour(1, 45), hour(2, 30), hour(3, 35))] == [40, 30]


def test_a_cessation_needs_expected_vehicles_and_hours() -> None:
    twenty = (PastHour(20, 1.0),) * 8
    assert kinds(after(hour(0, 0, past=twenty))) == [("drop", False)]
    quiet = msgspec.structs.replace(RULES, drop=DropRule(enabled=False))
    assert after(*(hour(i, 0, past=(PastHour(19, 1.0),) * 8) for i in range(2)), rules=quiet) == []
    assert kinds(after(*(hour(i, 0, past=twenty) for i in range(2)), rules=quiet)) == [("cessation", False)]
    assert after(hour(0, 0, past=(PastHour(400, 1.0),) * 8), rules=quiet) == []  # an hour is no two
    unseen = [hour(0, 0, past=twenty), hour(1, None), hour(2, 0, share=0.9, past=twenty)]
    assert after(*unseen, rules=quiet) == []  # 38 were to be expected while somebody watched


def test_a_pause_that_was_seen_before_is_no_cessation() -> None:
    quiet = msgspec.structs.replace(RULES, drop=DropRule(enabled=False))
    ten = (PastHour(10, 1.0),) * 8
    convoys = [hour(i, 9 if i % 4 == 3 else 0, past=ten) for i in range(12)]  # 30 in each pause
    pause = [hour(i, 0, past=ten) for i in range(12, 12 + 6)]
    state = FlowState()
    assert after(*convoys, *pause[:5], rules=quiet, state=state) == []
    assert kinds(after(pause[5], rules=quiet, state=state)) == [("cessation", False)]
    assert state.expected == 60 >= 2 * state.longest


def test_a_cessation_ends_a_drop_and_a_lone_vehicle_does_not_end_it() -> None:
    found = after(hour(0, 0), hour(1, 0), hour(2, 2), hour(30, 2), hour(31, 1))
    assert kinds(found) == [
        ("drop", False), ("cessation", False), ("drop", True), ("resumption", False), ("cessation", True),
        ("drop", False),  # few came back
    ]  # fmt: skip
    assert found[1].at_ms == 0
    assert found[3].at_ms == 30 * HOUR_MS
    assert found[3].figures["vehicles"] == 3


def test_vehicles_where_there_were_none_for_days_are_a_resumption() -> None:
    nothing: tuple[PastHour, ...] = (PastHour(0, 1.0),) * 8
    quiet = [hour(i, 0, past=nothing) for i in range(47)]
    assert after(*quiet, hour(47, 3, past=nothing)) == []
    found = after(*quiet, hour(47, 0, past=nothing), hour(48, 3, past=nothing))
    assert kinds(found) == [("resumption", False)]
    assert "after 2 days without (100% of them watched)" in found[0].reason


def test_the_hours_of_a_cessation_are_no_part_of_what_is_usual() -> None:
    state = FlowState(pauses=[(0, 168 * HOUR_MS)])
    zero = (PastHour(0, 1.0), *USUAL[1:])
    flow.evaluate(state, hour(168 + 10, 100, past=zero), About(FLOW, RULES, "UTC"))
    assert state.recent[-1].past == (None, *USUAL[1:])


def sighting(days: float, *, watched: float = 1.0, before: bool = True) -> Sighting:
    at_ms = round(days * DAY_MS)
    return Sighting(
        site="bridge", label="bus", at_ms=at_ms, end_ms=at_ms + MINUTE_MS, before_ms=0 if before else None,
        begun_ms=0, watched_ms=round(watched * at_ms), device="mast-1", line="deck", direction="outbound",
    )  # fmt: skip


@pytest.mark.parametrize("before", [True, False])
def test_a_first_needs_its_days_of_which_enough_were_watched(before: bool) -> None:
    rules = Rules(first=FirstRule(days=28, watched_share_min=0.5))
    assert first_vehicle.evaluate(sighting(27.99, before=before), rules, "UTC") is None
    assert first_vehicle.evaluate(sighting(28, watched=0.49, before=before), rules, "UTC") is None
    found = first_vehicle.evaluate(sighting(28, watched=0.5, before=before), rules, "UTC")
    assert found is not None
    assert "28 days without one, 50% of them watched." in found.reason
    assert ("since watching began on" in found.reason) is not before
    only_trucks = Rules(first=FirstRule(labels=["truck"]))
    assert first_vehicle.evaluate(sighting(100, before=before), only_trucks, "UTC") is None


def queue_of(*standing: float | None, rules: Rules) -> list[Finding]:
    state = QueueState()
    about = About(Subject(site="bridge", device="mast-1", zone="queue"), rules, "UTC")
    found = []
    for i, number in enumerate(standing):
        slot = Slot(i * 300_000, (i + 1) * 300_000, number, round(number or 0), 300_000 if number is not None else 0)
        found += queue.evaluate(state, slot, about)
    return found


def test_a_queue_is_told_when_it_lasts_and_over_when_that_lasts() -> None:
    rules = Rules(queue=QueueRule(vehicles=20, minutes=15, over_share=0.7))
    assert queue_of(20, 20, 19.9, 20, 20, rules=rules) == []
    (told,) = queue_of(20, 20, 20, rules=rules)
    assert told.at_ms == 0
    assert told.reason.startswith("20 vehicles stand in queue (mast-1), 20 or more from 1970-01-01 00:00 to 00:15")
    assert kinds(queue_of(20, 20, 20, 14, 14, 14, rules=rules)) == [("queue", False)]
    found = queue_of(20, 20, 20, 13, 13, 15, 13.9, 13.9, 13.9, rules=rules)
    assert kinds(found) == [("queue", False), ("queue", True)]
    assert found[1].at_ms == 6 * 300_000
    assert kinds(queue_of(20, None, 20, None, 20, rules=rules)) == [("queue", False)]  # not watched says nothing
    assert queue_of(20, 20, *([None] * 13), 20, rules=rules) == []  # and for an hour it begins anew


def balance_of(*days: tuple[int, int], share: float = 1.0, last_share: float | None = None) -> list[Finding]:
    state = BalanceState()
    subject = Subject(site="bridge", device="mast-1", line="deck", label="all")
    rules = Rules(balance=BalanceRule(days=7, share=0.15, score=4.0, vehicles_min=50))
    found = []
    for i, (out, back) in enumerate(days):
        of_day = share if last_share is None or i < len(days) - 7 else last_share
        day = Day(i * DAY_MS, (i + 1) * DAY_MS, out, back, of_day)
        found += balance.evaluate(state, day, About(subject, rules, "UTC"))
    return found


def test_a_balance_is_held_against_the_usual_of_the_place() -> None:
    assert balance_of(*[(100, 60)] * 60) == []  # it always is like that
    usual = [(100, 100)] * 42
    assert balance_of(*usual[:20], *[(100, 50)] * 7) == []  # too little is known
    found = balance_of(*usual, *[(100, 50)] * 7)
    assert not found[0].over
    assert found[-1].figures["out"] == 700
    assert found[-1].figures["back"] == 350
    assert balance_of(*usual, *[(100, 75)] * 7) == []  # a share of 0.14
    assert balance_of(*usual, *[(100, 50)] * 7, share=0.24) == []  # hardly watched at all
    assert balance_of(*usual, *[(100, 50)] * 7, share=0.5)  # by day only, as always
    assert balance_of(*usual, *[(100, 50)] * 7, last_share=0.5) == []  # watched less than usual
    assert balance_of(*[(8, 8)] * 42, *[(8, 5)] * 7) == []  # few vehicles scatter
    assert balance_of(*usual, *[(100, 50)] * 7, *usual)[-1].over


def look(memory: DeviceMemory, now_ms: int, rules: Rules | None = None, **fields: object) -> list[tuple[str, bool]]:
    given = {"site": "bridge", "device": "mast-1", "listening_ms": 0, "heard_ms": now_ms} | fields
    now = msgspec.convert(given | {"now_ms": now_ms}, DeviceNow)
    return kinds(device.evaluate(memory, now, rules or Rules(), "UTC"))


def test_silence_counts_only_while_we_listen() -> None:
    rules = Rules(silent=SilentRule(minutes=60))
    assert look(DeviceMemory(), 60 * MINUTE_MS - 1, rules, heard_ms=0) == []
    assert look(DeviceMemory(), 60 * MINUTE_MS, rules, heard_ms=0) == [("silent", False)]
    assert look(DeviceMemory(), 90 * MINUTE_MS, rules, heard_ms=0, listening_ms=31 * MINUTE_MS) == []
    memory = DeviceMemory(silent_on=True)
    assert look(memory, 90 * MINUTE_MS, rules, heard_ms=0, listening_ms=80 * MINUTE_MS) == []  # we were away: who knows
    assert look(memory, 91 * MINUTE_MS, rules, heard_ms=91 * MINUTE_MS) == [("silent", True)]


def test_a_camera_that_is_usually_dark_at_this_hour_is_not_called_blind() -> None:
    rules = Rules(blind=BlindRule(minutes=30))
    blind = {"newest_end_ms": 30 * MINUTE_MS, "blind_since_ms": 0}
    assert look(DeviceMemory(), 31 * MINUTE_MS, rules, **blind | {"newest_end_ms": 29 * MINUTE_MS}) == []
    assert look(DeviceMemory(), 31 * MINUTE_MS, rules, **blind) == [("blind", False)]
    assert look(DeviceMemory(), 31 * MINUTE_MS, rules, **blind, usual_share=0.2) == [("blind", False)]
    assert look(DeviceMemory(), 31 * MINUTE_MS, rules, **blind, usual_share=0.19) == []
    memory = DeviceMemory(blind_on=True)
    seeing = {"newest_end_ms": 60 * MINUTE_MS}
    assert look(memory, 61 * MINUTE_MS, rules, **seeing, sees_ms=299_999) == []
    assert look(memory, 61 * MINUTE_MS, rules, **seeing, sees_ms=300_000) == [("blind", True)]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"offset_ms": 59_999}, False),
        ({"offset_ms": 60_000}, True),
        ({"offset_ms": -59_999}, False),
        ({"offset_ms": -60_000}, True),
        ({"offset_ms": 0, "synced": False}, True),
        ({"offset_ms": 0, "synced": True}, False),
    ],
)
def test_a_clock_is_wrong_when_it_is_for_long_enough(fields: dict[str, object], wrong: bool) -> None:
    rules = Rules(clock=ClockRule(seconds=60, minutes=30))
    memory = DeviceMemory()
    for minute in range(31):
        told = look(memory, minute * MINUTE_MS, rules, health_ms=minute * MINUTE_MS, **fields)
        assert told == ([("clock", False)] if wrong and minute == 30 else [])
    for minute in range(31, 62):
        told = look(memory, minute * MINUTE_MS, rules, health_ms=minute * MINUTE_MS, offset_ms=0, synced=True)
        assert told == ([("clock", True)] if wrong and minute == 61 else [])


def test_another_device_of_a_name_is_told_until_there_is_no_sign_of_it() -> None:
    rules, memory = Rules(identity=IdentityRule(hours=24)), DeviceMemory()
    sign = {"identity": "Two devices report as mast-1 at once.", "identity_ms": 0}
    assert look(memory, MINUTE_MS, rules) == []
    assert look(memory, MINUTE_MS, rules, **sign) == [("identity", False)]
    assert look(memory, DAY_MS - 1, rules, **sign) == [("identity", False)]
    assert look(memory, DAY_MS, rules, **sign) == [("identity", True)]
    assert look(memory, DAY_MS, rules, **sign) == []
    off = Rules(identity=IdentityRule(enabled=False))
    assert look(DeviceMemory(), MINUTE_MS, off, **sign) == []


def test_an_outbox_grows_when_it_grew_in_each_hour() -> None:
    rules = Rules(outbox=OutboxRule(reports=120, hours=3))

    def grown(*waiting: int) -> list[tuple[str, bool]]:
        memory, found = DeviceMemory(), []
        for i, number in enumerate(waiting):
            found += look(memory, i * HOUR_MS, rules, health_ms=i * HOUR_MS, unsent=number)
        return found

    assert grown(30, 60, 90, 119) == []
    assert grown(30, 60, 90, 120) == [("outbox", False)]
    assert grown(90, 120, 120, 150) == []
    assert grown(4_000, 3_000, 2_000, 1_000) == []  # after an outage it sends what it kept
    assert grown(30, 60, 90, 120, 250, 126)[-1] == ("outbox", False)
    assert grown(30, 60, 90, 120, 250, 124)[-1] == ("outbox", True)


def test_holidays_are_dates_of_the_configuration() -> None:
    assert History(holidays=[datetime.date(2026, 10, 1)]).holidays[0].month == 10
