"""When several boxes of one frame are the pieces of one vehicle.

A detector that is not sure of a whole truck gives two halves, or a cab and a load. Pieces lie where the whole should
be, beside each other, and together they fill it: so they are told from two vehicles of which one hides the other, whose
boxes overlap, and from a vehicle and a stranger, which together are no box that was expected.
"""

from edge.counting.detection import Detection
from edge.counting.motion import BoxMotion

INSIDE = 0.6  # of a piece, in the box that is predicted
FILLED = 0.15  # by which the areas of the pieces together may differ from that of the box around them
SURPRISE_OF_PIECES_MIN = 3.0  # what one box surprises by: below it nothing is missing
SURPRISE_SHARE = 0.5  # of that, which the whole may surprise by


def join_pieces(
    motion: BoxMotion, own: Detection | None, strangers: list[Detection], surprise: float
) -> tuple[Detection | None, list[Detection]]:
    """What the vehicle that moves so is seen by, and the strangers left over: some may be pieces of it.

    `own` is the one box assigned to it, if any, and `surprise` what that surprises by.
    """
    x1, y1, x2, y2 = motion.box
    pieces = [] if own is None else [own]
    left: list[Detection] = []
    for one in strangers:
        across, down = min(x2, one.x2) - max(x1, one.x1), min(y2, one.y2) - max(y1, one.y1)
        inside = across > 0.0 and down > 0.0 and across * down > INSIDE * one.area
        (pieces if inside else left).append(one)
    if len(pieces) < 2:
        return own, strangers
    largest = max(pieces, key=lambda piece: piece.area)
    whole = Detection(
        min(piece.x1 for piece in pieces),
        min(piece.y1 for piece in pieces),
        max(piece.x2 for piece in pieces),
        max(piece.y2 for piece in pieces),
        largest.score,
        largest.label,
        largest.look,
    )
    filled = abs(sum(piece.area for piece in pieces) - whole.area) < FILLED * whole.area
    if filled and motion.surprise(*whole.measures, surprise) < SURPRISE_SHARE * surprise:
        return whole, left
    return own, strangers
