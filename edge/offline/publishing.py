"""Turns closed buckets into reports and publishes them by way of an outbox, if asked to.

A replay of a file is exact, and its run is named after file, start and configuration. So the journal of its reports has
the name of the run and numbers them from 1: the report of a bucket is the same bytes whatever outbox it passes through,
and whatever was in it before. One that was interrupted (a kill, a full disk) continues where its outbox ends.
"""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from edge.build.publishing import ConvoyNumbers, broker_of, info_of, outbox_of, passage_of
from edge.config.schema import Config
from edge.counting.buckets import Bucket
from edge.counting.convoys import Convoy
from edge.counting.crossing import Crossing
from edge.delivery.connection import Connection
from edge.delivery.outbox import Outbox, Progress
from edge.delivery.publisher import Connect, Publisher
from edge.delivery.reports import report_of
from edge.errors import WorkError
from edge.wire.device_messages import encode_self
from edge.wire.report import Health, Report

STEP_EVERY_MS = 500  # with nothing to send, to receive commands


class Reporter:
    """Turns buckets into reports, numbered from 1; when publishing, also into entries of an outbox.

    `outbox` is where they wait for the broker; without it, in a temporary file that lives as long as the replay.
    WorkError where its disk does not take them: the same command again goes on from there.
    """

    def __init__(
        self,
        config: Config,
        run: str,
        model: str,
        *,
        publish: bool,
        outbox: Path | None = None,
        connect: Connect = Connection,
    ) -> None:
        self._config = config
        self._run = run
        self._model = model
        self._publish = publish
        self._path = outbox
        self._connect = connect
        self._stack = ExitStack()
        self._outbox: Outbox | None = None
        self._publisher: Publisher | None = None
        self._before = Progress(0, 0)  # what an earlier start of this run has committed
        self._reports = 0
        self._posts = 0
        self._numbered_convoys = ConvoyNumbers(run, config)
        self._step_at_ms = 0

    def __enter__(self) -> "Reporter":
        if self._publish:
            mqtt = self._config.mqtt
            assert mqtt is not None, "publishing needs a broker"
            with ExitStack() as stack:
                self._outbox = stack.enter_context(self._open_outbox(stack))
                self._before = self._outbox.progress(self._run)
                self._outbox.use_journal(self._run, number=self._before.reports + 1)
                self._publisher = stack.enter_context(
                    Publisher(
                        broker_of(mqtt),
                        self._outbox,
                        site=self._config.site,
                        device=self._config.device,
                        run=self._run,
                        root=mqtt.root,
                        beside=self._run,
                        info=info_of(self._config, self._run, self._model),
                        connect=self._connect,
                    )
                )
                if self._outbox.set_aside is not None:
                    self._publisher.set_trouble(
                        "outbox-corrupt", f"a corrupt outbox was set aside: {self._outbox.set_aside}"
                    )
                if self._path is None:
                    self._publisher.connect()
                self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def report(self, bucket: Bucket, health: Health) -> Report:
        """The report of a closed bucket; when publishing, it goes into the outbox, unless it is there already."""
        self._reports += 1
        report = self._made(bucket, health, self._reports)
        if self._outbox is not None and self._publisher is not None and self._reports > self._before.reports:
            self._outbox.append_report(lambda seq: self._numbered(report, seq), now_ms=self._publisher.monotonic_ms())
        return msgspec.structs.replace(report, journal=msgspec.UNSET)

    def crossed(self, crossings: Sequence[Crossing]) -> None:
        """Publish each crossing by itself, if configured."""
        if not self._config.report.crossings:
            return
        for crossing in crossings:
            self._post("crossing", encode_self(passage_of(crossing, self._run, self._config)))

    def convoys(self, convoys: Sequence[Convoy]) -> None:
        """Publish convoys that ended."""
        for message in self._numbered_convoys.messages(convoys):
            self._post("convoy", message)

    def _post(self, channel: str, payload: bytes) -> None:
        """Into the outbox when publishing, unless an earlier start of this run has put it there."""
        if self._outbox is None or self._publisher is None:
            return
        self._posts += 1
        if self._posts > self._before.posts:
            address = f"{self._config.site}/{self._config.device}/{channel}"
            self._outbox.append_message(address, payload, run=self._run, now_ms=self._publisher.monotonic_ms())

    def pump(self) -> None:
        """Let the publisher send pending entries."""
        if self._publisher is None or self._outbox is None:
            return
        now_ms = self._publisher.monotonic_ms()
        if now_ms >= self._step_at_ms or self._outbox.pending(1):
            self._step_at_ms = now_ms + STEP_EVERY_MS
            self._publisher.step(wait_s=0.0)

    def finish(self) -> None:
        """Deliver everything, or raise WorkError."""
        if self._publisher is not None:
            self._publisher.deliver()

    def _open_outbox(self, stack: ExitStack) -> Outbox:
        keep = self._config.keep
        if self._path is not None:
            return outbox_of(keep, self._path)
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="crossing-replay-"))
        return Outbox(Path(folder) / "outbox.sqlite")

    def _made(self, bucket: Bucket, health: Health, seq: int) -> Report:
        return report_of(
            bucket,
            site=self._config.site,
            device=self._config.device,
            run=self._run,
            seq=seq,
            journal=self._run,
            direction_words=self._config.direction_words,
            health=health,
        )

    def _numbered(self, report: Report, seq: int) -> Report:
        """It, if the outbox goes on where it was; another file in its place does not."""
        assert self._outbox is not None, "only an outbox gives numbers"
        if (self._outbox.journal, seq) != (report.journal, report.seq):
            raise WorkError(
                f"outbox {self._outbox.path} was deleted, replaced or corrupt; the same command again goes on"
            )
        return report
