"""From the configuration to the stages, which get plain values and never see it."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from edge.config import Config, counting_lines
from edge.counting.buckets import BucketCounter
from edge.counting.crossing import CountingLine, LineWatcher
from edge.counting.pipeline import Pipeline
from edge.counting.tracking import Tracker
from edge.errors import InputError
from edge.vision.detector import REVISION, OnnxDetector
from edge.vision.manifest import Manifest, load_manifest
from edge.vision.region import Region, region_around


def build_pipeline(config: Config, width: int, height: int) -> Pipeline:
    """Tracker, line watcher and bucket counter for a picture of that size."""
    lines = counting_lines(config, width, height)
    counting = config.counting
    return Pipeline(
        Tracker(),
        LineWatcher(
            lines,
            reach_share=counting.reach_share,
            share_min=counting.class_share_min,
            ground=counting.ground,
        ),
        BucketCounter([line.name for line in lines], width_ms=config.report.every_s * 1000, gap_ms=counting.gap_ms),
    )


def build_detector(config: Config, width: int, height: int) -> OnnxDetector:
    """The detector for a picture of that size."""
    manifest = load_manifest(config.model.name)
    region = _region(config, manifest, counting_lines(config, width, height), width, height)
    return OnnxDetector(manifest, threads=config.model.threads, score_min=config.model.score_min, region=region)


def _region(
    config: Config, manifest: Manifest, lines: Sequence[CountingLine], width: int, height: int
) -> Region | None:
    if config.model.region == "picture":
        return None
    aspect = manifest.input.width / manifest.input.height
    return region_around((point for line in lines for point in line.points), width, height, aspect)


def check_files(config: Config) -> None:
    """InputError if a file that the configuration names is missing, the model's included."""
    load_manifest(config.model.name)
    if config.mqtt is not None:
        for key in ("password_file", "ca_file", "certificate_file", "key_file"):
            path = getattr(config.mqtt, key)
            if path and not Path(path).is_file():
                raise InputError(f"mqtt.{key} is {path!r}; a file that exists is allowed")


def looks_of(config: Config) -> str:
    """A fingerprint of how the detector looks at pictures: model, manifest, threshold, region, and our own code."""
    manifest = load_manifest(config.model.name)
    lines = msgspec.to_builtins(config.lines) if config.model.region == "lines" else None
    looks = (
        manifest.sha256,
        manifest.path.read_text(encoding="utf-8"),
        config.model.score_min,
        config.model.region,
        lines,
        REVISION,
    )
    return hashlib.sha256(repr(looks).encode()).hexdigest()
