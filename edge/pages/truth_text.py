"""Changes the text of a truth file and keeps all keys that the page does not know. Pure.

Of a crossing that is still there, keys that the page does not know stay with it (`kept`: its number in the file as
read). The file says `along`, too: where on the line (0..1) it was clicked.
"""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec

from edge.counting.crossing import Point
from edge.errors import InputError
from edge.offline.evaluate import parse_truth

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Annotation(msgspec.Struct, frozen=True, rename={"label": "class"}):
    """One crossing as the page has it."""

    frame: Annotated[int, msgspec.Meta(ge=0)]
    label: Literal["car", "van", "truck", "bus", "motorcycle", "bicycle", "unclassified"]
    direction: Literal["a_to_b", "b_to_a"]
    uncertain: bool = False
    along: Share | None = None
    kept: Annotated[int, msgspec.Meta(ge=0)] | None = None


class Annotations(msgspec.Struct, frozen=True):
    """The crossings as the page saves them."""

    crossings: Annotated[tuple[Annotation, ...], msgspec.Meta(max_length=20_000)]
    notes: Annotated[str, msgspec.Meta(max_length=20_000)] = ""


def read_annotations(text: str) -> dict[str, Any]:
    """The content of a truth file, ready for the page; empty for no text."""
    if not text:
        return {"crossings": [], "notes": ""}
    parse_truth(text.encode(), "it")
    document = json.loads(text)
    known = {"frame", "class", "direction", "uncertain", "along"}
    return {
        "crossings": [
            {"uncertain": False, "along": None} | {k: v for k, v in one.items() if k in known} | {"kept": number}
            for number, one in enumerate(document["crossings"])
        ],
        "notes": _notes_of(document),
    }


def written_truth(text: str, given: Annotations, *, video: str, line: Sequence[Point], fps: float, frames: int) -> str:
    """The text of the file; the crossings in order of their frames."""
    document: dict[str, Any] = json.loads(text) if text else {}
    olds = document.get("crossings", [])
    document |= {"video": video, "fps": fps, "frames": frames}
    document.setdefault("line", [[round(x, 2), round(y, 2)] for x, y in line])
    document["crossings"] = [_crossing(olds, one) for one in sorted(given.crossings, key=lambda one: one.frame)]
    if given.notes != _notes_of(document):
        document["notes"] = given.notes
    written = _laid_out(document)
    try:
        parse_truth(written.encode(), "the truth file")
    except InputError as error:
        raise InputError(f"this cannot be saved: {error}") from error
    return written


def _notes_of(document: dict[str, Any]) -> str:
    """Notes of another shape than text are not for the page."""
    notes = document.get("notes", "")
    return notes if isinstance(notes, str) else ""


def _crossing(olds: Sequence[dict[str, Any]], one: Annotation) -> dict[str, Any]:
    old = olds[one.kept] if one.kept is not None and one.kept < len(olds) else {}
    fields = {"frame": one.frame, "class": one.label, "direction": one.direction, "uncertain": one.uncertain}
    where = {} if one.along is None else {"along": round(one.along, 4)}
    moved = old.get("frame", one.frame) != one.frame
    # A more exact time is true of the frame it was written for only.
    return {key: value for key, value in old.items() if not (moved and key == "ms")} | fields | where


def _laid_out(document: dict[str, Any]) -> str:
    """A key a line, and a crossing a line: so that people, and their version control, can read it."""
    parts = []
    for key, value in document.items():
        fields = json.dumps(value, ensure_ascii=False)
        if key == "crossings" and value:
            rows = ",\n  ".join(json.dumps(one, ensure_ascii=False) for one in value)
            fields = f"[\n  {rows}\n ]"
        parts.append(f" {json.dumps(key)}: {fields}")
    return "{\n" + ",\n".join(parts) + "\n}\n"
