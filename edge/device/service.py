"""The service: from the camera to the outbox, for years. Counting and sending are two threads; the camera has its own.

This thread takes the newest frame, watches the scene, detects, counts, and commits closed buckets; nothing here waits
for a network. Once a second it does everything else: live counts, health, alerts, the clock, a new configuration.

A *run* is one anchor of the clock, one size of the picture and one configuration. When one of them changes the run
ends with its open buckets as they are, and the next begins: halves of a bucket under two runs add up.

Without frames time goes on: after `gap_ms` a blind frame is counted each second, so blind buckets are reported and
never zeros. With stills that happens later, for a server may deliver a picture that was taken some steps before.
"""

import logging
import queue
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import msgspec

from edge.build.live import LiveParts
from edge.build.publishing import ConvoyNumbers, passage_of
from edge.build.stages import NOMINAL_SIZE, build_pipeline, needs_of, still_time
from edge.clock import Clock
from edge.config.schema import Config
from edge.config.shapes import counting_lines, queue_zones
from edge.counting.buckets import Bucket
from edge.counting.convoys import Convoy
from edge.counting.crossing import Crossing
from edge.counting.detection import DetectedFrame
from edge.counting.pipeline import Pipeline, Step
from edge.counting.stills import StillPipeline
from edge.delivery.memory_buffer import MemoryBuffer
from edge.delivery.outbox import Outbox
from edge.delivery.reports import report_of
from edge.delivery.sender import Sender
from edge.delivery.waiting_record import WaitingRecord
from edge.device.alert_publisher import NO_TAILS, AlertPublisher
from edge.device.alert_rules import Blindness
from edge.device.health import HealthMonitor
from edge.device.metrics import Metrics
from edge.device.reload import reloaded
from edge.device.status import ClockStatus, OutboxStatus
from edge.device.strip_store import StripKeeper
from edge.device.systemd import notify
from edge.device.view import ServiceState, ServiceView
from edge.errors import CrossingError, WorkError
from edge.vision.camera import Camera
from edge.vision.clock import FrameClock
from edge.vision.frame import Frame
from edge.vision.frame_selection import Detector, Looker, Scene
from edge.vision.likeness import Likeness
from edge.vision.second_look import SecondLook
from edge.vision.still_camera import StillCamera
from edge.wire.commands import Verdict
from edge.wire.device_messages import Live, encode_self
from edge.wire.report import Health, Report
from edge.wire.times import rfc3339

log = logging.getLogger(__name__)

FRAME_WAIT_S = 0.25
MAINTAIN_MS = 1_000
STILL_STEP_MS = 5_000  # with stills: how often time goes on where no picture covers it
HEALTH_MS = 60_000
FLUSH_MS = 3_000  # at the end, for entries that wait in memory
PARTS_EVERY_MS = 10_000  # between two attempts to load a model that cannot be read
VERDICTS_MAX = 100  # that wait; the collector repeats further ones
VERDICT_WAIT_S = 3.0  # for the thread that counts to apply one
STEPPED_MS = 1_000
"""Difference between the system's clock and that of the frames from which a new run begins."""
LOOKS = ("model", "lines", "zones", "reference")
"""Keys of the configuration on which the detector depends; if only others change, the next run keeps it."""


class _Run:
    """The state of one run."""

    def __init__(self, config: Config, size: tuple[int, int], shift_ms: int, strips: Path) -> None:
        self.name = f"r-{secrets.token_hex(6)}"
        self.config = config
        self.size = size
        self.shift_ms = shift_ms  # from the time of the camera's frames to the run's
        self.stills = still_time(config.camera)
        self.pipeline: Pipeline | StillPipeline = build_pipeline(config, *size, self.stills)
        self.likeness = Likeness()
        self.began_ms = 0  # by the run's time
        self.covered_until_ms = 0  # until then the last still covers time
        self.strips = StripKeeper(
            strips,
            counting_lines(config, *size),
            keep_ms=config.keep.strips_days * 86_400_000,
            keep_bytes=config.keep.disk_mb * 500_000,
            time_zone=config.time_zone,
        )
        self.detector: Detector | None = None
        self.second_look: SecondLook | None = None
        self.scene: Scene | None = None
        self.looker: Looker | None = None
        self.parts_at_ms = 0  # not before this are they created
        self.frames = self.frames_blind = 0
        self.reported = (0, 0)
        self.convoys = ConvoyNumbers(self.name, config)
        self.last_ms: int | None = None  # of the last frame, blind ones included
        self.step: Step | None = None


class Service:
    """Counts what `camera` gives until `stop`; `reload` reads the configuration again."""

    def __init__(
        self,
        config: Config,
        *,
        read_config: Callable[[], Config],
        camera: Camera | StillCamera,
        frame_clock: FrameClock,
        parts: LiveParts,
        clock: Clock,
        outbox: Outbox,
        sender: Sender,
        state: Path,
        metrics: Metrics | None = None,
    ) -> None:
        self.config = config
        self.run = ""
        self._read_config = read_config
        self._camera = camera
        self._frame_clock = frame_clock
        self._parts = parts
        self._clock = clock
        self._outbox = outbox
        self._sender = sender
        self._state = state
        self._metrics = metrics
        self._buffer = MemoryBuffer(outbox, record=WaitingRecord(state / "waiting.record"))
        self._health_monitor = HealthMonitor(clock, state)
        self._blindness = Blindness()
        self._alert_publisher = AlertPublisher(f"{config.site}/{config.device}/alert", outbox, self._buffer, clock)
        self._verdicts: queue.Queue[tuple[Verdict, Future[str]]] = queue.Queue(VERDICTS_MAX)
        self._synced = frame_clock.synced()
        self._blind = "no frame yet"
        self._detector_failure = ""
        self._troubles: dict[str, str] = {}
        self._view = ServiceView(clock, outbox, sender, metrics)
        self._live: Live | None = None
        self._maintain_at_ms = self._live_at_ms = 0
        self._health_at_ms = clock.monotonic_ms() + HEALTH_MS
        self._progress_ms = clock.monotonic_ms()
        self._stopping = self._reloading = False
        self._run = self._begin(NOMINAL_SIZE)

    def stop(self) -> None:
        """End soon; only sets a flag, so a signal handler may call it."""
        self._stopping = True

    def reload(self) -> None:
        """Read the configuration again soon; only sets a flag."""
        self._reloading = True

    def apply_verdict(self, verdict: Verdict) -> str:
        """Apply a person's verdict; returns empty, or why it cannot be done now. Any other thread may call it."""
        answer: Future[str] = Future()
        try:
            self._verdicts.put_nowait((verdict, answer))
            return answer.result(VERDICT_WAIT_S)
        except (queue.Full, TimeoutError):
            return "the device is busy; say it again"

    def _apply_verdicts(self) -> None:
        while not self._verdicts.empty():
            verdict, answer = self._verdicts.get_nowait()
            try:
                self._alert_publisher.apply_verdict(verdict, self.config.alerts)
                answer.set_result(self._buffer.failure)
            except WorkError as error:
                answer.set_result(str(error))

    def snapshot(self) -> bytes:
        """The newest picture as a small JPEG; empty before there is one. Any thread may ask."""
        return self._alert_publisher.snapshot()

    def status(self) -> bytes:
        """The answer to `crossing-edge status`, as JSON; empty while it starts. Any thread may ask."""
        status = self._view.status()
        return b"" if status is None else msgspec.json.encode(status, order="sorted")

    def work(self) -> None:
        """Run until `stop`."""
        self._sender.start()
        notify(f"READY=1\nSTATUS=counting for {self.config.site}/{self.config.device}")
        try:
            while not self._stopping:
                frame = self._camera.take(FRAME_WAIT_S)
                if frame is not None:
                    self._handle(frame)
                now_ms = self._clock.monotonic_ms()
                if now_ms >= self._maintain_at_ms:
                    self._maintain_at_ms = now_ms + MAINTAIN_MS
                    self._maintain(now_ms)
        finally:
            notify("STOPPING=1")
            self._end()
            self._flush_buffer()
            self._sender.stop()

    def _flush_buffer(self) -> None:
        """Commit what waits in memory, within the time before a service manager kills the process."""
        until_ms = self._clock.monotonic_ms() + FLUSH_MS
        while (now_ms := self._clock.monotonic_ms()) < until_ms and self._buffer.entries_waiting:
            self._buffer.hand_on(now_ms=now_ms)
            if self._buffer.failure:
                return

    # A frame

    def _handle(self, frame: Frame) -> None:
        height, width = frame.image.shape[:2]
        if (width, height) != self._run.size:
            self._begin_next_run((width, height))
        run = self._run
        captured_ms = frame.captured_ms + run.shift_ms
        if run.last_ms is not None and captured_ms <= run.last_ms:
            return  # taken before the blind frame that ended this gap
        if run.stills is not None and captured_ms < run.began_ms:
            return  # the run or process before may have counted it
        began = time.perf_counter()
        detected = self._look(run, frame).shifted(run.shift_ms)
        frame = replace(frame, captured_ms=captured_ms)
        if not detected.blind:
            self._health_monitor.handled_frame(None if detected.skipped else 1000 * (time.perf_counter() - began))
        run.strips.see(frame)
        self._alert_publisher.update_frame(frame)
        self._progress_ms = self._clock.monotonic_ms()
        self._count(run, detected)

    def _look(self, run: _Run, frame: Frame) -> DetectedFrame:
        """Detect, in the camera's time, which never steps; blind where nothing can be seen."""
        try:
            if run.looker is None:
                if self._clock.monotonic_ms() < run.parts_at_ms:
                    return DetectedFrame(frame.captured_ms, (), blind=self._blind)
                run.scene = run.scene or self._parts.scene(run.config, *run.size)
                run.second_look = run.second_look or self._parts.second_look(run.config, *run.size)
                run.detector = run.detector or self._parts.detector(run.config, *run.size)
                run.looker = Looker(run.scene, run.detector, needs_of(run.config, *run.size))
            detected = run.looker.look(frame)
            self._blind, self._detector_failure = detected.blind, ""
            if run.second_look is not None:
                detected = run.second_look.look(frame, detected)
            if run.stills is not None:
                detected = run.likeness.compare(frame, detected)
        except CrossingError as error:
            self._blind, self._detector_failure = "the detector fails", str(error)
            run.parts_at_ms = self._clock.monotonic_ms() + PARTS_EVERY_MS
            return DetectedFrame(frame.captured_ms, (), blind=self._blind)
        return detected

    def _count(self, run: _Run, detected: DetectedFrame) -> None:
        run.last_ms = detected.captured_ms
        if run.stills is not None and not detected.blind:
            run.covered_until_ms = detected.captured_ms + run.stills.vouches_ms
        run.frames += 1
        run.frames_blind += bool(detected.blind)
        run.step = run.pipeline.update(detected)
        if run.looker is not None:
            run.looker.follow(detected.captured_ms - run.shift_ms, run.step.tracks)  # by the camera's time
        if run.second_look is not None:
            run.second_look.follow(detected.captured_ms - run.shift_ms, run.step.tracks)  # by the camera's time
        self._store(run, run.step)

    def _store(self, run: _Run, step: Step) -> None:
        """Store everything that a step brought."""
        self._store_crossings(run, step.crossings)
        self._store_convoys(run, step.convoys)
        for bucket in step.buckets:
            health = Health(
                frames=run.frames - run.reported[0],
                frames_blind=run.frames_blind - run.reported[1],
                crossings_late=step.late,
                tracks_released=step.released,
            )
            run.reported = (run.frames, run.frames_blind)
            self._append_report(run, bucket, health)
            self._alert_publisher.add_bucket(bucket, run.config)
            run.strips.close_bucket(bucket, run.config.direction_words, now_ms=self._clock.real_ms())

    def _append_report(self, run: _Run, bucket: Bucket, health: Health) -> None:
        config, synced = run.config, self._synced

        def made(seq: int) -> Report:
            return report_of(
                bucket,
                site=config.site,
                device=config.device,
                run=run.name,
                seq=seq,
                journal=self._outbox.journal,
                direction_words=config.direction_words,
                health=health,
                clock_synced=synced,
            )

        self._buffer.append_report(
            made,
            now_ms=self._clock.monotonic_ms(),
            span_ms=(bucket.start_ms, bucket.start_ms + bucket.width_ms),
        )

    def _store_crossings(self, run: _Run, crossings: Sequence[Crossing]) -> None:
        if not crossings:
            return
        now_ms = self._clock.monotonic_ms()
        if run.config.report.crossings:
            address = f"{run.config.site}/{run.config.device}/crossing"
            for crossing in crossings:
                passage = encode_self(passage_of(crossing, run.name, run.config))
                self._buffer.append_message(address, passage, run=run.name, now_ms=now_ms)
        tails = run.second_look.tails if run.second_look is not None else NO_TAILS
        boxes = {track.id: track.box for track in run.step.tracks} if run.step is not None else {}
        self._alert_publisher.add_crossings(crossings, run.name, run.config, tails=tails, boxes=boxes)

    def _store_convoys(self, run: _Run, convoys: Sequence[Convoy]) -> None:
        address = f"{run.config.site}/{run.config.device}/convoy"
        for answer in run.convoys.messages(convoys):
            self._buffer.append_message(address, answer, run=run.name, now_ms=self._clock.monotonic_ms())

    # Once a second

    def _maintain(self, now_ms: int) -> None:
        self._handle_missing_frames()
        self._buffer.hand_on(now_ms=now_ms)
        self._check_clock()
        if self._reloading:
            self._reloading = False
            self._reload()
        camera = self._camera.state
        blind = self._blind if camera.open else camera.reason or "the camera gives no frames"
        if self._run.stills is not None and not blind:
            blind = camera.reason or self._overdue_picture(now_ms)
        self._update_blindness(now_ms, blind)
        self._troubles["disk"] = self._buffer.failure  # the view logs it as a failure of delivery
        self._sender.set_trouble("disk", self._buffer.failure)
        self._set_trouble("blind", blind)
        self._set_trouble("detector", self._detector_failure)
        self._set_trouble("names", self._run.second_look.failure if self._run.second_look else "")
        self._alert_publisher.check_waiting()
        self._apply_verdicts()
        self._set_trouble("letters", self._alert_publisher.failure)
        self._set_trouble("waiting", self._buffer.unprotected)
        self._set_trouble("strips", self._run.strips.failure)
        aside = self._outbox.set_aside
        self._set_trouble("outbox-corrupt", f"a corrupt outbox was set aside: {aside}" if aside else "")
        self._set_trouble("journal", self._outbox.begun_anew)
        self._update_view(now_ms, blind)
        if now_ms >= self._live_at_ms:
            self._live_at_ms = now_ms + round(self.config.report.live_s * 1000)
            self._publish_live(blind)
        if now_ms >= self._health_at_ms:
            self._health_at_ms = now_ms + HEALTH_MS
            self._publish_health(blind)
        if not camera.open or self._run.stills is not None or now_ms - self._progress_ms < 10 * MAINTAIN_MS:
            notify("WATCHDOG=1")  # frames are handled, or there are none to handle

    def _update_view(self, now_ms: int, blind: str) -> None:
        state = ServiceState(
            now_ms=now_ms,
            config=self.config,
            run=self._run.name,
            camera=self._camera.state,
            blind=blind,
            handled=self._health_monitor.handled,
            clock=ClockStatus(synced=self._synced, offset_ms=self._frame_clock.offset_ms() - self._run.shift_ms),
            outbox=OutboxStatus(
                waiting_in_memory=self._buffer.waiting,
                lost_before=self._buffer.lost_before["report"],
                unjudged_lost=self._alert_publisher.unjudged_lost,
                failure=self._buffer.failure,
            ),
            live=self._live,
            troubles=dict(self._troubles),
        )
        self._view.update(state)

    def _update_blindness(self, now_ms: int, blind: str) -> None:
        after_ms = round(self.config.alerts.blind_after_s * 1000)
        if self._run.stills is not None:
            after_ms = max(after_ms, self._run.stills.compare_ms)  # one blind picture raises no alert
        kind = self._blindness.update(now_ms, blind, after_ms=after_ms)
        if kind:
            self._alert_publisher.publish_blindness(kind, blind, self._run.name)

    def _handle_missing_frames(self) -> None:
        """Count a blind frame where none came for longer than one covers."""
        run = self._run
        now_ms = self._frame_clock.captured_ms() + run.shift_ms
        if run.stills is not None:
            self._advance_stills(run, now_ms - run.stills.late_ms)
        elif run.last_ms is None or now_ms - run.last_ms > run.config.counting.gap_ms:
            if not self._blind:
                self._blind = "no frames"
            self._count(run, DetectedFrame(now_ms, (), blind=self._blind))

    def _advance_stills(self, run: _Run, until_ms: int) -> None:
        """No picture of before `until_ms` will come any more; let time go on where none covers it."""
        if until_ms >= max(
            run.covered_until_ms, run.last_ms + STILL_STEP_MS if run.last_ms is not None else run.began_ms
        ):
            run.last_ms = until_ms
            self._store(run, run.pipeline.update(DetectedFrame(until_ms, (), blind="no picture")))

    def _overdue_picture(self, now_ms: int) -> str:
        """A sentence if no picture came for longer than a late one would take; else empty."""
        stills = self._run.stills
        if stills is None or now_ms - self._progress_ms <= stills.compare_ms + stills.late_ms:
            return ""
        return f"no picture for {(now_ms - self._progress_ms) / 60_000:.0f} min"

    def _check_clock(self) -> None:
        """Begin a new run when the clock steps or is synchronised; then correct what the old run has not sent."""
        off_ms = self._frame_clock.offset_ms() - self._run.shift_ms
        synced = self._frame_clock.synced()
        if synced and not self._synced:
            old = self._run.name
            log.info("the clock is synchronised now, it was off by %d ms", off_ms)
            self._begin_next_run(self._run.size)
            self._synced = True
            now_ms = self._clock.monotonic_ms()
            self._buffer.correct(old, off_ms, now_ms=now_ms, notes=self._alert_publisher.correction_notes(old, off_ms))
            log.info("what run %s has not sent yet is corrected by %d ms", old, off_ms)
        elif abs(off_ms) >= STEPPED_MS:
            log.info("the clock was stepped by %d ms: a new run begins", off_ms)
            self._begin_next_run(self._run.size)

    def _reload(self) -> None:
        try:
            config, refused = reloaded(self.config, self._read_config())
        except CrossingError as error:
            log.error("the configuration stays as it was: %s", error)
            self._set_trouble("configuration", f"the configuration stays as it was: {error}")
            return
        sentence = f"a restart is needed for {', '.join(refused)}" if refused else ""
        self._set_trouble("configuration", sentence)
        if config != self.config:
            self.config = config
            self._begin_next_run(self._run.size)
        log.info("the configuration was read again%s", f"; {sentence}" if sentence else "")

    def _set_trouble(self, what: str, sentence: str) -> None:
        if sentence and self._troubles.get(what) != sentence:
            log.warning("%s: %s", what, sentence)
        self._troubles[what] = sentence
        self._sender.set_trouble(what, sentence)

    def _publish_live(self, blind: str) -> None:
        run = self._run
        bucket = run.pipeline.peek()
        if bucket is None:
            return
        words = run.config.direction_words
        live = Live(
            run=run.name,
            start=rfc3339(bucket.start_ms),
            width_ms=bucket.width_ms,
            as_of=rfc3339(run.last_ms or bucket.start_ms),
            watched_ms=bucket.watched_ms,
            lines=None
            if bucket.counts is None
            else {line: {words[line][way]: of for way, of in ways.items()} for line, ways in bucket.counts.items()},
            in_view=len(run.step.tracks) if run.step else 0,
            standing={one.zone: one.standing for one in run.step.occupancies if one.standing is not None}
            if run.step
            else {},
            blind=blind,
        )
        self._live = live
        self._sender.publish_transient("live", encode_self(live))

    def _publish_health(self, blind: str) -> None:
        health = self._health_monitor.take(
            camera=self._camera.state,
            outbox=self._outbox,
            buffer=self._buffer,
            sender=self._sender,
            run=self._run.name,
            blind=blind,
            unjudged_lost=self._alert_publisher.unjudged_lost,
            convoys_late=self._run.step.convoys_late if self._run.step else 0,
            clock_synced=self._synced,
            clock_offset_ms=self._frame_clock.offset_ms() - self._run.shift_ms,
            strips=self._run.strips.written,
        )
        self._sender.publish_transient("health", encode_self(health))
        if self._metrics is not None:
            self._metrics.show(health)

    # Runs

    def _begin(self, size: tuple[int, int]) -> _Run:
        run = _Run(self.config, size, self._frame_clock.offset_ms(), self._state / "strips")
        run.began_ms = self._frame_clock.captured_ms() + run.shift_ms
        self.run = run.name
        log.info("run %s begins, picture %d x %d, %d zones", run.name, *size, len(queue_zones(self.config, *size)))
        return run

    def _begin_next_run(self, size: tuple[int, int]) -> None:
        """End the run and begin the next."""
        before = self._run
        self._end()
        self._run = self._begin(size)
        known_ms = before.began_ms if before.last_ms is None else before.last_ms + 1
        self._run.began_ms = known_ms - before.shift_ms + self._run.shift_ms  # from there on nothing was counted
        if before.size == size and all(getattr(before.config, key) == getattr(self.config, key) for key in LOOKS):
            self._run.detector, self._run.scene = before.detector, before.scene
            if before.detector is not None:
                before.detector.begin_anew()
            self._run.second_look = before.second_look
            if before.second_look is not None:
                before.second_look.follow(0, ())  # tracks belong to a run
        self._sender.renew()

    def _end(self) -> None:
        run = self._run
        if run.last_ms is not None:
            self._store(run, run.pipeline.close())
