"""What crosses now: the open bucket of every device, as last said, and what else changed. In memory, gone with us.

The subscriber's thread tells; the threads of the API look. A change has a number, so whoever looks again gets what is
newer than what it has seen, and of many looks at one device only the last: a slow page costs nothing.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from collector.protocol.device_messages import Live
from collector.protocol.intake import LiveBucket
from collector.protocol.items import CommitCounts

DEVICES_MAX = 100_000
"""Beyond it the device that was not heard for longest is forgotten."""
STALE_MS = 60_000
"""An open bucket that is older says nothing about now."""


@dataclass(frozen=True, slots=True)
class LiveEntry:
    """The open bucket of a device, when it came, and the number of that change."""

    site: str
    device: str
    live: Live
    received_ms: int
    change: int


@dataclass(frozen=True, slots=True)
class LiveUpdate:
    """All that is newer than what the asker had: `change` is the newest number, to ask with the next time."""

    change: int
    seen: tuple[LiveEntry, ...]
    stored: int
    """Reports stored since the collector began: another number means that there is more to read."""


class LiveBoard:
    """Any thread may tell or look."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str], LiveEntry] = {}
        self._change = 0
        self._counts = CommitCounts()

    @property
    def counts(self) -> CommitCounts:
        """What became of all messages."""
        return self._counts

    def take(self, glimpse: LiveBucket) -> None:
        """A device said what is in its open bucket."""
        key = (glimpse.site, glimpse.device)
        with self._lock:
            self._change += 1
            self._seen.pop(key, None)  # so that the order is that of the last word
            self._seen[key] = LiveEntry(*key, glimpse.live, self._now_ms(), self._change)
            if len(self._seen) > DEVICES_MAX:
                del self._seen[next(iter(self._seen))]

    def committed(self, counts: CommitCounts) -> None:
        """A batch is in the store."""
        with self._lock:
            self._counts += counts
            if counts.stored or counts.said:
                self._change += 1

    def news(self, since: int = 0, *, site: str | None = None) -> LiveUpdate:
        """What came after the change `since` and is not stale."""
        with self._lock:
            oldest_ms = self._now_ms() - STALE_MS
            found = []
            for seen in reversed(self._seen.values()):
                if seen.change <= since or seen.received_ms < oldest_ms:
                    break
                if site in (None, seen.site):
                    found.append(seen)
            return LiveUpdate(self._change, tuple(found), self._counts.stored)
