"""Stores strips: for every line and bucket the pixels along the line, as evidence that a person can check.

Bounded by age and bytes: the oldest are deleted first. They are JPEG files of some 20 kB, and leave the device only on
request, if the configuration allows it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from edge.counting.buckets import Bucket
from edge.counting.crossing import CountingLine
from edge.errors import WorkError
from edge.vision.drawing import moment
from edge.vision.frame import Frame
from edge.vision.strip import Mark, Strip, write_jpeg
from edge.wire.times import rfc3339

PRUNE_EVERY = 20  # strips written between two checks of the bounds


class StripKeeper:
    """Writes the strips of `lines` into `folder`; one thread owns it.

    `failure` says why the last strip could not be written: a strip is evidence, and no count waits for it.
    """

    def __init__(
        self,
        folder: Path,
        lines: Sequence[CountingLine],
        *,
        keep_ms: int,
        keep_bytes: int,
        time_zone: str = "UTC",
    ) -> None:
        self.failure = ""
        self.written = 0
        self._folder = folder
        self._lines = {line.name: line for line in lines}
        self._strips = {line.name: Strip(line.points) for line in lines}
        self._time_zone = time_zone
        self._keep_ms = keep_ms
        self._keep_bytes = keep_bytes

    def see(self, frame: Frame) -> None:
        """Append the pixels along every line."""
        for strip in self._strips.values():
            strip.append(frame)

    def close_bucket(self, bucket: Bucket, words: Mapping[str, Mapping[str, str]], *, now_ms: int) -> None:
        """Write the strips of a closed bucket, with its crossings marked."""
        for name, strip in self._strips.items():
            done = strip.take(bucket.start_ms + bucket.width_ms)
            if not len(done):
                continue
            marks = marks_of(bucket, name, words)
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                title = f"{name}, from {moment(bucket.start_ms, self._time_zone)}"
                picture = done.render(marks, title=title, time_zone=self._time_zone)
                write_jpeg(path_of(self._folder, name, bucket.start_ms), picture)
            except (OSError, WorkError) as error:
                self.failure = f"strips cannot be written: {error}"
                continue
            self.failure = ""
            self.written += 1
            if self.written % PRUNE_EVERY == 1:
                self._prune(now_ms)

    def _prune(self, now_ms: int) -> None:
        found = {path: path.stat() for path in self._folder.glob("*.jpg")}
        held = sum(one.st_size for one in found.values())
        for path, one in sorted(found.items(), key=lambda item: item[1].st_mtime_ns):
            if held <= self._keep_bytes and one.st_mtime * 1000 >= now_ms - self._keep_ms:
                return
            path.unlink(missing_ok=True)
            held -= one.st_size


def path_of(folder: Path, line: str, start_ms: int) -> Path:
    """The path of the strip of a line and bucket."""
    return folder / f"{line}-{rfc3339(start_ms).replace(':', '')}.jpg"


def marks_of(bucket: Bucket, line: str, words: Mapping[str, Mapping[str, str]]) -> list[Mark]:
    """Where the crossings of a bucket stand on the strip of a line; a late one stands at its upper edge."""
    marks = []
    for crossing in bucket.crossings:
        if crossing.line == line:
            late = crossing.crossed_ms < bucket.start_ms
            text = f"{words[line][crossing.direction]} {crossing.label}{', late' if late else ''}"
            marks.append(Mark(max(crossing.crossed_ms, bucket.start_ms), "counted", crossing.along, text))
    return marks
