"""Which vehicle of a rare class is news: held to a measured tail, and to what people say of it."""

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.clock import SystemClock
from edge.config.schema import Alerts, Config, Keep, Line
from edge.counting.buckets import Bucket
from edge.counting.class_tail import Tail, upper_bound
from edge.counting.crossing import Crossing
from edge.delivery.memory_buffer import MemoryBuffer
from edge.delivery.outbox import Outbox
from edge.device.alert_publisher import AlertPublisher
from edge.device.alert_rules import DAY_MS, KEPT, YEAR_MS, Memory, RareClasses, Traffic, false_per_year
from edge.errors import InputError
from edge.vision.frame import Frame
from edge.vision.naming import load_naming
from edge.wire.commands import Verdict
from edge.wire.times import rfc3339

NOON_MS = 1_795_608_000_000
TAIL = Tail(judged=3_000, above=((0.5, 20), (0.9, 3), (0.99, 0)))
QUIET_MS = 28 * DAY_MS


def bus(at_ms: int, share: float, *, label: str = "bus", track: int = 1) -> Crossing:
    return Crossing(line="deck", direction="a_to_b", label=label, share=share, crossed_ms=at_ms, along=0.5, track=track)


def by_tail(per_year: float | None, tail: Tail | None = TAIL) -> Callable[[Crossing], float | None]:
    return lambda crossing: false_per_year(tail, crossing.share, per_year)


@pytest.mark.parametrize(("seen", "most"), [(0, 2.996), (1, 4.744), (3, 7.754), (20, 29.06), (200, 225.2)])
def test_the_upper_bound_is_that_of_poisson_and_the_rule_of_three_where_none_was_seen(seen: int, most: float) -> None:
    assert upper_bound(seen) == pytest.approx(most, rel=2e-3)


@pytest.mark.parametrize(
    ("share", "per_year", "expected"),
    [
        (0.995, 300.0, 0.2996),  # none of 3,000: three in 3,000 at most, and 300 vehicles a year
        (0.95, 300.0, 0.7754),  # three were seen
        (0.6, 300.0, 2.906),
        (0.4, 300.0, 300.0),  # below all that was measured: any of them
        (0.995, 40_000.0, 39.94),
        (0.995, None, None),
    ],
)
def test_false_alarms_a_year_are_the_rate_of_the_tail_times_the_traffic(
    share: float, per_year: float | None, expected: float | None
) -> None:
    assert false_per_year(TAIL, share, per_year) == (None if expected is None else pytest.approx(expected, rel=1e-3))
    assert false_per_year(None, share, per_year) is None


@pytest.mark.parametrize("above", [[], [[0.9, 1], [0.5, 3]], [[0.5, 1], [0.9, 2]], [[0.5, 9_000]], [[1.5, 0]]])
def test_a_tail_that_cannot_be_is_refused(above: Any) -> None:
    with pytest.raises(ValueError, match=r"a tail needs|the probabilities of a tail|there cannot be more"):
        Tail(judged=3_000, above=tuple(tuple(one) for one in above))


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, DAY_MS)), max_size=30))
def test_traffic_is_what_was_counted_over_the_time_that_was_watched(said: list[tuple[int, int]]) -> None:
    traffic = Traffic()
    for vehicles, watched_ms in said:
        traffic.count({"deck": vehicles}, watched_ms)
    vehicles, watched_ms = sum(one for one, _ in said), sum(ms for _, ms in said)
    if watched_ms < DAY_MS:
        assert traffic.per_year("deck") is None
    else:
        assert traffic.per_year("deck") == pytest.approx(max(vehicles, 1) * YEAR_MS / watched_ms)
    assert traffic.per_year("ramp") is None


def test_traffic_of_long_ago_fades() -> None:
    traffic = Traffic({"deck": (2_000_000.0, 2.0 * YEAR_MS)})
    traffic.count({"deck": 0}, YEAR_MS)
    assert traffic.per_year("deck") == pytest.approx(500_000)


def told(rare: RareClasses, at_ms: int, share: float, per_year: float | None = 300.0) -> list[tuple[bool, int | None]]:
    found = rare.update([bus(at_ms, share)], "run-1", by_tail(per_year))
    return [(one.sure, one.before_ms) for one in found]


def test_a_false_bus_that_is_not_certain_does_not_hide_the_true_one_a_day_later() -> None:
    rare = RareClasses(("bus",), QUIET_MS)
    assert told(rare, NOON_MS, 0.62) == [(False, None)]
    assert told(rare, NOON_MS + DAY_MS, 0.995) == [(True, None)]
    assert told(rare, NOON_MS + 2 * DAY_MS, 0.999) == [], "it was seen yesterday"


def test_a_certain_bus_that_a_person_denies_does_not_hide_the_true_one_a_day_later() -> None:
    before_ms = NOON_MS - 100 * DAY_MS
    rare = RareClasses(("bus",), QUIET_MS, {"bus": Memory(before_ms=before_ms)})
    assert told(rare, NOON_MS, 0.995) == [(True, before_ms)]
    rare.apply_verdict("bus", run="run-1", line="deck", at_ms=NOON_MS, confirms=False)
    assert rare.memory["bus"].seen_ms == before_ms
    assert told(rare, NOON_MS + DAY_MS, 0.995) == [(True, before_ms)]


def test_a_likely_bus_that_a_person_confirms_was_seen_until_it_is_denied() -> None:
    rare = RareClasses(("bus",), QUIET_MS)
    assert told(rare, NOON_MS, 0.62) == [(False, None)]
    assert rare.memory["bus"].seen_ms is None
    rare.apply_verdict("bus", run="run-1", line="deck", at_ms=NOON_MS, confirms=True)
    rare.apply_verdict("bus", run="run-1", line="deck", at_ms=NOON_MS, confirms=True)
    assert (rare.memory["bus"].seen_ms, len(rare.memory["bus"].sightings)) == (NOON_MS, 1)
    assert told(rare, NOON_MS + DAY_MS, 0.995) == []
    rare.apply_verdict("bus", run="run-1", line="deck", at_ms=NOON_MS, confirms=False)
    rare.apply_verdict("bus", run="run-1", line="deck", at_ms=NOON_MS + DAY_MS, confirms=False)
    assert rare.memory["bus"].seen_ms is None


def test_of_doubtful_buses_only_the_best_so_far_are_told() -> None:
    rare = RareClasses(("bus",), QUIET_MS)
    shares = (0.6, 0.55, 0.6, 0.7, 0.65, 0.9, 0.88)
    assert [bool(told(rare, NOON_MS + i * DAY_MS, share, 9_000.0)) for i, share in enumerate(shares)] == [
        True, False, False, True, False, True, False,
    ]  # fmt: skip
    assert told(rare, NOON_MS + 40 * DAY_MS, 0.55, 9_000.0) == [(False, None)], "those are long ago"


def test_beyond_those_that_are_kept_a_sighting_is_no_more_than_a_time() -> None:
    rare = RareClasses(("bus",), QUIET_MS)
    for i in range(KEPT + 3):
        told(rare, NOON_MS + i * DAY_MS, 0.995)
    memory = rare.memory["bus"]
    assert (len(memory.sightings), memory.before_ms) == (KEPT, NOON_MS + 2 * DAY_MS)
    for one in memory.sightings:
        rare.apply_verdict("bus", run=one.run, line=one.line, at_ms=one.at_ms, confirms=False)
    assert rare.memory["bus"].seen_ms == NOON_MS + 2 * DAY_MS


CONFIG = Config(
    site="bridge",
    device="mast-1",
    lines={"deck": Line(start=(0.0, 0.5), end=(1.0, 0.5), a_to_b="outbound", b_to_a="return")},
    alerts=Alerts(classes=("bus",), quiet_days=28),
    keep=Keep(pictures_leave=True),
)


def a_bucket(vehicles: int, watched_ms: int) -> Bucket:
    counts = {"deck": {"a_to_b": {"car": vehicles, "bus": 0}, "b_to_a": {"car": 0, "bus": 0}}}
    return Bucket(NOON_MS, max(watched_ms, 1), watched_ms, counts)


class Device:
    """A newsroom over a real outbox, and what it has told."""

    def __init__(self, folder: Path) -> None:
        self.outbox = Outbox(folder / "outbox.sqlite")
        self.buffer = MemoryBuffer(self.outbox)
        self.alert_publisher = AlertPublisher("bridge/mast-1/alert", self.outbox, self.buffer, SystemClock())

    def cross(self, at_ms: int, share: float, tails: Mapping[str, Tail]) -> list[dict[str, Any]]:
        before = len(self.outbox.pending(100))
        self.alert_publisher.add_crossings(
            [bus(at_ms, share)], "run-1", CONFIG, tails=tails, boxes={1: (40.0, 30.0, 80.0, 60.0)}
        )
        return [json.loads(one.payload) for one in self.outbox.pending(100)[before:]]


def test_a_device_tells_news_or_likely_with_the_crop_and_says_what_it_cannot_promise(tmp_path: Path) -> None:
    device = Device(tmp_path)
    picture = np.zeros((120, 160, 3), np.uint8)
    picture[30:60, 40:80] = 255
    device.alert_publisher.update_frame(Frame(NOON_MS, picture))
    (unmeasured,) = device.cross(NOON_MS, 0.6, {})
    assert (unmeasured["likely"], unmeasured["share"], unmeasured["false_per_year"]) == (True, 0.6, None)
    assert "was not measured how often" in unmeasured["reason"]
    (unwatched,) = device.cross(NOON_MS + 1_000, 0.7, {"bus": TAIL})
    assert "no day of deck was watched yet" in unwatched["reason"]
    device.alert_publisher.add_bucket(a_bucket(1_000, DAY_MS), CONFIG)
    (busy,) = device.cross(NOON_MS + 2_000, 0.995, {"bus": TAIL})
    assert (busy["likely"], busy["false_per_year"]) == (True, pytest.approx(364.5, rel=1e-2))
    assert "may be named with as much, and 1 is allowed (3,000 were judged)" in busy["reason"]
    crop = cv2.imdecode(np.frombuffer(base64.b64decode(busy["jpeg"]), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert crop is not None
    assert crop.shape == pytest.approx((54, 72), abs=2), "the vehicle with what stands around it, not all of 160 x 120"
    device.alert_publisher.add_bucket(a_bucket(0, 3_000 * DAY_MS), CONFIG)
    (news,) = device.cross(NOON_MS + 3_000, 0.995, {"bus": TAIL})
    assert (news["likely"], news["false_per_year"]) == (False, pytest.approx(0.12, abs=0.01))
    assert news["reason"].startswith("the first bus as far as this device knows, with a probability of 0.995, which")
    device.outbox.close()


def test_what_a_person_says_outlives_a_restart_and_stands_in_the_total(tmp_path: Path) -> None:
    device = Device(tmp_path)
    device.alert_publisher.add_bucket(a_bucket(300, 365 * DAY_MS), CONFIG)
    (first,) = device.cross(NOON_MS, 0.995, {"bus": TAIL})
    assert first["likely"] is False
    said = Verdict(
        site="bridge", device="mast-1", run="run-1", line="deck", at=rfc3339(NOON_MS), label="bus", said="truck",
        by="li", when=rfc3339(NOON_MS),
    )  # fmt: skip
    device.alert_publisher.apply_verdict(said, CONFIG.alerts)
    device.outbox.close()
    again = Device(tmp_path)
    again.alert_publisher.add_bucket(a_bucket(300, 365 * DAY_MS), CONFIG)
    (true,) = again.cross(NOON_MS + DAY_MS, 0.995, {"bus": TAIL})
    assert (true["likely"], true["before"]) == (False, None)
    assert again.outbox.noted("seen-bus") == str(NOON_MS + DAY_MS), "a version before finds it as well"
    again.outbox.close()


def test_when_a_class_was_last_seen_is_taken_over_from_a_version_before(tmp_path: Path) -> None:
    device = Device(tmp_path)
    device.outbox.note("seen-bus", str(NOON_MS - DAY_MS))
    device.alert_publisher.add_bucket(a_bucket(300, 365 * DAY_MS), CONFIG)
    assert device.cross(NOON_MS, 0.995, {"bus": TAIL}) == []
    device.outbox.close()


def test_a_tail_that_was_measured_with_another_model_is_refused(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[1] / "models"
    text = (shipped / "vehicle-names.yaml").read_text("utf-8")
    kept = "\n".join(line for line in text.splitlines() if not line.startswith(("tail", " ")))
    for line in kept.splitlines():
        if line.startswith("file:"):
            kept = kept.replace(line, f"file: {shipped / 'vehicle-names.onnx'}")
    path = tmp_path / "names.yaml"
    path.write_text(f'{kept}\ntail_of: "000000000000"\ntail: {{bus: {{judged: 10, above: [[0.5, 0]]}}}}\n')
    with pytest.raises(InputError, match="tail was measured with model 000000000000, and this one is"):
        load_naming(path)
