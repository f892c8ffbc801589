"""Failures of the collector itself: counts since its start, and what is failing now.

For the log, the metrics and the pages. Any thread may report and read. A fault belongs to a part (`intake`, `alerts`,
`delivery`, `pages`) and concerns a subject within it: a site, a channel, the store.
"""

import threading
from dataclasses import dataclass, replace

from edge.errors import CrossingError

FAULTS_MAX = 1_000
"""Faults remembered at a time; beyond it the oldest is forgotten, and its count stays."""
REASON_CHARACTERS_MAX = 500


@dataclass(frozen=True, slots=True)
class Fault:
    """A part has failed `times` times at a subject since `since_ms` (UTC), most recently for this reason."""

    part: str
    subject: str
    reason: str
    since_ms: int
    times: int = 1


class Faults:
    """Counts failures, and forgets those that are over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}
        self._now: dict[tuple[str, str], Fault] = {}

    def failed(self, part: str, subject: str, reason: str, *, now_ms: int) -> bool:
        """Record a failure; true if this subject was not failing before, so that it has to be logged."""
        reason = " ".join(reason.split())[:REASON_CHARACTERS_MAX]
        with self._lock:
            self._counts[part] = self._counts.get(part, 0) + 1
            known = self._now.get((part, subject))
            if known is not None:
                self._now[part, subject] = replace(known, reason=reason, times=known.times + 1)
                return False
            self._now[part, subject] = Fault(part, subject, reason, now_ms)
            if len(self._now) > FAULTS_MAX:
                del self._now[next(iter(self._now))]
            return True

    def works(self, part: str, subject: str) -> bool:
        """Record that the subject works; true if it was failing before."""
        with self._lock:
            return self._now.pop((part, subject), None) is not None

    @property
    def counts(self) -> dict[str, int]:
        """Failures since the start, by part."""
        with self._lock:
            return dict(self._counts)

    @property
    def now(self) -> tuple[Fault, ...]:
        """What fails now, the oldest first."""
        with self._lock:
            return tuple(self._now.values())


def sentence_of(error: Exception) -> str:
    """The message of an error for a person, with its type if it is not ours, since its text may say little."""
    return str(error) if isinstance(error, CrossingError) else f"{type(error).__name__}: {error}"
