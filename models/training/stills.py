"""Rendered stills of bridges as training pictures; `python -m tests.scenes.stills` makes them from seeds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from models.training.outputs import LABELS

HELD_OUT = 20  # every so many-th still is only looked at


def stills_of(folder: Path) -> list[dict[str, Any]]:
    """The stills made so far, as pictures with boxes."""
    stills = []
    for listing in sorted(folder.glob("stills-*.jsonl")):
        for number, line in enumerate(listing.read_text().splitlines()):
            try:
                still = json.loads(line)
            except ValueError:  # the last line is being written
                continue
            boxes = [[*box[:4], LABELS.index(box[4])] for box in still["boxes"]]
            part = "held_out" if number % HELD_OUT == 0 else "train"
            path = folder / Path(still["path"]).name
            stills.append({**still, "path": str(path), "set": "stills", "boxes": boxes, "part": part})
    return stills
