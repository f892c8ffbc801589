"""Whether anything moved since the last look of the detector, from a small grey picture of its region.

The rules:

1. The picture is compared with that of the last look, whose vehicles the detector has seen: a standing vehicle is no
   motion, a creeping one becomes one. While nothing moves that picture follows slowly (`FOLLOW_S`), so
   that light may drift and noise averages out.
2. A change of exposure or light that is linear in the old grey levels is removed first.
3. The picture is judged in blocks of `BLOCK` pixels. Each learns its own noise, the mean change while no vehicle is on
   it, and has a threshold of `NOISES` times as much: leaves, water, rain, lamps and a codec's pulses raise that of
   their own blocks. It learns only where the detector has looked and found nothing, or where nothing changed, and the
   effect of one change is bounded, so that a vehicle that the detector misses has little effect.
4. Blocks that touch and together exceed their thresholds by `AREA_MIN` are motion, once they do in two pictures
   running; of pictures that are `APART_MS` apart one is enough.
5. Where the picture has no texture, motion cannot be detected, so no frame is STILL.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.counting.motion import Box
from edge.vision.fitting import Picture
from edge.vision.region import Region

REVISION = 1
"""Raised when the same pictures give other motion, so that old tapes are not reused."""

WIDTH = 160
BLOCK = 4
EVERY_MS = 80  # time between two judged pictures; a vehicle is in view for several of them
APART_MS = 250
FOLLOW_S = 5.0
NOISE_S = 30.0  # averaging time of a block's noise
NOISES = 3.0
LEVELS_MIN = 4.0  # grey levels: the least threshold
LEVELS_MAX = 40.0  # and the greatest: a vehicle that changes more is seen anywhere
TEACHES_MAX = 2.0  # thresholds
AREA_MIN = 2.0  # thresholds, summed over blocks that touch
TEXTURE_MIN = 3.0  # standard deviation in grey levels
SLOPE_MAX = 0.3  # of the grey levels: more is no exposure

Small = NDArray[np.float32]
Blocks = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Motion:
    """Which blocks move; `sure` is False where the picture shows too little to tell.

    `calm` says that nothing changed since the last look, not even what may yet turn out to be nothing.
    """

    blocks: Blocks
    sure: bool
    calm: bool = False

    @property
    def any(self) -> bool:
        """Whether something moves, as far as can be told."""
        return not self.sure or bool(self.blocks.any())


class MotionGate:
    """Judges pictures in order of time; `region` is where the detector looks, in pixels of the picture."""

    def __init__(self, region: Region) -> None:
        self._region = region
        x1, y1, x2, y2 = region
        across = -(-min(WIDTH, x2 - x1) // BLOCK)
        down = max(1, round(across * (y2 - y1) / (x2 - x1)))
        self._size = across * BLOCK, down * BLOCK
        self._grid = across, down
        self._noise = np.zeros((down, across), np.float32)
        self._covered: Blocks = np.zeros((down, across), bool)
        self._before: Blocks = np.zeros((down, across), bool)
        self._learned_s = 0.0
        self._learned_ms: int | None = None
        self._change: Small | None = None  # of the last picture, until the noise has learned from it
        self._reference: Small | None = None
        self._small: Small | None = None
        self._at_ms: int | None = None

    def small_of(self, image: Picture) -> NDArray[np.uint8]:
        """The region in grey, as small as it is judged."""
        x1, y1, x2, y2 = self._region
        width, height = self._size
        part = image[y1:y2, x1:x2]
        if x2 - x1 > 3 * width:  # four samples of each pixel say enough, at a tenth of the cost of all of them
            part = np.asarray(cv2.resize(part, (2 * width, 2 * height), interpolation=cv2.INTER_LINEAR), np.uint8)
        grey = cv2.cvtColor(part, cv2.COLOR_BGR2GRAY)
        return np.asarray(cv2.resize(grey, self._size, interpolation=cv2.INTER_AREA), np.uint8)

    def judge(self, at_ms: int, small: NDArray[np.uint8]) -> Motion:
        """The motion between the last look and this picture."""
        picture = small.astype(np.float32)
        self._small = picture
        sure = float(picture[::4, ::4].std()) >= TEXTURE_MIN
        if self._reference is None or self._at_ms is None:
            self._at_ms = at_ms
            return Motion(np.ones_like(self._before), sure)
        elapsed_ms = at_ms - self._at_ms
        self._at_ms = at_ms
        lit = _as_lit_as(picture, self._reference)
        change = cv2.resize(cv2.absdiff(picture, lit), self._grid, interpolation=cv2.INTER_AREA)
        threshold = np.clip(NOISES * self._noise, LEVELS_MIN, LEVELS_MAX)
        excess = change / threshold
        found = _large(excess)
        moving = found if elapsed_ms > APART_MS else found & _grown(self._before)
        self._before = found
        self._change = np.minimum(change, TEACHES_MAX * threshold)
        if not found.any():
            self._learn(self._covered)
        self._follow(elapsed_ms / 1000.0, picture, lit, excess)
        return Motion(moving, sure, calm=sure and not found.any())

    def looked(self, boxes: Iterable[Box]) -> None:
        """The detector has seen the last picture; `boxes` are its vehicles, in pixels of the picture."""
        covered = self.blocks_of(boxes)
        if self._change is not None:
            self._learn(self._covered | covered)
        self._reference = self._small
        self._covered = covered

    def blocks_of(self, boxes: Iterable[Box]) -> Blocks:
        """The blocks on which boxes lie, and those around them."""
        blocks = np.zeros_like(self._before)
        left, top, right, bottom = self._region
        across, down = self._grid[0] / (right - left), self._grid[1] / (bottom - top)
        for x1, y1, x2, y2 in boxes:
            a, b = max(int((x1 - left) * across) - 1, 0), max(int((y1 - top) * down) - 1, 0)
            c, d = int((x2 - left) * across) + 2, int((y2 - top) * down) + 2
            if c > 0 and d > 0:
                blocks[b:d, a:c] = True
        return blocks

    def _learn(self, vehicles: Blocks) -> None:
        """Update the noise of the blocks without a vehicle at this look or the last one."""
        assert self._at_ms is not None, "a picture was judged"
        assert self._change is not None, "it has not taught yet"
        elapsed_s = 0.0 if self._learned_ms is None else min((self._at_ms - self._learned_ms) / 1000.0, 1.0)
        self._learned_ms = self._at_ms
        if elapsed_s > 0.0:
            self._learned_s += elapsed_s
            share = elapsed_s / min(self._learned_s, NOISE_S)
            self._noise += np.where(vehicles, 0.0, share * (self._change - self._noise)).astype(np.float32)
        self._change = None

    def _follow(self, elapsed_s: float, picture: Small, lit: Small, excess: Small) -> None:
        """Let the reference follow where nothing moves."""
        still = cv2.resize((excess < 1.0).astype(np.float32), self._size, interpolation=cv2.INTER_NEAREST)
        self._reference = lit + min(elapsed_s / FOLLOW_S, 1.0) * still * (picture - lit)


def _as_lit_as(picture: Small, reference: Small) -> Small:
    """The reference in the light of the picture: its brighter and darker halves shift by their medians."""
    was = reference[::6, ::6].ravel()
    order = np.argsort(was, kind="stable")
    change = (picture[::6, ::6].ravel() - was)[order]
    half, quarter = order.size // 2, order.size // 4
    x1, x2 = float(was[order[quarter]]), float(was[order[half + quarter]])
    y1, y2 = (float(np.partition(part, quarter)[quarter]) for part in (change[:half], change[half:]))
    slope = max(-SLOPE_MAX, min(SLOPE_MAX, (y2 - y1) / max(x2 - x1, 8.0)))
    middle = (x1 + x2) / 2.0
    return reference + np.float32((y1 + y2) / 2.0) + np.float32(slope) * (reference - np.float32(middle))


def _large(excess: Small) -> Blocks:
    """The blocks above their thresholds that touch enough others, or exceed it by enough alone."""
    above = (excess >= 1.0).astype(np.uint8)
    if not above.any():
        return above.astype(bool)
    number, labels = cv2.connectedComponents(above, connectivity=8)
    sums = np.bincount(labels.ravel(), weights=excess.ravel(), minlength=number)
    sums[0] = 0.0
    return np.asarray(sums[labels] >= AREA_MIN)


def _grown(blocks: Blocks) -> Blocks:
    """These blocks and their neighbours."""
    return np.asarray(cv2.dilate(blocks.astype(np.uint8), np.ones((3, 3), np.uint8)), bool)
