"""Routes of the page of `crossing-edge setup`: the drawing, the live picture, saving."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from edge.build.stages import check_files
from edge.config.advice import warnings_of
from edge.config.schema import Config
from edge.errors import InputError
from edge.pages.draft import (
    EMPTY,
    Draft,
    draft_for_page,
    draft_of,
    parse_finished,
    parse_unfinished,
    read_draft,
    written,
)
from edge.pages.known_file import KnownFile
from edge.pages.server import Answer, Query, Route, answer_json, number_in
from edge.pages.watching import Watching
from edge.vision.drawing import CLASS_COLOURS

SIGHT_WAIT_S = 2.0
DRAWN = ("lines.", "zones.", "masks.", "camera.frames_per_second")


class _Save(msgspec.Struct, frozen=True):
    draft: msgspec.Raw
    over: bool = False
    lies_right: bool = False


class SetupRoutes:
    """`camera` is the URL of the command line, `given` puts its other options into a draft: saved with the drawing."""

    def __init__(
        self, file: KnownFile, watching: Watching, *, camera: str | None, given: Callable[[Draft], Draft]
    ) -> None:
        self._file = file
        self._watching = watching
        self._camera = camera
        self._given = given

    def all(self) -> dict[tuple[str, str], Route]:
        """By method and path."""
        return {
            ("GET", "/state"): self._state,
            ("POST", "/draft"): self._draft,
            ("POST", "/save"): self._save,
            ("POST", "/reload"): self._reload,
            ("GET", "/sight"): self._sight,
            ("GET", "/picture"): self._picture,
        }

    def _state(self, query: Query, body: bytes) -> Answer:
        draft = self._given(draft_of(parse_unfinished(self._file.text or EMPTY)))
        text = self._text_with(draft)
        return answer_json(
            {
                "file": self._file.path.name,
                "new": not self._file.exists,
                "unsaved": text != self._file.text,
                "draft": draft_for_page(draft),
                "colours": CLASS_COLOURS,
                **self._judged(text, parse_unfinished(text)),
            }
        )

    def _draft(self, query: Query, body: bytes) -> Answer:
        """Count with the drawing from now on, if that is possible, and return what `check` says of it."""
        text = self._text_with(read_draft(body))
        config = parse_unfinished(text)
        self._watching.configure(config)
        return answer_json(self._judged(text, config))

    def _save(self, query: Query, body: bytes) -> Answer:
        try:
            request = msgspec.json.decode(body, type=_Save)
        except msgspec.DecodeError as error:
            raise InputError(f"nothing to save: {error}") from error
        if self._file.has_changed():
            if not request.over:
                return answer_json(
                    {"error": f"{self._file.path} was changed by somebody else meanwhile."}, HTTPStatus.CONFLICT
                )
            self._take_up()  # the drawing goes into the present text
        draft = read_draft(bytes(request.draft))
        text = written(self._file.text or EMPTY, draft, self._camera, position_confirmed=request.lies_right)
        config = parse_finished(text)
        check_files(config)
        self._file.save(text, over=request.over)
        return answer_json({"saved": str(self._file.path), "draft": draft_for_page(draft_of(config))})

    def _reload(self, query: Query, body: bytes) -> Answer:
        self._watching.configure(self._take_up())
        return self._state(query, body)

    def _take_up(self) -> Config:
        """The text that others wrote; InputError, with nothing changed, if it is no configuration."""
        text = self._file.look()
        config = parse_unfinished(text or EMPTY)
        self._file.take_up(text)
        return config

    def _text_with(self, draft: Draft) -> str:
        return written(self._file.text or EMPTY, draft, self._camera)

    def _judged(self, text: str, config: Config) -> Mapping[str, Any]:
        """Why the draft cannot be saved, and what `check` warns of."""
        try:
            check_files(parse_finished(text or EMPTY))
            error = ""
        except InputError as wrong:
            error = str(wrong)
        return {"error": error, "warnings": [one for one in warnings_of(config) if one.startswith(DRAWN)]}

    def _sight(self, query: Query, body: bytes) -> Answer:
        return answer_json(self._watching.sight(number_in(query, "after"), SIGHT_WAIT_S))

    def _picture(self, query: Query, body: bytes) -> Answer:
        jpeg = self._watching.picture(number_in(query, "number"))
        if jpeg is None:
            return answer_json({"error": "that picture is gone"}, HTTPStatus.NOT_FOUND)
        return Answer(jpeg, "image/jpeg")
