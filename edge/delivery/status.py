"""What a device says about itself on its retained topics: `status` (alive or not) and `info` (its birth)."""

from typing import Literal

import msgspec

from edge.delivery.report import SCHEMA


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Retained, and the last will: a broker that loses the device says `offline` in its place."""

    schema: int = SCHEMA
    state: Literal["online", "degraded", "offline"]
    run: str
    since: str
    reason: str = ""


class LineInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The user's words for the two directions over a line."""

    a_to_b: str = "a_to_b"
    b_to_a: str = "b_to_a"


class Info(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a reader needs to know before the first report; retained, said on every connection."""

    schema: int = SCHEMA
    run: str
    version: str
    model: str
    configuration_sha256: str = ""
    lines: dict[str, LineInfo]
    zones: list[str] = []
    classes: list[str]
    bucket_ms: int
    time_zone: str = "UTC"


def encode_self(said: Status | Info) -> bytes:
    """JSON with sorted keys, as everything on the wire."""
    return msgspec.json.encode(said, order="sorted")
