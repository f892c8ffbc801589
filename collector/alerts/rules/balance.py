"""Out minus back over some days, compared with the usual balance of the place. Pure; called day by day.

A place has a usual imbalance (another way back, a direction that is counted worse), so the ratio r = (out - back) /
(out + back) of the last days is compared with its median in past weeks. s² = 4 / (out + back) + max(1.4826 MAD, 0.02)²:
vehicles come in groups, so the ratio varies more than a binomial one would.

Both must have been watched for most of the time that is usual there: a camera that sees nothing at night is evaluated
by day, against the days of past weeks.
"""

from statistics import median

import msgspec

from collector.alerts.rules.finding import About, Finding
from collector.alerts.rules.flow import MAD_TO_SIGMA
from collector.alerts.wording import DAY_MS, hours, many, number, percent

SPREAD_MIN = 0.02
WATCHED_MIN = 0.25
"""Share of the days that must be watched."""
WEEK = 7


class Day(msgspec.Struct, frozen=True, array_like=True):
    """One day of a line and class; None: not watched. `share`: of the direction that was watched less."""

    start_ms: int
    end_ms: int
    out: int | None
    back: int | None
    share: float


class BalanceState(msgspec.Struct, kw_only=True):
    """The state of the rule for a line and class."""

    days: list[Day] = []
    ratios: list[float | None] = []
    """Per day, the newest last."""
    shares: list[float] = []
    """The watched share of the days behind each ratio."""
    on: bool = False
    since_ms: int = 0


def evaluate(state: BalanceState, day: Day, about: About) -> list[Finding]:
    """Evaluate one more day. The subject's direction is empty, since it is about both."""
    rule, rules, subject = about.rules.balance, about.rules, about.subject
    state.days = [*state.days, day][-rule.days :]
    watched = [one for one in state.days if one.out is not None and one.back is not None]
    out, back = sum(one.out or 0 for one in watched), sum(one.back or 0 for one in watched)
    share = sum(min(1.0, one.share) for one in watched) / rule.days
    ratio = (out - back) / (out + back) if share >= WATCHED_MIN and out + back > 0 else None
    weeks, past = rules.history.weeks, zip(state.ratios[-WEEK::-WEEK], state.shares[-WEEK::-WEEK], strict=False)
    before = [(one, watched) for one, watched in past if one is not None][:weeks]
    enough = rules.history.watched_share_min * median([watched for _, watched in before] or [1.0])
    usual = [one for one, watched in before if watched >= enough]
    state.ratios = [*state.ratios, ratio][-WEEK * (weeks + 1) :]
    state.shares = [*state.shares, share][-WEEK * (weeks + 1) :]
    if not rule.enabled or ratio is None or share < enough or len(usual) < rules.history.weeks_min:
        return []
    middle = median(usual)
    mad = median(abs(one - middle) for one in usual)
    spread = (4 / (out + back) + max(MAD_TO_SIGMA * mad, SPREAD_MIN) ** 2) ** 0.5
    excess = ratio - middle
    from_ms = day.end_ms - rule.days * DAY_MS
    if state.on and abs(excess) < rule.share / 2:
        state.on = False
        reason = f"{number(out)} out and {number(back)} back in {rule.days} days, as is usual."
        return [Finding(kind="balance", subject=subject, at_ms=day.end_ms, reason=reason, over=True)]
    off = (
        abs(excess) >= rule.share
        and abs(excess) >= rule.score * spread
        and abs(excess) * (out + back) >= rule.vehicles_min
    )
    if off and not state.on:
        state.on, state.since_ms = True, from_ms
    if not off:
        return []
    more = "more went out than came back" if out > back else "more came back than went out"
    device = f" ({subject.device})" if subject.device else ""
    return [
        Finding(
            kind="balance",
            subject=subject,
            at_ms=state.since_ms,
            reason=f"{number(out)} {many(subject.label, out)} out and {number(back)} back over {subject.line}{device}"
            f" from {hours(from_ms, day.end_ms, about.time_zone)} ({percent(share)} watched): {number(abs(out - back))}"
            f" {more}, where {number(abs(middle * (out + back)))} {'more out' if middle >= 0 else 'more back'} would"
            f" be usual (median of {len(usual)} past weeks).",
            figures={
                "out": out,
                "back": back,
                "ratio": round(ratio, 3),
                "usual_ratio": round(middle, 3),
                "spread": round(spread, 3),
                "weeks": len(usual),
                "days": rule.days,
                "watched_share": round(share, 3),
            },
            from_ms=from_ms,
            to_ms=day.end_ms,
            device=subject.device,
        )
    ]
