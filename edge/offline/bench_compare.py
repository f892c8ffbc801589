"""`crossing-edge bench --compare`: CPU time saved by frame selection, and its cost in crossings.

Each frame is decoded once and then handled as configured and with the detector at every frame, in turns, so that other
load meets both alike. Times are CPU seconds of this thread, without decoding. An inference costs the same for any
region, since the input of the model has one size.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import msgspec

from edge.config.schema import Config
from edge.counting.crossing import Crossing
from edge.counting.detection import PACED, STILL
from edge.offline.bench import OURS, Work
from edge.offline.evaluate import Truth, load_truth, open_truth
from edge.offline.replay import config_of
from edge.offline.scoring import Event, Score, pair, score, total
from edge.vision.frame import Frame
from edge.vision.recording import Recording


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording and how it is counted; `truth`, if it is known what crossed."""

    name: str
    recording: Recording
    config: Config
    truth: Truth | None = None


@dataclass(slots=True)
class Compared:
    """One clip: both at work, the crossings that only one of them found, and the CPU seconds of decoding."""

    name: str
    every_frame: Work
    as_needed: Work
    decode_s: float = 0.0
    lost: tuple[Crossing, ...] = ()
    extra: tuple[Crossing, ...] = ()
    scores: tuple[Score, Score] | None = None
    """Of every frame, and as needed, where there is a truth."""


def open_clips(
    paths: Sequence[Path], config: Path | None, lines: Sequence[str], model: str | None, every: int
) -> list[Clip]:
    """Recordings, and truth files (.json) with the lines and zones that they bring."""
    clips = []
    for path in paths:
        if path.suffix == ".json":
            known = config_of(path, config, (), model, 1) if config else Config(model=_model(model))
            truth = load_truth(path)
            recording, own = open_truth(path, truth, known)
            clips.append(Clip(path.stem, Recording(recording.path, every=every), own, truth))
        else:
            across = [] if config else ["0,0.5,1,0.5"]
            own = config_of(path, config, lines or across, model, 1)
            clips.append(Clip(path.name, Recording(path, every=every), own))
    return clips


def compare(clips: Iterable[Clip]) -> list[Compared]:
    """Run both over every clip. OpenCV works in this thread alone meanwhile."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return [_compare(clip) for clip in clips]
    finally:
        cv2.setNumThreads(threads)


def _compare(clip: Clip) -> Compared:
    size = clip.recording.width, clip.recording.height
    model = clip.config.model
    always = msgspec.structs.replace(clip.config, model=msgspec.structs.replace(model, look="every-frame", threads=1))
    needed = msgspec.structs.replace(clip.config, model=msgspec.structs.replace(model, look="as-needed", threads=1))
    found = Compared(clip.name, Work(always, *size), Work(needed, *size))
    frames = iter(clip.recording)
    number = 0
    while (frame := _decoded(frames, found)) is not None:
        both = (found.every_frame, found.as_needed) if number % 2 else (found.as_needed, found.every_frame)
        for work in both:
            work.handle(frame)
        number += 1
    found.every_frame.close()
    found.as_needed.close()
    settle(found)
    if clip.truth is not None:
        times_ms = clip.recording.times_ms()
        true = [
            Event(one.direction, one.label, times_ms[min(one.frame, len(times_ms) - 1)], one.uncertain)
            for one in clip.truth.crossings
        ]
        found.scores = (
            score(true, _events(found.every_frame.crossings)),
            score(true, _events(found.as_needed.crossings)),
        )
    return found


def _decoded(frames: Any, found: Compared) -> Frame | None:
    began_s = time.process_time()  # FFmpeg decodes in threads of its own
    frame: Frame | None = next(frames, None)
    found.decode_s += time.process_time() - began_s
    return frame


def settle(found: Compared) -> None:
    """Pair the crossings of both, line by line, as crossings are paired with true ones."""
    always, needed = found.every_frame.crossings, found.as_needed.crossings
    lost: list[Crossing] = []
    extra: list[Crossing] = []
    for line in sorted({one.line for one in (*always, *needed)}):
        theirs = [one for one in always if one.line == line]
        ours = [one for one in needed if one.line == line]
        pairing = pair(_events(theirs), _events(ours))
        lost += [theirs[place] for place in pairing.missed]
        extra += [ours[place] for place in pairing.extra]
    found.lost, found.extra = tuple(lost), tuple(extra)


def _events(crossings: Iterable[Crossing]) -> tuple[Event, ...]:
    return tuple(Event(one.direction, one.label, one.crossed_ms) for one in crossings)


def _model(name: str | None) -> Any:
    model = Config().model
    return model if name is None else msgspec.structs.replace(model, name=name)


def summary_of(compared: Sequence[Compared]) -> dict[str, Any]:
    """The figures for JSON: of all clips together, and clip by clip."""
    figures = _figures(compared)
    scored = [one.scores for one in compared if one.scores is not None]
    if scored:
        before, after = total(one[0] for one in scored), total(one[1] for one in scored)
        figures |= {"f1": {"every_frame": round(before.f1, 4), "as_needed": round(after.f1, 4)}}
    return figures | {"clips": {one.name: _figures([one]) | _differences(one) for one in compared}}


def _figures(compared: Sequence[Compared]) -> dict[str, Any]:
    always, needed = [one.every_frame for one in compared], [one.as_needed for one in compared]
    frames = sum(one.frames for one in needed)
    infer_ms = sum(one.watch.total_ms("infer") for one in needed)
    cpu_s = sum(one.cpu_s for one in always), sum(one.cpu_s for one in needed)
    return {
        "frames": frames,
        "cpu_s": {"every_frame": round(cpu_s[0], 2), "as_needed": round(cpu_s[1], 2)},
        "decode_cpu_s": round(sum(one.decode_s for one in compared), 2),
        "cpu_share": round(cpu_s[1] / cpu_s[0], 4) if cpu_s[0] else None,
        "looked_at_share": round(sum(one.looked_at for one in needed) / frames, 4) if frames else None,
        "frames_skipped": {why: sum(one.skipped[why] for one in needed) for why in (STILL, PACED)},
        "outside_share": round(sum(one.watch.total_ms(*OURS) for one in needed) / infer_ms, 4) if infer_ms else None,
        "crossings": sum(len(one.crossings) for one in always),
        "crossings_lost": sum(len(one.lost) for one in compared),
        "crossings_extra": sum(len(one.extra) for one in compared),
    }


def _differences(one: Compared) -> dict[str, Any]:
    return {
        "lost": [_row_of(crossing) for crossing in one.lost],
        "extra": [_row_of(crossing) for crossing in one.extra],
    }


def _row_of(crossing: Crossing) -> dict[str, Any]:
    return {
        "line": crossing.line,
        "at_ms": crossing.crossed_ms,
        "direction": crossing.direction,
        "class": crossing.label,
    }


def table_of(figures: dict[str, Any]) -> str:
    """The figures for people."""
    width = max(len(name) for name in (*figures["clips"], "all"))
    rows = [
        f"{'clip':<{width}} {'frames':>7} {'looked at':>9} {'CPU share':>9} {'crossings':>9} {'lost':>5} {'extra':>5}"
        f" {'outside':>8}"
    ]
    rows += [
        f"{name:<{width}} {one['frames']:>7} {_share(one['looked_at_share']):>9} {_share(one['cpu_share']):>9} "
        f"{one['crossings']:>9} {one['crossings_lost']:>5} {one['crossings_extra']:>5} "
        f"{_share(one['outside_share']):>8}"
        for name, one in (*figures["clips"].items(), ("all", figures))
    ]
    rows.append(
        f"CPU of all but decoding: {figures['cpu_s']['as_needed']} s where it looks as needed, "
        f"{figures['cpu_s']['every_frame']} s at every frame; decoding {figures['decode_cpu_s']} s"
    )
    if "f1" in figures:
        rows.append(f"F1 {figures['f1']['as_needed']:.4f} as needed, {figures['f1']['every_frame']:.4f} at every frame")
    return "\n".join(rows)


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
