"""A letter whose clock was wrong, with its time put right. Pure."""

import msgspec

from edge.delivery.report import decode, encode, milliseconds_of, rfc3339


def corrected(payload: bytes, offset_ms: int, *, report: bool) -> bytes:
    """The letter moved by `offset_ms`; one that is no report and has no moment stays as it is."""
    if report:
        found = decode(payload)
        start = rfc3339(max(found.start_ms + offset_ms, 0))
        return encode(msgspec.structs.replace(found, start=start, clock_synced=True))
    try:
        at_ms = milliseconds_of(msgspec.json.decode(payload, type=_Dated).at)
    except ValueError:
        return payload
    said = msgspec.json.decode(payload) | {"at": rfc3339(max(at_ms + offset_ms, 0))}
    return msgspec.json.encode(said, order="sorted")


class _Dated(msgspec.Struct):
    """What crossings and alerts have in common."""

    at: str
