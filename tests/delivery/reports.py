"""Reports for tests: one by one, and any at all."""

from typing import Literal

import msgspec
from hypothesis import strategies as st

from edge.wire.report import Health, LengthLevel, Level, Report, Waits, ZoneReport
from edge.wire.times import rfc3339

NOON_MS = 1_795_608_000_000
MINUTE_MS = 60_000


def a_report(seq: int, *, cars: int = 1, run: str = "run-1") -> Report:
    return Report(
        site="bridge",
        device="mast-1",
        run=run,
        seq=seq,
        start=rfc3339(NOON_MS + seq * MINUTE_MS),
        width_ms=MINUTE_MS,
        watched_ms=MINUTE_MS,
        state="ok",
        lines={"deck": {"outbound": {"car": cars, "truck": 0}, "return": {"car": 0, "truck": 0}}},
    )


names = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=64)
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=20)
counts = st.integers(0, 1_000_000)
lines = st.dictionaries(
    names, st.dictionaries(words, st.dictionaries(words, counts, max_size=3), max_size=2), max_size=3
)


means = st.integers(0, 100_000_000).map(lambda hundredths: hundredths / 100)  # as the device rounds them
levels = st.builds(Level, mean=means, max=counts, end=counts)
lengths = st.builds(LengthLevel, mean=means, max=means, end=means)
amounts = st.integers(0, 2**53 - 1)
zone_reports = st.builds(
    ZoneReport,
    inside=levels,
    standing=levels,
    parked=counts,
    by_class=st.dictionaries(words, counts, max_size=3),
    entered=counts,
    left=counts,
    lost=counts,
    waited=counts,
    wait_ms=st.none() | st.builds(Waits, p50=amounts, p90=amounts, max=amounts),
    queue_m=st.none() | lengths,
)
zones = st.just(msgspec.UNSET) | st.dictionaries(names, zone_reports, max_size=2)


@st.composite
def reports(draw: st.DrawFn) -> Report:
    states: tuple[Literal["ok", "partial", "blind"], ...] = ("ok", "partial", "blind")
    state = draw(st.sampled_from(states))
    width_ms = draw(st.integers(1, 86_400_000))
    return Report(
        site=draw(names),
        device=draw(names),
        run=draw(names),
        seq=draw(st.integers(1, 2**53 - 1)),
        start=rfc3339(draw(st.integers(0, 4_000_000_000_000))),
        width_ms=width_ms,
        watched_ms=draw(st.integers(0, width_ms)),
        state=state,
        clock_synced=draw(st.booleans()),
        lines=None if state == "blind" else draw(lines),
        zones=draw(st.sampled_from((None, msgspec.UNSET))) if state == "blind" else draw(zones),
        health=Health(frames=draw(counts), frames_blind=draw(counts)),
    )
