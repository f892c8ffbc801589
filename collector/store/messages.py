"""The messages of reports: stored one by one, or packed in blocks by device and UTC day; and how to read them.

The view `unpacked` (device_id, run_id, seq, start_ms, payload) has the single ones, the table `packed` the blocks.
A message is in one of them, or it was deleted.
"""

import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from collector.domain.calendar import DAY_MS

LEVEL = 9
"""Of zlib: 6 takes half of the 7 ms for a day, and 2 bytes more for each message."""

Rows = Callable[[str], list[tuple[Any, ...]]]
"""Runs a query without parameters."""


class Key(NamedTuple):
    """A report by ids of the store, with its start, by which its message is found."""

    device_id: int
    run_id: int
    seq: int
    start_ms: int


class StoredMessage(NamedTuple):
    """The payload of a report with its key within the device."""

    run_id: int
    seq: int
    payload: bytes


def day_of(time_ms: int) -> int:
    """The start of the UTC day that holds a time."""
    return time_ms // DAY_MS * DAY_MS


def block_of(messages: Sequence[StoredMessage]) -> bytes:
    """Messages packed into one block."""
    return zlib.compress(msgspec.msgpack.encode(messages), LEVEL)


def messages_in(block: bytes) -> list[StoredMessage]:
    """The inverse of `block_of`."""
    return msgspec.msgpack.decode(zlib.decompress(block), type=list[StoredMessage])


def messages_of(rows: Rows, keys: Iterable[Key]) -> dict[tuple[int, int], bytes]:
    """The messages of these reports by run id and seq, without those that were deleted."""
    found: dict[tuple[int, int], bytes] = {}
    by_day: dict[tuple[int, int], list[Key]] = defaultdict(list)
    for key in keys:
        by_day[key.device_id, day_of(key.start_ms)].append(key)
    for (device_id, day_ms), of_day in by_day.items():
        starts = [key.start_ms for key in of_day]
        single = {
            (run_id, seq): bytes(payload)
            for run_id, seq, payload in rows(
                f"SELECT run_id, seq, payload FROM unpacked WHERE device_id = {device_id}"
                f" AND start_ms >= {min(starts)} AND start_ms <= {max(starts)}"
            )
        }
        wanted = [(key.run_id, key.seq) for key in of_day]
        if any(key not in single for key in wanted):
            single |= _packed(rows, device_id, day_ms)
        found.update({key: single[key] for key in wanted if key in single})
    return found


def _packed(rows: Rows, device_id: int, day_ms: int) -> dict[tuple[int, int], bytes]:
    blocks = rows(
        f"SELECT messages FROM packed WHERE device_id = {device_id} AND day_ms = {day_ms} AND messages IS NOT NULL"
    )
    return {(run_id, seq): payload for (block,) in blocks for run_id, seq, payload in messages_in(bytes(block))}
