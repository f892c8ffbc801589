"""Sizes of vehicles learned on site: once cars are known, regions are chosen by their size.

That depends on the frames alone, so a replay is exact. It is decided once for a detector, for changing regions make
boxes jump.
"""

from collections.abc import Callable, Sequence

from edge.counting.sizes import SiteSizes
from edge.counting.tracking import Track
from edge.vision.region import Region

CARS_SURE = 30
"""Cars from which their size is known."""


class LearnedScale:
    """Learns from tracks in a picture of that width and height, and chooses `regions`."""

    def __init__(self, picture: tuple[int, int], regions: Callable[[SiteSizes], tuple[Region, ...]]) -> None:
        self._picture = picture
        self._regions = regions
        self._sizes: SiteSizes | None = SiteSizes(picture)

    def learn(self, now_ms: int, tracks: Sequence[Track]) -> tuple[Region, ...] | None:
        """The regions from now on; None while sizes are not known yet, or after they were chosen."""
        if self._sizes is None:
            return None
        self._sizes.update(now_ms, tracks)
        if self._sizes.cars < CARS_SURE:
            return None
        regions, self._sizes = self._regions(self._sizes), None
        return regions

    def forget(self) -> None:
        """Other tracks follow, of another run: begin anew, unless regions were chosen."""
        if self._sizes is not None:
            self._sizes = SiteSizes(self._picture)
