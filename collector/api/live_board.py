"""The live state: the newest open bucket of every device, and counts of what was stored. In memory only.

The subscriber's thread writes, the threads of the API read. Every change has a number, so a reader gets what is newer
than what it has, and of several changes of one device only the last: a slow page needs no buffer.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from collector.protocol.device_messages import Live
from collector.protocol.intake import LiveBucket
from collector.protocol.items import CommitCounts

DEVICES_MAX = 100_000
"""Beyond it the device that was heard longest ago is removed."""
STALE_MS = 60_000
"""Older open buckets are not shown."""


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
    """What has changed since the last update: `change` is the number to pass the next time."""

    change: int
    seen: tuple[LiveEntry, ...]
    stored: int
    """Reports stored since the collector started; if it has changed, there are new reports."""


class LiveBoard:
    """May be used by any thread."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str], LiveEntry] = {}
        self._change = 0
        self._counts = CommitCounts()

    @property
    def counts(self) -> CommitCounts:
        """What became of all messages since the start."""
        return self._counts

    def take(self, glimpse: LiveBucket) -> None:
        """A device has sent its open bucket."""
        key = (glimpse.site, glimpse.device)
        with self._lock:
            self._change += 1
            self._seen.pop(key, None)  # keeps the order by time
            self._seen[key] = LiveEntry(*key, glimpse.live, self._now_ms(), self._change)
            if len(self._seen) > DEVICES_MAX:
                del self._seen[next(iter(self._seen))]

    def committed(self, counts: CommitCounts) -> None:
        """A batch has been committed."""
        with self._lock:
            self._counts += counts
            if counts.stored or counts.said:
                self._change += 1

    def news(self, since: int = 0, *, site: str | None = None) -> LiveUpdate:
        """The changes after `since` that are not stale."""
        with self._lock:
            oldest_ms = self._now_ms() - STALE_MS
            found = []
            for seen in reversed(self._seen.values()):
                if seen.change <= since or seen.received_ms < oldest_ms:
                    break
                if site in (None, seen.site):
                    found.append(seen)
            return LiveUpdate(self._change, tuple(found), self._counts.stored)
