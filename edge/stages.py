"""From the configuration to the stages, which get plain values and never see it."""

from collections.abc import Sequence

from edge.config import Config, counting_lines
from edge.counting.buckets import BucketCounter
from edge.counting.crossing import CountingLine, LineWatcher
from edge.counting.pipeline import Pipeline
from edge.counting.tracking import Tracker
from edge.vision.detector import OnnxDetector
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
