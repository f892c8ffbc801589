"""The shelf: closed buckets on their way into the outbox; where its disk does not take them, they wait here in order.

Counting goes on while a disk is full, read-only or broken. What waits is in memory: it outlives the disk's trouble and
not the process. Beyond `waiting_max` the oldest go, are counted in `lost`, and are declared in the totals as soon as
the disk works. Their time is then told by no report: it is unwatched to every reader, never a zero.
"""

from collections import deque
from collections.abc import Callable

from edge.delivery.outbox import Outbox
from edge.delivery.report import Report
from edge.errors import WorkError

MakeReport = Callable[[int], Report]
"""The report under a sequence number, which it gets once the disk has room for it."""


class Shelf:
    """Hands reports to `outbox`, oldest first. `failure` says what is wrong with its disk; empty while nothing is."""

    def __init__(self, outbox: Outbox, *, waiting_max: int = 1_440) -> None:
        assert waiting_max > 0, "there is room for one at least"
        self.failure = ""
        self.lost = 0
        self._outbox = outbox
        self._waiting_max = waiting_max
        self._waiting: deque[MakeReport] = deque()
        self._undeclared = 0

    @property
    def waiting(self) -> int:
        """Reports that no disk holds."""
        return len(self._waiting)

    def add(self, make_report: MakeReport, *, now_ms: int) -> None:
        """Take one in, and hand on what the disk takes."""
        self._waiting.append(make_report)
        self.hand_on(now_ms=now_ms)
        while len(self._waiting) > self._waiting_max:
            self._waiting.popleft()
            self.lost += 1
            self._undeclared += 1

    def hand_on(self, *, now_ms: int) -> None:
        """Commit what waits, as far as the disk takes it."""
        try:
            if self._undeclared:
                self._outbox.declare_lost({"report": self._undeclared})
                self._undeclared = 0
            while self._waiting:
                self._outbox.append(self._waiting[0], now_ms=now_ms)
                self._waiting.popleft()
        except WorkError as error:
            self.failure = str(error)
        else:
            self.failure = ""
