"""The result folder of a replay: reports and crossings as JSON lines and CSV, strips, and a summary picture.

Everything is written to a folder beside it first and moved when the replay has ended well, so that nothing is
half-written. Results of an earlier replay are replaced; a folder that holds anything else is refused, so that nothing
of the user's is lost and no two runs are mixed.
"""

import csv
import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import msgspec

from edge.config.schema import Config
from edge.config.shapes import convoy_rules, counting_lines
from edge.counting.buckets import COUNTED_CLASSES, Bucket
from edge.counting.convoys import Convoy, by_time
from edge.device.strip_store import marks_of, path_of
from edge.errors import InputError, WorkError
from edge.offline.charts import draw_summary
from edge.offline.recording_start import local_time
from edge.offline.replay import Outcome
from edge.vision.drawing import moment
from edge.vision.frame import Frame
from edge.vision.strip import Strip, write_jpeg
from edge.wire.report import Report, encode
from edge.wire.spreadsheet import cell

log = logging.getLogger(__name__)

CROSSING_COLUMNS = (
    "crossed", "crossed_ms", "line", "direction", "direction_word", "class", "share", "along", "track"
)  # fmt: skip
COUNT_COLUMNS = (
    "start", "width_ms", "watched_ms", "state", "line", "direction", "direction_word", *COUNTED_CLASSES
)  # fmt: skip

CONVOY_COLUMNS = (
    "since", "until", "line", "direction", "direction_word", "vehicles", *COUNTED_CLASSES,
    "gap_ms_min", "gap_ms_p50", "gap_ms_max", "headway_ms", "began", "ended",
)  # fmt: skip

ZONE_COLUMNS = (
    "start", "width_ms", "watched_ms", "state", "zone",
    "inside_mean", "inside_max", "inside_end", "standing_mean", "standing_max", "standing_end", "parked",
    "entered", "left", "lost", "waited", "wait_ms_p50", "wait_ms_p90", "wait_ms_max",
    "expected_ms_p10", "expected_ms_p50", "expected_ms_p90",
    "queue_m_mean", "queue_m_max", "queue_m_end",
    "hidden_likely_mean", "hidden_likely_p10", "hidden_likely_p90", *COUNTED_CLASSES,
)  # fmt: skip

_TABLES = (
    "reports.jsonl",
    "crossings.jsonl",
    "crossings.csv",
    "counts.csv",
    "convoys.csv",
    "zones.csv",
    "summary.json",
)
_SUMMARY = "summary.png"
_STRIP = re.compile(r".+-\d{4}-\d\d-\d\dT\d{6}Z\.jpg", re.ASCII)


class ResultFolder:
    """The folder of `replay --out`; use it in a `with` block, which ends by moving the files to their place.

    `part`: the recording breaks off, and every file says so. Times are those of `time_zone`. With `mark`
    the CSV files begin with a byte order mark, so that Excel takes them for UTF-8. Entering raises
    InputError, and makes nothing, where the results could not be put in the end.
    """

    def __init__(
        self,
        path: Path,
        config: Config,
        width: int,
        height: int,
        *,
        part: bool = False,
        time_zone: str = "UTC",
        mark: bool = False,
    ) -> None:
        self._given = path
        self._path = Path(os.path.realpath(path))  # so that "." and a link have a name and a parent
        self._part = self._path  # made on entering
        self._config = config
        self._part_marks: dict[str, Any] = {"part": True} if part else {}
        self._time_zone = time_zone
        self._encoding = "utf-8-sig" if mark else "utf-8"
        self._lines = counting_lines(config, width, height)
        self._strips = {line.name: Strip(line.points) for line in self._lines}

    def __enter__(self) -> Self:
        try:
            self._check()
            self._part = Path(tempfile.mkdtemp(prefix=f".{self._path.name}.", dir=self._path.parent))
        except OSError as error:
            raise InputError(f"--out {self._given} cannot be written: {error.strerror}") from error
        try:
            (self._part / "strips").mkdir()
        except OSError as error:
            shutil.rmtree(self._part, ignore_errors=True)
            raise InputError(f"--out {self._given} cannot be written: {error.strerror}") from error
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._move()
        except OSError as fault:
            raise WorkError(f"--out {self._given} cannot be written: {fault.strerror}") from fault
        finally:
            shutil.rmtree(self._part, ignore_errors=True)

    def _check(self) -> None:
        """InputError for a path that cannot be written, or that holds files of another origin."""
        if not self._path.parent.is_dir():
            raise InputError(f"--out {self._given}: the folder {self._path.parent} does not exist; it must")
        if not os.path.lexists(self._path):
            return
        if not self._path.is_dir():
            raise InputError(f"--out {self._given} is a file; a folder is expected")
        foreign = sorted(
            str(entry.relative_to(self._path))
            for entry in (*self._path.glob("*"), *self._path.glob("strips/*"))
            if not self._is_ours(entry)
        )
        if foreign:
            raise InputError(
                f"--out {self._given} holds {foreign[0]}, which no replay wrote; name a new folder or an empty one"
            )
        if not os.access(self._path, os.R_OK | os.W_OK | os.X_OK):
            raise InputError(f"--out {self._given} cannot be written: no permission")

    def _is_ours(self, entry: Path) -> bool:
        if entry == self._path / "strips":
            return entry.is_dir() and not entry.is_symlink()
        if not entry.is_file():
            return False
        if entry.parent == self._path:
            return entry.name in (*_TABLES, _SUMMARY)
        return _STRIP.fullmatch(entry.name) is not None

    def _move(self) -> None:
        """Put the new files in the place of the old ones."""
        strips = self._path / "strips"
        strips.mkdir(parents=True, exist_ok=True)
        for old in (*self._path.glob("*"), *strips.glob("*")):
            if old.is_file() and self._is_ours(old):
                old.unlink()
        for file in sorted(self._part.rglob("*")):
            if file.is_file():
                shutil.move(file, self._path / file.relative_to(self._part))

    def see(self, frame: Frame) -> None:
        """Add a frame to the strip of every line."""
        for strip in self._strips.values():
            strip.append(frame)

    def close_bucket(self, bucket: Bucket) -> None:
        """Write the strips of a bucket and mark the crossings that it counts; a late one stands at the upper edge."""
        for line, strip in self._strips.items():
            done = strip.take(bucket.start_ms + bucket.width_ms)
            marks = marks_of(bucket, line, self._config.direction_words)
            if not len(done) and not marks:
                continue
            title = f"{line}, from {moment(bucket.start_ms, self._time_zone)}{self._part_title}"
            picture = done.render(marks, title=title, time_zone=self._time_zone)
            write_jpeg(path_of(self._part / "strips", line, bucket.start_ms), picture)

    def finish(self, outcome: Outcome, reports: Iterable[Report], summary: dict[str, Any], title: str) -> None:
        """Write the tables and the summary, as numbers and as a picture."""
        words, zone = self._config.direction_words, self._time_zone
        crossings = [row | self._part_marks for row in crossing_rows(outcome, words, zone)]
        try:
            with (self._part / "reports.jsonl").open("wb") as file:
                file.writelines(encode(report) + b"\n" for report in reports)
            with (self._part / "crossings.jsonl").open("wb") as file:
                file.writelines(msgspec.json.encode(row, order="sorted") + b"\n" for row in crossings)
            self._write_csv("crossings.csv", crossings, CROSSING_COLUMNS)
            self._write_csv("counts.csv", count_rows(outcome.buckets, words, zone), COUNT_COLUMNS)
            if convoy_rules(self._config):
                self._write_csv("convoys.csv", convoy_rows(outcome.convoys, words, zone), CONVOY_COLUMNS)
            if self._config.zones:
                self._write_csv("zones.csv", zone_rows(outcome.buckets, self._config.zones, zone), ZONE_COLUMNS)
            text = json.dumps(summary, indent=1, sort_keys=True) + "\n"
            (self._part / "summary.json").write_text(text, encoding="utf-8")
        except OSError as error:
            raise WorkError(f"--out {self._given} cannot be written: {error.strerror}") from error
        try:
            draw_summary(
                self._part / _SUMMARY,
                outcome.crossings,
                outcome.buckets,
                direction_words=words,
                title=title + self._part_title,
                lines=list(words),
                zones=list(self._config.zones),
                from_ms=outcome.first_ms,
                to_ms=outcome.last_ms,
                time_zone=zone,
            )
        except WorkError as error:
            log.warning("no summary.png: %s", error)

    @property
    def _part_title(self) -> str:
        return ", part of a recording that breaks off" if self._part_marks else ""

    def _write_csv(self, name: str, rows: Iterable[dict[str, Any]], columns: tuple[str, ...]) -> None:
        """With a last column `part` where the recording breaks off."""
        with (self._part / name).open("w", newline="", encoding=self._encoding) as file:
            writer = csv.DictWriter(file, (*columns, *self._part_marks), restval="")
            writer.writeheader()
            marked = (row | dict.fromkeys(self._part_marks, "yes") for row in rows)
            writer.writerows({name: cell(value) for name, value in row.items()} for row in marked)


def crossing_rows(outcome: Outcome, words: dict[str, dict[str, str]], time_zone: str = "UTC") -> list[dict[str, Any]]:
    """One row per crossing, its time as the zone has it."""
    return [
        {
            "crossed": local_time(c.crossed_ms, time_zone),
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


def count_rows(
    buckets: Iterable[Bucket], words: dict[str, dict[str, str]], time_zone: str = "UTC"
) -> list[dict[str, Any]]:
    """One row per bucket, line and direction, a column per class; empty without watched time, never 0."""
    rows = []
    for bucket in buckets:
        for line, ways in words.items():
            for direction, word in ways.items():
                counts = (bucket.counts or {}).get(line, {}).get(direction, {})
                rows.append(
                    {
                        "start": local_time(bucket.start_ms, time_zone),
                        "width_ms": bucket.width_ms,
                        "watched_ms": bucket.watched_ms,
                        "state": bucket.state,
                        "line": line,
                        "direction": direction,
                        "direction_word": word,
                        **{label: counts.get(label, "") for label in COUNTED_CLASSES},
                    }
                )
    return rows


def convoy_rows(
    convoys: Iterable[Convoy], words: dict[str, dict[str, str]], time_zone: str = "UTC"
) -> list[dict[str, Any]]:
    """One row per convoy, in the order in which they began."""
    return [
        {
            "since": local_time(one.first_ms, time_zone),
            "until": local_time(one.last_ms, time_zone),
            "line": one.line,
            "direction": one.direction,
            "direction_word": words[one.line][one.direction],
            "vehicles": one.vehicles,
            **{label: one.by_class.get(label, 0) for label in COUNTED_CLASSES},
            "gap_ms_min": one.gaps.min,
            "gap_ms_p50": one.gaps.p50,
            "gap_ms_max": one.gaps.max,
            "headway_ms": one.headway_ms,
            "began": one.began,
            "ended": one.ended,
        }
        for one in by_time(convoys)
    ]


def zone_rows(buckets: Iterable[Bucket], zones: Iterable[str], time_zone: str = "UTC") -> list[dict[str, Any]]:
    """One row per bucket and zone; empty where blind, never 0."""
    rows = []
    names = list(zones)
    for bucket in buckets:
        for name in names:
            row: dict[str, Any] = {
                "start": local_time(bucket.start_ms, time_zone),
                "width_ms": bucket.width_ms,
                "watched_ms": bucket.watched_ms,
                "state": bucket.state,
                "zone": name,
            }
            count = (bucket.zones or {}).get(name)
            if count is not None:
                row |= {column: getattr(count, column) for column in ("parked", "entered", "left", "lost", "waited")}
                row |= count.by_class
                for part in ("inside", "standing", "queue_m", "wait_ms", "expected_ms", "hidden_likely"):
                    if (figures := getattr(count, part)) is not None:
                        row |= {f"{part}_{name}": value for name, value in asdict(figures).items()}
            rows.append(row)
    return rows
