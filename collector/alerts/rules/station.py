"""One station, hour by hour: every direction and class over its lines, and its balance day by day. Pure.

A station is a device by itself, or devices that watch the same line together (`same_lines` of the site).
"""

from collections.abc import Mapping, Sequence

import msgspec

from collector.alerts.alert import Subject
from collector.alerts.rules import balance as balance_rule
from collector.alerts.rules import flow as flow_rules
from collector.alerts.rules.balance import BalanceState, Day
from collector.alerts.rules.finding import About, Finding
from collector.alerts.rules.flow import FlowState, Hour
from collector.alerts.settings import Rules
from collector.alerts.wording import ALL, DAY_MS

Ways = Mapping[tuple[str, str], tuple[str, str]]
"""By (device, line): the directions out and back."""


class StationHour(msgspec.Struct, frozen=True):
    """All directions and classes of an hour; `day_ms` is the start of its local day."""

    start_ms: int
    end_ms: int
    day_ms: int
    flows: Sequence[tuple[Subject, Hour]]


class DaySum(msgspec.Struct, kw_only=True, array_like=True):
    """A direction and class over the current day; None: not watched so far."""

    number: int | None = None
    watched_ms: int = 0


class StationState(msgspec.Struct, kw_only=True):
    """The state of the rules for a station. All hours before `judged_to_ms` are evaluated."""

    judged_to_ms: int | None = None
    flows: dict[str, FlowState] = {}
    day_ms: int | None = None
    sums: dict[str, DaySum] = {}
    balances: dict[str, BalanceState] = {}
    named_ms: int | None = None
    """When the models changed last without known factors."""


def reset_for_new_model(state: StationState, at_ms: int | None) -> None:
    """Forget balances and pauses if another model classifies since `at_ms`: its counts are not comparable."""
    if at_ms is not None and at_ms != state.named_ms:
        state.named_ms = at_ms
        state.balances = {}
        for flow in state.flows.values():
            flow.quiet_ms = 0


def evaluate(state: StationState, hour: StationHour, ways: Ways, rules: Rules, time_zone: str) -> list[Finding]:
    """Evaluate one more hour."""
    found = _balance(state, hour, ways, rules, time_zone) if hour.day_ms != state.day_ms else []
    state.day_ms = hour.day_ms
    for subject, of_flow in hour.flows:
        flow = state.flows.setdefault(subject.key, FlowState())
        said = flow_rules.evaluate(flow, of_flow, About(subject, rules, time_zone))
        found += [one for one in said if one.over or not _said_of_all(state, one)]
        total = state.sums.setdefault(subject.key, DaySum())
        if of_flow.number is not None:
            total.number = (total.number or 0) + of_flow.number
            total.watched_ms += round(of_flow.share * (of_flow.end_ms - of_flow.start_ms))
    state.judged_to_ms = hour.end_ms
    return found


def _said_of_all(state: StationState, finding: Finding) -> bool:
    """Whether the finding also holds for all classes together, which are evaluated first: then it is omitted."""
    subject = finding.subject
    if subject.label == ALL:
        return False
    of_all = state.flows.get(msgspec.structs.replace(subject, label=ALL).key, FlowState())
    if finding.kind == "resumption":
        return finding.at_ms <= of_all.resumed_ms + DAY_MS
    return {"surge": of_all.surge_ms is not None, "drop": of_all.drop_ms is not None}.get(finding.kind, of_all.ceased)


def _balance(state: StationState, hour: StationHour, ways: Ways, rules: Rules, time_zone: str) -> list[Finding]:
    """Evaluate the day before that of `hour`, for every line whose two directions are known."""
    found: list[Finding] = []
    sums, state.sums = state.sums, {}
    if state.day_ms is None or state.day_ms >= hour.day_ms:  # the collector's clock was set back
        return []
    for subject in {key_of_line(subject): subject for subject, _ in hour.flows}.values():
        words = ways.get((subject.device, subject.line))
        if words is None:
            continue
        out, back = (sums.get(msgspec.structs.replace(subject, direction=word).key, DaySum()) for word in words)
        day = Day(
            state.day_ms,
            hour.day_ms,
            out.number,
            back.number,
            min(out.watched_ms, back.watched_ms) / max(1, hour.day_ms - state.day_ms),
        )
        of_line = msgspec.structs.replace(subject, direction="")
        balance = state.balances.setdefault(of_line.key, BalanceState())
        found += balance_rule.evaluate(balance, day, About(of_line, rules, time_zone))
    return found


def key_of_line(subject: Subject) -> str:
    """The key of a line and class, the same for both directions."""
    return msgspec.structs.replace(subject, direction="").key
