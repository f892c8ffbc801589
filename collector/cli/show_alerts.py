"""The command `crossing-collector alerts`: list them as a table or as JSON, or acknowledge one."""

import argparse
import textwrap
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from collector.alerts.alert import Alert, Delivery
from collector.alerts.repository import acknowledge, alerts, deliveries
from collector.alerts.wording import span
from collector.cli.answer import print_answer
from collector.cli.terminal_table import aligned, printable, width
from collector.domain.calendar import local
from collector.domain.scope import Scope
from collector.queries.places import Sites
from collector.store.interface import Store
from edge.clock import SystemClock
from edge.errors import InputError
from edge.wire.times import rfc3339

REASON_WIDTH = 100
NARROW = 110
"""A screen of fewer columns has two lines of heads per alert."""


def check(given: argparse.Namespace) -> None:
    """InputError for options that do not go together."""
    if given.acknowledge is not None and not given.by:
        raise InputError("--acknowledge needs --by NAME, who takes note")
    if given.acknowledge is None and (given.by or given.note):
        raise InputError("--by and --note go with --acknowledge ID")


def show_alerts(store: Store, _sites: Sites, given: argparse.Namespace) -> None:
    """The alerts in the selection, newest first, or the one that is acknowledged."""
    now_ms = SystemClock().real_ms()
    if given.acknowledge is not None:
        found = [acknowledge(store, given.acknowledge, by=given.by, note=given.note or "", now_ms=now_ms)]
    with store.reading() as reading:
        if given.acknowledge is None:
            scope = Scope(site=given.site, device=given.device)
            found = alerts(reading, scope, open_only=given.open, limit=given.limit)
        sent = {one.id: deliveries(reading, one.id) for one in found} if given.json else {}
    print_answer(
        given,
        found,
        partial(alerts_as_json, sent=sent, now_ms=now_ms),
        partial(alerts_as_table, now_ms=now_ms),
        nothing="no open alerts" if given.open else "no alerts yet",
    )


def alerts_as_table(found: Sequence[Alert], *, now_ms: int) -> str:
    """A line of text per alert, and below it why, what ended it, and who took note."""
    rows = [["id", "site", "alert", "about", "since", "lasted", "state"]]
    for one in found:
        subject = one.subject
        about = (subject.label, subject.direction, subject.line, subject.zone, subject.device)
        lasted = (one.until_ms if one.until_ms is not None else now_ms) - one.at_ms
        state = "open" if one.open else "over"
        marks = [state, *([] if one.fate == "told" else [one.fate]), *(["noted"] if one.acknowledged else [])]
        rows.append(
            [
                str(one.id),
                subject.site,
                one.kind,
                " ".join(word for word in about if word) or "-",
                local(one.at_ms, one.time_zone).isoformat(" ", "minutes"),
                span(lasted) if lasted > 0 else "-",
                " ".join(marks),
            ]
        )
    room = width()
    wide = REASON_WIDTH if room is None else max(40, min(REASON_WIDTH, room))
    if room is not None and room < NARROW:
        lines = []
        heads = [f"{id_}  {state}  {kind} at {site}: {about}" for id_, site, kind, about, _, _, state in rows[1:]]
        heads = [f"{head}\n    since {row[4]}, lasted {row[5]}" for head, row in zip(heads, rows[1:], strict=True)]
    else:
        first, *heads = aligned(rows).splitlines()
        lines = [first]
    for head, one in zip(heads, found, strict=True):
        lines.append(head)
        texts = [one.reason, *([f"Over: {one.ending}"] if one.ending else [])]
        if one.acknowledged is not None:
            note = f": {' '.join(one.acknowledged.note.split())}" if one.acknowledged.note else ""
            texts.append(f"Noted by {one.acknowledged.by}, {rfc3339(one.acknowledged.at_ms // 1_000 * 1_000)}{note}")
        for text in texts:
            lines += textwrap.wrap(printable(text), wide, initial_indent="    ", subsequent_indent="      ")
    return "\n".join(lines)


def alerts_as_json(found: Sequence[Alert], sent: Mapping[int, Sequence[Delivery]], *, now_ms: int) -> dict[str, Any]:
    """One object; times are RFC 3339, null where there is none."""
    return {"now": rfc3339(now_ms), "alerts": [_alert(one, sent.get(one.id, ())) for one in found]}


def _alert(one: Alert, sent: Sequence[Delivery]) -> dict[str, Any]:
    subject, noted = one.subject, one.acknowledged
    return {
        "id": one.id,
        "kind": one.kind,
        "site": subject.site,
        "device": subject.device,
        "line": subject.line,
        "direction": subject.direction,
        "class": subject.label,
        "zone": subject.zone,
        "open": one.open,
        "from": rfc3339(one.at_ms),
        "until": _time(one.until_ms),
        "opened": rfc3339(one.opened_ms),
        "updated": rfc3339(one.updated_ms),
        "closed": _time(one.closed_ms),
        "reason": one.reason,
        "ending": one.ending,
        "figures": one.figures,
        "evidence": msgspec.to_builtins(one.evidence),
        "times": one.times,
        "fate": one.fate,
        "picture": one.has_picture,
        "acknowledged": None if noted is None else {"by": noted.by, "at": rfc3339(noted.at_ms), "note": noted.note},
        "deliveries": [
            {
                "event": delivery.event,
                "channel": delivery.channel,
                "state": delivery.state,
                "attempts": delivery.attempts,
                "done": _time(delivery.done_ms),
                "error": delivery.error,
            }
            for delivery in sent
        ],
    }


def _time(time_ms: int | None) -> str | None:
    return None if time_ms is None else rfc3339(time_ms)
