# ruff: noqa: T201 - a script prints
"""A simulated year of a bridge with planted events: how many alerts find them, how soon, and how many find nothing.

    python -m tests.collector.alert_year --seeds 11-30

Each seed is another site for another year: how busy it is, how its days, weeks and seasons look, how much trade grows,
how often the camera is blind and the link is down, whether it sees at night. The rules, the posts and the ledger are
the collector's own; only the views are left out: what they would say is made here, in hours, slots of five minutes and
looks at the device. An alert is false if nothing that was planted explains it; one on a public holiday is counted by
itself, for it is true that fewer came, and it is no news.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import msgspec
import numpy as np
from numpy.typing import NDArray

from collector.alerts.alert import Alert, Subject
from collector.alerts.lifecycle import AlertLifecycle, ProvenFinding
from collector.alerts.repository import alerts
from collector.alerts.rules import device, first_vehicle, queue, station
from collector.alerts.rules.device import DeviceMemory, DeviceNow
from collector.alerts.rules.finding import About, Finding
from collector.alerts.rules.first_vehicle import Sighting
from collector.alerts.rules.flow import Hour, PastHour
from collector.alerts.rules.queue import QueueState, Slot
from collector.alerts.rules.station import StationHour, StationState
from collector.alerts.settings import Rules
from collector.alerts.wording import ALL, DAY_MS, HOUR_MS
from collector.store.sqlite.store import SqliteStore

START_MS = 1_767_225_600_000  # 2026-01-01, a Thursday
DAYS, HOURS = 365, 365 * 24
SLOT_MS = 300_000
SLOTS = HOURS * 12
WARM_DAYS = 45
"""Nothing is planted before: a rule needs weeks to know what is usual."""
SITE, DEVICE, LINE, ZONE = "bridge", "mast-1", "deck", "queue"
WAYS = ("outbound", "return")
KINDS = (
    "first", "surge", "drop", "cessation", "resumption", "queue", "balance", "blind", "silent", "clock", "outbox",
)  # fmt: skip
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Event:
    """Something planted; `explains` are other kinds of alerts that may come of it."""

    kind: str
    start_ms: int
    end_ms: int
    explains: tuple[str, ...] = ()
    told_after_ms: int = 0
    """An alert before this is one of luck: it belongs to something else."""


@dataclass
class Year:
    """What happened at a site, by hour or slot."""

    events: list[Event]
    holidays: set[int]
    """Days of the year."""
    numbers: dict[tuple[str, str], NDArray[np.int64]]
    """By direction and class: counted, per hour."""
    watched: Numbers
    """Share of each slot."""
    standing: Numbers
    online: NDArray[np.bool_]
    offset_ms: NDArray[np.int64]
    unsent: NDArray[np.int64]
    buses: list[tuple[int, bool]]
    """Hours with one, and whether it was real."""
    dark: bool = False


@dataclass
class Score:
    """Of one year."""

    planted: dict[str, int] = field(default_factory=dict)
    delays_ms: dict[str, list[int]] = field(default_factory=dict)
    false: dict[str, int] = field(default_factory=dict)
    holiday: int = 0
    messages: int = 0
    told: int = 0


class Maker:
    """Makes a year from a seed."""

    def __init__(self, seed: int) -> None:
        self.chance = np.random.default_rng(seed)
        self.events: list[Event] = []
        self._taken: list[tuple[int, int]] = []

    def year(self) -> Year:
        chance = self.chance
        holidays = self._holidays()
        rates = self._rates(holidays)
        blind = self._blind_slots()
        self._flow_events(rates)
        dark = bool(chance.random() < 0.2)
        hour_of_day = np.arange(HOURS) % 24
        night = (hour_of_day < 6) | (hour_of_day >= 20)
        watched = np.clip(chance.normal(0.995, 0.01, SLOTS), 0, 1)
        watched[blind] = 0.0
        if dark:
            watched[np.repeat(night, 12)] = 0.0
        online = self._online()
        share = watched.reshape(HOURS, 12).mean(axis=1)
        numbers = {}
        for key, rate in rates.items():
            # a negative binomial: hours scatter more than Poisson numbers
            busy = chance.gamma(15.0, 1 / 15.0, HOURS)
            numbers[key] = chance.poisson(np.maximum(rate * busy * share, 0.0)).astype(np.int64)
        return Year(
            self.events,
            holidays,
            numbers,
            watched,
            self._standing(),
            online,
            self._offsets(),
            self._unsent(online),
            self._buses(share),
            dark,
        )

    def _holidays(self) -> set[int]:
        days = {int(day) for day in self.chance.choice(DAYS, 6, replace=False)}
        for first in self.chance.choice(DAYS - 7, 2, replace=False):
            days |= {int(first) + i for i in range(4)}
        return days

    def _rates(self, holidays: set[int]) -> dict[tuple[str, str], Numbers]:
        chance = self.chance
        hour = np.arange(24)
        peaks = {
            "car": np.exp(-((hour - 8) ** 2) / 8)
            + np.exp(-((hour - 17.5) ** 2) / 10)
            + 0.25 * ((hour > 6) & (hour < 22)),
            "truck": np.exp(-((hour - 11) ** 2) / 18) + 0.15,
        }
        per_day = {"car": 10 ** chance.uniform(2.3, 3.6), "truck": 10 ** chance.uniform(1.7, 2.9)}
        weekday = {"car": [1, 1, 1, 1, 1.1, 0.8, 0.65], "truck": [1, 1, 1, 1, 1, 0.6, 0.25]}
        growth = chance.uniform(-0.1, 0.7)
        season = chance.uniform(0, 0.15)
        day = np.arange(DAYS)
        weather = np.exp(chance.normal(0, 0.1, DAYS))
        holiday = np.where([i in holidays for i in day], chance.uniform(0.3, 0.6, DAYS), 1.0)
        trend = (1 + growth * day / DAYS) * (1 + season * np.sin(2 * np.pi * (day - 80) / DAYS))
        rates = {}
        for label in ("car", "truck"):
            shape = peaks[label] / peaks[label].sum()
            of_day = per_day[label] * trend * weather * holiday * np.array([weekday[label][(i + 3) % 7] for i in day])
            for i, way in enumerate(WAYS):
                shifted = np.roll(shape, (0 if label == "car" else 7) * i)  # trucks come home in the evening
                rates[way, label] = (of_day[:, None] * shifted[None, :]).ravel() * (
                    1.0 if i == 0 else chance.uniform(0.85, 1)
                )
        return rates

    def _flow_events(self, rates: dict[tuple[str, str], Numbers]) -> None:
        chance = self.chance
        for _ in range(4):
            at, hours = self._span(6, 48, daytime=True)
            factor = chance.uniform(2.0, 3.5)
            for rate in rates.values():
                rate[at : at + hours] *= factor
            self._add("surge", at, at + hours, ("balance", "queue"))
        for _ in range(4):
            at, hours = self._span(10, 72, daytime=True)
            factor = chance.uniform(0.05, 0.3)
            for rate in rates.values():
                rate[at : at + hours] *= factor
            self._add("drop", at, at + hours, ("cessation", "resumption", "balance"))
        for _ in range(3):
            at, hours = self._span(36, 15 * 24, daytime=True)
            ways = [WAYS, WAYS[:1], WAYS[1:]][int(chance.integers(3))]
            for way in ways:
                for label in ("car", "truck"):
                    rates[way, label][at : at + hours] = 0.0
            self._add("cessation", at, at + hours, ("drop", "balance"))
            self._add("resumption", at + hours, at + hours + 48, ("surge", "balance"), taken=True)
        for _ in range(2):
            at, hours = self._span(10 * 24, 16 * 24, daytime=False)
            stays = chance.uniform(0.45, 0.7)
            for label in ("car", "truck"):
                rates["return", label][at : at + hours] *= 1 - stays
            self._add("balance", at, at + hours, ("drop",))

    def _add(self, kind: str, start: int, end: int, explains: tuple[str, ...] = (), *, taken: bool = False) -> None:
        del taken
        self.events.append(Event(kind, START_MS + start * HOUR_MS, START_MS + end * HOUR_MS, explains))

    def _span(self, shortest: int, longest: int, *, daytime: bool) -> tuple[int, int]:
        """A start and a length in hours, away from other events of the flows; the later weeks see it as past."""
        while True:
            hours = int(self.chance.integers(shortest, longest + 1))
            at = int(self.chance.integers(WARM_DAYS * 24, HOURS - hours - 72))
            if daytime:
                at = at // 24 * 24 + int(self.chance.integers(7, 13))
            if all(at >= end + 5 * 24 or at + hours + 5 * 24 <= start for start, end in self._taken):
                self._taken.append((at, at + hours))
                return at, hours

    def _some(self, number: int, shortest_slots: int, longest_slots: int) -> list[tuple[int, int]]:
        """Spans of slots that do not touch."""
        found: list[tuple[int, int]] = []
        while len(found) < number:
            length = int(self.chance.integers(shortest_slots, longest_slots + 1))
            at = int(self.chance.integers(WARM_DAYS * 288, SLOTS - length - 600))
            if all(at > end + 400 or at + length + 400 < start for start, end in found):
                found.append((at, at + length))
        return found

    def _slot_event(self, kind: str, start: int, end: int, explains: tuple[str, ...] = ()) -> None:
        self.events.append(Event(kind, START_MS + start * SLOT_MS, START_MS + end * SLOT_MS, explains))

    def _blind_slots(self) -> NDArray[np.bool_]:
        blind = np.zeros(SLOTS, bool)
        for _ in range(int(self.chance.poisson(300))):  # a lorry in front of the lens, rain on it: too short to be told
            at = int(self.chance.integers(0, SLOTS - 6))
            blind[at : at + int(self.chance.integers(1, 5))] = True
        for start, end in self._some(8, 10, 200):
            blind[start:end] = True
            self._slot_event("blind", start, end)
        return blind

    def _online(self) -> NDArray[np.bool_]:
        online = np.ones(SLOTS, bool)
        for _ in range(150):  # the modem
            at = int(self.chance.integers(0, SLOTS - 12))
            online[at : at + int(self.chance.integers(1, 8))] = False
        for start, end in self._some(8, 15, 300):
            online[start:end] = False
            self._slot_event("silent", start, end)
        return online

    def _offsets(self) -> NDArray[np.int64]:
        offset = self.chance.normal(-1_500, 800, SLOTS).astype(np.int64)  # the way takes a second or two
        for _ in range(40):
            offset[int(self.chance.integers(SLOTS))] = -int(self.chance.integers(20_000, 90_000))  # a slow minute
        for start, end in self._some(4, 24, 600):
            offset[start:end] += int(self.chance.choice([-1, 1])) * int(self.chance.integers(90_000, 7_200_000))
            self._slot_event("clock", start, end)
        return offset

    def _unsent(self, online: NDArray[np.bool_]) -> NDArray[np.int64]:
        unsent = np.zeros(SLOTS, np.int64)
        planted = np.zeros(SLOTS, bool)
        for start, end in self._some(3, 80, 400):
            planted[start:end] = True
            self._slot_event("outbox", start, end + 60)
        waiting = 0
        for i in range(SLOTS):
            waiting += 5
            if planted[i]:
                waiting -= int(self.chance.integers(0, 4))
            elif online[i]:
                waiting = max(int(self.chance.integers(0, 3)), waiting - 150)
            unsent[i] = waiting
        return unsent

    def _standing(self) -> Numbers:
        hour = np.arange(SLOTS) / 12 % 24
        usual = 6 * np.exp(-((hour - 10) ** 2) / 12)
        standing = self.chance.gamma(2.0, usual / 2.0 + 0.1)
        for start, end in self._some(6, 6, 120):
            standing[start:end] = self.chance.normal(self.chance.uniform(25, 60), 3, end - start)
            self._slot_event("queue", start, end)
        return np.maximum(standing, 0.0)

    def _buses(self, share: Numbers) -> list[tuple[int, bool]]:
        found = []
        for at in self.chance.choice(np.arange(WARM_DAYS, DAYS - 5, 60), 3, replace=False):
            hour = int(at) * 24 + 10
            while share[hour] < 0.9:
                hour += 1
            found.append((hour, True))
            self._add("first", hour, hour + 1)
        if self.chance.random() < 0.5:  # a truck that was taken for one
            found.append((int(self.chance.integers(WARM_DAYS * 24, HOURS - 24)), False))
        return sorted(found)


def run(seed: int, rules: Rules, *, told_holidays: bool = False, folder: Path) -> tuple[Score, list[Alert], Year]:
    """A year, and what was made of it."""
    year = Maker(seed).year()
    if told_holidays:
        dates = [np.datetime64("2026-01-01") + np.timedelta64(day, "D") for day in sorted(year.holidays)]
        history = msgspec.structs.replace(rules.history, holidays=[date.astype(object) for date in dates])
        rules = msgspec.structs.replace(rules, history=history)
    path = folder / f"{seed}-{told_holidays}.sqlite"
    with SqliteStore(path) as store:
        store._database.execute("PRAGMA synchronous = OFF")
        for now_ms, found in sorted(_found(year, rules, told_holidays=told_holidays), key=lambda one: one[0]):
            with store.writing() as tables:
                ledger = AlertLifecycle(tables, SITE, rules, now_ms=now_ms, channels=["test"])
                ledger.take([ProvenFinding(one) for one in found])
                ledger.digest()
        with store.reading() as reading:
            listed: list[Alert] = []
            while page := alerts(reading, before_id=listed[-1].id if listed else None, limit=1_000):
                listed += page
            ((messages,),) = reading.rows("SELECT count(*) FROM telling WHERE fate = 'told'", {})
    path.unlink()
    score = judged(year, listed[::-1])
    score.messages = messages
    return score, listed[::-1], year


def _found(year: Year, rules: Rules, *, told_holidays: bool) -> list[tuple[int, list[Finding]]]:
    found = _hours(year, rules, told_holidays=told_holidays)
    found += _slots(year, rules)
    found += _looks(year, rules)
    found += _firsts(year, rules)
    return found


def heard_ms(year: Year, time_ms: int) -> int:
    """When a report that was made then has come: a minute later, or when the link is back."""
    i = min(SLOTS - 1, (time_ms - START_MS) // SLOT_MS)
    if year.online[i]:
        return time_ms + 60_000
    later = np.flatnonzero(year.online[i:])
    return START_MS + (i + int(later[0]) if len(later) else SLOTS) * SLOT_MS + 60_000


def _hours(year: Year, rules: Rules, *, told_holidays: bool) -> list[tuple[int, list[Finding]]]:
    state, found = StationState(), []
    share = year.watched.reshape(HOURS, 12).mean(axis=1)
    ways = {(DEVICE, LINE): WAYS}
    of_flow = {}
    for way in WAYS:
        of_flow[way, "truck"] = year.numbers[way, "truck"]
        of_flow[way, ALL] = year.numbers[way, "car"] + year.numbers[way, "truck"]
    subjects = {key: Subject(site=SITE, device=DEVICE, line=LINE, direction=key[0], label=key[1]) for key in of_flow}
    share_min = rules.history.watched_share_min
    for i in range(HOURS):
        start_ms = START_MS + i * HOUR_MS
        pasts = [i - 168 * week for week in range(1, rules.history.weeks + 1)]
        usable = [j >= 0 and share[j] >= share_min and not (told_holidays and j // 24 in year.holidays) for j in pasts]
        flows = []
        for key, numbers in of_flow.items():
            past = tuple(
                PastHour(int(numbers[j]), float(share[j])) if ok else None for j, ok in zip(pasts, usable, strict=True)
            )
            number = int(numbers[i]) if share[i] > 0 else None
            hour = Hour(
                start_ms, start_ms + HOUR_MS, number, float(share[i]), past, told_holidays and i // 24 in year.holidays
            )
            flows.append((subjects[key], hour))
        hour_ = StationHour(start_ms, start_ms + HOUR_MS, START_MS + i // 24 * DAY_MS, flows)
        if said := station.evaluate(state, hour_, ways, rules, "UTC"):
            found.append((heard_ms(year, start_ms + HOUR_MS), said))
    return found


def _slots(year: Year, rules: Rules) -> list[tuple[int, list[Finding]]]:
    state, found = QueueState(), []
    about = About(Subject(site=SITE, device=DEVICE, zone=ZONE), rules, "UTC")
    for i in range(SLOTS):
        start_ms = START_MS + i * SLOT_MS
        standing = float(year.standing[i]) if year.watched[i] > 0 else None
        watched_ms = int(year.watched[i] * SLOT_MS)
        slot = Slot(start_ms, start_ms + SLOT_MS, standing, round(standing or 0), watched_ms)
        if said := queue.evaluate(state, slot, about):
            found.append((heard_ms(year, start_ms + SLOT_MS), said))
    return found


def _looks(year: Year, rules: Rules) -> list[tuple[int, list[Finding]]]:
    memory, found = DeviceMemory(), []
    share = year.watched.reshape(HOURS, 12).mean(axis=1)
    heard = START_MS
    newest = START_MS
    blind_since: int | None = None
    sees_ms = 0
    for i in range(SLOTS):
        now_ms = START_MS + (i + 1) * SLOT_MS
        # the device keeps what it could not send, and sends it when it can
        if year.watched[i] >= 0.1:
            blind_since = None
        elif blind_since is None:
            blind_since = now_ms - SLOT_MS
        sees_ms = int(year.watched[max(0, i - 1) : i + 1].sum() * SLOT_MS)
        if year.online[i]:
            heard = newest = now_ms
        hours = [i // 12 - 168 * week for week in range(1, rules.history.weeks + 1)]
        usual = [float(share[j]) for j in hours if j >= 0]
        now = DeviceNow(
            site=SITE,
            device=DEVICE,
            now_ms=now_ms,
            listening_ms=START_MS,
            heard_ms=heard,
            newest_end_ms=newest,
            blind_since_ms=blind_since if year.online[i] else None,
            sees_ms=sees_ms if year.online[i] else 0,
            usual_share=median(usual) if len(usual) >= 2 and blind_since is not None else None,
            synced=True,
            health_ms=heard,
            offset_ms=int(year.offset_ms[i]),
            unsent=int(year.unsent[i]),
        )
        if said := device.evaluate(memory, now, rules, "UTC"):
            found.append((now_ms, said))
    return found


def _firsts(year: Year, rules: Rules) -> list[tuple[int, list[Finding]]]:
    found, before = [], None
    watched = np.concatenate([[0.0], np.cumsum(year.watched.reshape(HOURS, 12).mean(axis=1))])
    for hour, _ in year.buses:
        at_ms = START_MS + hour * HOUR_MS
        since = 0 if before is None else before
        seen = Sighting(
            site=SITE,
            label="bus",
            at_ms=at_ms,
            end_ms=at_ms + 60_000,
            before_ms=None if before is None else START_MS + before * HOUR_MS,
            begun_ms=START_MS,
            watched_ms=int((watched[hour] - watched[since]) * HOUR_MS),
            device=DEVICE,
            line=LINE,
            direction=WAYS[0],
        )
        if one := first_vehicle.evaluate(seen, rules, "UTC"):
            found.append((heard_ms(year, at_ms + 60_000), [one]))
        before = hour
    return found


def judged(year: Year, listed: Sequence[Alert]) -> Score:
    """Planted against found."""
    score = Score(told=sum(one.fate == "told" for one in listed))
    for event in year.events:
        score.planted[event.kind] = score.planted.get(event.kind, 0) + 1
        delays = [one.opened_ms - event.start_ms for one in listed if one.kind == event.kind and _overlaps(one, event)]
        if delays:
            score.delays_ms.setdefault(event.kind, []).append(max(0, min(delays)))
    for one in listed:
        if any(one.kind in (event.kind, *event.explains) and _overlaps(one, event) for event in year.events):
            continue
        if one.kind == "blind" and _was_blind(year, one):
            continue
        days = {(ms - START_MS) // DAY_MS for ms in range(one.at_ms, (one.until_ms or one.at_ms) + 1, HOUR_MS)}
        if one.kind in ("drop", "surge", "balance", "cessation", "resumption") and _near(days, year.holidays):
            score.holiday += 1
        else:
            score.false[one.kind] = score.false.get(one.kind, 0) + 1
    return score


def _was_blind(year: Year, one: Alert) -> bool:
    """Two lorries in front of the lens, one after the other: not planted, and so."""
    first = (one.at_ms - START_MS) // SLOT_MS
    return float(year.watched[first : first + 6].max()) < 0.1


def _near(days: set[int], holidays: set[int]) -> bool:
    return bool(days & holidays)


def _overlaps(one: Alert, event: Event) -> bool:
    slack_ms = {"balance": 9 * DAY_MS, "resumption": 2 * DAY_MS}.get(one.kind, 6 * HOUR_MS)
    until_ms = one.until_ms if one.until_ms is not None else one.updated_ms
    return one.at_ms < event.end_ms + slack_ms and until_ms > event.start_ms - HOUR_MS


def table(scores: Sequence[Score]) -> str:
    """As it stands in the README."""
    rows = [
        "| alert | planted | found | median delay | nine in ten within | false per site-year |",
        "|---|---|---|---|---|---|",
    ]
    for kind in KINDS:
        planted = sum(score.planted.get(kind, 0) for score in scores)
        delays = sorted(delay for score in scores for delay in score.delays_ms.get(kind, []))
        false = sum(score.false.get(kind, 0) for score in scores) / len(scores)
        middle = _span(delays[len(delays) // 2]) if delays else "-"
        most = _span(delays[min(len(delays) - 1, int(0.9 * len(delays)))]) if delays else "-"
        share = f"{len(delays)} ({100 * len(delays) / planted:.0f}%)" if planted else "-"
        rows.append(f"| {kind} | {planted} | {share} | {middle} | {most} | {false:.2f} |")
    planted = sum(sum(score.planted.values()) for score in scores)
    found = sum(len(delays) for score in scores for delays in score.delays_ms.values())
    false = sum(sum(score.false.values()) for score in scores) / len(scores)
    rows.append(f"| **all** | {planted} | {found} ({100 * found / planted:.0f}%) | | | {false:.2f} |")
    holiday = sum(score.holiday for score in scores) / len(scores)
    messages = sum(score.messages for score in scores) / len(scores)
    rows.append("")
    rows.append(f"On public holidays {holiday:.2f} alerts per site-year; {messages:.0f} messages per site-year in all.")
    return "\n".join(rows)


def _span(ms: int) -> str:
    return (
        f"{ms / 60_000:.0f} min"
        if ms < 2 * HOUR_MS
        else f"{ms / HOUR_MS:.0f} h"
        if ms < 2 * DAY_MS
        else f"{ms / DAY_MS:.1f} d"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="alert_year", description="Alerts over simulated years.")
    parser.add_argument("--seeds", default="11-30", help="a range, as 11-30")
    parser.add_argument("--told-holidays", action="store_true", help="the configuration names the public holidays")
    parser.add_argument("--show-false", action="store_true", help="name what was false and what was missed")
    given = parser.parse_args()
    first, _, last = given.seeds.partition("-")
    scores = []
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(int(first), int(last or first) + 1):
            score, listed, year = run(seed, Rules(), told_holidays=given.told_holidays, folder=Path(folder))
            scores.append(score)
            print(f"seed {seed}: {sum(score.false.values())} false", score.false, file=sys.stderr, flush=True)
            if given.show_false:
                _show(year, listed)
    print(table(scores))
    print(f"{time.monotonic() - started:.0f} s", file=sys.stderr)
    return 0


def _show(year: Year, listed: Sequence[Alert]) -> None:
    for event in sorted(year.events, key=lambda one: one.start_ms):
        if not any(one.kind == event.kind and _overlaps(one, event) for one in listed):
            day = (event.start_ms - START_MS) / DAY_MS
            print(f"  missed {event.kind} on day {day:.1f} for {(event.end_ms - event.start_ms) / HOUR_MS:.1f} h")
    for one in listed:
        if not any(one.kind in (event.kind, *event.explains) and _overlaps(one, event) for event in year.events):
            print(f"  false {one.kind} day {(one.at_ms - START_MS) / DAY_MS:.1f}: {one.reason}")


if __name__ == "__main__":
    sys.exit(main())
