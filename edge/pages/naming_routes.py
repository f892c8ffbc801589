"""Routes of the page of `crossing-edge annotate --tracks`: vehicles, their pictures, saving their names."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec

from edge.errors import InputError, WorkError
from edge.pages.known_file import KnownFile
from edge.pages.names_text import NAMES, Name, names_in, read_rows, written_names
from edge.pages.server import Answer, Query, Route, answer_json, number_in
from edge.pages.vehicle_pictures import VehiclePictures


class _Save(msgspec.Struct, frozen=True):
    names: list[Name]
    over: bool = False


@dataclass(frozen=True, slots=True)
class NamingRoutes:
    """The names go into `file`."""

    file: KnownFile
    vehicles: VehiclePictures

    def all(self) -> dict[tuple[str, str], Route]:
        """By method and path."""
        return {
            ("GET", "/state"): self._state,
            ("GET", "/progress"): self._progress,
            ("GET", "/tracks"): self._tracks,
            ("GET", "/crop"): self._crop,
            ("POST", "/save"): self._save,
        }

    def _state(self, query: Query, body: bytes) -> Answer:
        return answer_json(
            {
                "video": self.vehicles.recording.path.name,
                "file": self.file.path.name,
                "frames": self.vehicles.recording.frame_count or 0,
                "names": [{"key": key, "name": name} for key, name in NAMES],
            }
        )

    def _progress(self, query: Query, body: bytes) -> Answer:
        progress = self.vehicles.progress
        return answer_json(
            {
                "frames": progress.frames,
                "done": progress.done,
                "trouble": progress.trouble,
                "left_out": self.vehicles.left_out,
            }
        )

    def _tracks(self, query: Query, body: bytes) -> Answer:
        clip, portraits = self.vehicles.recording.path.name, self.vehicles.portraits
        rows = read_rows(self.file.text, str(self.file.path))
        names = names_in(rows, clip, portraits)
        answer: dict[str, Any] = {
            "tracks": [{"track": one.track, "pictures": len(one.samples)} for one in portraits.values()],
            "names": msgspec.to_builtins(names),
            "others": sum(row["clip"] == clip for row in rows) - len(names),
        }
        return answer_json(answer)

    def _crop(self, query: Query, body: bytes) -> Answer:
        portrait, place = self.vehicles.portraits.get(number_in(query, "track")), number_in(query, "place")
        if portrait is None or not 0 <= place < len(portrait.samples):
            return answer_json({"error": "there is no such picture"}, HTTPStatus.NOT_FOUND)
        return Answer(portrait.samples[place].jpeg, "image/jpeg")

    def _save(self, query: Query, body: bytes) -> Answer:
        try:
            request = msgspec.json.decode(body, type=_Save)
        except msgspec.DecodeError as error:
            raise InputError(f"these are no names: {error}") from error
        if not self.vehicles.progress.done:
            raise WorkError("The recording is not read to its end yet; save again in a moment.")
        found = self.file.look()
        if found != self.file.text and not request.over:
            sentence = f"{self.file.path} was changed by somebody else meanwhile."
            return answer_json({"error": sentence}, HTTPStatus.CONFLICT)
        rows = read_rows(found, str(self.file.path))  # what others added meanwhile stays
        clip = self.vehicles.recording.path.name
        self.file.save(written_names(rows, clip, self.vehicles.portraits, request.names), over=request.over)
        return answer_json({"saved": str(self.file.path), "names": len(request.names)})
