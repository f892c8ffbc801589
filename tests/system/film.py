"""A film of the road that can be shown over and over: at its end every square stands where it stood at the beginning.

For what takes longer than anybody waits: a device that runs faster than time takes its pictures from it.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from tests.system.live_device import LiveDevice
from tests.system.road import HEIGHT, SIDE, WIDTH, Lane, picture

LENGTH_MS = 30_000
RATE = 2
"""Pictures a second: few, and slow squares, so that a day is not too many."""
LANES = (Lane(16, 16, 30_000), Lane(68, -16, 30_000), Lane(120, 16, 15_000))
BEGIN_MS = 11_000
"""No square is near the line, and none enters or leaves, when it begins anew."""
OFF_MS = 3_000
"""So much more or less may lie between two crossings: a picture or two, and beginning anew."""


def write(path: Path) -> Path:
    """Make it."""
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), RATE, (WIDTH, HEIGHT))
    assert video.isOpened(), "OpenCV can write this"
    for at_ms in range(BEGIN_MS, BEGIN_MS + LENGTH_MS, 1000 // RATE):
        yuv = np.frombuffer(picture(WIDTH, HEIGHT, at_ms, LANES), np.uint8).reshape(HEIGHT * 3 // 2, WIDTH)
        video.write(cv2.cvtColor(yuv, cv2.COLOR_YUV2BGR_I420))
    video.release()
    return path


def times_ms(device: LiveDevice) -> dict[int, list[int]]:
    """When squares crossed, by lane, by the monotonic clock."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    for at_ms, passage in device.heard_passages():
        along = passage["along"] * WIDTH - SIDE / 2
        found[min(range(len(LANES)), key=lambda i: abs(LANES[i].x - along))].append(at_ms)
    return {lane: sorted(times) for lane, times in found.items()}


def complaints(device: LiveDevice, broken_ms: Sequence[int] = ()) -> Iterator[str]:
    """Where two crossings of a lane do not follow one another as its squares do. Around a moment of `broken_ms`, when a
    run began, one may be missing; nowhere may one be there twice."""
    times = times_ms(device)
    for place, lane in enumerate(LANES):
        for before_ms, after_ms in zip(times.get(place, []), times.get(place, [])[1:], strict=False):
            broken = any(before_ms - lane.every_ms <= at_ms <= after_ms for at_ms in broken_ms)
            squares = (1, 2) if broken else (1,)
            if all(abs(after_ms - before_ms - lane.every_ms * number) > OFF_MS for number in squares):
                yield f"{after_ms - before_ms} ms between two crossings of lane {place}, not {lane.every_ms}"
        if not times.get(place):
            yield f"nothing crossed in lane {place}"
