"""A span against an earlier one: the same moments, as far as both were watched, the same in terminal, API and store."""

import json
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.cli import main
from collector.queries.axis import axis
from collector.queries.compare import comparable_axes, days_before, like_for_like
from collector.queries.results import Axis, CountChange, Flow
from collector.store.sqlite.store import SqliteStore
from edge.wire.report import Report
from edge.wire.times import rfc3339
from tests.collector.api.api_world import an_api
from tests.collector.messages import MINUTE_MS, a_report, received

HOUR_MS, DAY_MS = 60 * MINUTE_MS, 86_400_000
MONDAY_MS = 1_795_392_000_000  # 2026-11-23
HOURS = axis("hour", "UTC", MONDAY_MS, MONDAY_MS + 10 * HOUR_MS)


def flow(numbers: Sequence[int | None], watched_ms: Sequence[int]) -> Flow:
    return Flow(
        site="s", device="d", line="l", direction="out", watched_ms=tuple(watched_ms), counts={"car": tuple(numbers)}
    )


def test_an_hour_that_one_side_did_not_watch_is_in_neither_sum() -> None:
    now = flow([10] * 9 + [None], [HOUR_MS] * 9 + [0])
    then = flow([None] + [20] * 9, [0] + [HOUR_MS] * 9)
    found = like_for_like(now, HOURS, then, HOURS)
    assert found.all == CountChange(now=80, then=160, change=-0.5)
    assert (found.share_now, found.share_then, found.reason) == (0.9, 0.9, None)


def test_an_hour_that_was_watched_in_part_is_scaled_down_to_what_both_watched() -> None:
    now = flow([10] * 10, [HOUR_MS] * 10)
    then = flow([10] * 9 + [5], [HOUR_MS] * 9 + [HOUR_MS // 2])
    assert like_for_like(now, HOURS, then, HOURS).all == CountChange(now=95, then=95, change=0)


@pytest.mark.parametrize(
    ("now", "then", "reason"),
    [
        (7, 10, "only 70 % of this time was watched, 80 % is needed to compare"),
        (10, 7, "only 70 % of the time to compare with was watched, 80 % is needed to compare"),
        (8, 8, None),
    ],
)
def test_below_four_fifths_watched_on_either_side_there_is_no_percentage(
    now: int, then: int, reason: str | None
) -> None:
    flows = [flow([10] * n + [None] * (10 - n), [HOUR_MS] * n + [0] * (10 - n)) for n in (now, then)]
    found = like_for_like(flows[0], HOURS, flows[1], HOURS)
    assert (found.reason, found.all.change) == (reason, None if reason else 0)


watched = st.sampled_from([0, 0, HOUR_MS // 3, HOUR_MS, 2 * HOUR_MS])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), watched, st.integers(0, 50), watched), min_size=10, max_size=10))
def test_it_equals_a_plain_recomputation(hours: list[tuple[int, int, int, int]]) -> None:
    now = flow([n if w else None for n, w, _, _ in hours], [w for _, w, _, _ in hours])
    then = flow([n if w else None for _, _, n, w in hours], [w for _, _, _, w in hours])
    found = like_for_like(now, HOURS, then, HOURS)
    pairs = [(a, wa, b, wb) for a, wa, b, wb in hours if wa and wb]
    sums = [sum(Fraction(n[i] * min(n[1], n[3]), n[i + 1]) for n in pairs) for i in (0, 2)]
    assert (found.all.now, found.all.then) == (
        (None, None) if not pairs else (pytest.approx(float(sums[0])), pytest.approx(float(sums[1])))
    )
    for share, i in ((found.share_now, 1), (found.share_then, 3)):
        assert share == pytest.approx(sum(min(HOUR_MS, of[i]) for of in hours) / (10 * HOUR_MS))
    least = min(found.share_now, found.share_then)
    is_told = least >= 0.8 and bool(pairs) and sums[1] > 0
    assert (found.all.change is not None) is is_told
    if found.all.change is not None:
        assert found.all.change == pytest.approx(float(sums[0] / sums[1] - 1))


def test_the_running_day_is_compared_as_far_as_it_has_come_and_by_the_local_clock() -> None:
    zone = "Europe/Berlin"  # its clocks went back on 2026-10-25
    from_ms, now_ms = 1_792_965_600_000 - 6 * HOUR_MS, 1_792_965_600_000 + 17 * MINUTE_MS
    days = days_before(zone, from_ms, from_ms + DAY_MS, "week")
    found = comparable_axes(zone, from_ms, from_ms + DAY_MS, now_ms=now_ms, days=days)
    assert found is not None
    now, then = found
    assert now.edges_ms[-1] == now_ms
    assert then.edges_ms[-1] == now_ms - 7 * DAY_MS - HOUR_MS, "the same time of day, in summer time"
    assert comparable_axes(zone, now_ms, now_ms + 1, now_ms=now_ms, days=7) is None


def minutes(from_ms: int, to_ms: int, cars: int, first_seq: int) -> list[Report]:
    return [
        a_report(
            first_seq + i,
            start=rfc3339(at_ms),
            lines={"deck": {"outbound": {"car": cars, "truck": 0}, "return": {"car": 0, "truck": 1}}},
        )
        for i, at_ms in enumerate(range(from_ms, to_ms, MINUTE_MS))
    ]


def test_terminal_and_api_say_the_same_of_a_day_that_is_not_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now_ms = int(time.time() * 1_000) // MINUTE_MS * MINUTE_MS
    from_ms = now_ms - 3 * HOUR_MS
    then_ms = from_ms - 7 * DAY_MS
    reports = [*minutes(then_ms, then_ms + DAY_MS, 4, 1), *minutes(from_ms, now_ms, 3, 2_000)]
    api = an_api(tmp_path, [received(one) for one in reports])
    try:
        api.context.clock.now_ms = now_ms  # type: ignore[attr-defined]
        span = {"from": rfc3339(from_ms), "to": rfc3339(from_ms + DAY_MS)}
        asked = {**span, "compare": "week", "by": "device", "interval": "day"}
        found = api.client("read").get("/api/v1/sites/bridge/counts", params=asked).json()
        assert main(["totals", "--store", str(tmp_path / "store.sqlite"), "--from", span["from"], "--to", span["to"],
                     "--against", "week", "--json"]) == 0  # fmt: skip
    finally:
        api.context.pool.close()
        api.store.close()
    said = json.loads(capsys.readouterr().out)["comparisons"]
    for comparisons in (found["comparison"], said):
        (out, back) = comparisons
        assert (out["direction"], out["reason"], back["all"]["change"]) == ("outbound", None, 0)
        assert out["all"]["change"] == -0.25, "not against the whole day, which had 5,760"
        assert out["share_now"] > 0.95
    assert found["comparison"][0]["all"] == {"now": 540, "then": 720, "change": -0.25}
    assert found["unfinished"] in (0, 1)


def test_the_day_that_is_not_over_is_marked_in_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now_ms = int(time.time() * 1_000) // MINUTE_MS * MINUTE_MS
    with SqliteStore(tmp_path / "store.sqlite") as store:
        items = [received(one) for one in minutes(now_ms - 90 * MINUTE_MS, now_ms, 1, 1)]
        store.commit(items, now_ms=now_ms)
    to = rfc3339(now_ms + 3 * DAY_MS)
    words = ["totals", "--store", str(tmp_path / "store.sqlite"), "--interval", "day", "--to", to]
    assert main(words) == 0
    rows = capsys.readouterr().out.splitlines()[1:]
    outbound = [row for row in rows if "outbound" in row]
    assert ["(not over)" in row for row in outbound][-4:] == [True, False, False, False]
    assert ["to come" in row for row in outbound][-4:] == [False, True, True, True]
    assert main([*words, "--json"]) == 0
    days = json.loads(capsys.readouterr().out)["totals"][0]["intervals"]
    assert [(one["unfinished"], one["state"]) for one in days][-2:] == [(False, "to come")] * 2
    assert [one["unfinished"] for one in days].count(True) == 1


def test_an_axis_knows_the_interval_that_is_not_over() -> None:
    edges = tuple(MONDAY_MS + i * HOUR_MS for i in range(4))
    for now_ms, i in (
        (MONDAY_MS, None),
        (MONDAY_MS + 1, 0),
        (MONDAY_MS + HOUR_MS, None),
        (MONDAY_MS + 5 * HOUR_MS, None),
    ):
        assert Axis(interval="hour", time_zone="UTC", edges_ms=edges, now_ms=now_ms).unfinished_i == i
    cut = axis("day", "UTC", MONDAY_MS, MONDAY_MS + HOUR_MS, now_ms=MONDAY_MS + HOUR_MS)
    assert cut.unfinished_i == 0, "a day that the span leaves where it is now"
