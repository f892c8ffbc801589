"""Corrects the time of an entry whose clock was wrong. Pure."""

from typing import Any

import msgspec

from edge.wire.report import decode, encode
from edge.wire.times import milliseconds_of, rfc3339

MOMENTS = ("at", "since", "until")
"""Fields with the moments of crossings, alerts and convoys."""


def corrected(payload: bytes, offset_ms: int, *, report: bool) -> bytes:
    """The entry moved by `offset_ms`; one that is no report and has no moment stays as it is."""
    if report:
        found = decode(payload)
        start = rfc3339(max(found.start_ms + offset_ms, 0))
        return encode(msgspec.structs.replace(found, start=start, clock_synced=True))
    try:
        message = msgspec.json.decode(payload, type=dict[str, Any])
        moments = {key: milliseconds_of(message[key]) for key in MOMENTS if isinstance(message.get(key), str)}
    except ValueError:
        return payload
    if not moments:
        return payload
    moved = {key: rfc3339(max(at_ms + offset_ms, 0)) for key, at_ms in moments.items()}
    return msgspec.json.encode(message | moved, order="sorted")
