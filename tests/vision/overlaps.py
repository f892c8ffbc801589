"""How far boxes overlap, for the judgement of tests."""

import numpy as np

from edge.vision.boxes import Floats


def overlaps(corners: Floats, others: Floats) -> Floats:
    """The (n, m) intersections over unions of (n, 4) and (m, 4) boxes; 0 where both are empty."""
    x1, y1, x2, y2 = corners.T[:, :, None]
    u1, v1, u2, v2 = others.T
    widths = np.minimum(x2, u2) - np.maximum(x1, u1)
    heights = np.minimum(y2, v2) - np.maximum(y1, v1)
    shared = np.maximum(widths, 0) * np.maximum(heights, 0)
    areas = np.maximum(x2 - x1, 0) * np.maximum(y2 - y1, 0)
    other_areas = np.maximum(u2 - u1, 0) * np.maximum(v2 - v1, 0)
    shares: Floats = shared / np.maximum(areas + other_areas - shared, np.finfo(np.float32).tiny)
    return shares
