"""Answers of the API about devices and the reports that are missing. Times are milliseconds since 1970 UTC."""

from typing import Any, Literal

from pydantic import ConfigDict

from collector.api.models import Model


class DeviceInfo(Model):
    """What a device last said of itself, and how it reports; null where it has not said so."""

    site: str
    device: str
    time_zone: str
    state: Literal["online", "degraded", "offline"] | None
    since: str | None
    reason: str | None
    version: str | None
    model: str | None
    last_report_end_ms: int | None
    heard_ms: int | None
    late_ms: int | None
    worst_late_ms: int | None
    clock_ahead_ms: int
    clock_synced: bool | None
    ahead: int
    """Reports that are ahead of the centre's clock: in no answer whose end is now. `ahead_to_ms`: how far they go."""
    ahead_to_ms: int | None
    early: int
    """Reports of before 2016, by a clock that was not set: in no answer whose beginning is not named."""
    early_from_ms: int | None
    set_aside: int
    """Reports that were ahead or too early and that somebody set aside: in no answer."""
    overlapping: int
    """Reports set aside because another device of this name had watched the same time: in no answer."""
    dropped: int | None
    """Reports that the device lost before it could send them; null where it has not said so, as with the next two."""
    forgotten: int | None
    """Reports that it has sent, and holds no more."""
    letters_lost: dict[str, int] | None
    """Other letters that it lost, by channel."""
    missing: int
    gone: int
    identity: list[str]
    """What people have to know of who reports under this name: a card that was put back, a copy, two at once."""
    health: dict[str, Any] | None = None
    """The last `health` of the device, in its own words."""
    health_ms: int | None = None


class Devices(Model):
    """Devices by site and name."""

    now_ms: int
    devices: list[DeviceInfo]
    next: str | None


class GapInfo(Model):
    """Reports that have not come; `gone`: the device holds them no more."""

    site: str
    device: str
    journal: str
    first: int
    last: int
    reports: int
    gone: bool
    since_ms: int
    due_ms: int
    asked: int
    asked_ms: int | None


class Gaps(Model):
    """Ranges; `next` is the `after` of the next page."""

    gaps: list[GapInfo]
    next: int | None


class RefusalInfo(Model):
    """A message that was refused; `site` and `device` are empty where its topic names none."""

    site: str
    device: str
    channel: str
    received_ms: int
    reason: str


class RefusalCount(Model):
    """How many of the refusals of a device have this reason; `N` stands for its numbers."""

    site: str
    device: str
    reason: str
    times: int


class RefusalInfos(Model):
    """The newest refusals first, and how many there were for each reason, of the `looked_at` newest that are kept."""

    refusals: list[RefusalInfo]
    counts: list[RefusalCount]
    looked_at: int


class FaultInfo(Model):
    """Something in the collector itself that fails now: which part, at what, since when, how often and why."""

    part: str
    subject: str
    reason: str
    since_ms: int
    times: int


class Faults(Model):
    """What fails now in the collector itself; empty where all is well."""

    faults: list[FaultInfo]


class Wish(Model):
    """Which reports a device shall send again."""

    model_config = ConfigDict(extra="forbid", strict=True)
    journal: str
    first: int
    last: int


class Wished(Model):
    """The device is asked for so many reports as soon as it can be: `heard` says whether it was heard lately."""

    reports: int
    heard: bool
