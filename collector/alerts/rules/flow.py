"""Unusual counts of one direction over one line: surge and drop, cessation and resumption. Pure.

Each hour is evaluated once, in order of time, when it is settled (see `observations.settled`). It is compared with the
same hours of past weeks; hours that were watched too little are ignored, today and in the past.

1. *Surge, drop.* The last few hours together are compared with the same hours of each past week: the median m, and the
   spread s with s² = m + max(1.4826 MAD, 0.15 m)², since counts vary like Poisson numbers even if past weeks happen to
   agree. It needs the factor, the score (difference / s) and the least number of vehicles.
2. It ends after two windows halfway back to the usual in which three times the usual (for a drop: nothing) would have
   been found; or after a day without such a window. Windows with few usual vehicles, as at night, end nothing.
3. *Cessation.* The vehicles expected since the last one (past mean of each hour, as far as it was watched) reach the
   least number, and twice the longest such pause before: if convoys come twice a week, a day without any is normal. It
   replaces a drop. Hours of a cessation are excluded from the usual counts.
4. *Resumption.* In a direction that has ceased, or had no vehicles for `days` of watched time: enough vehicles within a
   day. A single one may be an error of counting, and ends nothing.
"""

from collections.abc import Sequence
from statistics import median

import msgspec

from collector.alerts.alert import Figures, Subject
from collector.alerts.rules.finding import About, Finding
from collector.alerts.settings import Rules
from collector.alerts.wording import DAY_MS, HOUR_MS, hours, many, moment, number, percent, span, way

MAD_TO_SIGMA = 1.4826
SPREAD_MIN = 0.15
"""Of the median: the least spread of traffic from week to week."""
WEEK_MS = 7 * DAY_MS
LONGEST_FADES = 0.5 ** (1 / (60 * 24))
"""Factor per hour: the longest pause decays to half in 60 days."""


class PastHour(msgspec.Struct, frozen=True, array_like=True):
    """The same hour some weeks ago: vehicles, and the share of it that was watched."""

    number: int
    share: float


class Hour(msgspec.Struct, frozen=True, array_like=True):
    """One hour of one direction and class. `number` is None if it was not watched; `past` has the newest week first.

    A past week is None if it was not watched enough, was a holiday, or was before the line existed.
    """

    start_ms: int
    end_ms: int
    number: int | None
    share: float
    past: tuple[PastHour | None, ...]
    holiday: bool = False


class FlowState(msgspec.Struct, kw_only=True):
    """The state of the rules for a direction and class."""

    recent: list[Hour] = []
    surge_ms: int | None = None
    """Since when there is a surge."""
    drop_ms: int | None = None
    denied: int = 0
    """Windows in a row that could have confirmed it and did not."""
    strongest: float = 0.0
    """The highest score of a window: the figures of the alert are from that window."""
    confirmed_ms: int = 0
    """The end of the last window that confirmed it."""
    ceased: bool = False
    told: bool = False
    """Whether there was a finding for the cessation; not for one from before the first evaluation."""
    last_ms: int | None = None
    """The end of the last hour with a vehicle, except single ones during a cessation."""
    begun_ms: int | None = None
    quiet_ms: int = 0
    """Watched time since then."""
    expected: float = 0.0
    """Vehicles expected since then."""
    longest: float = 0.0
    """The most vehicles expected in any pause so far."""
    after: list[tuple[int, int]] = []
    """Hours of the last day and their vehicles, during a cessation."""
    resumed_ms: int = 0
    """The time of the last resumption."""
    pauses: list[tuple[int, int]] = []
    """Start and end of cessations in the past weeks."""


def evaluate(state: FlowState, hour: Hour, about: About) -> list[Finding]:
    """Evaluate one more hour."""
    rules = about.rules
    ceased_before = state.ceased
    if state.pauses:
        hour = _without_pauses(state, hour)
    found = _pause(state, hour, about)
    keep = max(rules.surge.hours, rules.drop.hours)
    state.recent = [one for one in [*state.recent, hour] if one.end_ms > hour.end_ms - keep * HOUR_MS]
    if rules.surge.enabled:
        found += _surge(state, hour, about)
    if rules.drop.enabled and not state.ceased:
        found += _drop(state, hour, about)
    elif state.drop_ms is not None and state.ceased and not ceased_before:
        state.drop_ms = None
        found.append(_over("drop", about.subject, hour.end_ms, "It became a cessation."))
    return found


def _without_pauses(state: FlowState, hour: Hour) -> Hour:
    """The hour without past weeks in which the direction had ceased."""
    state.pauses = [one for one in state.pauses if one[1] > hour.start_ms - (len(hour.past) + 1) * WEEK_MS]
    past = tuple(
        None if any(from_ms <= hour.start_ms - week * WEEK_MS < to_ms for from_ms, to_ms in state.pauses) else one
        for week, one in enumerate(hour.past, 1)
    )
    return msgspec.structs.replace(hour, past=past)


class Window(msgspec.Struct, frozen=True):
    """Some hours together, with the same hours of past weeks; `weeks` is how many of these there are."""

    from_ms: int
    to_ms: int
    number: int
    share: float
    usual: float
    mad: float
    weeks: int

    @property
    def spread(self) -> float:
        """The spread of the usual count."""
        return float((max(self.usual, 1.0) + max(MAD_TO_SIGMA * self.mad, SPREAD_MIN * self.usual) ** 2) ** 0.5)

    @property
    def score(self) -> float:
        """The difference, in spreads."""
        return (self.number - self.usual) / self.spread

    def figures(self) -> Figures:
        """The figures of the alert, by name."""
        return {
            "vehicles": self.number,
            "usual": round(self.usual, 1),
            "mad": round(self.mad, 1),
            "score": round(self.score, 1),
            "weeks": self.weeks,
            "watched_share": round(self.share, 3),
            "hours": round((self.to_ms - self.from_ms) / HOUR_MS, 1),
        }


def window(recent: Sequence[Hour], length: int, rules: Rules) -> Window | None:
    """The last `length` hours; None if too few of them, or of the past weeks, were watched."""
    share_min, weeks_min = rules.history.watched_share_min, rules.history.weeks_min
    last = recent[-1]
    of_window = [one for one in recent if one.end_ms > last.end_ms - length * HOUR_MS]
    usable = [one for one in of_window if one.number is not None and one.share >= share_min and not one.holiday]
    if last.number is None or last.share < share_min or last.holiday or 3 * len(usable) < 2 * length:
        return None
    sums = []
    for week in range(min(len(one.past) for one in usable)):
        pasts = [(one.past[week], one.share) for one in usable]
        if all(past is not None for past, _ in pasts):
            sums.append(sum(past.number / past.share * min(1.0, share) for past, share in pasts if past is not None))
    if len(sums) < weeks_min:
        return None
    usual = median(sums)
    return Window(
        from_ms=usable[0].start_ms,
        to_ms=last.end_ms,
        number=sum(one.number or 0 for one in usable),
        share=sum(one.share for one in usable) / len(usable),
        usual=usual,
        mad=median(abs(one - usual) for one in sums),
        weeks=len(sums),
    )


class _Sign(msgspec.Struct, frozen=True):
    """Whether a window shows a surge or a drop (`told`), could show one (`could`), is back to the usual (`back`)."""

    seen: Window
    told: bool
    could: bool
    back: bool


def _surge(state: FlowState, hour: Hour, about: About) -> list[Finding]:
    rule, sign = about.rules.surge, None
    seen = window(state.recent, rule.hours, about.rules)
    if seen is not None:
        sign = _Sign(
            seen=seen,
            told=seen.score >= rule.score
            and seen.number >= rule.factor * seen.usual
            and seen.number - seen.usual >= rule.vehicles_min,
            could=2 * seen.usual >= rule.score * seen.spread,
            back=seen.number < (1 + (rule.factor - 1) / 2) * seen.usual,
        )
    state.surge_ms, found = _follow("surge", state.surge_ms, sign, state, hour=hour, about=about)
    return found


def _drop(state: FlowState, hour: Hour, about: About) -> list[Finding]:
    rule, sign = about.rules.drop, None
    seen = window(state.recent, rule.hours, about.rules)
    if seen is not None:
        sign = _Sign(
            seen=seen,
            told=-seen.score >= rule.score
            and seen.number <= rule.share_max * seen.usual
            and seen.usual - seen.number >= rule.vehicles_min,
            could=seen.usual >= rule.score * seen.spread,
            back=seen.number > (1 + rule.share_max) / 2 * seen.usual,
        )
    state.drop_ms, found = _follow("drop", state.drop_ms, sign, state, hour=hour, about=about)
    return found


def _follow(
    kind: str, since_ms: int | None, sign: _Sign | None, state: FlowState, *, hour: Hour, about: About
) -> tuple[int | None, list[Finding]]:
    """Begin, continue or end a surge or a drop; returns since when it lasts now (None: there is none), and findings."""
    found: list[Finding] = []
    if sign is not None:
        if sign.told:
            if since_ms is None:
                since_ms, state.strongest = sign.seen.from_ms, 0.0
            found += _told(kind, state, sign.seen, since_ms, about)
        elif since_ms is not None and sign.could:
            state.denied = state.denied + 1 if sign.back else 0
    if since_ms is not None and _ended(state, hour):
        since_ms = None
        found.append(_over(kind, about.subject, hour.end_ms, _back(None if sign is None else sign.seen, about)))
    return since_ms, found


def _told(kind: str, state: FlowState, seen: Window, at_ms: int, about: About) -> list[Finding]:
    """Another window that confirms it: a finding only if its score is the highest so far."""
    state.denied, state.confirmed_ms = 0, seen.to_ms
    if abs(seen.score) <= state.strongest:
        return []
    state.strongest = abs(seen.score)
    return [_unusual(kind, seen, at_ms, about)]


def _ended(state: FlowState, hour: Hour) -> bool:
    return state.denied >= 2 or hour.end_ms - state.confirmed_ms > DAY_MS


def _pause(state: FlowState, hour: Hour, about: About) -> list[Finding]:
    if hour.number is None or hour.share <= 0:
        return []
    if state.begun_ms is None:
        state.begun_ms = hour.start_ms
    state.longest *= LONGEST_FADES
    if state.ceased:
        return _after_cessation(state, hour, about)
    if hour.number > 0:
        state.longest = max(state.longest, state.expected)
        state.expected, state.quiet_ms, state.last_ms = 0.0, 0, hour.end_ms
        return []
    rules = about.rules
    watched_ms = round(min(1.0, hour.share) * (hour.end_ms - hour.start_ms))
    state.quiet_ms += watched_ms
    usual = [one.number / one.share for one in hour.past if one is not None]
    if len(usual) >= rules.history.weeks_min and not hour.holiday:
        state.expected += sum(usual) / len(usual) * watched_ms / (hour.end_ms - hour.start_ms)
    rule = rules.cessation
    expected_min = max(float(rule.expected_min), 2 * state.longest)
    if state.expected >= expected_min and state.quiet_ms >= rule.hours_min * HOUR_MS:
        state.ceased, state.told, state.after = True, rule.enabled, []
        since_ms = state.last_ms if state.last_ms is not None else state.begun_ms
        if rule.enabled:
            return [_ceased(state, since_ms, hour.end_ms, about)]
    elif state.quiet_ms >= rules.resumption.days * DAY_MS:
        state.ceased, state.told, state.after = True, False, []
    return []


def _ceased(state: FlowState, since_ms: int, end_ms: int, about: About) -> Finding:
    subject, time_zone = about.subject, about.time_zone
    share = min(1.0, state.quiet_ms / max(1, end_ms - since_ms))
    return Finding(
        kind="cessation",
        subject=subject,
        at_ms=since_ms,
        reason=f"No {many(subject.label)} {way(subject)} since {moment(since_ms, time_zone)}"
        f" ({span(end_ms - since_ms)}, {percent(share)} of them watched), where {number(state.expected)} would"
        " have been usual.",
        figures={
            "expected": round(state.expected, 1),
            "quiet_ms": end_ms - since_ms,
            "watched_ms": state.quiet_ms,
            "watched_share": round(share, 3),
            "longest_before": round(state.longest, 1),
        },
        from_ms=since_ms,
        to_ms=end_ms,
        device=subject.device,
    )


def _after_cessation(state: FlowState, hour: Hour, about: About) -> list[Finding]:
    subject, rules, time_zone = about.subject, about.rules, about.time_zone
    found: list[Finding] = []
    watched_ms = round(min(1.0, hour.share) * (hour.end_ms - hour.start_ms))
    if hour.number:
        state.after.append((hour.start_ms, hour.number))
    state.after = [one for one in state.after if one[0] > hour.end_ms - DAY_MS]
    came = sum(n for _, n in state.after)
    if came < rules.resumption.vehicles_min:
        state.quiet_ms += watched_ms
        return []
    from_ms = state.after[0][0]
    since_ms = next(ms for ms in (state.last_ms, state.begun_ms, from_ms) if ms is not None)
    share = min(1.0, state.quiet_ms / max(1, from_ms - since_ms))
    if rules.resumption.enabled:
        found.append(
            Finding(
                kind="resumption",
                subject=subject,
                at_ms=from_ms,
                reason=f"{number(came)} {many(subject.label, came)} {way(subject)} from"
                f" {hours(from_ms, hour.end_ms, time_zone)}, after {span(from_ms - since_ms)} without"
                f" ({percent(share)} of them watched).",
                figures={
                    "vehicles": came,
                    "quiet_ms": from_ms - since_ms,
                    "watched_ms": state.quiet_ms,
                    "watched_share": round(share, 3),
                },
                from_ms=from_ms,
                to_ms=hour.end_ms,
                device=subject.device,
            )
        )
    if state.told:
        found.append(_over("cessation", subject, from_ms, f"{number(came)} {many(subject.label, came)} came again."))
    state.ceased, state.told, state.after = False, False, []
    state.pauses, state.resumed_ms = [*state.pauses, (since_ms, from_ms)], from_ms
    state.recent = []  # otherwise the hours without vehicles would count as a drop
    state.expected, state.quiet_ms, state.last_ms = 0.0, 0, hour.end_ms
    return found


def _unusual(kind: str, seen: Window, at_ms: int, about: About) -> Finding:
    subject, time_zone = about.subject, about.time_zone
    difference = seen.number / seen.usual - 1 if seen.usual else None
    by = "" if difference is None else f", {percent(abs(difference))} {'more' if difference > 0 else 'fewer'} than"
    return Finding(
        kind="surge" if kind == "surge" else "drop",
        subject=subject,
        at_ms=at_ms,
        reason=f"{number(seen.number)} {many(subject.label, seen.number)} {way(subject)} from"
        f" {hours(seen.from_ms, seen.to_ms, time_zone)} ({percent(seen.share)} watched){by or ', against'} the usual"
        f" {number(seen.usual)} of these hours in {seen.weeks} past weeks"
        f" (median; {abs(seen.score):.1f} times the usual spread of {number(seen.spread)}).",
        figures=seen.figures(),
        from_ms=seen.from_ms,
        to_ms=seen.to_ms,
        device=subject.device,
    )


def _back(seen: Window | None, about: About) -> str:
    if seen is None:
        return "For a day no hour could tell of it any more."
    return (
        f"{number(seen.number)} {many(about.subject.label, seen.number)} from"
        f" {hours(seen.from_ms, seen.to_ms, about.time_zone)}, usual are {number(seen.usual)}."
    )


def _over(kind: str, subject: Subject, at_ms: int, reason: str) -> Finding:
    assert kind in ("surge", "drop", "cessation"), "the kinds that last"
    return Finding(kind=kind, subject=subject, at_ms=at_ms, reason=reason, over=True)  # type: ignore[arg-type]
