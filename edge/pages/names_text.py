"""Names of tracked vehicles as JSON lines, one vehicle a line: what the training of the detector and of names reads.

    {"clip": "a.mp4", "track": 7, "frames": [9, 38], "boxes": [[124.2, 171.7, 182.1, 234.3], ...], "class": "van"}

`clip` is the name of the recording, `frames` are counted from 0, `boxes` are x1, y1, x2, y2 in its pixels; a `note` may
follow.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

from edge.errors import InputError
from edge.pages.vehicle_pictures import VehicleSamples

NAMES = (
    ("c", "car"),
    ("p", "pickup"),
    ("v", "van"),
    ("t", "truck"),
    ("b", "bus"),
    ("m", "minibus"),
    ("y", "motorcycle"),
    ("i", "bicycle"),
    ("s", "several"),
    ("x", "part"),
    ("u", "unsure"),
)
"""Key and name. The last three are not for training: several vehicles in a box, a part of one, and unknown."""


class Name(msgspec.Struct, frozen=True, rename={"name": "class"}):
    """The name that a person gave to one track."""

    track: int
    name: str
    note: Annotated[str, msgspec.Meta(max_length=200)] = ""


Row = dict[str, Any]


def read_rows(text: str, path: str) -> list[Row]:
    """The lines of a file of names; InputError, with the line, if one is none."""
    rows: list[Row] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError(f"{path}, line {number}: no JSON ({error}); a vehicle a line is expected") from error
        if not isinstance(row, dict) or not isinstance(row.get("clip"), str) or not isinstance(row.get("class"), str):
            raise InputError(f'{path}, line {number}: an object with "clip" and "class" is expected')
        rows.append(row)
    return rows


def names_in(rows: Sequence[Row], clip: str, vehicles: Mapping[int, VehicleSamples]) -> list[Name]:
    """The names that the rows give to these tracks: to the same track, seen in the same frames."""
    return [
        Name(row["track"], row["class"], str(row.get("note", "")))
        for row in rows
        if _is_of(row, clip, vehicles) and row["class"] in {name for _, name in NAMES}
    ]


def written_names(rows: Sequence[Row], clip: str, vehicles: Mapping[int, VehicleSamples], names: Sequence[Name]) -> str:
    """The file with these names for these tracks; all other lines stay in their place.

    Raises InputError for a name that is none, or a track that is none.
    """
    allowed = {name for _, name in NAMES}
    for name in names:
        if name.name not in allowed or name.track not in vehicles:
            raise InputError(
                f"track {name.track} is called {name.name[:40]!r}; allowed are {', '.join(sorted(allowed))}"
            )
    kept = [row for row in rows if not _is_of(row, clip, vehicles)]
    made = [_row(clip, vehicles[name.track], name) for name in sorted(names, key=lambda name: name.track)]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in (*kept, *made))


def _is_of(row: Row, clip: str, vehicles: Mapping[int, VehicleSamples]) -> bool:
    track = row.get("track")
    portrait = vehicles.get(track) if isinstance(track, int) else None
    return (
        portrait is not None
        and row["clip"] == clip
        and row.get("frames") == [sample.frame for sample in portrait.samples]
    )


def _row(clip: str, portrait: VehicleSamples, name: Name) -> Row:
    row: Row = {
        "clip": clip,
        "track": portrait.track,
        "frames": [sample.frame for sample in portrait.samples],
        "boxes": [list(sample.box) for sample in portrait.samples],
        "class": name.name,
    }
    return row | ({"note": name.note} if name.note else {})
