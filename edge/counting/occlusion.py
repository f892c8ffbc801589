"""Completes the boxes of vehicles whose lower part a nearer vehicle hides: in a queue that is nearly every one.

The visible part of a box ends where the nearer vehicle begins, so the hidden vehicle seems to stand farther away than
it does, and not to move while it does. Its width shows, and its height for that width was seen before it was hidden, or
is usual for its class in this picture. A box counts as cut while its lower edge lies in the box of a nearer vehicle, or
just above it, and for `cut_ms` after. Boxes at the edge of the picture are not used to learn heights.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edge.counting.motion import Box, touches_edge
from edge.counting.parameters import DEFAULT, CountingParameters, OcclusionParameters
from edge.counting.tracking import Track


@dataclass(slots=True, eq=False)
class _Form:
    """Height per width, averaged over sightings."""

    height: float = 0.0
    sightings: int = 0

    def see(self, height: float, sightings_max: int) -> None:
        self.sightings = min(self.sightings + 1, sightings_max)
        self.height += (height - self.height) / self.sightings


class WholeBoxes:
    """Completes the boxes of vehicles whose lower part is hidden; keeps state of living tracks and of classes.

    `picture` is its width and height in pixels, if known: a box at its edge may be cut by it.
    """

    def __init__(self, picture: tuple[int, int] | None = None, parameters: CountingParameters = DEFAULT) -> None:
        self._picture = picture
        self._parameters = parameters.occlusion
        self._forms: dict[int, _Form] = {}  # by track
        self._classes: dict[str, _Form] = {}
        self._cut_ms: dict[int, int] = {}  # by track, until when it counts as cut

    def update(self, captured_ms: int, tracks: Sequence[Track], unconfirmed: Sequence[Box] = ()) -> list[Box]:
        """The whole box of every track, in their order; boxes of `unconfirmed` tracks hide others, too."""
        p, picture = self._parameters, self._picture
        hiders = [t.box for t in tracks if captured_ms - t.seen_ms <= p.hider_seen_ms and not t.part]
        hiders.extend(unconfirmed)
        hiders.sort()
        forms: dict[int, _Form] = {}
        cut_ms: dict[int, int] = {}
        boxes = []
        for track in tracks:
            form = forms[track.id] = self._forms.get(track.id) or _Form()
            until_ms = self._cut_ms.get(track.id, captured_ms - 1)
            x1, y1, x2, y2 = track.box
            usual = self._classes.setdefault(track.voted_class, _Form())
            if track.seen_ms == captured_ms:
                if _is_cut(track.box, hiders, p):
                    until_ms = captured_ms + p.cut_ms
                elif until_ms < captured_ms and not (picture and touches_edge(track.box, picture, p.edge_sides)):
                    form.see((y2 - y1) / (x2 - x1), p.sightings_own_max)
                    usual.see((y2 - y1) / (x2 - x1), p.sightings_class_max)
            cut_ms[track.id] = until_ms
            if until_ms >= captured_ms:
                whole = _height_per_width(form, usual, p) * (x2 - x1)
                if whole > (1.0 + p.missing_min) * (y2 - y1):
                    y2 = y1 + whole
            boxes.append((x1, y1, x2, y2))
        self._forms, self._cut_ms = forms, cut_ms
        return boxes


def _height_per_width(own: _Form, usual: _Form, p: OcclusionParameters) -> float:
    """A vehicle's own, kept near that of its class: where nobody noticed that it was hidden, it was seen too low."""
    if own.sightings < p.sightings_own_min:
        return usual.height
    if usual.sightings < p.sightings_class_min:
        return own.height
    return min(max(own.height, usual.height / p.unusual), usual.height * p.unusual)


def _is_cut(box: Box, hiders: Sequence[Box], p: OcclusionParameters) -> bool:
    """Whether the lower edge of a box lies behind one of the `hiders`, which are sorted."""
    x1, y1, x2, y2 = box
    width, height = x2 - x1, y2 - y1
    for u1, v1, u2, v2 in hiders:
        if u1 >= x2:
            return False
        if (
            v2 > y2 + p.nearer_heights * height
            and v1 - p.above_heights * height - p.above_heights_nearer * (v2 - v1) <= y2
            and min(x2, u2) - max(x1, u1) > p.abreast_widths * width
        ):
            return True
    return False
