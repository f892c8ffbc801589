"""What a replay leaves in its folder: reports and crossings as JSON lines and CSV, strips, and a picture of it all.

Everything is written to a folder beside it first and moved over when the replay has ended well, so that nothing
half-written stands.
"""

import csv
import logging
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from edge.charts import draw_summary
from edge.config import Config, counting_lines
from edge.counting.buckets import COUNTED_CLASSES, Bucket
from edge.counting.crossing import Crossing
from edge.delivery.report import Report, encode, rfc3339
from edge.errors import InputError, WorkError
from edge.replay import Outcome
from edge.vision.frame import Frame
from edge.vision.strip import Mark, Strip, write_jpeg

log = logging.getLogger(__name__)

CROSSING_COLUMNS = (
    "crossed", "crossed_ms", "line", "direction", "direction_word", "class", "share", "along", "track"
)  # fmt: skip
COUNT_COLUMNS = (
    "start", "width_ms", "watched_ms", "state", "line", "direction", "direction_word", *COUNTED_CLASSES
)  # fmt: skip


class ResultFolder:
    """The folder of `replay --out`; use it in a `with` block, which ends by moving the files to their place."""

    def __init__(self, path: Path, config: Config, width: int, height: int) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._config = config
        self._lines = counting_lines(config, width, height)
        self._strips = {line.name: Strip(line.points) for line in self._lines}

    def __enter__(self) -> Self:
        try:
            shutil.rmtree(self._part, ignore_errors=True)
            (self._part / "strips").mkdir(parents=True)
            if self._path.exists() and not self._path.is_dir():
                raise InputError(f"--out {self._path} is a file; a folder is expected")
        except OSError as error:
            raise InputError(f"--out {self._path} cannot be written: {error.strerror}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._path.mkdir(exist_ok=True)
                for file in sorted(self._part.rglob("*")):
                    if file.is_file():
                        place = self._path / file.relative_to(self._part)
                        place.parent.mkdir(exist_ok=True)
                        file.replace(place)
        except OSError as fault:
            raise WorkError(f"--out {self._path} cannot be written: {fault.strerror}") from fault
        finally:
            shutil.rmtree(self._part, ignore_errors=True)

    def see(self, frame: Frame) -> None:
        """Add a frame to the strip of every line."""
        for strip in self._strips.values():
            strip.append(frame)

    def close_bucket(self, bucket: Bucket, crossings: Sequence[Crossing]) -> None:
        """Write the strips of a bucket, its crossings marked where they were counted."""
        end_ms = bucket.start_ms + bucket.width_ms
        for line, strip in self._strips.items():
            done = strip.take(end_ms)
            if not len(done):
                continue
            marks = [
                Mark(c.crossed_ms, "counted", c.along, f"{_word(self._config, c)} {c.label}")
                for c in crossings
                if c.line == line and bucket.start_ms <= c.crossed_ms < end_ms
            ]
            stamp = rfc3339(bucket.start_ms).replace(":", "")
            picture = done.render(marks, title=f"{line} {rfc3339(bucket.start_ms)}")
            write_jpeg(self._part / "strips" / f"{line}-{stamp}.jpg", picture)

    def finish(self, outcome: Outcome, reports: Iterable[Report], title: str) -> None:
        """Write the tables and the summary."""
        words = self._config.direction_words
        try:
            with (self._part / "reports.jsonl").open("wb") as file:
                file.writelines(encode(report) + b"\n" for report in reports)
            with (self._part / "crossings.jsonl").open("wb") as file:
                file.writelines(
                    msgspec.json.encode(row, order="sorted") + b"\n" for row in crossing_rows(outcome, words)
                )
            _write_csv(self._part / "crossings.csv", crossing_rows(outcome, words), CROSSING_COLUMNS)
            _write_csv(self._part / "counts.csv", count_rows(outcome.buckets, words), COUNT_COLUMNS)
        except OSError as error:
            raise WorkError(f"--out {self._path} cannot be written: {error.strerror}") from error
        try:
            draw_summary(
                self._part / "summary.png",
                outcome.crossings,
                outcome.buckets,
                direction_words=words,
                title=title,
                lines=list(words),
                from_ms=outcome.first_ms,
                to_ms=outcome.last_ms,
            )
        except WorkError as error:
            log.warning("no summary.png: %s", error)


def crossing_rows(outcome: Outcome, words: dict[str, dict[str, str]]) -> list[dict[str, Any]]:
    """One row per crossing."""
    return [
        {
            "crossed": rfc3339(c.crossed_ms),
            "crossed_ms": c.crossed_ms,
            "line": c.line,
            "direction": c.direction,
            "direction_word": words[c.line][c.direction],
            "class": c.label,
            "share": round(c.share, 3),
            "along": round(c.along, 4),
            "track": c.track,
        }
        for c in sorted(outcome.crossings, key=lambda c: (c.crossed_ms, c.line, c.track))
    ]


def count_rows(buckets: Iterable[Bucket], words: dict[str, dict[str, str]]) -> list[dict[str, Any]]:
    """One row per bucket, line and direction, a column per class; empty where blind, never 0."""
    rows = []
    for bucket in buckets:
        for line, ways in words.items():
            for direction, word in ways.items():
                counts = None if bucket.counts is None else bucket.counts[line][direction]
                rows.append(
                    {
                        "start": rfc3339(bucket.start_ms),
                        "width_ms": bucket.width_ms,
                        "watched_ms": bucket.watched_ms,
                        "state": bucket.state,
                        "line": line,
                        "direction": direction,
                        "direction_word": word,
                        **{label: "" if counts is None else counts[label] for label in COUNTED_CLASSES},
                    }
                )
    return rows


def _word(config: Config, crossing: Crossing) -> str:
    return config.direction_words[crossing.line][crossing.direction]


def _write_csv(path: Path, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
