"""Builds broker, outbox and messages of a device from the configuration."""

import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from edge.config.schema import Config, Keep, Mqtt
from edge.counting.buckets import COUNTED_CLASSES
from edge.counting.convoys import Convoy
from edge.counting.crossing import Crossing
from edge.delivery.connection import Broker
from edge.delivery.outbox import Outbox
from edge.errors import InputError
from edge.vision.naming import load_naming
from edge.wire.device_messages import Convoy as ConvoyWord
from edge.wire.device_messages import ConvoyGaps, Info, LineInfo, NamesInfo, Passage, encode_self
from edge.wire.times import rfc3339


class ConvoyNumbers:
    """Numbers the convoys of one run from 1 on, in the order in which they ended, and makes messages of them."""

    def __init__(self, run: str, config: Config) -> None:
        self._run = run
        self._config = config
        self._told = 0

    def messages(self, convoys: Sequence[Convoy]) -> list[bytes]:
        """The message of each convoy."""
        first = self._told + 1
        self._told += len(convoys)
        return [encode_self(convoy_of(one, self._run, n, self._config)) for n, one in enumerate(convoys, start=first)]


def outbox_of(keep: Keep, path: Path, *, owner: str = "", patient: bool = False) -> Outbox:
    """The outbox in a file, within half of the disk's share; strips have the other half."""
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
    """The `info` message; `model` is name, version and the beginning of its sha256."""
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
    """The second look in force, if any, and its confusion as far as the manifest has it."""
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
    """The message of one crossing."""
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
    """The message of one convoy, the `number`th of its run."""
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
