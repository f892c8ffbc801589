"""Scene watcher for stills: a repeated, dark, over-exposed, covered, foggy, defocused or moved picture is blind.

The symptoms are those of scene.py. There a symptom must last, since a stream shows it many times; here each picture is
checked by itself. Three rules differ:

* *frozen*: the picture, but for its upper and lower border where cameras paint a clock, is one of the last REPEATED
  ones. A server that caches hands out the same picture several times, and an older one after a newer one.
* *fog*: by day, detail of every size is a small share of that of the reference.
* *moved*: also where, by day and in clear air, the edges match those of the reference nowhere: operators turn cameras.
"""

import hashlib
from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.vision.frame import Frame
from edge.vision.scene import (
    BORDER,
    DARK,
    EVEN,
    FINE_SHARE,
    MOVED_SHARE,
    WHITE,
    Grey,
    SceneState,
    edges_of,
    fineness_of,
    grey_of,
    shift_of,
)

REPEATED = 12  # pictures
DAY = 60.0  # mean grey level: below it the picture is of the night, and little detail is no fog
FOG_SHARE = 0.2  # of the reference's detail: below it nobody could count
CLEAR_SHARE = 0.5  # of it: above it the air is clear, and edges must match somewhere
REFERENCE_AFTER = 3  # pictures by day in which something can be seen


class StillScene:
    """Looks at pictures in order of time; `reference` is one of the scene as the zones were drawn, (H, W, 3) BGR.

    With `learn` and no reference, it takes the REFERENCE_AFTERth picture by day that shows something.
    """

    def __init__(self, reference: NDArray[np.uint8] | None = None, *, learn: bool = False) -> None:
        self.state = SceneState()
        self._digests: deque[bytes] = deque(maxlen=REPEATED)
        self._edges: NDArray[np.float32] | None = None
        self._fineness = self._detail = self._light = 0.0
        self._learn = learn
        self._clear = 0
        if reference is not None:
            self._refer_to(grey_of(reference))

    @property
    def has_reference(self) -> bool:
        """Whether there is a picture to compare with."""
        return self._edges is not None

    def update(self, frame: Frame) -> SceneState:
        """The state of this picture."""
        grey = grey_of(frame.image)
        self.state = self._state_of(frame, grey)
        if self._learn and not self.has_reference and not self.state.blind and float(grey.mean()) >= DAY:
            self._clear += 1
            if self._clear >= REFERENCE_AFTER:
                self._refer_to(grey)
        return self.state

    def _refer_to(self, grey: Grey) -> None:
        self._edges, self._fineness = edges_of(grey), fineness_of(grey)
        self._detail, self._light = _detail_of(grey), float(grey.mean())

    def _state_of(self, frame: Frame, grey: Grey) -> SceneState:
        dark, white, bright = np.percentile(grey, (1, 10, 99)).tolist()
        fine_share = fineness_of(grey) / self._fineness if self._fineness > 0 else None
        moved_px = None if self._edges is None else shift_of(edges_of(grey), self._edges, frame.image.shape[1])
        day, detail = float(grey.mean()) >= DAY, _detail_of(grey)
        elsewhere = (
            moved_px is None and self.has_reference and self._light >= DAY and detail > CLEAR_SHARE * self._detail
        )
        blind = ""
        if self._repeats(frame):
            blind = "frozen"
        elif bright < DARK:
            blind = "dark"
        elif white > WHITE:
            blind = "over-exposed"
        elif bright - dark < EVEN:
            blind = "covered"
        elif day and detail < FOG_SHARE * self._detail:
            blind = "fog"
        elif fine_share is not None and fine_share < FINE_SHARE:
            blind = "defocused"
        elif (moved_px or 0.0) > MOVED_SHARE * frame.image.shape[1] or (day and elsewhere):
            blind = "moved"
        return SceneState(blind, None, bright, dark, fine_share, moved_px)

    def _repeats(self, frame: Frame) -> bool:
        """Whether this picture is one of the last ones."""
        border = round(BORDER * frame.image.shape[0])
        middle = frame.image[border : frame.image.shape[0] - border]
        digest = hashlib.blake2b(middle.tobytes(), digest_size=16).digest()
        if digest in self._digests:
            return True
        self._digests.append(digest)
        return False


def _detail_of(grey: Grey) -> float:
    """How much of fine and coarse detail there is, in grey levels."""
    return float(cv2.absdiff(grey, cv2.GaussianBlur(grey, (0, 0), 6.0)).mean())
