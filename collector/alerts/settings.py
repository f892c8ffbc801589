"""What is an alert here: the part `alerts` of the configuration. All has a default; a site may have its own."""

import datetime
from pathlib import Path
from typing import Annotated

import msgspec

from edge.wire.names import Name, Word

MESSAGES_PER_HOUR = 6
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Days = Annotated[int, msgspec.Meta(ge=1, le=3_650)]
Hours = Annotated[int, msgspec.Meta(ge=1, le=168)]
Minutes = Annotated[int, msgspec.Meta(ge=1, le=10_080)]
Seconds = Annotated[int, msgspec.Meta(ge=1, le=86_400)]
Vehicles = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Weeks = Annotated[int, msgspec.Meta(ge=2, le=26)]
Factor = Annotated[float, msgspec.Meta(gt=1, le=100)]
Score = Annotated[float, msgspec.Meta(ge=1, le=100)]


class History(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is usual: the same hours of past weeks, in the site's own time."""

    weeks: Weeks = 8
    weeks_min: Weeks = 4
    """With fewer that were watched nothing is judged by what is usual."""
    watched_share_min: Share = 0.8
    """Of an hour, today or in the past; less of it says nothing."""
    labels: list[Word] = msgspec.field(default_factory=lambda: ["truck"])
    """Classes that are judged by themselves, beside all together."""
    holidays: list[datetime.date] = []
    """Dates of the site that are not as usual: neither judged by what is, nor part of it."""


class FirstRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first vehicle of a class after so many days without one."""

    enabled: bool = True
    days: Days = 28
    watched_share_min: Share = 0.5
    """Of the time without one, as much must have been watched."""
    labels: list[Word] = []
    """The classes; none named: all."""


class SurgeRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """More than usual, over some hours."""

    enabled: bool = True
    hours: Hours = 3
    factor: Factor = 1.75
    score: Score = 7.0
    """How many times the usual spread."""
    vehicles_min: Vehicles = 20
    """How many more than usual at least."""


class DropRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fewer than usual, over some hours."""

    enabled: bool = True
    hours: Hours = 3
    share_max: Share = 0.5
    """Of what is usual."""
    score: Score = 4.0
    vehicles_min: Vehicles = 20
    """How many fewer than usual at least."""


class CessationRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing in a direction, while so many vehicles were to be expected."""

    enabled: bool = True
    expected_min: Vehicles = 40
    hours_min: Hours = 6


class ResumptionRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Vehicles in a direction that had ceased, or in which none came for so many days."""

    enabled: bool = True
    vehicles_min: Vehicles = 3
    """Within a day; fewer may be a mistake of counting."""
    days: Days = 14


class QueueRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many vehicles standing in a zone for so long."""

    enabled: bool = True
    vehicles: Vehicles = 20
    minutes: Minutes = 15
    over_share: Share = 0.7
    """It is over below this share of `vehicles`."""


class ConvoyRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A convoy that a device tells of, of so many vehicles."""

    enabled: bool = True
    vehicles_min: Vehicles = 10


class BalanceRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Out minus back over some days, against what is usual for the place."""

    enabled: bool = True
    days: Annotated[int, msgspec.Meta(ge=1, le=31)] = 7
    share: Share = 0.15
    """How much of all vehicles the difference must be, beyond the usual."""
    score: Score = 4.0
    vehicles_min: Vehicles = 50


class BlindRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device that reports and sees nothing, at an hour at which it usually does."""

    enabled: bool = True
    minutes: Minutes = 30


class SilentRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device of which nothing is heard, while the collector listens."""

    enabled: bool = True
    minutes: Minutes = 60


class ClockRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device whose clock differs from the collector's by so much, for so long; or was not set for as long."""

    enabled: bool = True
    seconds: Seconds = 60
    minutes: Minutes = 30


class OutboxRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device that is heard, and has ever more reports to send."""

    enabled: bool = True
    reports: Vehicles = 120
    """So many wait at least."""
    hours: Hours = 3
    """And they became more in each of so many hours."""


class IdentityRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another device, or another outbox, under the name of a device: a copy, a card put back, a new one."""

    enabled: bool = True
    hours: Hours = 24
    """It is over when there was no sign of it for so long."""


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is an alert at one site."""

    history: History = History()
    first: FirstRule = FirstRule()
    surge: SurgeRule = SurgeRule()
    drop: DropRule = DropRule()
    cessation: CessationRule = CessationRule()
    resumption: ResumptionRule = ResumptionRule()
    queue: QueueRule = QueueRule()
    convoy: ConvoyRule = ConvoyRule()
    balance: BalanceRule = BalanceRule()
    blind: BlindRule = BlindRule()
    silent: SilentRule = SilentRule()
    clock: ClockRule = ClockRule()
    outbox: OutboxRule = OutboxRule()
    identity: IdentityRule = IdentityRule()
    news_hours: Hours = 24
    """What was so longer ago, when its reports came, is noted and not told."""
    again_hours: Hours = 24
    """What comes again within so long after it was over is the same alert, and is not told again."""
    messages_per_hour: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = MESSAGES_PER_HOUR
    """About one site, in any hour; what goes beyond is counted in one of them."""


class NotifySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is told."""

    mqtt: bool = True
    """On `<root>/v1/<site>/alert`."""
    urls_file: Path | None = None
    """Lines of `name = URL`, as Apprise takes them (webhook, e-mail and others).

    They hold secrets: a credential of the unit, or mode 0640.
    """
    pictures: bool = False
    """Whether pictures of alerts are sent along with e-mails and the like."""
    endings: bool = True
    """Whether it is told, too, that something is over."""


class AlertSettings(Rules, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it."""

    enabled: bool = True
    tell: NotifySettings = NotifySettings()
    sites: dict[Name, Rules] = {}
    """Sites with rules of their own; what is not said there is as it is here."""

    def rules_of(self, site: str) -> Rules:
        """The rules of a site."""
        return self.sites.get(site, self)
