"""Scene watcher: a frozen, dark, over-exposed, covered, defocused or moved picture is blind.

Twice a second the picture is checked in grey at SIZE. A symptom makes the picture blind once it has lasted, in time and
not in frames, and is over once it was absent for a while (hysteresis). From its beginning until it is over the time is
in doubt, and once it counts the time since then is unwatched: so each state has the beginning of its symptom. The
rules:

1. *frozen*: each picture is one of the last REPEATED looks, to the last bit, but for its upper and lower border, where
   cameras paint a clock. One of them and not the last one, because a codec codes a picture that stands still anew in
   every group of pictures, each time in the same few ways. One new picture ends it, without hysteresis: a camera may
   repeat each of its pictures for some seconds.
2. *dark*: not even a lamp shows: the brightest hundredth is below DARK.
3. *over-exposed*: all but the darkest tenth is white.
4. *covered*: the picture is even: hardly any difference between its brightest and darkest hundredths.
5. *defocused*: fine detail is gone and coarse detail is not: their ratio fell far below that of the reference.
   Fog takes both, noise adds fine detail; neither is defocus.
6. *moved*: the edges of the background (the mean of some ten seconds) match those of the reference well, and better
   elsewhere than in their place. Where they match nowhere (night against day, fog, a camera that looks elsewhere
   altogether) there is no symptom. The mean changes slowly, so this is checked at every MOVED_EVERY-th look.
"""

import hashlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.vision.frame import Frame

REVISION = 2
"""Raised when the same pictures give other states, so that old tapes are not reused."""

SIZE = (320, 180)
EVERY_MS = 500
CLEAR_MS = 2_000
BORDER = 0.1  # of the height, above and below
DARK, WHITE, EVEN = 36.0, 240.0, 14.0  # grey levels
FINE_SHARE = 0.3
MOVED_SHARE = 0.02  # of the width
REFERENCE_AFTER_MS = 30_000  # of pictures in which something can be seen
REACH = 0.12  # of width and height: how far a move is searched
MATCH_MIN = 0.35  # correlation of the edges where they match best,
MATCH_BETTER = 0.15  # and by how much better than in their place
BACKGROUND = 20  # looks
MOVED_EVERY = 4  # looks
REPEATED = 12  # looks: any step of looks meets a group of twelve pictures, which is usual, in at most so many places
AFTER_MS = {
    "dark": 5_000,
    "over-exposed": 5_000,
    "covered": 5_000,
    "frozen": 20_000,
    "defocused": 20_000,
    "moved": 20_000,
}
"""How long a symptom lasts before the picture is blind; the first of several is reported."""

Grey = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class SceneState:
    """`blind` is the word of AFTER_MS that holds, or empty; the figures are those of the last look.

    `since_ms` is when the oldest symptom began that is not over, whether it counts already or not; None without one.
    """

    blind: str = ""
    since_ms: int | None = None
    brightest: float = 0.0
    darkest: float = 0.0
    fine_share: float | None = None
    """Of the reference's ratio of fine to coarse detail; None without a reference."""
    moved_px: float | None = None
    """Of the picture's own pixels, 0 where it is in its place; None where nothing matches."""


@dataclass(frozen=True, slots=True)
class _Look:
    """When a look was, and when the first frame was captured that may show what it shows."""

    at_ms: int
    from_ms: int


@dataclass(frozen=True, slots=True)
class _Symptom:
    """Since when the picture may show it, the look from which on it surely does, and the last look that did."""

    since_ms: int
    first_ms: int
    last_ms: int


class SceneWatcher:
    """Looks at frames, in order of time; `reference` is a picture of the scene as the lines were drawn, (H, W, 3) BGR.

    With `learn` and no reference, it takes a picture without a symptom once something could be seen for
    REFERENCE_AFTER_MS.
    """

    def __init__(self, reference: NDArray[np.uint8] | None = None, *, learn: bool = False) -> None:
        self.state = SceneState()
        self._look: _Look | None = None
        self._unseen_ms: int | None = None  # the first frame since the last look
        self._digests: deque[tuple[bytes, _Look]] = deque(maxlen=REPEATED)  # digests of pictures
        self._symptoms: dict[str, _Symptom] = {}
        self._background: deque[tuple[Grey, _Look]] = deque()
        self._background_sum = np.zeros(SIZE[::-1], np.int32)
        self._looks = 0
        self._edges: NDArray[np.float32] | None = None
        self._fineness = 0.0
        self._learn = learn
        self._seeing_since_ms: int | None = None
        if reference is not None:
            self._refer_to(reference)

    @property
    def has_reference(self) -> bool:
        """Whether there is a picture to compare with."""
        return self._edges is not None

    def update(self, frame: Frame) -> SceneState:
        """The state after this frame."""
        now_ms = frame.captured_ms
        if self._unseen_ms is None:
            self._unseen_ms = now_ms
        if self._look is not None and now_ms - self._look.at_ms < EVERY_MS:
            return self.state
        self._look = _Look(now_ms, max(self._unseen_ms, now_ms - 2 * EVERY_MS))
        self._unseen_ms = None
        self.state = self._state_of(frame, self._look)
        if self._learn and not self.has_reference:
            self._learn_from(frame)
        return self.state

    def _learn_from(self, frame: Frame) -> None:
        if self.state.blind:
            self._seeing_since_ms = None
        elif self._seeing_since_ms is None:
            self._seeing_since_ms = frame.captured_ms
        elif self.state.since_ms is None and frame.captured_ms - self._seeing_since_ms >= REFERENCE_AFTER_MS:
            self._refer_to(frame.image)

    def _refer_to(self, image: NDArray[np.uint8]) -> None:
        grey = grey_of(image)
        self._edges, self._fineness = edges_of(grey), fineness_of(grey)

    def _state_of(self, frame: Frame, look: _Look) -> SceneState:
        grey = grey_of(frame.image)
        dark, tenth, bright = percentiles_of(grey, (0.01, 0.1, 0.99))
        fine_share = fineness_of(grey) / self._fineness if self._fineness > 0 else None
        self._add_to_background(grey, look)
        moved_px = self._moved(frame.image.shape[1])
        moved = moved_px is not None and moved_px > MOVED_SHARE * frame.image.shape[1]
        defocused = fine_share is not None and fine_share < FINE_SHARE and bright - dark >= EVEN
        self._note("frozen", look, first=self._shown_before(frame, look))
        self._note("dark", look, first=look if bright < DARK else None)
        self._note("over-exposed", look, first=look if tenth > WHITE else None)
        self._note("covered", look, first=look if bright - dark < EVEN else None)
        self._note("defocused", look, first=look if defocused else None)
        self._note("moved", look, first=look if moved else None, before_ms=self._background[0][1].from_ms)
        held = (word for word, after_ms in AFTER_MS.items() if self._lasted_ms(word) >= after_ms)
        since_ms = min((symptom.since_ms for symptom in self._symptoms.values()), default=None)
        return SceneState(next(held, ""), since_ms, bright, dark, fine_share, moved_px)

    def _shown_before(self, frame: Frame, look: _Look) -> _Look | None:
        """The first of the last looks that showed this very picture. A new one ends a freeze and all before it."""
        height, width = frame.image.shape[:2]
        border = round(BORDER * height)
        middle = cv2.resize(
            frame.image[border : height - border],
            (max(1, width // 3), max(1, (height - 2 * border) // 3)),
            interpolation=cv2.INTER_NEAREST,  # every third pixel, as it is
        )
        digest = hashlib.blake2b(middle.tobytes(), digest_size=16).digest()
        shown = next((before for known, before in self._digests if known == digest), None)
        if shown is None and "frozen" in self._symptoms:
            self._digests.clear()
        self._digests.append((digest, look))
        return shown

    def _note(self, word: str, look: _Look, *, first: _Look | None, before_ms: int | None = None) -> None:
        """A symptom goes on that shows at this look (`first` is not None); one that does not may be over.

        A new one surely shows from `first` on. It may be there since a little before: since `before_ms` where it shows
        in a mean, but no longer than BACKGROUND looks twice a second last.
        """
        known = self._symptoms.get(word)
        if first is None:
            if known and (look.at_ms - known.last_ms >= CLEAR_MS or word == "frozen"):  # one new picture disproves it
                del self._symptoms[word]
        elif known:
            self._symptoms[word] = replace(known, last_ms=look.at_ms)
        else:
            since_ms = first.from_ms if before_ms is None else max(before_ms, look.at_ms - BACKGROUND * EVERY_MS)
            self._symptoms[word] = _Symptom(since_ms, first.at_ms, look.at_ms)

    def _lasted_ms(self, word: str) -> int:
        symptom = self._symptoms.get(word)
        return -1 if symptom is None else symptom.last_ms - symptom.first_ms

    def _add_to_background(self, grey: Grey, look: _Look) -> None:
        self._looks += 1
        self._background.append((grey, look))
        self._background_sum += grey
        if len(self._background) > BACKGROUND:
            self._background_sum -= self._background.popleft()[0]

    def _moved(self, width: int) -> float | None:
        if self._edges is None or len(self._background) < BACKGROUND:
            return None
        if self._looks % MOVED_EVERY:
            return self.state.moved_px
        background = (self._background_sum // BACKGROUND).astype(np.uint8)
        return shift_of(edges_of(background), self._edges, width)


def shift_of(edges: NDArray[np.float32], reference: NDArray[np.float32], width: int) -> float | None:
    """How far the scene moved, in pixels of a picture of that width, by `edges_of` both; None if nothing matches."""
    reach_x, reach_y = round(REACH * SIZE[0]), round(REACH * SIZE[1])
    middle = reference[reach_y:-reach_y, reach_x:-reach_x]
    match = cv2.matchTemplate(edges, middle, cv2.TM_CCOEFF_NORMED)
    _, best, _, (x, y) = cv2.minMaxLoc(match)
    in_place = float(match[reach_y - 1 : reach_y + 2, reach_x - 1 : reach_x + 2].max())
    if best < MATCH_MIN:
        return None
    if best - in_place < MATCH_BETTER:
        return 0.0
    return float(np.hypot(x - reach_x, y - reach_y)) * width / SIZE[0]


def grey_of(image: NDArray[np.uint8]) -> Grey:
    """The picture as it is looked at: small and grey."""
    small: NDArray[Any] = image
    while small.shape[1] >= 2 * SIZE[0] and small.shape[0] >= 2 * SIZE[1]:  # halving is a quarter of the cost
        small = cv2.resize(small, (small.shape[1] // 2, small.shape[0] // 2), interpolation=cv2.INTER_AREA)
    small = cv2.resize(small, SIZE, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)


def percentiles_of(grey: Grey, shares: Sequence[float]) -> list[float]:
    """The grey levels below which these shares of the pixels lie: those of `numpy.percentile`, by counting."""
    up_to = np.cumsum(np.bincount(grey.ravel(), minlength=256))
    ranks = np.asarray(shares) * (grey.size - 1)
    lower, upper = np.searchsorted(up_to, [np.floor(ranks), np.ceil(ranks)], side="right")
    return list((lower + (upper - lower) * (ranks % 1.0)).tolist())


def edges_of(grey: Grey) -> NDArray[np.float32]:
    """How strong the edges are, each bounded: a lamp must not outshine a bridge."""
    soft = cv2.GaussianBlur(grey, (0, 0), 1.5)
    strength = cv2.magnitude(cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1))
    return np.asarray(np.minimum(strength, 4.0 * float(np.median(strength[::2, ::2])) + 8.0), np.float32)


def fineness_of(grey: Grey) -> float:
    """The ratio of fine to coarse detail."""
    soft, softer = cv2.GaussianBlur(grey, (0, 0), 1.0), cv2.GaussianBlur(grey, (0, 0), 4.0)
    fine = cv2.absdiff(grey, soft).mean()
    coarse = cv2.absdiff(soft, softer).mean()
    return float(fine / (coarse + 1.0))
