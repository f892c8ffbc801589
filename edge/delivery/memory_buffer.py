"""Entries on their way into the outbox: while its disk does not take them, they wait here in order.

Counting goes on while a disk is full, read-only or broken. What waits is in memory: it outlives the disk's trouble and
not the process. Beyond its bound the oldest of a kind go. A `record` on disk knows how many wait, so that what ended
with a process is declared by the next one. Every loss is counted in the outbox by kind as soon as its disk
works; a lost report takes its number, so that the collector sees the gap. Its time is in no report, so it counts as
unwatched and never as zero.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edge.delivery.entry import kind_of
from edge.delivery.outbox import Outbox
from edge.delivery.waiting_record import Waiting, WaitingRecord
from edge.errors import WorkError
from edge.wire.report import Report

MakeReport = Callable[[int], Report]
"""The report under a sequence number, which it gets once the disk has room for it."""
WAITING_MAX = {"alert": 50}
"""Of a kind; an alert has a picture of some 60 kB."""
OTHERS_MAX = 5_000
SLICE = 25
"""Entries committed at a time: each is a write to a slow disk by the thread that counts."""
NOTE = "shelf"  # the life of the memory buffer, then how far each kind of entries that waited got here, or was declared


@dataclass(slots=True)
class _Waiting:
    """An entry of a kind ("": no entry), and what commits it with some notes; `ordinal`: once it had to wait."""

    kind: str
    commit: Callable[[Mapping[str, str]], object]
    ordinal: int = 0
    span_ms: tuple[int, int] | None = None


class MemoryBuffer:
    """Hands entries to `outbox`, oldest first. `failure` says what is wrong with its disk; empty while nothing is.

    `now_ms` is a time that never steps while the process lives.
    """

    def __init__(self, outbox: Outbox, *, waiting_max: int = 1_440, record: WaitingRecord | None = None) -> None:
        assert waiting_max > 0, "there is room for one at least"
        self.failure = ""
        self.lost = 0
        """Reports that were lost beyond the bound."""
        self.lost_before = Counter[str]()
        """Entries by kind that ended with an earlier process."""
        self._outbox = outbox
        self._bounds = {**WAITING_MAX, "report": waiting_max}
        self._record = record
        self._queue: list[_Waiting] = []
        self._notes: dict[str, str] = {}
        found = record.read() if record is not None else None
        self._life = found.life if found is not None else secrets.token_hex(6)
        self._last = Counter(found.last if found is not None else {})  # ordinals that were given, by kind
        self._gone = Counter(self._last)  # ordinals up to which what is not noted as settled is lost
        self._earlier = Counter(self._last)  # of them, those of an earlier process
        self._known = dict(found.settled if found is not None else {})
        self._settled: Counter[str] | None = None  # until it was read from the outbox

    @property
    def waiting(self) -> int:
        """Reports that no disk holds."""
        return self.entries_waiting["report"]

    @property
    def entries_waiting(self) -> Counter[str]:
        """Entries that no disk holds, by kind."""
        return Counter(one.kind for one in self._queue if one.kind)

    @property
    def unprotected(self) -> str:
        """Why entries lost with the process could not be declared; empty if they can."""
        return self._record.failure if self._record is not None else ""

    def append_report(self, make_report: MakeReport, *, now_ms: int, span_ms: tuple[int, int] | None = None) -> None:
        """Add a report over the time `span_ms`, and commit what the disk takes."""
        self._take(
            _Waiting(
                "report",
                lambda notes: self._outbox.append_report(make_report, now_ms=now_ms, notes=notes),
                span_ms=span_ms,
            ),
            now_ms,
        )

    def append_message(
        self, address: str, payload: bytes, *, run: str, now_ms: int, notes: Mapping[str, str] | None = None
    ) -> None:
        """Add another message; `notes` are committed with it."""
        self._take(
            _Waiting(
                kind_of(address),
                lambda more: self._outbox.append_message(
                    address, payload, run=run, now_ms=now_ms, notes={**(notes or {}), **more}
                ),
            ),
            now_ms,
        )

    def note(self, name: str, text: str, *, now_ms: int) -> None:
        """Store a text under a name (`Outbox.note`) as soon as the disk takes it; the newest of a name wins."""
        self._notes[name] = text
        self.hand_on(now_ms=now_ms)

    def correct(self, run: str, offset_ms: int, *, now_ms: int, notes: Mapping[str, str] | None = None) -> None:
        """`Outbox.correct`, as soon as the disk takes it."""
        self._queue.insert(
            0, _Waiting("", lambda more: self._outbox.correct(run, offset_ms, notes={**(notes or {}), **more}))
        )
        self.hand_on(now_ms=now_ms)

    def hand_on(self, *, now_ms: int) -> None:
        """Commit up to SLICE waiting entries, as far as the disk takes them."""
        had_to_wait = any(one.ordinal for one in self._queue)
        try:
            self._declare()
            for one in self._queue[:SLICE]:
                one.commit(self._settling(one.kind, one.ordinal) if one.ordinal else {})
                self._settle(one.kind, one.ordinal)
                self._queue.pop(0)
            for name in list(self._notes) if not self._queue else ():
                self._outbox.note(name, self._notes[name])
                del self._notes[name]
        except WorkError as error:
            self.failure = str(error)
        else:
            self.failure = ""
        if had_to_wait and not self._queue:
            self._write()

    def _take(self, one: _Waiting, now_ms: int) -> None:
        self._queue.append(one)
        self.hand_on(now_ms=now_ms)
        if not self._queue:
            return
        self._last[one.kind] += 1
        one.ordinal = self._last[one.kind]
        same = [other for other in self._queue if other.kind == one.kind]
        if len(same) > self._bounds.get(one.kind, OTHERS_MAX):
            self._queue.remove(same[0])
            self._gone[one.kind] = same[0].ordinal
            self.lost += one.kind == "report"
        self._write()

    def _declare(self) -> None:
        """Count what is lost, once: with an earlier process, or beyond the bound."""
        if self._settled is None:
            if not self._gone:
                return
            life, *kinds = self._outbox.noted(NOTE).split() or [""]
            recorded = {kind: int(ordinal) for kind, _, ordinal in (text.partition(":") for text in kinds)}
            self._settled = Counter(self._known) | Counter(recorded if life == self._life else {})
        lost = {kind: gone - self._settled[kind] for kind, gone in self._gone.items() if gone > self._settled[kind]}
        if not lost:
            return
        settled = Counter({**self._settled, **{kind: self._gone[kind] for kind in lost}})
        before = {kind: max(0, self._earlier[kind] - self._settled[kind]) for kind in lost}
        self._outbox.declare_lost(lost, notes={NOTE: self._noted(settled)})
        self._settled = settled
        self.lost_before.update(before)

    def _settling(self, kind: str, ordinal: int) -> dict[str, str]:
        return {NOTE: self._noted(Counter({**(self._settled or {}), kind: ordinal}))}

    def _settle(self, kind: str, ordinal: int) -> None:
        if ordinal:
            self._settled = Counter({**(self._settled or {}), kind: ordinal})

    def _noted(self, settled: Mapping[str, int]) -> str:
        return " ".join((self._life, *(f"{kind}:{ordinal}" for kind, ordinal in sorted(settled.items()))))

    def _write(self) -> None:
        if self._record is None:
            return
        spans = [one.span_ms for one in self._queue if one.span_ms is not None]
        from_ms, until_ms = (spans[0][0], spans[-1][1]) if spans else (None, None)
        self._record.write(Waiting(self._life, dict(self._last), dict(self._settled or self._known), from_ms, until_ms))
