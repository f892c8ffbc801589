"""How large the detector sees vehicles, learned on site: once cars are known, regions are chosen by their size.

That follows from the frames alone, so the same frames are looked at in the same way. It is decided once for a detector,
for regions that change make boxes jump: later cars say little more.
"""

from collections.abc import Callable, Sequence

from edge.counting.sizes import SiteSizes
from edge.counting.tracking import Track
from edge.vision.region import Region

CARS_SURE = 30
"""So many cars tell how large cars are."""


class LearnedScale:
    """Learns from tracks in a picture of that width and height, and says which `regions` to look at."""

    def __init__(self, picture: tuple[int, int], regions: Callable[[SiteSizes], tuple[Region, ...]]) -> None:
        self._picture = picture
        self._regions = regions
        self._sizes: SiteSizes | None = SiteSizes(picture)

    def learn(self, now_ms: int, tracks: Sequence[Track]) -> tuple[Region, ...] | None:
        """The regions to look at from now on; None where it is not known yet, or was said before."""
        if self._sizes is None:
            return None
        self._sizes.update(now_ms, tracks)
        if self._sizes.cars < CARS_SURE:
            return None
        regions, self._sizes = self._regions(self._sizes), None
        return regions

    def forget(self) -> None:
        """Other tracks follow, of another run: begin anew, if nothing was said yet."""
        if self._sizes is not None:
            self._sizes = SiteSizes(self._picture)
