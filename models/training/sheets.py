"""Contact sheets of cut vehicles, to check labels.

    python -m models.training.sheets --crops DIR/names --set toll_km39 --word "small bus" --out sheet.png

Every vehicle has its number among those asked for; `--list` prints number and `vehicle`, as corrections.yaml names it.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import cv2
import numpy as np

from models.training.crops import load, read_crop

SIDE = 96


def main() -> None:
    """Writes one sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--crops", type=Path, required=True)
    parser.add_argument("--set", nargs="*")
    parser.add_argument("--word")
    parser.add_argument("--camera")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--shuffle", action="store_true")
    parser.add_argument("--side", type=int, default=SIDE)
    parser.add_argument("--columns", type=int, default=15)
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    rows = load(options.crops, options.set)
    rows = [row for row in rows if options.word in (None, row["word"]) and options.camera in (None, row["camera"])]
    if options.shuffle:
        random.Random(0).shuffle(rows)
    chosen = rows[options.skip : options.skip + options.count]
    tiles = []
    for number, row in enumerate(chosen, options.skip):
        image = read_crop(row)
        x1, y1, x2, y2 = row["inner"]
        dx, dy = 0.1 * (x2 - x1), 0.1 * (y2 - y1)
        image = image[max(0, int(y1 - dy)) : int(y2 + dy) + 1, max(0, int(x1 - dx)) : int(x2 + dx) + 1]
        scale = options.side / max(image.shape[:2])
        size = (max(1, int(image.shape[1] * scale)), max(1, int(image.shape[0] * scale)))
        way = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
        image = np.asarray(cv2.resize(image, size, interpolation=way), np.uint8)
        tile = np.full((options.side + 13, options.side + 3, 3), 255, np.uint8)
        tile[13 : 13 + size[1], : size[0]] = image
        cv2.putText(tile, f"{number}", (1, 11), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 200), 1)
        tiles.append(tile)
        if options.list:
            print(number, row["vehicle"])
    blank = np.full_like(tiles[0], 255)
    columns = options.columns
    tiles += [blank] * (-len(tiles) % columns)
    sheet = np.vstack([np.hstack(tiles[k : k + columns]) for k in range(0, len(tiles), columns)])
    cv2.imwrite(str(options.out), sheet)
    print(len(rows), "vehicles")


if __name__ == "__main__":
    main()
