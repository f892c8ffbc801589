"""From closed buckets to reports and, if they are to be published, by way of an outbox to the broker.

A replay of a file is exact, so one that was cut off (a kill, a power failure) is taken up again where its outbox knows
that it was: the same run, the same reports, none of them twice.
"""

import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

from edge.config import Config, Keep, Mqtt
from edge.counting.buckets import COUNTED_CLASSES, Bucket
from edge.counting.crossing import Crossing
from edge.delivery.connection import Broker
from edge.delivery.mqtt import Publisher
from edge.delivery.outbox import Outbox, Progress
from edge.delivery.report import Health, Report, report_of, rfc3339
from edge.delivery.shelf import Shelf
from edge.delivery.status import Info, LineInfo, Passage, encode_self
from edge.errors import InputError, WorkError

DISK = "disk"
STEP_EVERY_MS = 500  # with nothing to send, to hear commands


class Reporter:
    """Turns buckets into reports, numbered from 1; when publishing, also into letters of an outbox.

    `outbox` is where they wait for the broker; without it, in a temporary file that lives as long as the replay.
    """

    def __init__(self, config: Config, run: str, model: str, *, publish: bool, outbox: Path | None = None) -> None:
        self._config = config
        self._run = run
        self._model = model
        self._publish = publish
        self._path = outbox
        self._stack = ExitStack()
        self._outbox: Outbox | None = None
        self._shelf: Shelf | None = None
        self._publisher: Publisher | None = None
        self._before = Progress(0, 0)  # what an earlier start of this run has committed
        self._reports = 0
        self._posts = 0
        self._step_at_ms = 0

    def __enter__(self) -> "Reporter":
        if self._publish:
            mqtt = self._config.mqtt
            assert mqtt is not None, "publishing needs a broker"
            with ExitStack() as stack:
                self._outbox = stack.enter_context(self._open_outbox(stack))
                self._shelf = Shelf(self._outbox)
                self._before = self._outbox.progress(self._run)
                self._publisher = stack.enter_context(
                    Publisher(
                        broker_of(mqtt),
                        self._outbox,
                        site=self._config.site,
                        device=self._config.device,
                        run=self._run,
                        root=mqtt.root,
                        info=info_of(self._config, self._run, self._model),
                        home_assistant=mqtt.home_assistant or "",
                    )
                )
                if self._outbox.set_aside is not None:
                    self._publisher.trouble(
                        "outbox-corrupt", f"a corrupt outbox was set aside: {self._outbox.set_aside}"
                    )
                if self._path is None:
                    self._publisher.connect()
                self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def report(self, bucket: Bucket, health: Health) -> Report:
        """The report of a closed bucket; when publishing, one like it goes into the outbox, with its number there."""
        self._reports += 1
        if self._shelf is not None and self._publisher is not None and self._reports > self._before.reports:
            self._shelf.add(lambda seq: self._made(bucket, health, seq), now_ms=bucket.start_ms + bucket.width_ms)
            self._publisher.trouble(DISK, self._shelf.failure)
        return self._made(bucket, health, self._reports, in_outbox=False)

    def crossed(self, crossings: Sequence[Crossing], captured_ms: int) -> None:
        """Tell of each crossing by itself, if the configuration asks for it."""
        if self._outbox is None or not self._config.report.crossings:
            return
        for crossing in crossings:
            self._posts += 1
            if self._posts > self._before.posts:
                passage = passage_of(crossing, self._run, self._config)
                address = f"{self._config.site}/{self._config.device}/crossing"
                self._outbox.post(address, encode_self(passage), run=self._run, now_ms=captured_ms)

    def pump(self) -> None:
        """Give the publisher a chance to send what waits."""
        if self._publisher is None or self._outbox is None or self._shelf is None:
            return
        now_ms = self._publisher.monotonic_ms()
        if now_ms >= self._step_at_ms or (not self._shelf.failure and self._outbox.pending(1)):
            self._step_at_ms = now_ms + STEP_EVERY_MS
            self._publisher.step(wait_s=0.0)

    def finish(self) -> None:
        """Deliver everything, or raise WorkError."""
        if self._publisher is None or self._outbox is None or self._shelf is None:
            return
        if self._shelf.waiting:
            self._shelf.hand_on(now_ms=self._publisher.real_ms())
            if self._shelf.waiting or self._shelf.lost:
                raise WorkError(
                    f"{self._shelf.waiting + self._shelf.lost} reports found no disk: {self._shelf.failure}"
                )
        self._publisher.deliver()

    def _open_outbox(self, stack: ExitStack) -> Outbox:
        keep = self._config.keep
        if self._path is not None:
            return outbox_of(keep, self._path)
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="crossing-replay-"))
        return Outbox(Path(folder) / "outbox.sqlite", name_journal=lambda: self._run)

    def _made(self, bucket: Bucket, health: Health, seq: int, *, in_outbox: bool = True) -> Report:
        return report_of(
            bucket,
            site=self._config.site,
            device=self._config.device,
            run=self._run,
            seq=seq,
            journal=self._outbox.journal if in_outbox and self._outbox is not None else "",
            direction_words=self._config.direction_words,
            health=health,
        )


def outbox_of(keep: Keep, path: Path, *, patient: bool = False) -> Outbox:
    """The outbox in a file, within what may be kept; strips have the other half of the disk's share."""
    return Outbox(path, keep_ms=keep.reports_days * 86_400_000, keep_bytes=keep.disk_mb * 500_000, patient=patient)


def broker_of(mqtt: Mqtt) -> Broker:
    """The broker that the configuration names."""
    return Broker(
        host=mqtt.host,
        port=mqtt.port,
        username=mqtt.username,
        password_file=credential("mqtt", mqtt.password_credential) or _path(mqtt.password_file),
        tls=mqtt.tls,
        ca_file=_path(mqtt.ca_file),
        certificate_file=_path(mqtt.certificate_file),
        key_file=_path(mqtt.key_file),
    )


def info_of(config: Config, run: str, model: str) -> Info:
    """What the device says at its birth; `model` is name, version and the beginning of its sha256."""
    return Info(
        run=run,
        version=version("crossing-monitor"),
        model=model,
        configuration_sha256=config.sha256,
        lines={name: LineInfo(a_to_b=line.a_to_b, b_to_a=line.b_to_a) for name, line in config.lines.items()},
        zones=list(config.zones),
        classes=list(COUNTED_CLASSES),
        bucket_ms=config.report.every_s * 1000,
        time_zone=config.time_zone,
    )


def passage_of(crossing: Crossing, run: str, config: Config) -> Passage:
    """What is said of one crossing."""
    return Passage(
        run=run,
        at=rfc3339(crossing.crossed_ms),
        line=crossing.line,
        direction=config.direction_words[crossing.line][crossing.direction],
        label=crossing.label,
        share=round(crossing.share, 3),
        along=round(crossing.along, 3),
        track=crossing.track,
    )


def credential(where: str, name: str) -> Path | None:
    """The file of a systemd credential (LoadCredential=); None if none is named."""
    if not name:
        return None
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise InputError(
            f"{where}.password_credential {name}: systemd hands no credentials to this process; "
            "say LoadCredential= in the unit, or use password_file"
        )
    return Path(folder) / name


def _path(text: str) -> Path | None:
    return Path(text) if text else None
