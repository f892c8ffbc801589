"""When several detections of one frame are fragments of one vehicle.

A detector that is not sure of a whole truck gives two halves, or a cab and a load. Fragments lie inside the predicted
box, beside each other, and together fill it. That tells them from two vehicles of which one hides the other, whose
boxes overlap, and from a vehicle and an unrelated box, whose common box does not fit the prediction.
"""

from edge.counting.detection import Detection
from edge.counting.motion import BoxMotion, shared_area
from edge.counting.parameters import DEFAULT, SplitParameters


def join_fragments(
    motion: BoxMotion,
    own: Detection | None,
    unassigned: list[Detection],
    distance: float,
    parameters: SplitParameters = DEFAULT.split,
) -> tuple[Detection | None, list[Detection]]:
    """The detection of a track, joined from fragments where that fits better, and the detections left unassigned.

    `own` is the detection assigned to the track, if any, and `distance` its squared Mahalanobis distance.
    """
    predicted = motion.box
    fragments = [] if own is None else [own]
    left: list[Detection] = []
    for one in unassigned:
        inside = shared_area(predicted, one.box) > parameters.inside_min * one.area
        (fragments if inside else left).append(one)
    if len(fragments) < 2:
        return own, unassigned
    largest = max(fragments, key=lambda one: one.area)
    whole = Detection(
        min(one.x1 for one in fragments),
        min(one.y1 for one in fragments),
        max(one.x2 for one in fragments),
        max(one.y2 for one in fragments),
        largest.score,
        largest.label,
        largest.look,
    )
    filled = abs(sum(one.area for one in fragments) - whole.area) < parameters.area_error_max * whole.area
    if filled and motion.distance(*whole.measures, distance) < parameters.distance_share_max * distance:
        return whole, left
    return own, unassigned
