"""Alerts, from the rules to the outbox: what is news, with its reason, and a picture if pictures may leave.

When a class was last seen is noted in the outbox, so that a restart is no news.
"""

import base64
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

import cv2

from edge.alerts import DAY_MS, RareClasses
from edge.clock import Clock
from edge.config import Alerts, Config
from edge.counting.crossing import Crossing
from edge.delivery.outbox import Outbox
from edge.delivery.report import rfc3339
from edge.delivery.shelf import Shelf
from edge.delivery.status import Alert, encode_self
from edge.errors import WorkError
from edge.obeying import JPEG_BYTES_MAX
from edge.vision.frame import Frame

NOTE = "seen-"
WIDTH_PX = (640, 480, 320)
UNJUDGED_MAX = 1_000


class _Crossed(NamedTuple):
    """A crossing with the run that counted it; the run's configuration has the words and rules for it."""

    crossing: Crossing
    run: str
    config: Config


class Newsroom:
    """Posts alerts of one device; where the disk does not take them, they wait on the shelf with their picture.

    When a class was last seen is noted in the transaction that keeps the alert. Until the outbox can be asked what was
    seen before (at first and after a reload) crossings wait here, at most `unjudged_max`: of more, the oldest are never
    checked for rare classes, and `unjudged_lost` counts them. `failure` says why they wait; empty: none does.
    """

    def __init__(
        self, address: str, outbox: Outbox, shelf: Shelf, clock: Clock, *, unjudged_max: int = UNJUDGED_MAX
    ) -> None:
        self.failure = ""
        self.unjudged_lost = 0
        self._unjudged: deque[_Crossed] = deque()
        self._unjudged_max = unjudged_max
        self._address = address
        self._outbox = outbox
        self._shelf = shelf
        self._clock = clock
        self._rules = Alerts()
        self._rare: RareClasses | None = None  # until the outbox tells what was seen before
        self._crossed_ms: tuple[str, dict[str, int]] = "", {}  # in this run, the last of each class
        self._frame: Frame | None = None

    def see(self, frame: Frame) -> None:
        """The newest picture."""
        self._frame = frame

    def snapshot(self) -> bytes:
        """It as a JPEG small enough to be sent; empty before there is one."""
        frame = self._frame
        if frame is None:
            return b""
        for width in WIDTH_PX:
            scale = min(1.0, width / frame.image.shape[1])
            small = cv2.resize(frame.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            _, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 70])
            if jpeg.nbytes <= JPEG_BYTES_MAX:
                break
        return jpeg.tobytes()

    def crossed(self, crossings: Sequence[Crossing], run: str, config: Config) -> None:
        """Call out what is rare among them, now or as soon as the outbox tells what was seen before."""
        if config.alerts.classes:
            self._unjudged += [_Crossed(crossing, run, config) for crossing in crossings]
        self.judge()

    def judge(self) -> None:
        """Check the crossings that wait."""
        try:
            while self._unjudged:
                _, run, config = self._unjudged[0]
                of_run = next(group for _, group in groupby(list(self._unjudged), key=lambda one: one.run))
                crossings = [one.crossing for one in of_run]
                self._judge(crossings, run, config)
                for _ in crossings:
                    self._unjudged.popleft()
        except WorkError as error:
            while len(self._unjudged) > self._unjudged_max:
                self._unjudged.popleft()
                self.unjudged_lost += 1
            lost = f"; {self.unjudged_lost} crossings were never checked" if self.unjudged_lost else ""
            self.failure = f"whether a crossing is of a rare class cannot be told yet: {error}{lost}"
        else:
            self.failure = ""

    def _judge(self, crossings: Sequence[Crossing], run: str, config: Config) -> None:
        """Call out what is rare among crossings of one run. WorkError, and nothing marked, where the outbox fails."""
        alerts = config.alerts
        rare = self._rare_by(alerts)
        for crossing, before_ms in rare.update(crossings):
            direction = config.direction_words[crossing.line][crossing.direction]
            since = "as far as this device knows" if before_ms is None else f"since {rfc3339(before_ms)}"
            alert = Alert(
                run=run,
                at=rfc3339(crossing.crossed_ms),
                kind="rare-class",
                reason=f"the first {crossing.label} {since}",
                line=crossing.line,
                direction=direction,
                label=crossing.label,
                before=None if before_ms is None else rfc3339(before_ms),
                jpeg=base64.b64encode(self.snapshot()).decode("ascii") if config.keep.pictures_leave else "",
            )
            self._post(alert, notes={NOTE + crossing.label: str(rare.seen_ms[crossing.label])})
        if self._crossed_ms[0] != run:
            self._crossed_ms = run, {}
        for crossing in crossings:
            self._crossed_ms[1][crossing.label] = max(crossing.crossed_ms, self._crossed_ms[1].get(crossing.label, 0))
        for label in {crossing.label for crossing in crossings} & set(alerts.classes):
            self._shelf.note(NOTE + label, str(rare.seen_ms[label]), now_ms=self._clock.monotonic_ms())

    def corrected(self, run: str, off_ms: int) -> dict[str, str]:
        """What crossed in that run did so `off_ms` later than was thought: what to note of it with the correction."""
        notes = {}
        of_run, crossed_ms = self._crossed_ms
        if self._rare is not None and of_run == run:
            for label in crossed_ms.keys() & self._rare.seen_ms.keys():
                self._rare.seen_ms[label] = max(self._rare.seen_ms[label], crossed_ms[label] + off_ms)
                notes[NOTE + label] = str(self._rare.seen_ms[label])
        return notes

    def blind(self, kind: str, reason: str, run: str) -> None:
        """Call out that nothing is seen any more, or something again; `kind` is empty where neither is news."""
        if kind == "blind":
            self._post(Alert(run=run, at=rfc3339(self._clock.real_ms()), kind="blind", reason=reason))
        elif kind == "seeing":
            self._post(Alert(run=run, at=rfc3339(self._clock.real_ms()), kind="seeing", reason="the camera sees again"))

    def _rare_by(self, rules: Alerts) -> RareClasses:
        if self._rare is None or rules != self._rules:
            seen_ms = dict(self._rare.seen_ms) if self._rare else {}
            for label in rules.classes:
                if label not in seen_ms and (text := self._outbox.noted(NOTE + label)):
                    seen_ms[label] = int(text)
            self._rare = RareClasses(rules.classes, quiet_ms=round(rules.quiet_days * DAY_MS), seen_ms=seen_ms)
            self._rules = rules
        return self._rare

    def _post(self, alert: Alert, *, notes: Mapping[str, str] | None = None) -> None:
        now_ms = self._clock.monotonic_ms()
        self._shelf.post(self._address, encode_self(alert), run=alert.run, now_ms=now_ms, notes=notes)
