"""`crossing-edge bench`: where the time of a frame goes, stage by stage, over a recording.

Times are of this machine and of this run; what carries over to another machine is the ratio of the stages.
"""

import resource
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from edge.config import Config
from edge.counting.detection import DetectedFrame, Detection
from edge.delivery.report import encode, report_of
from edge.second_look import SecondLook
from edge.stages import build_detector, build_pipeline, build_second_look
from edge.vision.detector import OnnxDetector
from edge.vision.frame import Frame
from edge.vision.recording import Recording
from edge.vision.region import join_regions
from edge.vision.scene import SceneWatcher

STAGES = ("decode", "scene", "prepare", "infer", "interpret", "names", "count", "report")
TRAFFIC_PER_MINUTE = 10
"""Crossings at which the second look is weighed against the detector."""
OURS = ("scene", "prepare", "interpret", "count", "report")


class Stopwatch:
    """Milliseconds per frame and stage."""

    def __init__(self) -> None:
        self.spent_ms: dict[str, list[float]] = {stage: [] for stage in STAGES}

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Time what stands in the block."""
        began_ns = time.perf_counter_ns()
        yield
        self.spent_ms[stage].append((time.perf_counter_ns() - began_ns) / 1e6)


def bench(recording: Recording, config: Config) -> dict[str, Any]:
    """Run the recording through all stages but the network; a dict ready for JSON.

    A stage that never ran has null figures: the detector's, where nothing could be seen; they are of one of its
    `regions`. `names` is the second look, timed over the frames in which it looked at a vehicle.
    """
    watcher = SceneWatcher(learn=True)
    detector = build_detector(config, recording.width, recording.height)
    second_look = build_second_look(config, recording.width, recording.height)
    pipeline = build_pipeline(config, recording.width, recording.height)
    watch = Stopwatch()
    crossings = 0
    frames = iter(recording)
    count, blind, first_ms, last_ms, seq = 0, 0, 0, 0, 0
    cpu_before_s, began_s = time.process_time(), time.perf_counter()
    while True:
        with watch.of("decode"):
            frame = next(frames, None)
        if frame is None:
            watch.spent_ms["decode"].pop()
            break
        with watch.of("scene"):
            state = watcher.update(frame)
        detections: tuple[Detection, ...] = ()
        if state.blind:
            blind += 1
        else:
            detections = _detect(detector, frame, watch)
        detected = DetectedFrame(frame.captured_ms, detections, state.blind, state.since_ms)
        if second_look is not None:
            looked = second_look.looked
            with watch.of("names"):
                detected = second_look.look(frame, detected)
            if second_look.looked == looked:
                watch.spent_ms["names"].pop()
        with watch.of("count"):
            step = pipeline.update(detected)
            if second_look is not None:
                second_look.follow(step.captured_ms, step.tracks)
        crossings += len(step.crossings)
        with watch.of("report"):
            for bucket in step.buckets:
                seq += 1
                encode(report_of(bucket, site=config.site, device=config.device, run="bench", seq=seq))
        first_ms = frame.captured_ms if count == 0 else first_ms
        last_ms = frame.captured_ms
        count += 1
    crossings += len(pipeline.close().crossings)
    elapsed_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_before_s
    minutes = max(last_ms - first_ms, 1) / 60_000
    total_ms = {stage: sum(spent) for stage, spent in watch.spent_ms.items()}
    return {
        "video": recording.path.name,
        "model": f"{detector.manifest.name} {detector.manifest.version}",
        "input": [detector.manifest.input.height, detector.manifest.input.width],
        "regions": len(detector.views(recording.width, recording.height)),
        "threads": config.model.threads,
        "frames": count,
        "frames_blind": blind,
        "frames_per_second": round(count / elapsed_s, 2),
        "cpu_s_per_video_minute": round(cpu_s / minutes, 2),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "stages_ms": {stage: _spread(watch.spent_ms[stage]) for stage in STAGES},
        "outside_share": round(sum(total_ms[stage] for stage in OURS) / total_ms["infer"], 4)
        if blind < count
        else None,
        "crossings": crossings,
        "second_look": None
        if second_look is None
        else _names_of(second_look, crossings, detector.manifest.macs_millions, frames_per_minute=count / minutes)
        | {"infer_share": round(total_ms["names"] / total_ms["infer"], 4) if blind < count else None},
    }


def _detect(detector: OnnxDetector, frame: Frame, watch: Stopwatch) -> tuple[Detection, ...]:
    """As the detector does it, each stage timed for each region."""
    height, width = frame.image.shape[:2]
    found = []
    for region in detector.views(width, height):
        with watch.of("prepare"):
            tensor = detector.prepare(frame.image, region)
        with watch.of("infer"):
            outputs = detector.infer(tensor)
        with watch.of("interpret"):
            found.append((region, detector.interpret(outputs, frame.image.shape, region)))
    return join_regions(found, (width, height))


def _names_of(
    second_look: SecondLook, crossings: int, detector_macs: float | None, *, frames_per_minute: float
) -> dict[str, Any]:
    """Looks, and their counted work beside the detector's; null where a manifest does not say its work."""
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


def table_of(said: dict[str, Any]) -> str:
    """The figures for people."""
    rows = [
        f"{said['model']} at {said['input'][0]}x{said['input'][1]}, {said['threads']} threads, {said['frames']} frames",
        f"{'stage':<10} {'p50 ms':>9} {'p95 ms':>9} {'mean ms':>9}",
    ]
    rows += [
        f"{stage:<10} {spread['p50']:>9.3f} {spread['p95']:>9.3f} {spread['mean']:>9.3f}"
        for stage, spread in said["stages_ms"].items()
        if spread is not None
    ]
    rows.append(
        f"{said['frames_per_second']:.1f} frames/s, {said['cpu_s_per_video_minute']:.1f} CPU seconds per video minute, "
        f"peak {said['peak_rss_mb']:.0f} MB"
    )
    if said["frames_blind"]:
        rows.append(f"{said['frames_blind']} frames in which nothing could be seen were not shown to the detector")
    if said["second_look"] is not None:
        rows += _names_rows(said["second_look"], said["crossings"])
    if said["outside_share"] is not None:
        rows.append(f"all but decoding, inference and names costs {said['outside_share']:.1%} of inference")
    return "\n".join(rows)


def _names_rows(said: dict[str, Any], crossings: int) -> list[str]:
    rows = [f"names: {said['looks']} looks at vehicles, {crossings} crossings"]
    if said["infer_share"] is not None:
        rows[0] += f"; {said['infer_share']:.1%} of the time of inference"
    if said["work_share"] is not None:
        work, each = said["macs_millions_per_minute"], said["looks_per_crossing"]
        rows.append(
            f"at {said['crossings_per_minute']} crossings a minute and {each} looks each, names take {work['names']:,}"
            f" million multiply-accumulates a minute, {said['work_share']:.1%} of the {work['detection']:,}"
            " of detecting on every frame"
        )
    return rows
