"""The topics of the wire contract."""

import re
from typing import NamedTuple

from edge.wire.names import NAME, SCHEMA

ROOT = "crossing"


CHANNELS = ("status", "info", "report", "total", "live", "crossing", "convoy", "alert", "health", "response")


RESEND = "command/resend"


JOURNAL = "command/journal"


VERDICT = "command/verdict"


class Address(NamedTuple):
    """The parts of a topic; channels are `report`, `status`, `command/resend` ..."""

    site: str
    device: str
    channel: str


def topic_of(site: str, device: str, channel: str, *, root: str = ROOT) -> str:
    """The topic of a channel of a device."""
    return f"{root}/v{SCHEMA}/{site}/{device}/{channel}"


def parse_topic(topic: str, *, root: str = ROOT) -> Address | None:
    """The parts of a topic; None where it is none of this contract."""
    found = re.fullmatch(rf"{re.escape(root)}/v{SCHEMA}/({NAME})/({NAME})/(.+)", topic)
    return Address(*found.groups()) if found else None
