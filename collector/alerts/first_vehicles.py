"""First vehicles of a class, from reports and from alerts of devices."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field

import msgspec

from collector.alerts import observations
from collector.alerts.alert import Subject
from collector.alerts.lifecycle import ProvenFinding
from collector.alerts.rules import first_vehicle
from collector.alerts.rules.finding import Finding
from collector.alerts.settings import Rules
from collector.alerts.wording import DAY_MS, HOUR_MS, moment, way
from collector.domain.plausible_time import EARLIEST_MS
from collector.queries.models import unmeasured_ms
from collector.store.device_alerts import StoredDeviceAlert, device_alerts, picture_of_device_alert
from collector.store.interface import Reading
from collector.store.verdicts import confirmed_by

BACK_MS = 48 * HOUR_MS
"""How far back the evaluation begins if there is no state yet."""
LOOK_BACK_MS = 7 * DAY_MS
"""For this long late reports may still show that a first vehicle was not the first."""
STEPS_MAX = 200
CALLS_MAX = 100


class AnnouncedFirst(msgspec.Struct, frozen=True, array_like=True):
    """A first vehicle for which there is an alert."""

    label: str
    before_ms: int | None
    at_ms: int


class SiteState(msgspec.Struct, kw_only=True):
    """The state of the rule for a site."""

    seen_ms: dict[str, int] = {}
    """By class: the start of the last bucket with one."""
    firsts: list[AnnouncedFirst] = []
    begun_ms: int | None = None
    pruned_ms: int = 0


@dataclass
class FirstVehicles:
    """Evaluates one site, in one reading. `looked`: the ids of the device alerts that were evaluated."""

    reading: Reading
    site: str
    state: SiteState
    _: KW_ONLY
    rules: Rules
    zone: str
    now_ms: int
    looked: list[int] = field(default_factory=list)

    def all(self) -> list[ProvenFinding]:
        """Findings from reports come first: a device's alert about the same vehicle then adds the picture."""
        return self._of_reports() + self._of_devices()

    def _of_reports(self) -> list[ProvenFinding]:
        state = self.state
        if not self.rules.first.enabled:
            return []
        if state.begun_ms is None:
            ((state.begun_ms,),) = self.reading.rows(
                "SELECT min(start_ms) FROM report JOIN device ON device.id = device_id WHERE site = :site"
                f" AND start_ms >= {EARLIEST_MS}",
                {"site": self.site},
            )
        if state.begun_ms is None:
            return []
        found: list[ProvenFinding] = []
        rare = observations.rare_at(self.reading, self.site)
        for label, all_series in observations.series_at(self.reading, self.site).items():
            # a device that raises alerts for a class itself considers the errors of its model, which reports do not
            series = {id_: names for id_, names in all_series.items() if label not in rare.get(names[0], ())}
            if series:
                found += self._first_of(state, label, series)
            else:
                state.seen_ms.pop(label, None)
        state.firsts = [one for one in state.firsts if one.at_ms >= self.now_ms - LOOK_BACK_MS]
        return found

    def _first_of(
        self, state: SiteState, label: str, series: Mapping[int, tuple[str, str, str]]
    ) -> list[ProvenFinding]:
        assert state.begun_ms is not None, "something was reported"
        anew_ms = unmeasured_ms(self.reading, self.site, {device for device, _, _ in series.values()}, label)
        upto_ms = self.now_ms + HOUR_MS  # later times come from a wrong clock
        if label not in state.seen_ms:
            edge_ms = self.now_ms - BACK_MS
            _, last_ms = observations.seen_between(self.reading, series, EARLIEST_MS, edge_ms)
            if last_ms is not None:
                state.seen_ms[label] = last_ms
        found = [one for told in state.firsts if told.label == label for one in self._again(state, told, series)]
        for _ in range(STEPS_MAX):
            before_ms = state.seen_ms.get(label)
            if anew_ms is not None and (before_ms is None or before_ms < anew_ms):
                before_ms = None  # counts of another model are not comparable
            begun_ms = state.begun_ms if anew_ms is None else max(state.begun_ms, anew_ms)
            since_ms = begun_ms if before_ms is None else before_ms
            after_ms = since_ms - 1 if before_ms is None else before_ms
            first_ms, last_ms = observations.seen_between(self.reading, series, after_ms, upto_ms)
            if first_ms is None or last_ms is None:
                break
            if first_vehicle.may_be_news(label, since_ms, first_ms, self.rules):
                one = self._judged(begun_ms, label, series, first_ms, before_ms)
                if one is not None:
                    state.firsts.append(AnnouncedFirst(label, before_ms, first_ms))
                    found.append(ProvenFinding(one))
            far = last_ms - first_ms >= self.rules.first.days * DAY_MS
            state.seen_ms[label] = first_ms if far else last_ms
        return found

    def _again(
        self, state: SiteState, told: AnnouncedFirst, series: Mapping[int, tuple[str, str, str]]
    ) -> list[ProvenFinding]:
        """If late reports show an earlier vehicle: a finding about that one, or one that withdraws the alert."""
        assert state.begun_ms is not None, "something was reported"
        after_ms = state.begun_ms - 1 if told.before_ms is None else told.before_ms
        first_ms, last_ms = observations.seen_between(self.reading, series, after_ms, told.at_ms)
        if first_ms is None or last_ms is None:
            return []
        state.firsts = [one for one in state.firsts if one != told]
        one = self._judged(state.begun_ms, told.label, series, first_ms, told.before_ms)
        if one is not None:
            state.firsts.append(AnnouncedFirst(told.label, told.before_ms, first_ms))
            return [ProvenFinding(one)]
        reason = f"Reports that came later show one at {moment(last_ms, self.zone)}."
        subject = first_vehicle.subject_of(self.site, told.label)
        over = Finding(kind="first", subject=subject, at_ms=told.at_ms, reason=reason, over=True, withdrawn=True)
        return [ProvenFinding(over)]

    def _judged(
        self,
        begun_ms: int,
        label: str,
        series: Mapping[int, tuple[str, str, str]],
        at_ms: int,
        before_ms: int | None,
    ) -> Finding | None:
        seen = observations.sighting(
            self.reading,
            self.site,
            label,
            series,
            at_ms=at_ms,
            before_ms=before_ms,
            begun_ms=begun_ms,
            zone=self.zone,
        )
        return first_vehicle.evaluate(seen, self.rules, self.zone)

    def _of_devices(self) -> list[ProvenFinding]:
        """Findings from alerts of devices, which have their own rules, with pictures."""
        found: list[ProvenFinding] = []
        for call in device_alerts(self.reading, site=self.site, new_only=True, limit=CALLS_MAX):
            self.looked.append(call.id)
            if call.kind == "rare-class" and call.label and self.rules.first.enabled:
                found += self._call(self.state, call)
        return found

    def _call(self, state: SiteState, call: StoredDeviceAlert) -> list[ProvenFinding]:
        seen_ms = max(
            (
                at_ms
                for at_ms in (
                    state.seen_ms.get(call.label),
                    observations.last_seen(self.reading, self.site, call.label, but=call.device, until_ms=call.at_ms),
                )
                if at_ms is not None
            ),
            default=None,
        )
        quiet_ms = self.rules.first.days * DAY_MS if call.before_ms is None else DAY_MS
        told = any(one.label == call.label and abs(one.at_ms - call.at_ms) < DAY_MS for one in state.firsts)
        if not told and seen_ms is not None and HOUR_MS < call.at_ms - seen_ms < quiet_ms:
            return []  # another device has seen one recently
        where = Subject(site=self.site, device=call.device, line=call.line, direction=call.direction)
        finding = Finding(
            kind="likely" if call.likely else "first",
            subject=first_vehicle.subject_of(self.site, call.label),
            at_ms=call.at_ms,
            reason=f"{call.device} says: {self._words(call)}, {way(where)} at {moment(call.at_ms, self.zone)}.",
            figures={
                "run": call.run,
                "crossing_ms": call.at_ms,
                "probability": call.share,
                "before_ms": call.before_ms,
                "device": call.device,
                "line": call.line,
                "direction": call.direction,
            },
            from_ms=call.at_ms - HOUR_MS,
            to_ms=call.at_ms + 60_000,
            device=call.device,
        )
        is_weak = call.share is None  # then a finding from reports is better
        return [ProvenFinding(finding, jpeg=picture_of_device_alert(self.reading, call.id), weak=is_weak)]

    def _words(self, call: StoredDeviceAlert) -> str:
        """The reason that the device gives, and who has confirmed it."""
        by = confirmed_by(self.reading, call) if not call.likely else ""
        return f"{call.reason}; {by} confirms it" if by else call.reason
