"""Totals of an outbox since installation, and how full it is."""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from edge.delivery.entry import kind_of
from edge.delivery.journals import Segment, opening
from edge.wire.device_messages import Total
from edge.wire.times import rfc3339

ENDS_MAX = 20
"""Journals beside the present one whose ends are told, the newest: also of one of which nothing is held any more."""


@dataclass(frozen=True, slots=True)
class OutboxState:
    """How full the outbox is. `forgotten` and `dropped` count reports."""

    unsent: int
    held: int
    bytes_held: int
    seq_next: int
    forgotten: int
    dropped: int


@dataclass(frozen=True, slots=True)
class KindState:
    """Of one kind of entries: how many wait, are set aside (larger than the broker takes), and were lost unsent."""

    unsent: int = 0
    set_aside: int = 0
    lost: int = 0


def totals_of(database: sqlite3.Connection, segments: Sequence[Segment]) -> list[Total]:
    """The total under the present journal, last; before it the ends of the journals before it.

    These differ in what they say of their journal, and are `ended`.
    """
    since_ms, as_of_ms, watched_ms, seq_next, dropped, forgotten = database.execute(
        "SELECT since_ms, as_of_ms, watched_ms, seq_next, dropped, forgotten FROM ledger"
    ).fetchone()
    if since_ms is None:
        return []
    lines: dict[str, dict[str, dict[str, int]]] = {}
    for line, way, label, vehicles in database.execute("SELECT * FROM total"):
        lines.setdefault(line, {}).setdefault(way, {})[label] = vehicles
    seen = database.execute("SELECT substr(name, 6), text FROM note WHERE name LIKE 'seen-%' AND text <> ''")
    last_seen = {label: rfc3339(int(text)) for label, text in seen}
    lost = dict(database.execute("SELECT kind, letters FROM lost WHERE letters > 0"))
    found = []
    for one in _ends(segments):
        first, last, journal = one.first, one.last or seq_next - 1, one.journal
        (unsent,) = database.execute(
            "SELECT min(seq) FROM letter WHERE sent = 0 AND seq BETWEEN ? AND ?", (first, last)
        ).fetchone()
        found.append(
            Total(
                journal=journal,
                first=opening(segments, journal),
                sent_through=(last + 1 if unsent is None else unsent) - 1 - one.shift,
                last=last - one.shift,
                ended=journal != segments[-1].journal,
                since=rfc3339(since_ms),
                as_of=rfc3339(as_of_ms),
                reports=seq_next - 1,
                watched_ms=watched_ms,
                dropped=dropped,
                forgotten=forgotten,
                letters_lost=lost,
                lines=lines,
                last_seen=last_seen,
            )
        )
    return found


def _ends(segments: Sequence[Segment]) -> list[Segment]:
    """The newest segment of the present journal, last, and of the newest other ones."""
    ends = {one.journal: one for one in segments}
    present = ends.pop(segments[-1].journal)
    return [*list(ends.values())[-ENDS_MAX:], present]


def state_of(database: sqlite3.Connection) -> OutboxState:
    """Depth and counters, for `health`."""
    row = database.execute(
        "SELECT (SELECT count(*) FROM letter WHERE sent = 0), (SELECT count(*) FROM letter),"
        " bytes_held, seq_next, forgotten, dropped FROM ledger"
    ).fetchone()
    return OutboxState(*row)


def kinds_of(database: sqlite3.Connection) -> dict[str, KindState]:
    """The same by kind of entries; kinds without pending or lost entries are left out."""
    unsent, aside, lost = Counter[str](), Counter[str](), Counter[str]()
    for address, number in database.execute("SELECT address, count(*) FROM letter WHERE sent = 0 GROUP BY 1"):
        unsent[kind_of(address)] += number
    for address, number in database.execute("SELECT address, count(*) FROM letter WHERE sent = 2 GROUP BY 1"):
        aside[kind_of(address)] += number
    lost.update(dict(database.execute("SELECT kind, letters FROM lost UNION ALL SELECT 'report', dropped FROM ledger")))
    names = sorted({*unsent, *aside, *(kind for kind, number in lost.items() if number)})
    return {kind: KindState(unsent[kind], aside[kind], lost[kind]) for kind in names}
