"""The topics of the wire contract: who speaks on them, and what of."""

import re
from typing import NamedTuple

from edge.wire.names import NAME, SCHEMA

ROOT = "crossing"


CHANNELS = ("status", "info", "report", "total", "live", "crossing", "convoy", "alert", "health", "response")


RESEND = "command/resend"


JOURNAL = "command/journal"


VERDICT = "command/verdict"


class Address(NamedTuple):
    """Who speaks on a topic, and of what (`report`, `status`, `command/resend` ...)."""

    site: str
    device: str
    channel: str


def topic_of(site: str, device: str, channel: str, *, root: str = ROOT) -> str:
    """The topic on which a device speaks of `channel`."""
    return f"{root}/v{SCHEMA}/{site}/{device}/{channel}"


def parse_topic(topic: str, *, root: str = ROOT) -> Address | None:
    """Whose topic this is; None where it is none of ours."""
    found = re.fullmatch(rf"{re.escape(root)}/v{SCHEMA}/({NAME})/({NAME})/(.+)", topic)
    return Address(*found.groups()) if found else None
