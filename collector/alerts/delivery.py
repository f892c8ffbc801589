"""Sends stored messages through the channels; failed attempts are repeated after growing waits, up to a maximum.

Before a message is sent it is stored as `sending`. If the collector ends meanwhile, nobody knows whether it arrived: it
becomes `unsure` and is not sent again. A channel that fails delays its own messages only; when it works again, waiting
messages are sent at no more than the hourly rate of their site.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field

import msgspec

from collector.alerts.channels import Channel, Notification
from collector.alerts.repository import COLUMNS, alert_of
from collector.alerts.settings import MESSAGES_PER_HOUR
from collector.alerts.wording import HOUR_MS
from collector.domain.faults import Faults
from collector.store.dialect import Tables
from collector.store.interface import Store

_LOG = logging.getLogger(__name__)
WAIT_MS_FIRST = 60_000
WAIT_MS_MAX = 3_600_000
ATTEMPTS_MAX = 12
"""After some seven hours."""
ROUND_MAX = 20
"""Messages in one round; after a failure a channel is not tried again in that round."""
ERROR_CHARACTERS_MAX = 200


@dataclass
class MessageDelivery:
    """Sends the messages in `store`; used by the thread that owns the store."""

    store: Store
    channels: Sequence[Channel]
    _: KW_ONLY
    per_hour: Callable[[str], int] = lambda _: MESSAGES_PER_HOUR
    """The maximum of messages about a site."""
    stopping: Callable[[], bool] = lambda: False
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        self._by_name = {channel.name: channel for channel in self.channels}

    def recover(self, now_ms: int) -> int:
        """At the start: mark messages that were being sent when the collector ended as `unsure`; returns how many."""
        with self.store.writing() as tables:
            rows = tables.rows(
                "UPDATE delivery SET state = 'unsure', done_ms = ?, error = 'the collector ended while it was sent'"
                " WHERE state = 'sending' RETURNING telling_id",
                (now_ms,),
            )
        return len(rows)

    def deliver(self, now_ms: int) -> int:
        """One round of due messages; returns how many were sent. WorkError if the store fails."""
        with self.store.writing() as tables:
            due = self._due(tables, now_ms)
        sent = tried = 0
        failed: set[str] = set()
        for telling_id, name, attempts in due:
            if name in failed:
                continue
            tried += 1
            if tried > ROUND_MAX or self.stopping():
                break
            error = self._one(telling_id, name, now_ms)
            if error:
                failed.add(name)
            with self.store.writing() as tables:
                _note(tables, (telling_id, name), attempts + 1, error, now_ms)
            sent += not error
        return sent

    def _due(self, tables: Tables, now_ms: int) -> list[tuple[int, str, int]]:
        """Message id, channel and attempts, the oldest first; per site and channel as many as may be sent now."""
        joined = "FROM delivery JOIN telling ON telling.id = telling_id WHERE"
        of_hour = tables.rows(  # `due_ms` of a sent message is when it was sent; that column has an index
            f"SELECT site, channel, count(*) {joined} state = 'sent' AND due_ms > ? AND due_ms <= ?"
            " GROUP BY site, channel",
            (now_ms - HOUR_MS, now_ms),
        )
        sent = {(site, channel): int(number) for site, channel, number in of_hour}
        waiting = "state = 'waiting' AND (due_ms <= ? OR due_ms > ?)"
        when = (now_ms, now_ms + 2 * WAIT_MS_MAX)
        found: list[tuple[int, str, int]] = []
        for site, channel in tables.rows(f"SELECT DISTINCT site, channel {joined} {waiting}", when):
            room = min(ROUND_MAX, self.per_hour(site) - sent.get((site, channel), 0))
            if room > 0:
                query = (
                    f"SELECT telling_id, channel, attempts {joined} {waiting} AND site = ? AND channel = ?"
                    " ORDER BY telling_id LIMIT ?"
                )
                found += [(row[0], row[1], row[2]) for row in tables.rows(query, (*when, site, channel, room))]
        return sorted(found)

    def _one(self, telling_id: int, name: str, now_ms: int) -> str:
        channel = self._by_name.get(name)
        with self.store.writing() as tables:
            try:
                message = _message(tables, telling_id)
            except msgspec.MsgspecError as fault:  # the alert was stored by another version
                return f"the message cannot be read: {fault}"
            if channel is not None and message is not None:
                tables.many(
                    "UPDATE delivery SET state = 'sending' WHERE telling_id = ? AND channel = ?",
                    [(telling_id, name)],
                )
        if channel is None or message is None:
            return "there is no such channel any more" if channel is None else "the message is gone"
        try:
            error = channel.send(message)
        except Exception as fault:  # a failing channel must not stop the others
            error = f"{type(fault).__name__}: {fault}"
            _LOG.debug("channel %s", name, exc_info=True)
        if error:
            if self.faults.failed("delivery", name, error, now_ms=now_ms):
                _LOG.warning("a message about %s was not taken by %s: %s; trying again", message.site, name, error)
        elif self.faults.works("delivery", name):
            _LOG.info("%s takes messages again", name)
        return error


def _message(tables: Tables, telling_id: int) -> Notification | None:
    rows = tables.rows("SELECT site, alert_id, event, created_ms, text FROM telling WHERE id = ?", (telling_id,))
    if not rows:
        return None
    site, alert_id, event, created_ms, text = rows[0]
    alert = jpeg = None
    if alert_id is not None:
        alert = alert_of(tables.rows(f"SELECT {COLUMNS} FROM alert WHERE id = ?", (alert_id,))[0])
        pictures = tables.rows("SELECT jpeg FROM alert_picture WHERE alert_id = ?", (alert_id,))
        jpeg = bytes(pictures[0][0]) if pictures else None
    return Notification(id=f"{telling_id}", site=site, event=event, text=text, at_ms=created_ms, alert=alert, jpeg=jpeg)


def _note(tables: Tables, key: tuple[int, str], attempts: int, error: str, now_ms: int) -> None:
    if not error:
        state, due_ms = "sent", now_ms
    elif attempts >= ATTEMPTS_MAX:
        state, due_ms = "failed", now_ms
        _LOG.error("a message was not taken by %s after %d attempts, and is given up: %s", key[1], attempts, error)
    else:
        state, due_ms = "waiting", now_ms + min(WAIT_MS_MAX, WAIT_MS_FIRST << (attempts - 1))
    tables.many(
        "UPDATE delivery SET state = ?, attempts = ?, due_ms = ?, done_ms = ?, error = ?"
        " WHERE telling_id = ? AND channel = ?",
        [(state, attempts, due_ms, None if state == "waiting" else now_ms, error[:ERROR_CHARACTERS_MAX], *key)],
    )
