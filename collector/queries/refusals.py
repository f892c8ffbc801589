"""Refused messages: the newest with device, time and reason, and how many there were for each reason."""

import re
from collections import Counter
from dataclasses import dataclass

from collector.store.interface import Reading

LOOKED_AT_MAX = 10_000
"""How many of the newest refusals are listed and counted."""


@dataclass(frozen=True, slots=True)
class Refused:
    """One message; `site` and `device` are empty where its topic names none. At most 500 bytes of it are kept."""

    site: str
    device: str
    channel: str
    received_ms: int
    reason: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Refusals:
    """The newest first; `counts` by device and reason (without its numbers), the most frequent first."""

    newest: tuple[Refused, ...]
    counts: tuple[tuple[str, str, str, int], ...]
    looked_at: int

    def __bool__(self) -> bool:
        return bool(self.newest)


def refusals_in(reading: Reading, *, site: str | None = None, device: str | None = None, limit: int = 50) -> Refusals:
    """The refusals of a site or device, or all; at most `limit` of them."""
    rows = reading.rows(
        "SELECT received_ms, topic, reason, payload FROM refusal ORDER BY id DESC LIMIT :limit",
        {"limit": LOOKED_AT_MAX},
    )
    found = [_refused(*row) for row in rows]
    found = [one for one in found if site in (None, one.site) and device in (None, one.device)]
    counts = Counter((one.site, one.device, re.sub(r"\d+", "N", one.reason)) for one in found)
    return Refusals(
        tuple(found[:limit]), tuple((*key, number) for key, number in counts.most_common(limit)), len(found)
    )


def _refused(received_ms: int, topic: str, reason: str, payload: bytes) -> Refused:
    parts = topic.split("/")
    site, device, channel = parts[-3:] if len(parts) >= 5 else ("", "", topic)
    return Refused(site, device, channel, received_ms, reason, bytes(payload))
