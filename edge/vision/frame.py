"""A picture and the moment it was taken."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """`captured_ms`: UTC milliseconds, never stepping back within a run; `image`: (H, W, 3) uint8, BGR."""

    captured_ms: int
    image: NDArray[np.uint8]
