"""Where a vehicle stands whose lower part a nearer one hides: in a queue that is nearly every one.

What shows of it ends where the nearer one begins, so its box seems to stand farther away than it does, and not to move
while it does. But it shows how wide it is, and how high it is for its width was seen before it was hidden, or is usual
for its class in this picture. A box counts as cut while its lower edge lies in the box of a nearer vehicle, or just
above it, and for CUT_MS after.
"""

from collections.abc import Sequence

from edge.counting.motion import Box
from edge.counting.tracking import Track

CUT_MS = 600  # boxes tremble, and so does the sight of one cutting the other
LATELY_MS = 2_000  # since when a vehicle that hides another must have been seen
NEARER_SHARE = 0.1  # of the height of the one behind, by which the lower edge of the nearer one is lower
ABOVE_SHARE = 0.15  # of that height, and
ABOVE_SHARE_NEARER = 0.1  # of the nearer one's: so far above its box the lower edge of the other may end
ABREAST_SHARE = 0.5  # of the width, which the nearer one must cover
SIGHTINGS_KNOWN = 3  # before a vehicle's own height is believed
SIGHTINGS_MAX = 15  # over so many it is averaged
SIGHTINGS_CLASS_MAX = 300


class _Form:
    """How high something is for its width, averaged over sightings."""

    __slots__ = ("height", "sightings")

    def __init__(self) -> None:
        self.height = 0.0
        self.sightings = 0

    def see(self, height: float, sightings_max: int) -> None:
        self.sightings = min(self.sightings + 1, sightings_max)
        self.height += (height - self.height) / self.sightings


class WholeBoxes:
    """Completes the boxes of vehicles whose lower part is hidden; remembers only living tracks, and classes."""

    def __init__(self) -> None:
        self._forms: dict[int, _Form] = {}
        self._classes: dict[str, _Form] = {}
        self._cut_ms: dict[int, int] = {}  # until when

    def update(self, captured_ms: int, tracks: Sequence[Track]) -> list[Box]:
        """The whole box of every track, in their order."""
        hiders = [t.box for t in tracks if captured_ms - t.seen_ms <= LATELY_MS and not t.part]
        hiders.sort()
        forms: dict[int, _Form] = {}
        cut_ms: dict[int, int] = {}
        boxes = []
        for track in tracks:
            form = forms[track.id] = self._forms.get(track.id) or _Form()
            until_ms = self._cut_ms.get(track.id, captured_ms - 1)
            x1, y1, x2, y2 = track.box
            usual = self._classes.setdefault(track.label(0.0)[0], _Form())
            if track.seen_ms == captured_ms:
                if _is_cut(track.box, hiders):
                    until_ms = captured_ms + CUT_MS
                elif until_ms < captured_ms:
                    form.see((y2 - y1) / (x2 - x1), SIGHTINGS_MAX)
                    usual.see((y2 - y1) / (x2 - x1), SIGHTINGS_CLASS_MAX)
            cut_ms[track.id] = until_ms
            if until_ms >= captured_ms:
                known = form if form.sightings >= SIGHTINGS_KNOWN else usual
                y2 = max(y2, y1 + known.height * (x2 - x1))
            boxes.append((x1, y1, x2, y2))
        self._forms, self._cut_ms = forms, cut_ms
        return boxes


def _is_cut(box: Box, hiders: Sequence[Box]) -> bool:
    """Whether the lower edge of this box lies behind one of those, which are sorted."""
    x1, y1, x2, y2 = box
    width, height = x2 - x1, y2 - y1
    for u1, v1, u2, v2 in hiders:
        if u1 >= x2:
            return False
        if (
            v2 > y2 + NEARER_SHARE * height
            and v1 - ABOVE_SHARE * height - ABOVE_SHARE_NEARER * (v2 - v1) <= y2
            and min(x2, u2) - max(x1, u1) > ABREAST_SHARE * width
        ):
            return True
    return False
