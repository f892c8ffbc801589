"""The bounds of an outbox: what is deleted when it is full or old, and how it is counted. Inside a transaction."""

import sqlite3

from edge.delivery.entry import kind_of

_WAITS, _SENT = 0, 1  # and 2 is set aside, and counted since


def make_room(database: sqlite3.Connection, *, keep_ms: int, keep_bytes: int) -> None:
    """Delete what is beyond the bounds; never the newest entry, however small the bound."""
    newest, bytes_held, lived_ms = database.execute(
        "SELECT number_next - 1, bytes_held, lived_ms FROM ledger"
    ).fetchone()
    done = "SELECT number, length(payload), stored_ms FROM letter WHERE sent > 0 ORDER BY number LIMIT 1"
    oldest = "SELECT number, length(payload) FROM letter WHERE number < ? ORDER BY number LIMIT 1"
    while (row := database.execute(done).fetchone()) is not None:
        number, size, stored_ms = row
        if bytes_held <= keep_bytes and stored_ms >= lived_ms - keep_ms:
            return
        bytes_held -= size
        _delete(database, number, size)
    while bytes_held > keep_bytes:
        row = database.execute(oldest, (newest,)).fetchone()
        if row is None:
            return
        number, size = row
        bytes_held -= size
        _delete(database, number, size)


def _delete(database: sqlite3.Connection, number: int, size: int) -> None:
    seq, address, sent = database.execute(
        "DELETE FROM letter WHERE number = ? RETURNING seq, address, sent", (number,)
    ).fetchone()
    database.execute("UPDATE ledger SET bytes_held = bytes_held - ?", (size,))
    if sent == _WAITS:
        count_entry(database, seq, address, by=1)
    elif sent == _SENT and seq is not None:
        database.execute("UPDATE ledger SET forgotten = forgotten + 1")


def count_entry(database: sqlite3.Connection, seq: int | None, address: str, *, by: int) -> None:
    """One more entry, or one less, that no broker gets."""
    if seq is not None:
        database.execute("UPDATE ledger SET dropped = dropped + ?", (by,))
    else:
        count_lost(database, kind_of(address), by=by)


def count_lost(database: sqlite3.Connection, kind: str, *, by: int) -> None:
    """So many more entries of a kind, none of them a report, were lost."""
    database.execute(
        "INSERT INTO lost VALUES (?, ?) ON CONFLICT DO UPDATE SET letters = letters + excluded.letters", (kind, by)
    )
