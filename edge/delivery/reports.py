"""From a closed bucket to the report that tells of it."""

from collections.abc import Mapping

import msgspec

from edge.counting.buckets import Bucket
from edge.counting.zone_counts import ZoneCount
from edge.wire.report import Expected, Health, LengthLevel, Level, Likely, Lines, Report, Waits, ZoneReport
from edge.wire.times import rfc3339


def report_of(
    bucket: Bucket,
    *,
    site: str,
    device: str,
    run: str,
    seq: int,
    journal: str = "",
    direction_words: Mapping[str, Mapping[str, str]] | None = None,
    health: Health | None = None,
    clock_synced: bool = True,
) -> Report:
    """The report of a closed bucket.

    `direction_words` gives, per line, the user's words for `a_to_b` and `b_to_a`; a line without them keeps
    the defaults.
    """
    lines: Lines | None = None
    if bucket.counts is not None:
        lines = {}
        for line, directions in bucket.counts.items():
            words = (direction_words or {}).get(line, {})
            lines[line] = {words.get(way, way): dict(classes) for way, classes in directions.items()}
            assert len(lines[line]) == len(directions), "the two directions of a line have different words"
    zones: dict[str, ZoneReport] | msgspec.UnsetType | None = msgspec.UNSET
    if bucket.zones is None:
        zones = None
    elif bucket.zones:
        zones = {name: _zone_report(zone) for name, zone in bucket.zones.items()}
    return Report(
        site=site,
        device=device,
        run=run,
        seq=seq,
        journal=journal or msgspec.UNSET,
        start=rfc3339(bucket.start_ms),
        width_ms=bucket.width_ms,
        watched_ms=bucket.watched_ms,
        state=bucket.state,  # type: ignore[arg-type]  # Bucket promises one of the three words
        clock_synced=clock_synced,
        lines=lines,
        zones=zones,
        pictures=msgspec.UNSET if bucket.pictures is None else bucket.pictures,
        health=health or Health(),
    )


def _zone_report(zone: ZoneCount) -> ZoneReport:
    wait_ms, queue_m, expected = zone.wait_ms, zone.queue_m, zone.expected
    standing, hidden = zone.standing, zone.hidden
    return ZoneReport(
        inside=Level(mean=zone.inside.mean, max=zone.inside.max, end=zone.inside.end),
        standing=None if standing is None else Level(mean=standing.mean, max=standing.max, end=standing.end),
        parked=zone.parked,
        by_class=dict(zone.by_class),
        entered=zone.entered,
        left=zone.left,
        lost=zone.lost,
        waited=zone.waited,
        wait_ms=None if wait_ms is None else Waits(p50=wait_ms.p50, p90=wait_ms.p90, max=wait_ms.max),
        expected_ms=None if expected is None else Expected(p10=expected.p10, p50=expected.p50, p90=expected.p90),
        queue_m=None if queue_m is None else LengthLevel(mean=queue_m.mean, max=queue_m.max, end=queue_m.end),
        hidden_likely=None if hidden is None else Likely(mean=hidden.mean, p10=hidden.p10, p90=hidden.p90),
    )
