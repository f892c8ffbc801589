"""Generates weeks of traffic for demonstrations and pictures, reproducible by its seed; it is not from any camera.

Vehicles of each class come as a Poisson process whose rate follows the hour and the weekday of the site; out by day,
back with some hours of delay. Devices are blind in fog and at power cuts, some reports are partial, a few never come.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from collector.protocol.delays import LATELY_MS
from collector.protocol.intake import DeviceMessage, ReceivedReport, decode_message
from collector.protocol.items import Item
from collector.store.interface import Store
from edge.wire.report import Expected, Level, Report, Waits, ZoneReport, encode
from edge.wire.times import rfc3339
from edge.wire.topics import topic_of

CLASSES = ("bicycle", "bus", "car", "motorcycle", "truck", "unclassified", "van")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Post:
    """A device of the demonstration. `per_hour`: vehicles at the busiest hour, by class."""

    site: str
    device: str
    line: str
    out: str
    back: str
    time_zone: str
    per_hour: dict[str, float]
    zone: str = ""
    misses: float = 0.0
    """The share of vehicles that it does not see."""
    fog: float = 0.0
    """The chance that a night is blind for hours."""
    cuts: tuple[tuple[float, float], ...] = ()
    """Days before the end, and hours, of power cuts: no report was made."""
    lost: tuple[float, ...] = ()
    """Days before the end at which some reports were lost on the way."""
    night: float = 0.04
    weekend: float = 0.6
    seed: int = 1
    twin: str = ""
    """Sees the same vehicles as the device of this name."""
    grows: float = field(default=0.0)
    """By how much of itself the traffic grows in a week."""


POSTS = (
    Post("friendship-bridge", "mast-1", "deck", "outbound", "return", "Asia/Shanghai",
         {"truck": 34, "car": 12, "van": 9, "bus": 2.2, "motorcycle": 1.2, "bicycle": 1, "unclassified": 0.5},
         zone="customs", fog=0.22, cuts=((12.4, 7.0),), lost=(2.3, 9.1), seed=11, grows=0.05),
    Post("friendship-bridge", "mast-2", "deck", "outbound", "return", "Asia/Shanghai",
         {"truck": 34, "car": 12, "van": 9, "bus": 2.2, "motorcycle": 1.2, "bicycle": 1, "unclassified": 0.5},
         misses=0.04, cuts=((20.2, 30.0),), seed=11, twin="mast-1", grows=0.05),
    Post("harbour-gate", "gate-1", "barrier", "out of port", "into port", "Europe/Amsterdam",
         {"truck": 62, "car": 30, "van": 16, "bus": 0.4, "motorcycle": 0.8, "bicycle": 3, "unclassified": 0.8},
         zone="lane-a", fog=0.05, seed=21, night=0.25),
    Post("mountain-pass", "hut-1", "road", "north", "south", "America/Denver",
         {"truck": 9, "car": 42, "van": 7, "bus": 1, "motorcycle": 4, "bicycle": 2, "unclassified": 0.6},
         fog=0.6, cuts=((5.1, 20.0),), lost=(1.2,), seed=31, weekend=1.6),
    Post("river-ford", "pole-1", "ford", "east", "west", "Africa/Nairobi",
         {"truck": 4, "car": 11, "van": 5, "bus": 3, "motorcycle": 22, "bicycle": 14, "unclassified": 1.2},
         fog=0.1, seed=41, night=0.01),
)  # fmt: skip


class Traffic:
    """The reports of `post`, bucket by bucket, independent of where the span is cut."""

    def __init__(self, post: Post, end_ms: int, width_ms: int) -> None:
        self.post = post
        self.end_ms = end_ms
        self.width_ms = width_ms
        self.seq = 0
        self._fog: dict[int, tuple[float, float, float]] = {}
        self._zone = ZoneInfo(post.time_zone)

    def reports(self, from_ms: int, to_ms: int) -> Iterator[Report]:
        """Of the buckets that begin in the span, numbered on from the last ones."""
        for start_ms in range(from_ms - from_ms % self.width_ms, to_ms, self.width_ms):
            report = self.report(start_ms, seq=self.seq + 1)
            if report is not None:
                self.seq += 1
                yield report

    def report(self, start_ms: int, *, seq: int, share: float = 1.0) -> Report | None:
        """One bucket, watched for this share of it at most; None where there was no power."""
        post, before_days = self.post, (self.end_ms - start_ms) / 86_400_000
        if any(at >= before_days > at - hours / 24 for at, hours in post.cuts):
            return None
        watched = min(share, self._watched(start_ms))
        blind = watched < 0.05
        watched_ms = 0 if blind else int(self.width_ms * watched)
        return Report(
            site=post.site,
            device=post.device,
            run="demo-1",
            seq=seq,
            journal="demo",
            start=rfc3339(start_ms),
            width_ms=self.width_ms,
            watched_ms=watched_ms,
            state="blind" if blind else "ok" if watched_ms == self.width_ms else "partial",
            lines=None if blind else {post.line: self.counts(start_ms, watched)},
            zones=msgspec.UNSET if not post.zone else None if blind else {post.zone: self._queue(start_ms)},
        )

    def counts(self, start_ms: int, watched: float) -> dict[str, dict[str, int]]:
        """By direction and class."""
        post = self.post
        grown = max(0.0, 1 + post.grows * (start_ms - self.end_ms) / 604_800_000) * self.width_ms / 3_600_000
        paces = np.array([[self._pace(start_ms, 0.0)], [self._pace(start_ms, 4.0)]]) * grown
        same = np.random.default_rng([post.seed, start_ms // 1_000])  # twins see the same vehicles
        came = same.poisson(paces * np.array([post.per_hour.get(label, 0.0) for label in CLASSES]))
        own = np.random.default_rng([sum(post.device.encode()), start_ms // 1_000])
        seen = own.binomial(came, watched * (1 - post.misses))
        return {
            way: dict(zip(CLASSES, map(int, of), strict=True))
            for way, of in zip((post.out, post.back), seen, strict=True)
        }

    def _pace(self, start_ms: int, late_h: float) -> float:
        """Relative rate, 0 to 1: two peaks a day, quiet nights."""
        at = (_EPOCH + timedelta(milliseconds=start_ms)).astimezone(self._zone)
        hour = (at.hour + at.minute / 60 - late_h) % 24
        humps = math.exp(-(((hour - 9.5) / 2.6) ** 2)) + 0.75 * math.exp(-(((hour - 15) / 2.4) ** 2))
        weekday = self.post.weekend if at.weekday() >= 5 else 1.0
        return (self.post.night + (1 - self.post.night) * min(1.0, humps)) * weekday

    def _watched(self, start_ms: int) -> float:
        """Fog comes with the night and is one thing for all of it; now and then some frames are lost."""
        at = (_EPOCH + timedelta(milliseconds=start_ms)).astimezone(self._zone)
        night = (at - timedelta(hours=12)).toordinal()
        if night not in self._fog:
            of_night = np.random.default_rng([self.post.seed, sum(self.post.device.encode()), night])
            self._fog[night] = (of_night.random(), of_night.uniform(20, 28), of_night.uniform(1.5, 7))
        foggy, begins, lasts = self._fog[night]
        hour = at.hour + at.minute / 60 + (24 if at.hour < 12 else 0)
        if foggy < self.post.fog and begins <= hour < begins + lasts:
            return 0.0
        some = start_ms // self.width_ms * 7_919 % 1_000 / 1_000
        return 1.0 if some > 0.02 else 0.4 + 25 * some

    def _queue(self, start_ms: int) -> ZoneReport:
        """A queue that follows the traffic, with a random part."""
        chance = np.random.default_rng([self.post.seed, start_ms // 900_000])
        pace = self._pace(start_ms, -0.5)
        standing = max(0, round(18 * pace * chance.uniform(0.5, 1.3) - 1))
        waited = standing // 3
        wait_ms = int(60_000 * (3 + 2.2 * standing))
        return ZoneReport(
            inside=Level(mean=standing + 0.4, max=standing + 2, end=standing + 1),
            standing=Level(mean=float(standing), max=standing + 1, end=standing),
            parked=0,
            by_class={"truck": standing + 1, "car": 0},
            entered=waited,
            left=waited,
            waited=waited,
            wait_ms=Waits(p50=wait_ms, p90=int(1.6 * wait_ms), max=int(1.9 * wait_ms)) if waited else None,
            expected_ms=Expected(p10=int(0.7 * wait_ms), p50=wait_ms, p90=int(1.5 * wait_ms)) if waited else None,
        )

    def is_lost(self, report: Report) -> bool:
        """Whether it was lost on the way: six of them, at some times."""
        before_ms = self.end_ms - report.start_ms
        return any(0 <= at * 86_400_000 - before_ms < 6 * self.width_ms for at in self.post.lost)

    def info(self) -> bytes:
        """The retained `info`."""
        post = self.post
        info = {
            "schema": 1,
            "run": "demo-1",
            "version": "0.1.0",
            "model": "vehicle-nano",
            "time_zone": post.time_zone,
            "lines": {post.line: {"a_to_b": post.out, "b_to_a": post.back}},
            "classes": list(CLASSES),
            "bucket_ms": self.width_ms,
        }
        return msgspec.json.encode(info)

    def status(self) -> bytes:
        """The retained status; the hut in the mountains sees little."""
        state, reason = ("degraded", "blind: no contrast") if self.post.fog > 0.5 else ("online", "")
        since = rfc3339(self.end_ms - 3_600_000)
        return msgspec.json.encode({"schema": 1, "state": state, "run": "demo-1", "since": since, "reason": reason})


def fill(store: Store, traffics: Sequence[Traffic], *, days: float, batch: int = 500) -> int:
    """Put the days before the end of the traffics into the store, as if they had come in time; how many reports."""
    from_ms = traffics[0].end_ms - int(days * 86_400_000)
    stored = 0
    for traffic in traffics:
        post = traffic.post
        items: list[Item] = []
        for channel, payload in (("info", traffic.info()), ("status", traffic.status())):
            items.append(_taken(post, channel, payload))
        for report in traffic.reports(from_ms, traffic.end_ms):
            if not traffic.is_lost(report):
                items.append(_taken(post, "report", encode(report)))
            # of the last day one by one: how late they came is shown
            if len(items) >= batch or report.start_ms > traffic.end_ms - 1.1 * LATELY_MS:
                stored += store.commit(items, now_ms=report.start_ms + report.width_ms + 1_500).stored
                items = []
        stored += store.commit(items, now_ms=traffic.end_ms + 1_500).stored
    return stored


def _taken(post: Post, channel: str, payload: bytes) -> Item:
    item = decode_message(topic_of(post.site, post.device, channel), payload)
    assert isinstance(item, ReceivedReport | DeviceMessage), item
    return item
