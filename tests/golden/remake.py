"""Write the golden reports anew from their tapes (`--tapes`: the tapes too). Review the difference before a commit."""

import argparse
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from edge.counting.detection import DetectedFrame, Detection
from edge.vision.tape import TapeHeader, write_tape
from tests.counting.scenes import HEIGHT, NOON_MS, WIDTH, Errors, Vehicle, film
from tests.golden.test_golden import FOLDER, TAPES, reports_of

ERRORS = Errors(seed=7, missed=0.1, jitter=0.03, weak=0.1, confused=0.05)


def free_flow() -> list[DetectedFrame]:
    """Twelve vehicles a way in half a minute."""
    labels = ("car", "truck", "van", "bus")
    vehicles = [
        Vehicle(
            ((k * 2_300, -100, 420), (k * 2_300 + 5_000 + k * 150, 1_100, 420)), 90 + 20 * (k % 4), 60, labels[k % 4]
        )
        for k in range(12)
    ]
    vehicles += [replace(v, path=tuple((t, WIDTH - x, 260.0) for t, x, _ in v.path), height=45) for v in vehicles]
    return film(vehicles, frames_per_second=10, errors=ERRORS)


def convoy() -> list[DetectedFrame]:
    """Five trucks that stop on the line for a minute, one of them right on it, and go on."""
    legs = ((0, 400.0), (5_000, 920.0), (65_000, 920.0), (82_000, 3_000.0))
    trucks = [Vehicle(tuple((at_ms, x - k * 190, 420.0) for at_ms, x in legs), 180, 95, "truck") for k in range(5)]
    return film(trucks, frames_per_second=5, errors=ERRORS)


def unseen() -> list[DetectedFrame]:
    """Free flow before a lens that goes dark for 10 s, is doubtful for 3 s, and is doubtful when the tape ends."""
    frames: list[DetectedFrame] = []
    for frame in free_flow():
        at_ms = frame.captured_ms - NOON_MS
        dark_ms, doubtful_ms, last_ms = NOON_MS + 8_000, NOON_MS + 22_000, NOON_MS + 27_000
        if 13_000 <= at_ms < 18_000:
            frames.append(DetectedFrame(frame.captured_ms, (), "dark", dark_ms))
        elif 8_500 <= at_ms < 13_000:
            frames.append(replace(frame, since_ms=dark_ms))
        elif 22_000 <= at_ms < 25_000:
            frames.append(replace(frame, since_ms=doubtful_ms))
        else:
            frames.append(replace(frame, since_ms=last_ms) if at_ms >= 27_000 else frame)
    return frames


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tapes", action="store_true")
    if parser.parse_args().tapes:
        tapes: tuple[tuple[str, Literal[1, 2], Iterable[DetectedFrame]], ...] = (
            ("free-flow", 1, free_flow()),
            ("convoy", 1, convoy()),
            ("unseen", 2, unseen()),
        )
        for name, version, frames in tapes:
            header = TapeHeader(
                tape=version, width=WIDTH, height=HEIGHT, model="simulated", source=name, start_ms=NOON_MS
            )
            write_tape(FOLDER / f"{name}.tape", header, (rounded(frame) for frame in frames))
    for name in TAPES:
        (FOLDER / f"{name}.reports.jsonl").write_bytes(reports_of(FOLDER / f"{name}.tape"))


def rounded(frame: DetectedFrame) -> DetectedFrame:
    """As the detector writes it: two decimals for pixels, four for scores."""
    boxes = tuple(
        Detection(round(d.x1, 2), round(d.y1, 2), round(d.x2, 2), round(d.y2, 2), round(d.score, 4), d.label)
        for d in frame.detections
    )
    return replace(frame, detections=boxes)


if __name__ == "__main__":
    main()
