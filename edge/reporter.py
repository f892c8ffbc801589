"""From closed buckets to reports, and by way of an outbox to the broker if they are to be published."""

import tempfile
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

from edge.config import Config, Mqtt
from edge.counting.buckets import COUNTED_CLASSES, Bucket
from edge.delivery.connection import Broker
from edge.delivery.mqtt import Publisher
from edge.delivery.outbox import Outbox
from edge.delivery.report import Health, Report, report_of
from edge.delivery.status import Info, LineInfo


class Reporter:
    """Turns buckets into reports; when publishing, by way of an outbox that lives as long as the replay."""

    def __init__(self, config: Config, run: str, model: str, *, publish: bool) -> None:
        self._config = config
        self._run = run
        self._model = model
        self._publish = publish
        self._stack = ExitStack()
        self._outbox: Outbox | None = None
        self._publisher: Publisher | None = None
        self._seq = 0

    def __enter__(self) -> "Reporter":
        if self._publish:
            mqtt = self._config.mqtt
            assert mqtt is not None, "publishing needs a broker"
            with ExitStack() as stack:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="crossing-replay-"))
                self._outbox = stack.enter_context(Outbox(Path(folder) / "outbox.sqlite"))
                self._publisher = stack.enter_context(
                    Publisher(
                        broker_of(mqtt),
                        self._outbox,
                        site=self._config.site,
                        device=self._config.device,
                        run=self._run,
                        root=mqtt.root,
                        info=info_of(self._config, self._run, self._model),
                    )
                )
                self._publisher.connect()
                self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def report(self, bucket: Bucket, health: Health) -> Report:
        """The report of a closed bucket; committed to the outbox first when publishing."""

        def made(seq: int) -> Report:
            return report_of(
                bucket,
                site=self._config.site,
                device=self._config.device,
                run=self._run,
                seq=seq,
                direction_words=self._config.direction_words,
                health=health,
            )

        if self._outbox is not None:
            return self._outbox.append(made, now_ms=bucket.start_ms + bucket.width_ms)
        self._seq += 1
        return made(self._seq)

    def pump(self) -> None:
        """Give the publisher a chance to send what waits."""
        if self._publisher is not None and self._outbox is not None and self._outbox.pending(1):
            self._publisher.step(wait_s=0.0)

    def finish(self) -> None:
        """Deliver everything, or raise WorkError."""
        if self._publisher is not None:
            self._publisher.deliver()


def broker_of(mqtt: Mqtt) -> Broker:
    """The broker that the configuration names."""
    return Broker(
        host=mqtt.host,
        port=mqtt.port,
        username=mqtt.username,
        password_file=_path(mqtt.password_file),
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


def _path(text: str) -> Path | None:
    return Path(text) if text else None
