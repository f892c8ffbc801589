"""Corrects stored times after the collector's clock was ahead and has been set back.

Otherwise the rules would wait until the time is reached again: hours would count as evaluated, alerts as begun, the
messages of this hour as sent. Future times are moved to the start of the current hour, at which hours and slots begin;
times of messages are moved to the hour before, in which they were sent at the latest.
"""

import re
from typing import Any

import msgspec

from collector.alerts.wording import HOUR_MS
from collector.store.dialect import Tables

_LONG = re.compile(r"\d{13,}")
"""A time since 2001 in milliseconds; no other number in the state of a rule has as many digits."""
_NOTED = (
    *(("alert", column) for column in ("at_ms", "until_ms", "opened_ms", "updated_ms", "closed_ms")),
    *(("device", column) for column in ("heard_ms", "worst_at_ms")),
    ("said", "received_ms"),
)
_SENT = (("telling", "created_ms"), ("delivery", "due_ms"), ("delivery", "done_ms"))


def reset_future_times(tables: Tables, now_ms: int) -> None:
    """Move all times after `now_ms`, of every site, in the transaction of the caller."""
    hour_ms = now_ms // HOUR_MS * HOUR_MS
    for site, name, text in tables.rows("SELECT site, name, state FROM alert_state WHERE site <> ''"):
        if any(int(found) > now_ms for found in _LONG.findall(text)):
            state = _not_after(msgspec.json.decode(text), now_ms, hour_ms)
            tables.many(
                "UPDATE alert_state SET state = ? WHERE site = ? AND name = ?",
                [(msgspec.json.encode(state).decode("utf-8"), site, name)],
            )
    for table, column in _NOTED:
        tables.many(f"UPDATE {table} SET {column} = ? WHERE {column} > ?", [(hour_ms, now_ms)])
    for table, column in _SENT:
        tables.many(f"UPDATE {table} SET {column} = ? WHERE {column} > ?", [(hour_ms - HOUR_MS, now_ms)])


def _not_after(value: Any, now_ms: int, hour_ms: int) -> Any:
    """The same state, with `hour_ms` in the place of every time after `now_ms`."""
    if isinstance(value, dict):
        return {key: _not_after(one, now_ms, hour_ms) for key, one in value.items()}
    if isinstance(value, list):
        return [_not_after(one, now_ms, hour_ms) for one in value]
    return hour_ms if isinstance(value, int) and value > now_ms else value
