"""Evaluates the alert rules: once a minute, for what is new at every site.

The thread that calls `look` owns the store. For each site it reads one consistent view, evaluates the rules, and writes
the result in one transaction: the state of the rules, the alerts, and the messages about them. If the collector ends in
between, nothing was written, so after a restart nothing is evaluated or sent twice. If the rules of a site fail, that
is counted, and the other sites are evaluated all the same. Of several collectors on one store one evaluates at a time:
the one that holds the lease.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import TypeVar

import msgspec

from collector.alerts import observations
from collector.alerts.alert import KINDS, Kind, Subject
from collector.alerts.clock_step import reset_future_times
from collector.alerts.first_vehicles import BACK_MS, FirstVehicles, SiteState
from collector.alerts.lifecycle import AlertLifecycle, ProvenFinding
from collector.alerts.observations import DeviceRow, Sites
from collector.alerts.rules import convoy, queue, station
from collector.alerts.rules import device as device_rules
from collector.alerts.rules import site as site_rule
from collector.alerts.rules.device import DeviceMemory
from collector.alerts.rules.finding import About, Finding
from collector.alerts.rules.queue import QueueState
from collector.alerts.rules.site import DeviceCondition, SiteMemory
from collector.alerts.rules.station import StationState
from collector.alerts.settings import AlertSettings, Rules
from collector.alerts.wording import ALL, DAY_MS, HOUR_MS
from collector.domain.faults import Faults, sentence_of
from collector.domain.scope import Scope
from collector.domain.sites import UNCONFIGURED
from collector.queries.evidence import evidence
from collector.queries.models import unmeasured_ms
from collector.queries.places import directions_of, of_place, sites_of, time_zone_of
from collector.queries.results import Evidence
from collector.store import convoys
from collector.store.device_alerts import note_looked
from collector.store.dialect import Tables
from collector.store.interface import Reading, StatementError, Store, TooLongError, UnstorableError
from edge.errors import CrossingError

_LOG = logging.getLogger(__name__)
LEASE_MS = 180_000
"""A collector that has not renewed the lease for this time has lost it."""
CONVOYS_MAX = 100
"""Evaluated in one round; the others follow in the next."""
EVIDENCE_MS_MAX = DAY_MS
PRUNE_EVERY_MS = 24 * HOUR_MS
AHEAD_MS_MAX = HOUR_MS
"""A lease that ends more than this too late was taken while the clock was ahead."""
_OF_A_SITE = (StatementError, TooLongError, UnstorableError)
"""Errors of one query or statement; after any other error the store is not usable."""
_State = TypeVar("_State", bound=msgspec.Struct)


class ZoneStates(msgspec.Struct, kw_only=True):
    """The state of the queue rule for the zones of a device. Slots before `judged_to_ms` are evaluated."""

    judged_to_ms: int | None = None
    zones: dict[str, QueueState] = {}


class Lease(msgspec.Struct, frozen=True):
    """Which collector evaluates, until when."""

    holder: str
    until_ms: int


@dataclass
class Evaluator:
    """Evaluates all sites. `listening` returns since when the collector is subscribed (UTC); None while it is not."""

    store: Store
    settings: AlertSettings
    sites: Sites
    _: KW_ONLY
    holder: str
    listening: Callable[[], int | None]
    channels: Sequence[str] = ()
    faults: Faults = field(default_factory=Faults)

    def look(self, now_ms: int) -> bool:
        """One round; false if another collector holds the lease. WorkError if the store fails."""
        with self.store.writing() as tables:
            ahead_ms = _lease_of(tables, self.holder, now_ms).until_ms - LEASE_MS - now_ms
            if not take_lease(tables, self.holder, now_ms, listens=self.listening() is not None):
                return False
            if ahead_ms > AHEAD_MS_MAX:
                _LOG.warning("the clock of this machine was ahead by %d s; alerts go on from now", ahead_ms // 1000)
                reset_future_times(tables, now_ms)
        with self.store.reading() as reading:
            sites = sites_of(reading, Scope())
        for site in sites:
            try:
                if not self._look_at(site, now_ms):
                    return False
            except Exception as error:  # an error at one site must not stop the others
                if isinstance(error, CrossingError) and not isinstance(error, _OF_A_SITE):
                    raise
                if self.faults.failed("alerts", site, sentence_of(error), now_ms=now_ms):
                    _LOG.exception("the alerts of %s failed; those of other sites go on, and it is tried again", site)
            else:
                if self.faults.works("alerts", site):
                    _LOG.info("the alerts of %s work again", site)
        return True

    def _look_at(self, site: str, now_ms: int) -> bool:
        """Evaluate one site; false if the lease was lost."""
        with self.store.reading() as reading:
            evaluation = _SiteEvaluation(
                reading,
                site,
                rules=self.settings.rules_of(site),
                sites=self.sites,
                now_ms=now_ms,
                listening_ms=self.listening(),
            )
            found = evaluation.findings()
        with self.store.writing() as tables:
            if not take_lease(tables, self.holder, now_ms, listens=self.listening() is not None):
                return False
            evaluation.store_state(tables)
            rules, tell = self.settings.rules_of(site), self.settings.tell
            lifecycle = AlertLifecycle(tables, site, rules, now_ms=now_ms, channels=self.channels, endings=tell.endings)
            lifecycle.take(found)
            lifecycle.digest()
            if evaluation.prune_now:
                lifecycle.prune()
        return True


class _SiteEvaluation:
    """One evaluation of a site, in one reading."""

    def __init__(
        self, reading: Reading, site: str, *, rules: Rules, sites: Sites, now_ms: int, listening_ms: int | None
    ) -> None:
        self._reading = reading
        self._site = site
        self._rules = rules
        self._sites = sites
        self._now_ms = now_ms
        self._listening_ms = listening_ms
        self._zone = time_zone_of(reading, site, sites)
        rows = reading.rows("SELECT name, state FROM alert_state WHERE site = :site", {"site": site})
        self._kept: dict[str, str] = dict(rows)
        self._states: dict[str, msgspec.Struct] = {}
        self._devices = observations.devices_at(reading, site, now_ms=now_ms)
        self._looked: list[int] = []
        self._looked_convoys: list[int] = []
        self.prune_now = False

    def findings(self) -> list[ProvenFinding]:
        """What the rules find now, and what has ended."""
        firsts = FirstVehicles(
            self._reading,
            self._site,
            self._state("site", SiteState),
            rules=self._rules,
            zone=self._zone,
            now_ms=self._now_ms,
        )
        found = firsts.all()
        self._looked = firsts.looked
        by_name = {row.device: row for row in self._devices}
        for names in observations.stations_of(list(by_name), self._sites.get(self._site, UNCONFIGURED)):
            found += self._station([by_name[name] for name in names])
        found += self._devices_and_site()
        for row in self._devices:
            found += self._zones(row)
        found += self._convoys()
        state = self._state("site", SiteState)
        self.prune_now = self._now_ms - state.pruned_ms >= PRUNE_EVERY_MS
        if self.prune_now:
            state.pruned_ms = self._now_ms
        known = self._known()
        return [self._proven(one, known) for one in found]

    def store_state(self, tables: Tables) -> None:
        """Write the states of the rules that changed."""
        rows = []
        for name, state in self._states.items():
            text = msgspec.json.encode(state).decode("utf-8")
            if text != self._kept.get(name):
                rows.append((self._site, name, text))
        if self._looked:
            note_looked(tables, self._looked)
        if self._looked_convoys:
            convoys.note_looked(tables, self._looked_convoys)
        if rows:
            tables.many(
                "INSERT INTO alert_state (site, name, state) VALUES (?, ?, ?) ON CONFLICT (site, name)"
                " DO UPDATE SET state = excluded.state",
                rows,
            )

    def _state(self, name: str, kind: type[_State]) -> _State:
        found = self._states.get(name)
        if found is None:
            text = self._kept.get(name)
            try:
                found = kind() if text is None else msgspec.json.decode(text, type=kind)
            except msgspec.MsgspecError:  # stored by another version: begin again; the alerts themselves stay
                found = kind()
            self._states[name] = found
        assert isinstance(found, kind), "a name belongs to one kind of state"
        return found

    def _station(self, rows: Sequence[DeviceRow]) -> list[ProvenFinding]:
        names = [row.device for row in rows]
        state = self._state(f"post/{names[0]}", StationState)
        if state.judged_to_ms is None:
            state.judged_to_ms = (self._now_ms - BACK_MS) // HOUR_MS * HOUR_MS
        if self._now_ms - state.judged_to_ms < HOUR_MS:
            return []
        edges = observations.settled(self._reading, self._site, rows, state.judged_to_ms, self._now_ms)
        if not edges:
            return []
        history = self._rules.history
        hours, flows = observations.hours_of(
            self._reading, self._site, names, edges, sites=self._sites, history=history, zone=self._zone
        )
        station.reset_for_new_model(state, unmeasured_ms(self._reading, self._site, names, ALL))
        directions = directions_of(self._reading, self._site, self._sites)
        told = self._sites.get(self._site, UNCONFIGURED)
        ways = {
            (flow.device, flow.line): (words.out, words.back)
            for flow in flows
            if (words := of_place(directions, flow, told)) is not None
        }
        found: list[Finding] = []
        for hour in hours:
            found += station.evaluate(state, hour, ways, self._rules, self._zone)
        return [ProvenFinding(one) for one in found]

    def _devices_and_site(self) -> list[ProvenFinding]:
        """Findings about devices, and about the site as a whole; none while the collector is not subscribed."""
        if self._listening_ms is None:
            return []
        of_devices: dict[str, list[Finding]] = {}
        conditions: dict[Kind, list[DeviceCondition | None]] = {"silent": [], "blind": []}
        for row in self._devices:
            now = observations.device_now(
                self._reading,
                self._site,
                row,
                now_ms=self._now_ms,
                listening_ms=self._listening_ms,
                weeks=self._rules.history.weeks,
                zone=self._zone,
                minutes=self._rules.blind.minutes,
            )
            memory = self._state(f"device/{row.device}", DeviceMemory)
            of_devices[row.device] = device_rules.evaluate(memory, now, self._rules, self._zone)
            conditions["silent"].append(site_rule.silence_of(memory, now, self._rules))
            conditions["blind"].append(site_rule.blindness_of(memory, now, self._rules))
        found = [one for ones in of_devices.values() for one in ones if one.kind not in conditions]
        for kind, judged in conditions.items():
            found += site_rule.evaluate(
                self._state(f"all/{kind}", SiteMemory),
                kind,
                self._site,
                [one for one in judged if one is not None],
                {device: [one for one in ones if one.kind == kind] for device, ones in of_devices.items()},
                now_ms=self._now_ms,
                time_zone=self._zone,
            )
        return [ProvenFinding(one) for one in found]

    def _zones(self, row: DeviceRow) -> list[ProvenFinding]:
        states = self._state(f"zones/{row.device}", ZoneStates)
        if states.judged_to_ms is None:
            states.judged_to_ms = (self._now_ms - HOUR_MS) // observations.SLOT_MS * observations.SLOT_MS
        edges = observations.settled(
            self._reading, self._site, [row], states.judged_to_ms, self._now_ms, step_ms=observations.SLOT_MS
        )
        if not edges:
            return []
        states.judged_to_ms = edges[-1]
        found: list[ProvenFinding] = []
        for zone, slots in observations.slots_of(self._reading, self._site, row.device, edges).items():
            about = About(Subject(site=self._site, device=row.device, zone=zone), self._rules, self._zone)
            state = states.zones.setdefault(zone, QueueState())
            for slot in slots:
                found += [ProvenFinding(one) for one in queue.evaluate(state, slot, about)]
        return found

    def _convoys(self) -> list[ProvenFinding]:
        """Findings about convoys that are not evaluated yet."""
        found = []
        for one in convoys.convoys(self._reading, site=self._site, new_only=True, limit=CONVOYS_MAX):
            self._looked_convoys.append(one.id)
            finding = convoy.evaluate(one, self._rules, self._zone, now_ms=self._now_ms)
            if finding is not None:
                found.append(ProvenFinding(finding))
        return found

    def _known(self) -> set[tuple[str, str]]:
        rows = self._reading.rows(
            "SELECT kind, subject FROM alert WHERE site = :site AND closed_ms IS NULL", {"site": self._site}
        )
        return {(kind, subject) for kind, subject in rows}

    def _proven(self, found: ProvenFinding, known: set[tuple[str, str]]) -> ProvenFinding:
        """The finding with the zone of its times, and with its reports unless its alert is open already."""
        finding = found.finding
        figures = finding.figures | {"time_zone": self._zone}
        found = msgspec.structs.replace(found, finding=msgspec.structs.replace(finding, figures=figures))
        assert finding.kind in KINDS, "a rule names one of the kinds"
        if finding.over or (finding.kind, finding.subject.key) in known:
            return found
        scope = Scope(site=self._site, device=finding.device or None)
        from_ms = max(finding.from_ms, finding.to_ms - EVIDENCE_MS_MAX)
        proof: list[Evidence] = evidence(self._reading, scope, from_ms, max(finding.to_ms, from_ms + 1))
        return msgspec.structs.replace(found, evidence=tuple(proof))


def take_lease(tables: Tables, holder: str, now_ms: int, *, listens: bool = True) -> bool:
    """Take or renew the lease for LEASE_MS; false if another collector holds it.

    A collector that is not subscribed cannot evaluate devices nor send by MQTT: it does not renew its lease, and takes
    one only if no other collector has done so for as long again.
    """
    first = Lease(holder, now_ms + LEASE_MS)
    lease = _lease_of(tables, holder, now_ms)
    left_ms = lease.until_ms - now_ms
    if lease.holder == holder:
        if LEASE_MS // 2 < left_ms <= LEASE_MS or (0 < left_ms <= LEASE_MS and not listens):
            return True  # usually nothing has to be written
        free = listens or not -LEASE_MS < left_ms <= 0
    else:
        free = not (0 if listens else -LEASE_MS) < left_ms <= LEASE_MS
    if free:
        tables.many(
            "UPDATE alert_state SET state = ? WHERE site = '' AND name = 'lease'",
            [(msgspec.json.encode(first).decode("utf-8"),)],
        )
    return free


def _lease_of(tables: Tables, holder: str, now_ms: int) -> Lease:
    """The current lease, locked until the end of the transaction; a new one of `holder` if there was none."""
    tables.many(
        "INSERT INTO alert_state (site, name, state) VALUES ('', 'lease', ?) ON CONFLICT DO NOTHING",
        [(msgspec.json.encode(Lease(holder, now_ms + LEASE_MS)).decode("utf-8"),)],
    )
    query = f"SELECT state FROM alert_state WHERE site = '' AND name = 'lease' {tables.holding}"
    return msgspec.json.decode(tables.rows(query)[0][0], type=Lease)
