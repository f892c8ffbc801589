"""Which reports of an outbox belong to which journal. Pure.

A journal is one sequence of report numbers, and `(journal, number)` names one report for ever. An outbox numbers its
reports in a sequence of its own (`seq`); a segment is a span of it that belongs to one journal.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import msgspec

from edge.wire.report import decode, encode

SEGMENTS_MAX = 1_000
"""Of one outbox; beyond it the oldest that hold no entry are forgotten."""


@dataclass(frozen=True, slots=True)
class Segment:
    """The reports `first` to `last` (None: it is still growing) are the numbers `seq - shift` of `journal`.

    `owner` is the `site/device` that counted them. The entries up to `restamped` were written under the name of
    another journal.
    """

    first: int
    last: int | None
    journal: str
    shift: int = 0
    owner: str = ""
    restamped: int = 0

    def stamped(self, seq: int, payload: bytes) -> bytes:
        """The report as it is sent: under the journal that it belongs to now."""
        if seq > self.restamped:
            return payload
        return encode(msgspec.structs.replace(decode(payload), journal=self.journal))


class Located(NamedTuple):
    """Numbers of a journal: as spans of `seq`, and the numbers that no segment holds."""

    spans: list[tuple[int, int, int]]
    """First and last `seq`, and the shift."""
    outside: list[tuple[int, int]]


def segments_of(rows: Iterable[Sequence[object]]) -> list[Segment]:
    """From the table, in the order of `first`: (first, journal, shift, owner, restamped)."""
    segments: list[Segment] = []
    for first, journal, shift, owner, restamped in rows:
        assert isinstance(first, int), "the key of a segment is a number"
        if segments:
            segments[-1] = replace(segments[-1], last=first - 1)
        segments.append(Segment(first, None, str(journal), int(str(shift)), str(owner), int(str(restamped))))
    return segments


def at(segments: Sequence[Segment], seq: int) -> Segment:
    """The segment of a report."""
    return next(one for one in reversed(segments) if one.first <= seq or one is segments[0])


def opening(segments: Sequence[Segment], journal: str) -> int:
    """The lowest number of a journal that this outbox gave."""
    return min(one.first - one.shift for one in segments if one.journal == journal)


def locate(segments: Sequence[Segment], journal: str, first: int, last: int, seq_next: int) -> Located:
    """Where the numbers `first` to `last` of a journal are. Numbers that are not given yet are neither."""
    spans, outside = [], []
    number = first
    for one in segments:
        if one.journal != journal:
            continue
        end = (one.last if one.last is not None else seq_next - 1) - one.shift
        start, stop = max(number, one.first - one.shift), min(last, end)
        if start <= stop:
            if start > number:
                outside.append((number, start - 1))
            spans.append((start + one.shift, stop + one.shift, one.shift))
            number = stop + 1
    growing = bool(segments) and segments[-1].journal == journal
    if growing:
        last = min(last, opening(segments, journal) - 1)  # beyond it nothing was given yet
    if number <= last:
        outside.append((number, last))
    return Located(spans, outside)
