"""Packs the messages of past days and deletes old ones, in small steps, to bound the size of the store.

The messages of a device and UTC day move into one block, or more for an unusually large day. Each step is one
transaction that writes the block and removes the single messages, so a failure loses none. `device.unpacked_ms` is the
day from which on there may be messages to pack; a late report sets it back. A day is packed when its blocks have as
many messages as it has reports.
"""

import logging

from collector.domain.calendar import DAY_MS
from collector.store.dialect import Tables
from collector.store.interface import Retention, Store
from collector.store.messages import StoredMessage, block_of, day_of, messages_in
from edge.clock import Clock
from edge.errors import CrossingError

_LOG = logging.getLogger(__name__)
REPORTS_MAX = 1_500
"""Of one block, and of one step."""
BYTES_MAX = 2 * 1_048_576
"""Of the messages of one block, unless a single one is larger."""
DAYS_MAX = 50
"""Days without unpacked messages that one step skips."""
FORGET_MAX = 20
"""Blocks whose messages one step deletes."""
REST_FACTOR = 9
"""After a step the packer rests this many times as long, so it takes a tenth of the thread's time at most."""
IDLE_MS = 600_000
"""Time between two checks if nothing is left to pack."""


class Packer:
    """Packs the messages of a store from time to time, in the thread that owns the store."""

    def __init__(self, store: Store, retention: Retention, clock: Clock) -> None:
        self._store = store
        self._retention = retention
        self._clock = clock
        self._next_ms = clock.monotonic_ms()

    def step(self) -> None:
        """One small transaction, if it is due; if the store fails, it is tried again later."""
        began_ms = self._clock.monotonic_ms()
        if began_ms < self._next_ms:
            return
        try:
            more = self._store.pack(self._retention, now_ms=self._clock.real_ms())
        except CrossingError as error:
            _LOG.warning("messages are not packed now: %s", error)
            more = False
        ended_ms = self._clock.monotonic_ms()
        self._next_ms = ended_ms + (REST_FACTOR * (ended_ms - began_ms) if more else IDLE_MS)


def pack_step(tables: Tables, retention: Retention, *, now_ms: int) -> bool:
    """Pack or delete some messages, inside a transaction that the store opened; False if none are left."""
    query = "SELECT id FROM device WHERE unpacked_ms < ? ORDER BY unpacked_ms LIMIT 1"
    if found := tables.rows(query, (packed_before(retention, now_ms=now_ms),)):
        _pack_some(tables, found[0][0], packed_before(retention, now_ms=now_ms), day_of(now_ms) + 2 * DAY_MS)
        return True
    return retention.messages_days is not None and _forget_some(
        tables, day_of(now_ms) - retention.messages_days * DAY_MS
    )


def packed_before(retention: Retention, *, now_ms: int) -> int:
    """Days that begin before this time are packed."""
    return day_of(now_ms) - retention.pack_after_days * DAY_MS


def _pack_some(tables: Tables, device_id: int, before_ms: int, ahead_ms: int) -> None:
    """Write one block of a device, or note that none is left.

    Reports that begin at `ahead_ms` or later come from a clock that is ahead; their age is unknown, so they are packed.
    """
    query = f"SELECT unpacked_ms FROM device WHERE id = ? {tables.holding}"
    ((at_ms,),) = tables.rows(query, (device_id,))
    if at_ms is not None:  # otherwise another collector has packed it
        next_ms = _pack_past(tables, device_id, at_ms, before_ms)
        if next_ms is None:
            next_ms = _pack_ahead(tables, device_id, before_ms, ahead_ms)
        tables.many("UPDATE device SET unpacked_ms = ? WHERE id = ?", [(next_ms, device_id)])


def _pack_past(tables: Tables, device_id: int, at_ms: int, before_ms: int) -> int | None:
    """Pack a day before `before_ms`; returns where to continue, None if all of them are packed."""
    query = "SELECT min(start_ms) FROM report WHERE device_id = ? AND start_ms >= ? AND start_ms < ?"
    for _ in range(DAYS_MAX):
        ((first_ms,),) = tables.rows(query, (device_id, at_ms, before_ms))
        if first_ms is None:
            return None
        at_ms = day_of(first_ms)
        if _pack_day(tables, device_id, at_ms):
            return at_ms
        at_ms += DAY_MS
    return at_ms


def _pack_ahead(tables: Tables, device_id: int, before_ms: int, ahead_ms: int) -> int | None:
    """Pack a day of a clock that is ahead; returns where to continue, None if the device has no unpacked reports."""
    query = "SELECT start_ms FROM unpacked WHERE device_id = ? AND start_ms >= ? ORDER BY start_ms LIMIT 1"
    if found := tables.rows(query, (device_id, ahead_ms)):
        _pack_day(tables, device_id, day_of(found[0][0]))
        return before_ms - DAY_MS
    query = "SELECT min(start_ms) FROM report WHERE device_id = ? AND start_ms >= ? AND start_ms < ?"
    ((first_ms,),) = tables.rows(query, (device_id, before_ms, ahead_ms))
    return None if first_ms is None else day_of(first_ms)


def _pack_day(tables: Tables, device_id: int, day_ms: int) -> bool:
    """Pack some of a day's messages into a block; False if all are packed."""
    day = (device_id, day_ms, day_ms + DAY_MS)
    ((reports,),) = tables.rows(
        "SELECT count(*) FROM report WHERE device_id = ? AND start_ms >= ? AND start_ms < ?", day
    )
    blocks = tables.rows(
        "SELECT number, reports FROM packed WHERE device_id = ? AND day_ms = ? ORDER BY number", (device_id, day_ms)
    )
    if reports == sum(number for _, number in blocks):
        return False
    rows = tables.rows(
        "SELECT run_id, seq, start_ms, length(payload) FROM unpacked WHERE device_id = ? AND start_ms >= ?"
        f" AND start_ms < ? ORDER BY start_ms, seq, run_id LIMIT {REPORTS_MAX}",
        day,
    )
    if not rows:
        return False
    chosen: set[tuple[int, int]] = set()
    size = 0
    for run_id, seq, last_ms, length in rows:
        if chosen and size + length > BYTES_MAX:
            break
        chosen.add((run_id, seq))
        size += length
        until_ms = last_ms
    messages = [
        StoredMessage(run_id, seq, bytes(payload))
        for run_id, seq, payload in tables.rows(
            "SELECT run_id, seq, payload FROM unpacked WHERE device_id = ? AND start_ms >= ? AND start_ms <= ?"
            " ORDER BY start_ms, seq, run_id",
            (device_id, rows[0][2], until_ms),
        )
        if (run_id, seq) in chosen
    ]
    number, before = _last_block(tables, device_id, day_ms, blocks, messages)
    tables.many(
        "INSERT INTO packed (device_id, day_ms, number, reports, messages) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (device_id, day_ms, number) DO UPDATE"
        " SET reports = excluded.reports, messages = excluded.messages",
        [(device_id, day_ms, number, len(before) + len(messages), block_of([*before, *messages]))],
    )
    tables.take_out(device_id, (rows[0][2], until_ms), [(one.run_id, one.seq) for one in messages])
    return True


def _last_block(
    tables: Tables, device_id: int, day_ms: int, blocks: list[tuple[int, ...]], more: list[StoredMessage]
) -> tuple[int, list[StoredMessage]]:
    """The number of the block to write, and the messages in it already: late ones are added to the last block."""
    if not blocks:
        return 1, []
    number, reports = blocks[-1]
    if reports + len(more) <= REPORTS_MAX:
        query = "SELECT messages FROM packed WHERE device_id = ? AND day_ms = ? AND number = ?"
        ((block,),) = tables.rows(query, (device_id, day_ms, number))
        before = [] if block is None else messages_in(bytes(block))
        if before and sum(len(one.payload) for one in (*before, *more)) <= BYTES_MAX:
            return number, before
    return number + 1, []


def _forget_some(tables: Tables, before_ms: int) -> bool:
    blocks = tables.rows(
        f"SELECT device_id, day_ms, number FROM packed WHERE messages IS NOT NULL AND day_ms < ? LIMIT {FORGET_MAX}",
        (before_ms,),
    )
    if blocks:
        query = "UPDATE packed SET messages = NULL WHERE device_id = ? AND day_ms = ? AND number = ?"
        tables.many(query, blocks)
    return bool(blocks)
