"""`crossing-edge bench`: the time of each stage per frame, over a recording.

Times are of this machine and this run; the ratio of the stages carries over to other machines.
"""

import platform
import resource
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge.build.stages import build_detector, build_pipeline, build_second_look, needs_of
from edge.config.schema import Config
from edge.counting.crossing import Crossing
from edge.counting.detection import PACED, STILL, DetectedFrame
from edge.counting.tracking import Track
from edge.delivery.reports import report_of
from edge.device.machine import measure
from edge.vision.detector import OnnxDetector
from edge.vision.frame import Frame
from edge.vision.frame_selection import Looker
from edge.vision.recording import Recording
from edge.vision.region import join_regions
from edge.vision.scene import SceneState, SceneWatcher
from edge.vision.second_look import SecondLook
from edge.wire.report import encode

STAGES = ("decode", "scene", "gate", "prepare", "infer", "interpret", "names", "count", "report")
TRAFFIC_PER_MINUTE = 10
"""Crossings at which the second look is weighed against the detector."""
OURS = ("scene", "gate", "prepare", "interpret", "count", "report")


class Stopwatch:
    """Milliseconds per frame and stage."""

    def __init__(self) -> None:
        self.spent_ms: dict[str, list[float]] = {stage: [] for stage in STAGES}

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Time the block."""
        began_ns = time.perf_counter_ns()
        yield
        self.spent_ms[stage].append((time.perf_counter_ns() - began_ns) / 1e6)

    def total_ms(self, *stages: str) -> float:
        """The time of these stages so far."""
        return sum(sum(self.spent_ms[stage]) for stage in stages)


class _TimedScene:
    """The scene watcher, timed."""

    def __init__(self, watch: Stopwatch) -> None:
        self._watcher = SceneWatcher(learn=True)
        self._watch = watch

    def update(self, frame: Frame) -> SceneState:
        with self._watch.of("scene"):
            return self._watcher.update(frame)


class _TimedDetector:
    """As the detector does it, each stage timed for each region."""

    def __init__(self, detector: OnnxDetector, watch: Stopwatch) -> None:
        self._detector = detector
        self._watch = watch

    def detect(self, frame: Frame) -> DetectedFrame:
        height, width = frame.image.shape[:2]
        found = []
        for region in self._detector.views(width, height):
            with self._watch.of("prepare"):
                tensor = self._detector.prepare(frame.image, region)
            with self._watch.of("infer"):
                outputs = self._detector.infer(tensor)
            with self._watch.of("interpret"):
                found.append((region, self._detector.interpret(outputs, frame.image.shape, region)))
        return DetectedFrame(frame.captured_ms, join_regions(found, (width, height)))

    def follow(self, now_ms: int, tracks: Sequence[Track]) -> None:
        self._detector.follow(now_ms, tracks)

    def begin_anew(self) -> None:
        self._detector.begin_anew()


class Work:
    """All stages of one configuration behind decoding, frame by frame, for pictures of one size."""

    def __init__(self, config: Config, width: int, height: int) -> None:
        self.watch = Stopwatch()
        self.crossings: list[Crossing] = []
        self.frames = self.frames_blind = 0
        self.skipped = {STILL: 0, PACED: 0}
        self.cpu_s = 0.0
        self.detector = build_detector(config, width, height)
        self.second_look = build_second_look(config, width, height)
        self._config = config
        self._needs = needs_of(config, width, height)
        self._looker = Looker(_TimedScene(self.watch), _TimedDetector(self.detector, self.watch), self._needs)
        self._pipeline = build_pipeline(config, width, height)
        self._reports = 0

    @property
    def looked_at(self) -> int:
        """Frames that the detector looked at."""
        return self.frames - self.frames_blind - sum(self.skipped.values())

    def handle(self, frame: Frame) -> None:
        """Run a frame through all stages."""
        began_s = time.thread_time()
        watch, second_look = self.watch, self.second_look
        parts = ("scene", "prepare", "infer", "interpret")
        before = [len(watch.spent_ms[part]) for part in parts]
        began_ns = time.perf_counter_ns()
        detected = self._looker.look(frame)
        if self._needs is not None:
            of_parts = sum(sum(watch.spent_ms[part][since:]) for part, since in zip(parts, before, strict=True))
            watch.spent_ms["gate"].append((time.perf_counter_ns() - began_ns) / 1e6 - of_parts)
        self.frames += 1
        self.frames_blind += bool(detected.blind)
        if detected.skipped:
            self.skipped[detected.skipped] += 1
        if second_look is not None:
            looked = second_look.looked
            with watch.of("names"):
                detected = second_look.look(frame, detected)
            if second_look.looked == looked:
                watch.spent_ms["names"].pop()
        with watch.of("count"):
            step = self._pipeline.update(detected)
            self._looker.follow(step.captured_ms, step.tracks)
            if second_look is not None:
                second_look.follow(step.captured_ms, step.tracks)
        self.crossings += step.crossings
        with watch.of("report"):
            for bucket in step.buckets:
                self._reports += 1
                site, device = self._config.site, self._config.device
                encode(report_of(bucket, site=site, device=device, run="bench", seq=self._reports))
        self.cpu_s += time.thread_time() - began_s

    def close(self) -> None:
        """The crossings that the end of the recording makes certain."""
        self.crossings += self._pipeline.close().crossings


def bench(recording: Recording, config: Config) -> dict[str, Any]:
    """Run the recording through all stages but the network; a dict ready for JSON.

    A stage that never ran has null figures: the detector's, where nothing could be seen; they are of one of its
    `regions`. `names` is the second look, timed over the frames in which it looked at a vehicle.
    """
    work = Work(config, recording.width, recording.height)
    watch, detector, second_look = work.watch, work.detector, work.second_look
    frames = iter(recording)
    first_ms, last_ms = 0, 0
    cpu_before_s, began_s = time.process_time(), time.perf_counter()
    while True:
        with watch.of("decode"):
            frame = next(frames, None)
        if frame is None:
            watch.spent_ms["decode"].pop()
            break
        first_ms = frame.captured_ms if work.frames == 0 else first_ms
        last_ms = frame.captured_ms
        work.handle(frame)
    work.close()
    elapsed_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_before_s
    count, crossings = work.frames, len(work.crossings)
    minutes = max(last_ms - first_ms, 1) / 60_000
    regions = len(detector.views(recording.width, recording.height))
    macs = detector.manifest.macs_millions
    return {
        "video": recording.path.name,
        "model": f"{detector.manifest.name} {detector.manifest.version}",
        "input": [detector.manifest.input.height, detector.manifest.input.width],
        "regions": regions,
        "threads": config.model.threads,
        "board": platform.machine(),
        "throttling": None if (throttling := measure(Path()).throttling) is None else list(throttling),
        "frames": count,
        "frames_blind": work.frames_blind,
        "frames_skipped": work.skipped,
        "looked_at_share": round(work.looked_at / count, 4) if count else None,
        "frames_per_second": round(count / elapsed_s, 2),
        "cpu_s_per_video_minute": round(cpu_s / minutes, 2),
        "cpu_s_per_crossing": round(cpu_s / crossings, 2) if crossings else None,
        "macs_millions_per_video_minute": None if macs is None else round(work.looked_at * regions * macs / minutes),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "stages_ms": {stage: _spread(watch.spent_ms[stage]) for stage in STAGES},
        "outside_share": round(watch.total_ms(*OURS) / watch.total_ms("infer"), 4) if work.looked_at else None,
        "crossings": crossings,
        "second_look": None
        if second_look is None
        else _names_of(second_look, crossings, macs, frames_per_minute=count / minutes)
        | {
            "infer_share": round(watch.total_ms("names") / watch.total_ms("infer"), 4) if work.looked_at else None,
        },
    }


def _names_of(
    second_look: SecondLook, crossings: int, detector_macs: float | None, *, frames_per_minute: float
) -> dict[str, Any]:
    """Second looks and their work relative to the detector's; null where a manifest does not state it."""
    looks_per_crossing = second_look.looked / crossings if crossings else None
    look_macs = second_look.macs_millions
    names = (
        None if look_macs is None or looks_per_crossing is None else TRAFFIC_PER_MINUTE * looks_per_crossing * look_macs
    )
    detection = None if detector_macs is None else frames_per_minute * detector_macs
    return {
        "looks": second_look.looked,
        "looks_per_crossing": None if looks_per_crossing is None else round(looks_per_crossing, 2),
        "crossings_per_minute": TRAFFIC_PER_MINUTE,
        "macs_millions_per_minute": {
            "names": None if names is None else round(names),
            "detection": None if detection is None else round(detection),
        },
        "work_share": None if names is None or detection is None else round(names / detection, 4),
    }


def _spread(spent_ms: list[float]) -> dict[str, float] | None:
    if not spent_ms:
        return None
    cuts = statistics.quantiles(spent_ms, n=20, method="inclusive") if len(spent_ms) > 1 else spent_ms * 19
    return {"p50": round(cuts[9], 4), "p95": round(cuts[18], 4), "mean": round(statistics.fmean(spent_ms), 4)}


def table_of(of: dict[str, Any]) -> str:
    """The figures for people."""
    rows = [
        f"{of['model']} at {of['input'][0]}x{of['input'][1]}, {of['threads']} threads, {of['frames']} frames",
        f"{'stage':<10} {'p50 ms':>9} {'p95 ms':>9} {'mean ms':>9}",
    ]
    rows += [
        f"{stage:<10} {spread['p50']:>9.3f} {spread['p95']:>9.3f} {spread['mean']:>9.3f}"
        for stage, spread in of["stages_ms"].items()
        if spread is not None
    ]
    rows.append(
        f"{of['frames_per_second']:.1f} frames/s, {of['cpu_s_per_video_minute']:.1f} CPU seconds per video minute, "
        f"peak {of['peak_rss_mb']:.0f} MB"
    )
    skipped = of["frames_skipped"]
    rows.append(
        f"looked at {of['looked_at_share'] or 0.0:.1%} of the frames; {skipped['still']} were still, "
        f"{skipped['paced']} between two looks"
    )
    if of["frames_blind"]:
        rows.append(f"{of['frames_blind']} frames in which nothing could be seen were not shown to the detector")
    if of["second_look"] is not None:
        rows += _names_rows(of["second_look"], of["crossings"])
    if of["outside_share"] is not None:
        rows.append(f"all but decoding, inference and names costs {of['outside_share']:.1%} of inference")
    return "\n".join(rows)


def _names_rows(of: dict[str, Any], crossings: int) -> list[str]:
    rows = [f"names: {of['looks']} looks at vehicles, {crossings} crossings"]
    if of["infer_share"] is not None:
        rows[0] += f"; {of['infer_share']:.1%} of the time of inference"
    if of["work_share"] is not None:
        work, each = of["macs_millions_per_minute"], of["looks_per_crossing"]
        rows.append(
            f"at {of['crossings_per_minute']} crossings a minute and {each} looks each, names take {work['names']:,}"
            f" million multiply-accumulates a minute, {of['work_share']:.1%} of the {work['detection']:,}"
            " of detecting on every frame"
        )
    return rows
