"""From closed buckets to reports and, if they are to be published, by way of an outbox to the broker.

A replay of a file is exact, and its run is named after file, start and configuration. So the journal of its reports has
the name of the run and numbers them from 1: the report of a bucket is the same bytes whatever outbox it passes through,
and whatever was in it before. One that was cut off (a kill, a full disk) goes on where its outbox knows that it was.
"""

import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

import msgspec

from edge.config import Config, Keep, Mqtt
from edge.counting.buckets import COUNTED_CLASSES, Bucket
from edge.counting.convoys import Convoy
from edge.counting.crossing import Crossing
from edge.delivery.connection import Broker, Connection
from edge.delivery.mqtt import Connect, Publisher
from edge.delivery.outbox import Outbox, Progress
from edge.delivery.report import Health, Report, report_of, rfc3339
from edge.delivery.status import Convoy as ConvoyWord
from edge.delivery.status import ConvoyGaps, Info, LineInfo, NamesInfo, Passage, encode_self
from edge.errors import InputError, WorkError
from edge.vision.naming import load_naming

STEP_EVERY_MS = 500  # with nothing to send, to hear commands


class ConvoyNumbers:
    """Numbers the convoys of one run from 1 on, in the order in which they ended, and makes messages of them."""

    def __init__(self, run: str, config: Config) -> None:
        self._run = run
        self._config = config
        self._told = 0

    def messages(self, convoys: Sequence[Convoy]) -> list[bytes]:
        """What goes out of each, ready for its topic."""
        first = self._told + 1
        self._told += len(convoys)
        return [encode_self(convoy_of(one, self._run, n, self._config)) for n, one in enumerate(convoys, start=first)]


class Reporter:
    """Turns buckets into reports, numbered from 1; when publishing, also into letters of an outbox.

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
        """The report of a closed bucket; when publishing, it goes into the outbox, unless it is there already."""
        self._reports += 1
        report = self._made(bucket, health, self._reports)
        if self._outbox is not None and self._publisher is not None and self._reports > self._before.reports:
            self._outbox.append(lambda seq: self._numbered(report, seq), now_ms=self._publisher.monotonic_ms())
        return msgspec.structs.replace(report, journal=msgspec.UNSET)

    def crossed(self, crossings: Sequence[Crossing]) -> None:
        """Tell of each crossing by itself, if the configuration asks for it."""
        if not self._config.report.crossings:
            return
        for crossing in crossings:
            self._post("crossing", encode_self(passage_of(crossing, self._run, self._config)))

    def convoys(self, convoys: Sequence[Convoy]) -> None:
        """Tell of convoys that ended."""
        for said in self._numbered_convoys.messages(convoys):
            self._post("convoy", said)

    def _post(self, channel: str, payload: bytes) -> None:
        """Into the outbox when publishing, unless an earlier start of this run has put it there."""
        if self._outbox is None or self._publisher is None:
            return
        self._posts += 1
        if self._posts > self._before.posts:
            address = f"{self._config.site}/{self._config.device}/{channel}"
            self._outbox.post(address, payload, run=self._run, now_ms=self._publisher.monotonic_ms())

    def pump(self) -> None:
        """Give the publisher a chance to send what waits."""
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


def outbox_of(keep: Keep, path: Path, *, owner: str = "", patient: bool = False) -> Outbox:
    """The outbox in a file, within what may be kept; strips have the other half of the disk's share."""
    return Outbox(
        path, owner=owner, keep_ms=keep.reports_days * 86_400_000, keep_bytes=keep.disk_mb * 500_000, patient=patient
    )


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
        naming=naming_of(config),
        configuration_sha256=config.sha256,
        lines={name: LineInfo(a_to_b=line.a_to_b, b_to_a=line.b_to_a) for name, line in config.lines.items()},
        zones=list(config.zones),
        classes=list(COUNTED_CLASSES),
        bucket_ms=config.report.every_s * 1000,
        time_zone=config.time_zone,
        rare=list(config.alerts.classes),
        names=names_of(config),
    )


def names_of(config: Config) -> NamesInfo | None:
    """The second look that is in force, if one is, and how it errs as far as its manifest says."""
    if not config.model.second_look:
        return None
    manifest = load_naming(config.model.second_look)
    return NamesInfo(model=f"{manifest.name} {manifest.version}", judged=manifest.judged)


def naming_of(config: Config) -> str:
    """Name, version and the beginning of the sha256 of the second look; empty where none is taken."""
    if not config.model.second_look:
        return ""
    return load_naming(config.model.second_look).words


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


def convoy_of(convoy: Convoy, run: str, number: int, config: Config) -> ConvoyWord:
    """What is said of one convoy, the `number`th of its run."""
    gaps = convoy.gaps
    return ConvoyWord(
        run=run,
        number=number,
        since=rfc3339(convoy.first_ms),
        until=rfc3339(convoy.last_ms),
        line=convoy.line,
        direction=config.direction_words[convoy.line][convoy.direction],
        vehicles=convoy.vehicles,
        by_class=convoy.by_class,
        gaps_ms=ConvoyGaps(min=gaps.min, p50=gaps.p50, max=gaps.max),
        headway_ms=convoy.headway_ms,
        began=convoy.began,
        ended=convoy.ended,
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
