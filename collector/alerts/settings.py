"""The part `alerts` of the configuration. Every key has a default; a site may have rules of its own."""

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
    """The usual counts: the same hours of past weeks, in the site's time zone."""

    weeks: Weeks = 8
    weeks_min: Weeks = 4
    """With fewer watched weeks no count is compared with the usual one."""
    watched_share_min: Share = 0.8
    """Of an hour, today or in the past; hours that were watched less are ignored."""
    labels: list[Word] = msgspec.field(default_factory=lambda: ["truck"])
    """Classes that are evaluated separately, beside all together."""
    holidays: list[datetime.date] = []
    """Dates that are neither compared with the usual counts nor part of them."""


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule that can be turned off."""

    enabled: bool = True


class FirstRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first vehicle of a class after `days` without one."""

    days: Days = 28
    watched_share_min: Share = 0.5
    """Of the time without one."""
    labels: list[Word] = []
    """The classes; empty: all."""


class SurgeRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """More than usual, over some hours."""

    hours: Hours = 3
    factor: Factor = 1.75
    score: Score = 7.0
    """How many times the usual spread."""
    vehicles_min: Vehicles = 20
    """How many more than usual at least."""


class DropRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fewer than usual, over some hours."""

    hours: Hours = 3
    share_max: Share = 0.5
    """Of what is usual."""
    score: Score = 4.0
    vehicles_min: Vehicles = 20
    """How many fewer than usual at least."""


class CessationRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No vehicle in a direction, while `expected_min` vehicles were expected."""

    expected_min: Vehicles = 40
    hours_min: Hours = 6


class ResumptionRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Vehicles in a direction that had ceased, or in which none came for `days`."""

    vehicles_min: Vehicles = 3
    """Within a day; fewer may be an error of counting."""
    days: Days = 14


class QueueRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`vehicles` standing in a zone for `minutes`."""

    vehicles: Vehicles = 20
    minutes: Minutes = 15
    over_share: Share = 0.7
    """It ends below this share of `vehicles`."""


class ConvoyRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A convoy of `vehicles_min` vehicles or more that a device reports."""

    vehicles_min: Vehicles = 10


class BalanceRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Out minus back over `days`, compared with the usual balance of the place."""

    days: Annotated[int, msgspec.Meta(ge=1, le=31)] = 7
    share: Share = 0.15
    """Least difference from the usual balance, as a share of all vehicles."""
    score: Score = 4.0
    vehicles_min: Vehicles = 50


class BlindRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device that sends reports without watched time, at an hour that it usually watches."""

    minutes: Minutes = 30


class SilentRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device that sends nothing, while the collector is subscribed."""

    minutes: Minutes = 60


class ClockRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device whose clock differs from the collector's by `seconds`, or was not set, for `minutes`."""

    seconds: Seconds = 60
    minutes: Minutes = 30


class OutboxRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device that is online and has ever more reports waiting."""

    reports: Vehicles = 120
    """Least number of waiting reports."""
    hours: Hours = 3
    """Hours in a row in which the number grew."""


class IdentityRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another device or outbox under the name of a device: a copy, a restored card, a new card."""

    hours: Hours = 24
    """It ends after this time without new evidence."""


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rules of one site."""

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
    """Findings that are older when their reports arrive are stored, but not sent."""
    again_hours: Hours = 24
    """A finding within this time after its alert was closed opens the same alert again, without another message."""
    messages_per_hour: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = MESSAGES_PER_HOUR
    """About one site, in any hour; further ones are counted in a digest."""


class NotifySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is notified."""

    mqtt: bool = True
    """On `<root>/v1/<site>/alert`."""
    urls_file: Path | None = None
    """Lines of `name = URL`, as Apprise takes them (webhook, e-mail and others).

    They hold secrets: a credential of the unit, or mode 0640.
    """
    pictures: bool = False
    """Whether pictures of alerts are sent along with e-mails and the like."""
    endings: bool = True
    """Whether the end of an alert is sent as well."""


class AlertSettings(Rules, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole part `alerts`."""

    enabled: bool = True
    tell: NotifySettings = NotifySettings()
    sites: dict[Name, Rules] = {}
    """Sites with rules of their own; keys that are missing there are as above."""

    def rules_of(self, site: str) -> Rules:
        """The rules of a site."""
        return self.sites.get(site, self)
