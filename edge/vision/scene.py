"""Whether the picture shows anything: a frozen, dark, over-exposed, covered or defocused one watches nothing.

Twice a second the picture is looked at in grey at SIZE. A symptom counts once it has lasted, in time and not in frames,
and is over once it was absent for a while (hysteresis). The rules:

1. *frozen*: the picture is the same to the last bit, but for its upper and lower border, where cameras paint a clock.
   One new picture ends it, without hysteresis: a camera may repeat each of its pictures for some seconds.
2. *dark*: not even a lamp shows: the brightest hundredth is below DARK.
3. *over-exposed*: all but the darkest tenth is white.
4. *covered*: the picture is even: hardly any difference between its brightest and darkest hundredths.
5. *defocused*: fine detail is gone and coarse detail is not: their ratio fell far below that of the reference.
   Fog takes both, noise adds fine detail; neither is defocus.
6. *moved*: the edges of the background (the mean of some ten seconds) match those of the reference well, and better
   elsewhere than in their place. Where they match nowhere (night against day, fog, a camera that looks elsewhere
   altogether) nothing is said.
"""

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.vision.frame import Frame

SIZE = (320, 180)
EVERY_MS = 500
CLEAR_MS = 2_000
BORDER = 0.1  # of the height, above and below
DARK, WHITE, EVEN = 36.0, 240.0, 14.0  # grey levels
FINE_SHARE = 0.3
MOVED_SHARE = 0.02  # of the width
REACH = 0.12  # of width and height: so far a move is looked for
MATCH_MIN = 0.35  # correlation of the edges where they match best,
MATCH_BETTER = 0.15  # and by how much better than in their place
BACKGROUND = 20  # looks
AFTER_MS = {
    "dark": 5_000,
    "over-exposed": 5_000,
    "covered": 5_000,
    "frozen": 20_000,
    "defocused": 20_000,
    "moved": 20_000,
}
"""How long a symptom lasts before it counts; the first of those that do is told."""

Grey = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class SceneState:
    """`blind` is the word of AFTER_MS that holds, or empty; the figures are those of the last look."""

    blind: str
    brightest: float
    darkest: float
    fine_share: float | None
    """Of the reference's ratio of fine to coarse detail; None without a reference."""
    moved_px: float | None
    """Of the picture's own pixels, 0 where it is in its place; None where nothing matches."""


class SceneWatcher:
    """Looks at frames; `reference` is a picture of the scene as the lines were drawn, (H, W, 3) BGR."""

    def __init__(self, reference: NDArray[np.uint8] | None = None) -> None:
        self.state = SceneState("", 0.0, 0.0, None, None)
        self._looked_ms: int | None = None
        self._before: Grey | None = None
        self._symptoms: dict[str, tuple[int, int]] = {}  # since when, and when seen last
        self._background: deque[Grey] = deque(maxlen=BACKGROUND)
        self._edges: NDArray[np.float32] | None = None
        self._fineness = 0.0
        if reference is not None:
            grey = _grey_of(reference)
            self._edges, self._fineness = _edges_of(grey), _fineness_of(grey)

    def update(self, frame: Frame) -> SceneState:
        """What is to be said after this frame."""
        now_ms = frame.captured_ms
        if self._looked_ms is not None and now_ms - self._looked_ms < EVERY_MS:
            return self.state
        self._looked_ms = now_ms
        grey = _grey_of(frame.image)
        border = round(BORDER * frame.image.shape[0])
        middle = frame.image[border:-border:3, ::3]
        dark, bright = np.percentile(grey, (1, 99)).tolist()
        fine_share = _fineness_of(grey) / self._fineness if self._fineness > 0 else None
        self._background.append(grey)
        moved_px = self._moved(frame.image.shape[1])
        seen = {
            "frozen": self._before is not None and np.array_equal(self._before, middle),
            "dark": bright < DARK,
            "over-exposed": float(np.percentile(grey, 10)) > WHITE,
            "covered": bright - dark < EVEN,
            "defocused": fine_share is not None and fine_share < FINE_SHARE and bright - dark >= EVEN,
            "moved": moved_px is not None and moved_px > MOVED_SHARE * frame.image.shape[1],
        }
        self._before = middle.copy()
        self.state = SceneState(self._held(seen, now_ms), bright, dark, fine_share, moved_px)
        return self.state

    def _held(self, seen: dict[str, bool], now_ms: int) -> str:
        """The first symptom that has lasted long enough."""
        blind = ""
        for symptom, after_ms in AFTER_MS.items():
            since_ms, last_ms = self._symptoms.get(symptom, (now_ms, now_ms))
            if seen[symptom]:
                self._symptoms[symptom] = (since_ms, now_ms)
            elif now_ms - last_ms >= CLEAR_MS or symptom == "frozen":  # one new picture proves that it is not
                self._symptoms.pop(symptom, None)
            if symptom in self._symptoms and not blind and self._symptoms[symptom][1] - since_ms >= after_ms:
                blind = symptom
        return blind

    def _moved(self, width: int) -> float | None:
        if self._edges is None or len(self._background) < BACKGROUND:
            return None
        background = _edges_of(np.mean(self._background, axis=0).astype(np.uint8))
        reach_x, reach_y = round(REACH * SIZE[0]), round(REACH * SIZE[1])
        middle = self._edges[reach_y:-reach_y, reach_x:-reach_x]
        match = cv2.matchTemplate(background, middle, cv2.TM_CCOEFF_NORMED)
        _, best, _, (x, y) = cv2.minMaxLoc(match)
        in_place = float(match[reach_y - 1 : reach_y + 2, reach_x - 1 : reach_x + 2].max())
        if best < MATCH_MIN:
            return None
        if best - in_place < MATCH_BETTER:
            return 0.0
        return float(np.hypot(x - reach_x, y - reach_y)) * width / SIZE[0]


def _grey_of(image: NDArray[np.uint8]) -> Grey:
    small = cv2.resize(image, SIZE, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)


def _edges_of(grey: Grey) -> NDArray[np.float32]:
    """How strong the edges are, each bounded: a lamp must not outshine a bridge."""
    soft = cv2.GaussianBlur(grey, (0, 0), 1.5)
    strength = np.hypot(cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1))
    return np.asarray(np.minimum(strength, 4.0 * float(np.median(strength)) + 8.0), np.float32)


def _fineness_of(grey: Grey) -> float:
    """The ratio of fine to coarse detail."""
    soft, softer = cv2.GaussianBlur(grey, (0, 0), 1.0), cv2.GaussianBlur(grey, (0, 0), 4.0)
    fine = cv2.absdiff(grey, soft).mean()
    coarse = cv2.absdiff(soft, softer).mean()
    return float(fine / (coarse + 1.0))
