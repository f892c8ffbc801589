"""The figures of a queue zone in a form that adds up exactly: of a report, an hour, a day, or any interval. Pure."""

from typing import NamedTuple

from edge.wire.report import ZoneReport

SUM_MAX = 2**43
"""The most that one report adds to a sum of products: 100,000 vehicles for a day. So no sum exceeds 64 bits, whatever
a device sends."""


class ZoneSums(NamedTuple):
    """Vehicles and milliseconds, as whole numbers, so the order of adding does not matter."""

    reports: int
    watched_ms: int
    standing_ms: int
    """Standing vehicles times milliseconds watched."""
    standing_max: int
    entered: int
    departed: int
    waited: int
    wait_p50_ms: int
    """Each report's median wait times its vehicles that waited; `wait_p90_ms` likewise."""
    wait_p90_ms: int
    wait_max_ms: int
    queue_m: float | None
    """The longest queue in metres; None if the device has no ground plane."""
    end_ms: int
    """The start of the newest report; of several, the one with the highest number, then of the newest run."""
    end_seq: int
    end_run_id: int
    standing_end: int
    """At the end of that report; `parked_end` likewise. -1: not known (stills)."""
    parked_end: int
    pictures: int | None
    """How many stills it is based on (`entered`, `departed` and `waited` are then not known); None: a video."""

    def plus(self, other: "ZoneSums") -> "ZoneSums":
        """The sums of both."""
        newest = self if self[11:14] >= other[11:14] else other
        pictures = [one for one in (self.pictures, other.pictures) if one is not None]
        metres = [one for one in (self.queue_m, other.queue_m) if one is not None]
        return ZoneSums(
            self.reports + other.reports,
            self.watched_ms + other.watched_ms,
            self.standing_ms + other.standing_ms,
            max(self.standing_max, other.standing_max),
            self.entered + other.entered,
            self.departed + other.departed,
            self.waited + other.waited,
            self.wait_p50_ms + other.wait_p50_ms,
            self.wait_p90_ms + other.wait_p90_ms,
            max(self.wait_max_ms, other.wait_max_ms),
            max(metres, default=None),
            *newest[11:16],
            sum(pictures) if pictures else None,
        )


def sums_of(
    said: ZoneReport, *, watched_ms: int, start_ms: int, seq: int, run_id: int, pictures: int | None
) -> ZoneSums:
    """The figures of a zone in one report. Waits count only if a vehicle had waited.

    Time for which it is not known who stood (a still without an earlier one) counts as not watched.
    """
    waited = said.waited or 0
    waits, standing = said.wait_ms if waited else None, said.standing
    return ZoneSums(
        reports=1,
        watched_ms=watched_ms if standing is not None else 0,
        standing_ms=min(SUM_MAX, round(standing.mean * watched_ms)) if standing is not None else 0,
        standing_max=standing.max if standing is not None else 0,
        entered=said.entered or 0,
        departed=said.left or 0,
        waited=waited if waits else 0,
        wait_p50_ms=min(SUM_MAX, waits.p50 * waited) if waits else 0,
        wait_p90_ms=min(SUM_MAX, waits.p90 * waited) if waits else 0,
        wait_max_ms=waits.max if waits else 0,
        queue_m=said.queue_m.max if said.queue_m else None,
        end_ms=start_ms,
        end_seq=seq,
        end_run_id=run_id,
        standing_end=standing.end if standing is not None else -1,
        parked_end=said.parked if said.parked is not None else -1,
        pictures=pictures,
    )
