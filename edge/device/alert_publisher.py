"""Publishes alerts by way of the outbox: rare classes, certain or likely, and blindness, with a reason and a picture.

Sightings of rare classes, and how many vehicles cross each line, are stored in the outbox, so that a restart raises no
alert.
"""

import base64
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import NamedTuple

import cv2
import msgspec
import numpy as np

from edge.clock import Clock
from edge.config.schema import Alerts, Config
from edge.counting.buckets import Bucket
from edge.counting.class_tail import Tail
from edge.counting.crossing import Crossing
from edge.counting.motion import Box
from edge.delivery.memory_buffer import MemoryBuffer
from edge.delivery.outbox import Outbox
from edge.device.alert_rules import DAY_MS, FALSE_PER_YEAR, Memory, RareAlert, RareClasses, Traffic, false_per_year
from edge.device.command_handlers import JPEG_BYTES_MAX
from edge.errors import WorkError
from edge.vision.fitting import Picture
from edge.vision.frame import Frame
from edge.vision.naming import around
from edge.vision.picture_file import jpeg_of
from edge.wire.commands import Verdict
from edge.wire.device_messages import Alert, encode_self
from edge.wire.times import milliseconds_of, rfc3339

NOTE = "seen-"
SIGHTINGS = "sightings-"
TRAFFIC = "traffic"
TRAFFIC_MS = 3_600_000
"""How often the traffic of the lines is stored."""
WIDTH_PX = (640, 480, 320)
AROUND = 0.4
"""Margin around a vehicle's box in its picture, in sides of the box."""
NO_TAILS: Mapping[str, Tail] = MappingProxyType({})
NO_BOXES: Mapping[int, Box] = MappingProxyType({})
UNCHECKED_MAX = 1_000


class _Crossed(NamedTuple):
    """A crossing with the run that counted it, whose configuration applies to it."""

    crossing: Crossing
    run: str
    config: Config
    tails: Mapping[str, Tail]
    crop: Picture | None
    """The vehicle, where its class is a rare one."""


class AlertPublisher:
    """Publishes the alerts of one device; while the disk takes none, they wait in the memory buffer with their picture.

    When a class was last seen is stored in the transaction of the alert. Until the outbox can be read (at first and
    after a reload) crossings wait here, at most `unchecked_max`: of more, the oldest are never checked for rare
    classes, and `unjudged_lost` counts them. `failure` says why they wait; empty: none does.

    `tails` of the naming model say how certain a name must be for an alert, see `edge.device.alert_rules`; a class
    without one is likely at most.
    """

    def __init__(
        self, address: str, outbox: Outbox, buffer: MemoryBuffer, clock: Clock, *, unchecked_max: int = UNCHECKED_MAX
    ) -> None:
        self.failure = ""
        self.unjudged_lost = 0
        self._unchecked: deque[_Crossed] = deque()
        self._unchecked_max = unchecked_max
        self._address = address
        self._outbox = outbox
        self._buffer = buffer
        self._clock = clock
        self._rules = Alerts()
        self._rare: RareClasses | None = None  # until former sightings were read from the outbox
        self._traffic = Traffic()
        self._traffic_loaded = False  # what the outbox has of it was added
        self._traffic_at_ms = clock.monotonic_ms()  # when it was stored last
        self._frame: Frame | None = None

    def update_frame(self, frame: Frame) -> None:
        """Take the newest picture."""
        self._frame = frame

    def snapshot(self) -> bytes:
        """The newest picture as a JPEG small enough to be sent; empty before there is one."""
        frame = self._frame
        return b"" if frame is None else _jpeg(frame.image)

    def add_crossings(
        self,
        crossings: Sequence[Crossing],
        run: str,
        config: Config,
        *,
        tails: Mapping[str, Tail] = NO_TAILS,
        boxes: Mapping[int, Box] = NO_BOXES,
    ) -> None:
        """Publish alerts for rare classes, now or as soon as former sightings can be read.

        `boxes` are where the tracks are in the newest picture.
        """
        if config.alerts.classes:
            self._unchecked += [
                _Crossed(crossing, run, config, tails, self._crop(crossing, config, boxes)) for crossing in crossings
            ]
        self.check_waiting()

    def _crop(self, crossing: Crossing, config: Config, boxes: Mapping[int, Box]) -> Picture | None:
        """The vehicle with a margin; where it is not seen any more, the whole picture."""
        if self._frame is None or not config.keep.pictures_leave or crossing.label not in config.alerts.classes:
            return None
        image = self._frame.image
        box = boxes.get(crossing.track)
        if box is None:
            return image
        x1, y1, x2, y2 = around(box, AROUND, image.shape[1], image.shape[0])
        return image[y1:y2, x1:x2].copy()

    def add_bucket(self, bucket: Bucket, config: Config) -> None:
        """Add a closed bucket to the traffic of the lines."""
        if not config.alerts.classes or bucket.counts is None:
            return
        vehicles = {
            line: sum(number for of in ways.values() for number in of.values()) for line, ways in bucket.counts.items()
        }
        self._traffic.count(vehicles, bucket.watched_ms)
        now_ms = self._clock.monotonic_ms()
        if self._traffic_loaded and now_ms - self._traffic_at_ms >= TRAFFIC_MS:
            self._traffic_at_ms = now_ms
            self._buffer.note(TRAFFIC, _text(self._traffic.counted), now_ms=now_ms)

    def apply_verdict(self, verdict: Verdict, rules: Alerts) -> None:
        """Apply a person's verdict. WorkError where former sightings cannot be read."""
        rare = self._rare_classes(rules)
        at_ms, where = milliseconds_of(verdict.at), {"run": verdict.run, "line": verdict.line}
        if verdict.label:
            rare.apply_verdict(verdict.label, **where, at_ms=at_ms, confirms=verdict.confirms)
        if verdict.truth and verdict.truth != verdict.label:
            rare.apply_verdict(verdict.truth, **where, at_ms=at_ms, confirms=True)
        for label in {verdict.label, verdict.truth} & set(rules.classes):
            for name, text in self._notes(rare, str(label)).items():
                self._buffer.note(name, text, now_ms=self._clock.monotonic_ms())

    def check_waiting(self) -> None:
        """Check the crossings that wait."""
        try:
            while self._unchecked:
                of_run = list(next(group for _, group in groupby(list(self._unchecked), key=lambda one: one.run)))
                self._check(of_run)
                for _ in of_run:
                    self._unchecked.popleft()
        except WorkError as error:
            while len(self._unchecked) > self._unchecked_max:
                self._unchecked.popleft()
                self.unjudged_lost += 1
            lost = f"; {self.unjudged_lost} crossings were never checked" if self.unjudged_lost else ""
            self.failure = f"whether a crossing is of a rare class cannot be told yet: {error}{lost}"
        else:
            self.failure = ""

    def _check(self, crossed: Sequence[_Crossed]) -> None:
        """Publish alerts for crossings of one run. WorkError, with nothing changed, where the outbox fails."""
        run, config = crossed[0].run, crossed[0].config
        rare = self._rare_classes(config.alerts)
        crops = {id(one.crossing): one.crop for one in crossed}
        tails = {id(one.crossing): one.tails for one in crossed}

        def expected(crossing: Crossing) -> float | None:
            tail = tails[id(crossing)].get(crossing.label)
            return false_per_year(tail, crossing.share, self._traffic.per_year(crossing.line))

        for found in rare.update([one.crossing for one in crossed], run, expected):
            crossing, crop = found.crossing, crops[id(found.crossing)]
            alert = Alert(
                run=run,
                at=rfc3339(crossing.crossed_ms),
                kind="rare-class",
                reason=self._reason(found, tails[id(crossing)]),
                line=crossing.line,
                direction=config.direction_words[crossing.line][crossing.direction],
                label=crossing.label,
                before=None if found.before_ms is None else rfc3339(found.before_ms),
                likely=not found.sure,
                share=round(crossing.share, 3),
                false_per_year=None if found.false_per_year is None else round(found.false_per_year, 3),
                jpeg="" if crop is None else base64.b64encode(_jpeg(crop)).decode("ascii"),
            )
            self._publish(alert, notes=self._notes(rare, crossing.label))
        for label in {one.crossing.label for one in crossed} & rare.memory.keys():
            for name, text in self._notes(rare, label).items():
                self._buffer.note(name, text, now_ms=self._clock.monotonic_ms())

    def _reason(self, found: RareAlert, tails: Mapping[str, Tail]) -> str:
        crossing, label = found.crossing, found.crossing.label
        since = "as far as this device knows" if found.before_ms is None else f"since {rfc3339(found.before_ms)}"
        vehicles = self._traffic.per_year(crossing.line)
        traffic = "" if vehicles is None else f" of the {vehicles:,.0f} other vehicles a year on {crossing.line}"
        if found.sure:
            return (
                f"the first {label} {since}, with a probability of {crossing.share:.3f}, which at most"
                f" {found.false_per_year:.2g}{traffic} are named with"
            )
        likely = f"likely the first {label} {since}, with a probability of {crossing.share:.3f}; not certain, because "
        if label not in tails:
            return f"{likely}it was not measured how often this model takes other vehicles for one"
        if found.false_per_year is None:
            return f"{likely}no day of {crossing.line} was watched yet, so nobody knows how many vehicles cross it"
        return (
            f"{likely}up to {found.false_per_year:.2g}{traffic} may be named with as much, and {FALSE_PER_YEAR:.2g} is"
            f" allowed ({tails[label].judged:,} were judged)"
        )

    def correction_notes(self, run: str, off_ms: int) -> dict[str, str]:
        """Shift the sightings of a run by `off_ms`; returns the notes to store with the correction."""
        notes: dict[str, str] = {}
        if self._rare is not None:
            for label in self._rare.correct(run, off_ms):
                notes |= self._notes(self._rare, label)
        return notes

    def _notes(self, rare: RareClasses, label: str) -> dict[str, str]:
        """The notes of a class: its sightings, and for older versions when it was last seen."""
        memory = rare.memory.get(label, Memory())
        seen = "" if memory.seen_ms is None else str(memory.seen_ms)
        return {NOTE + label: seen, SIGHTINGS + label: _text(memory)}

    def publish_blindness(self, kind: str, reason: str, run: str) -> None:
        """Publish an alert that the camera is blind or sees again; an empty `kind` publishes none."""
        if kind == "blind":
            self._publish(Alert(run=run, at=rfc3339(self._clock.real_ms()), kind="blind", reason=reason))
        elif kind == "seeing":
            self._publish(
                Alert(run=run, at=rfc3339(self._clock.real_ms()), kind="seeing", reason="the camera sees again")
            )

    def _rare_classes(self, rules: Alerts) -> RareClasses:
        if self._rare is None or rules != self._rules:
            memory = dict(self._rare.memory) if self._rare else {}
            for label in rules.classes:
                if label not in memory and (text := self._outbox.noted(SIGHTINGS + label)):
                    memory[label] = msgspec.json.decode(text, type=Memory)
                elif label not in memory and (text := self._outbox.noted(NOTE + label)):  # of an older version
                    memory[label] = Memory(before_ms=int(text))
            self._load_traffic()
            self._rare = RareClasses(rules.classes, round(rules.quiet_days * DAY_MS), memory)
            self._rules = rules
        return self._rare

    def _load_traffic(self) -> None:
        """Add the stored traffic; where there is none, all that this outbox ever counted."""
        if self._traffic_loaded:
            return
        if text := self._outbox.noted(TRAFFIC):
            for line, (vehicles, ms) in msgspec.json.decode(text, type=dict[str, tuple[float, float]]).items():
                self._traffic.count({line: round(vehicles)}, round(ms))
        elif (total := self._outbox.total()) is not None:
            counted = {line: sum(n for of in ways.values() for n in of.values()) for line, ways in total.lines.items()}
            self._traffic = Traffic()  # it is in the total
            self._traffic.count(counted, total.watched_ms)
        self._traffic_loaded = True

    def _publish(self, alert: Alert, *, notes: Mapping[str, str] | None = None) -> None:
        now_ms = self._clock.monotonic_ms()
        self._buffer.append_message(self._address, encode_self(alert), run=alert.run, now_ms=now_ms, notes=notes)


def _jpeg(image: Picture) -> bytes:
    """A JPEG small enough to be sent."""
    for width in WIDTH_PX:
        scale = min(1.0, width / image.shape[1])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        jpeg = jpeg_of(np.asarray(small, np.uint8), 70)
        if len(jpeg) <= JPEG_BYTES_MAX:
            break
    return jpeg


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode("utf-8")
