"""Routes of the page of `crossing-edge annotate`: the strip, pictures, suggestions, saving the truth file."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import msgspec

from edge.counting.crossing import Point
from edge.counting.detection import CLASSES, UNCLASSIFIED
from edge.errors import InputError, WorkError
from edge.pages.frame_pictures import COLUMNS, TILE_ROWS, FramePictures
from edge.pages.known_file import KnownFile
from edge.pages.server import Answer, Query, Route, answer_json, number_in
from edge.pages.suggestions import Suggestions
from edge.pages.truth_text import Annotations, read_annotations, written_truth
from edge.vision.drawing import CLASS_COLOURS


class _Save(msgspec.Struct, frozen=True):
    truth: Annotations
    over: bool = False


@dataclass(frozen=True, slots=True)
class AnnotateRoutes:
    """`line` is in pixels."""

    file: KnownFile
    pictures: FramePictures
    suggestions: Suggestions
    line: Sequence[Point]

    def all(self) -> dict[tuple[str, str], Route]:
        """By method and path."""
        return {
            ("GET", "/state"): self._state,
            ("GET", "/progress"): self._progress,
            ("GET", "/tile"): self._tile,
            ("GET", "/picture"): self._picture,
            ("POST", "/save"): self._save,
            ("POST", "/reload"): self._reload,
        }

    def _state(self, query: Query, body: bytes) -> Answer:
        recording = self.pictures.recording
        return answer_json(
            {
                "video": recording.path.name,
                "file": self.file.path.name,
                "width": recording.width,
                "height": recording.height,
                "fps": recording.frames_per_second,
                "frames": recording.frame_count or 0,
                "line": [[x / recording.width, y / recording.height] for x, y in self.line],
                "classes": [{"name": name, "colour": CLASS_COLOURS[name]} for name in (*CLASSES, UNCLASSIFIED)],
                "tile_rows": TILE_ROWS,
                "columns": COLUMNS,
                "truth": read_annotations(self.file.text),
            }
        )

    def _progress(self, query: Query, body: bytes) -> Answer:
        progress = self.pictures.progress
        strip = {"frames": progress.frames, "done": progress.done, "trouble": progress.trouble}
        return answer_json({"strip": strip, "count": self.suggestions.state})

    def _tile(self, query: Query, body: bytes) -> Answer:
        return _jpeg(self.pictures.tile(number_in(query, "number")))

    def _picture(self, query: Query, body: bytes) -> Answer:
        return _jpeg(self.pictures.picture(number_in(query, "frame")))

    def _save(self, query: Query, body: bytes) -> Answer:
        try:
            request = msgspec.json.decode(body, type=_Save)
        except msgspec.DecodeError as error:
            raise InputError(f"this is no truth: {error}") from error
        progress = self.pictures.progress
        if not progress.done:
            raise WorkError(progress.trouble or "The strip is not complete yet; save again in a moment.")
        if self.file.has_changed() and not request.over:
            return answer_json(
                {"error": f"{self.file.path} was changed by somebody else meanwhile."}, HTTPStatus.CONFLICT
            )
        recording = self.pictures.recording
        text = written_truth(
            self.file.text,
            request.truth,
            video=relative(recording.path, self.file.path),
            line=self.line,
            fps=recording.frames_per_second,
            frames=progress.frames,
        )
        self.file.save(text, over=request.over)
        return answer_json({"saved": str(self.file.path), "truth": read_annotations(text)})

    def _reload(self, query: Query, body: bytes) -> Answer:
        text = self.file.look()
        read_annotations(text)  # raises InputError before anything is changed
        self.file.take_up(text)
        return self._state(query, body)


def relative(video: Path, truth: Path) -> str:
    """The path of the video relative to the truth file."""
    return Path(os.path.relpath(video.resolve(), truth.resolve().parent)).as_posix()


def _jpeg(picture: bytes | None) -> Answer:
    if picture is None:
        return answer_json({"error": "not there yet"}, HTTPStatus.NOT_FOUND)
    return Answer(picture, "image/jpeg")
