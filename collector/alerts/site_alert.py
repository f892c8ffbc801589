"""What the collector says of a site over MQTT: the one message of the wire contract that no device says."""

from typing import Literal

import msgspec

from collector.alerts.alert import Figures, Kind
from edge.wire.names import SCHEMA, Name, SequenceNumber
from edge.wire.topics import ROOT

QOS = 1
Event = Literal["opened", "closed", "digest"]


class ReportSpan(msgspec.Struct, frozen=True, kw_only=True):
    """Reports of one run, from `first` to `last` of their seq."""

    device: Name
    run: Name
    first: SequenceNumber
    last: SequenceNumber


class SiteAlert(msgspec.Struct, frozen=True, kw_only=True):
    """Something began or is over, or a count of what was not said for the hour's sake. What does not apply is empty."""

    schema: int = SCHEMA
    id: str
    """Of this message, the same if it should come twice."""
    event: Event
    at: str
    """When it was written."""
    site: Name
    text: str
    """One sentence for people: why, with its figures."""
    alert: int | None = None
    """Its number, the same when it is over, and by which it is acknowledged; null: a digest, about many."""
    kind: Kind | Literal[""] = ""
    device: str = ""
    """Empty: the whole site, or several devices that watch the same line."""
    line: str = ""
    direction: str = ""
    label: str = msgspec.field(default="", name="class")
    """`all`: vehicles of every class."""
    zone: str = ""
    since: str | None = msgspec.field(default=None, name="from")
    """Since when it is so."""
    until: str | None = None
    """Until when it was; null: it still is."""
    figures: Figures = {}
    """What the sentence is made of; the unit ends the name. Which there are depends on the kind.

    `time_zone`: of the times in the sentence.
    """
    evidence: list[ReportSpan] = []
    """The reports behind it."""
    picture: bool = False
    """The collector holds a picture of it, for whoever may see pictures."""


def site_alert_topic(site: str, *, root: str = ROOT) -> str:
    """Where the collector tells of a site; no device has this topic, which is a level shorter."""
    return f"{root}/v{SCHEMA}/{site}/alert"


def encode_site_alert(said: SiteAlert) -> bytes:
    """JSON with sorted keys."""
    return msgspec.json.encode(said, order="sorted")
