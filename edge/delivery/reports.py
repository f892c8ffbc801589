"""From a closed bucket to the report that tells of it."""

from collections.abc import Mapping

import msgspec

from edge.counting.buckets import Bucket
from edge.wire.report import Health, Lines, Report, ZoneReport
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
        zones = {name: msgspec.convert(zone, ZoneReport, from_attributes=True) for name, zone in bucket.zones.items()}
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
