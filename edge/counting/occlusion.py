"""Where a vehicle stands whose lower part a nearer one hides: in a queue that is nearly every one.

What shows of it ends where the nearer one begins, so its box seems to stand farther away than it does, and not to move
while it does. But it shows how wide it is, and how high it is for its width was seen before it was hidden, or is usual
for its class in this picture. A box counts as cut while its lower edge lies in the box of a nearer vehicle, or just
above it, and for CUT_MS after. What ends at the edge of the picture teaches no height.
"""

from collections.abc import Sequence

from edge.counting.motion import Box
from edge.counting.tracking import Track

CUT_MS = 600  # boxes tremble, and so does the sight of one cutting the other
LATELY_MS = 2_000  # since when a vehicle that hides another must have been seen
NEARER_SHARE = 0.1  # of the height of the one behind, by which the lower edge of the nearer one is lower
ABOVE_SHARE = 0.15  # of that height, and
ABOVE_SHARE_NEARER = 0.1  # of the nearer one's: so far above its box the lower edge of the other may end
EDGE_SHARE = 0.05  # of the side of a box: nearer to the edge of the picture, it may end there
ABREAST_SHARE = 0.5  # of the width, which the nearer one must cover
MISSING_SHARE = 0.15  # of the height that shows: of what seems missing, less is trembling
SIGHTINGS_KNOWN = 3  # before a vehicle's own height is believed
SIGHTINGS_MAX = 15  # over so many it is averaged
SIGHTINGS_CLASS_MAX = 300
SIGHTINGS_USUAL = 30  # before it is known what is usual for a class
UNUSUAL = 1.3  # times higher or lower than usual for its class a vehicle may be, for its width


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
    """Completes the boxes of vehicles whose lower part is hidden; remembers only living tracks, and classes.

    `picture` is its width and height in pixels, if known: what ends at its edge has another form.
    """

    def __init__(self, picture: tuple[int, int] | None = None) -> None:
        self._picture = picture
        self._forms: dict[int, _Form] = {}
        self._classes: dict[str, _Form] = {}
        self._cut_ms: dict[int, int] = {}  # until when

    def update(self, captured_ms: int, tracks: Sequence[Track], strangers: Sequence[Box] = ()) -> list[Box]:
        """The whole box of every track, in their order; `strangers` are no tracks yet and hide others all the same."""
        hiders = [t.box for t in tracks if captured_ms - t.seen_ms <= LATELY_MS and not t.part]
        hiders.extend(strangers)
        hiders.sort()
        forms: dict[int, _Form] = {}
        cut_ms: dict[int, int] = {}
        boxes = []
        for track in tracks:
            form = forms[track.id] = self._forms.get(track.id) or _Form()
            until_ms = self._cut_ms.get(track.id, captured_ms - 1)
            x1, y1, x2, y2 = track.box
            usual = self._classes.setdefault(track.form, _Form())
            if track.seen_ms == captured_ms:
                if _is_cut(track.box, hiders):
                    until_ms = captured_ms + CUT_MS
                elif until_ms < captured_ms and not self._is_at_edge(track.box):
                    form.see((y2 - y1) / (x2 - x1), SIGHTINGS_MAX)
                    usual.see((y2 - y1) / (x2 - x1), SIGHTINGS_CLASS_MAX)
            cut_ms[track.id] = until_ms
            if until_ms >= captured_ms:
                whole = _height_per_width(form, usual) * (x2 - x1)
                if whole > (1.0 + MISSING_SHARE) * (y2 - y1):
                    y2 = y1 + whole
            boxes.append((x1, y1, x2, y2))
        self._forms, self._cut_ms = forms, cut_ms
        return boxes

    def _is_at_edge(self, box: Box) -> bool:
        if self._picture is None:
            return False
        x1, y1, x2, y2 = box
        wide, high = self._picture
        across, down = EDGE_SHARE * (x2 - x1), EDGE_SHARE * (y2 - y1)
        return x1 < across or y1 < down or x2 > wide - across or y2 > high - down


def _height_per_width(own: _Form, usual: _Form) -> float:
    """Its own as far as it is near what is usual: where nobody saw that it was hidden, it was seen too low."""
    if own.sightings < SIGHTINGS_KNOWN:
        return usual.height
    if usual.sightings < SIGHTINGS_USUAL:
        return own.height
    return min(max(own.height, usual.height / UNUSUAL), usual.height * UNUSUAL)


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
