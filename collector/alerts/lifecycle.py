"""From findings to alerts: opened once, updated, and closed; and which of them are sent. Inside one transaction.

1. There is at most one open alert for a kind and subject: a repeated finding updates it.
2. A finding within `again_hours` after its alert was closed opens the same alert again, without another message. Kinds
   in NEWS (a first vehicle, a resumption) are closed at once; a finding within `again_hours` is the same alert. Each
   convoy is an alert of its own.
3. What happened more than `news_hours` before it was found is stored without a message (`late`).
4. At most `messages_per_hour` messages about a site are sent in any hour; the last one is reserved for the digest that
   counts the others.
5. For an alert that was sent its end is sent as well, unless that is turned off.

The times of these rules are those of the events, except for the hour of rule 4.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass

import msgspec

from collector.alerts.alert import EVENTS, EVIDENCE_MAX, NEWS, Alert, Kind, Subject
from collector.alerts.repository import COLUMNS, alert_of
from collector.alerts.rules.finding import Finding
from collector.alerts.settings import Rules
from collector.alerts.wording import DAY_MS, HOUR_MS
from collector.queries.results import Evidence
from collector.store.dialect import Tables
from collector.store.verdicts import Crossing, denied

ALERTS_MAX = 10_000
"""Of one site; beyond it the oldest closed ones are deleted."""
PICTURES_MAX = 1_000
"""Of the alerts of one site."""
TELLINGS_DAYS = 90
SILENCE_HOURS = 7 * 24
_ENCODE = msgspec.json.Encoder(order="sorted").encode


class ProvenFinding(msgspec.Struct, frozen=True):
    """A finding with its evidence. A `weak` one changes nothing of an existing alert except its picture."""

    finding: Finding
    evidence: tuple[Evidence, ...] = ()
    jpeg: bytes | None = None
    weak: bool = False


@dataclass
class AlertLifecycle:
    """The alerts of one site in the tables, within one transaction."""

    tables: Tables
    site: str
    rules: Rules
    _: KW_ONLY
    now_ms: int
    channels: Sequence[str] = ()
    endings: bool = True
    """Whether the end of an alert is sent."""

    def take(self, found: Iterable[ProvenFinding]) -> None:
        """Take findings, in the order in which they were made."""
        for one in found:
            if one.finding.over:
                self._close(one.finding)
            else:
                self._open(one)

    def digest(self) -> None:
        """Send a digest of the messages that were suppressed, once an hour."""
        rows = self.tables.rows(
            "SELECT telling.id, telling.created_ms, alert.kind FROM telling LEFT JOIN alert ON alert.id = alert_id"
            " WHERE telling.site = ? AND telling.fate = 'suppressed' ORDER BY telling.id",
            (self.site,),
        )
        if not rows or self.now_ms - rows[0][1] < HOUR_MS or self._room() < 1:
            return
        kinds = Counter(kind for _, _, kind in rows)
        named = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
        more = "message" if len(rows) == 1 else "messages"
        text = (
            f"{len(rows)} {more} about {self.site} were not sent, because there were more than"
            f" {self.rules.messages_per_hour} in an hour: {named}."
        )
        self.tables.many("UPDATE telling SET fate = 'digested' WHERE id = ?", [(row[0],) for row in rows])
        self._tell(None, "digest", text)

    def prune(self) -> None:
        """Delete what exceeds the bounds."""
        overdue = self.now_ms - TELLINGS_DAYS * DAY_MS
        old = "SELECT id FROM telling WHERE site = ? AND created_ms < ? AND fate <> 'suppressed'"
        parameters = (self.site, overdue)
        self.tables.many(f"DELETE FROM delivery WHERE telling_id IN ({old})", [parameters])
        self.tables.many("DELETE FROM telling WHERE site = ? AND created_ms < ? AND fate <> 'suppressed'", [parameters])
        newest = "SELECT id FROM alert WHERE site = ? {} ORDER BY id DESC LIMIT 1 OFFSET ?"
        pictured = "AND EXISTS (SELECT 1 FROM alert_picture WHERE alert_id = alert.id)"
        self.tables.many(
            "DELETE FROM alert_picture WHERE alert_id IN (SELECT id FROM alert WHERE site = ?"
            f" AND id <= ({newest.format(pictured)}))",
            [(self.site, self.site, PICTURES_MAX)],
        )
        lapsed = f"SELECT id FROM alert WHERE site = ? AND closed_ms IS NOT NULL AND id <= ({newest.format('')})"
        parameters_ = (self.site, self.site, ALERTS_MAX)
        in_tellings = f"SELECT id FROM telling WHERE alert_id IN ({lapsed})"
        for query in (
            f"DELETE FROM alert_picture WHERE alert_id IN ({lapsed})",
            f"DELETE FROM delivery WHERE telling_id IN ({in_tellings})",
            f"DELETE FROM telling WHERE alert_id IN ({lapsed})",
            f"DELETE FROM alert WHERE id IN ({lapsed})",
        ):
            self.tables.many(query, [parameters_])

    def _open(self, found: ProvenFinding) -> None:
        finding = found.finding
        known = self._last(finding.kind, finding.subject)
        if known is not None and (known.open or self._same_again(known, finding)) and not self._denied(known, finding):
            self._update(known, found)
        else:
            self._insert(found)

    def _same_again(self, known: Alert, finding: Finding) -> bool:
        if finding.kind in EVENTS:
            return finding.at_ms == known.at_ms
        until_ms = known.until_ms if known.until_ms is not None else known.at_ms
        return abs(finding.at_ms - until_ms) < self.rules.again_hours * HOUR_MS or finding.at_ms <= until_ms

    def _denied(self, known: Alert, finding: Finding) -> bool:
        """Whether a person denies the vehicle of that alert, and the finding is about another one."""
        run, at_ms = known.figures.get("run"), known.figures.get("crossing_ms")
        if run is None or (finding.figures.get("run"), finding.figures.get("crossing_ms")) == (run, at_ms):
            return False
        device, line = str(known.figures["device"]), str(known.figures["line"])
        return denied(self.tables, Crossing(self.site, device, str(run), line, int(at_ms or 0)))

    def _update(self, known: Alert, found: ProvenFinding) -> None:
        finding = found.finding
        news = known.kind in NEWS
        if found.jpeg and not known.has_picture:
            self._picture(known.id, found.jpeg)
        if found.weak:
            return
        if known.fate == "withdrawn" or not (known.open or news):
            self.tables.many(
                "UPDATE alert SET closed_ms = NULL, until_ms = NULL, ending = '', times = times + 1,"
                " fate = CASE WHEN fate = 'withdrawn' THEN 'late' ELSE fate END WHERE id = ?",
                [(known.id,)],
            )
            if news:
                self.tables.many(
                    "UPDATE alert SET closed_ms = ?, until_ms = ? WHERE id = ?",
                    [(self.now_ms, finding.at_ms, known.id)],
                )
        at_ms = finding.at_ms if news else min(known.at_ms, finding.at_ms)
        changed = (at_ms, finding.reason) != (known.at_ms, known.reason)
        if changed:
            evidence = found.evidence[:EVIDENCE_MAX] or known.evidence
            self.tables.many(
                "UPDATE alert SET at_ms = ?, updated_ms = ?, reason = ?, figures = ?, evidence = ? WHERE id = ?",
                [(at_ms, self.now_ms, finding.reason, _text(finding.figures), _text(evidence), known.id)],
            )

    def _insert(self, found: ProvenFinding) -> None:
        finding, subject, now_ms = found.finding, found.finding.subject, self.now_ms
        news = finding.kind in NEWS
        late = finding.at_ms < now_ms - self.rules.news_hours * HOUR_MS and not self._still_so(finding)
        fate = "late" if late else "told" if self._room() > 1 or self.rules.messages_per_hour == 1 else "suppressed"
        if fate == "told" and self._room() < 1:
            fate = "suppressed"
        columns = (
            "site, kind, subject, device, line, direction, class, zone, at_ms, until_ms, opened_ms, updated_ms,"
            " closed_ms, reason, ending, figures, evidence, times, fate, acknowledged_ms, acknowledged_by, note"
        )
        row = (
            *(self.site, finding.kind, subject.key),
            *(subject.device, subject.line, subject.direction, subject.label, subject.zone),
            *(finding.at_ms, finding.at_ms if news else None, now_ms, now_ms, now_ms if news else None),
            *(finding.reason, "", _text(finding.figures), _text(found.evidence[:EVIDENCE_MAX])),
            *(1, fate, None, "", ""),
        )
        marks = ", ".join("?" * len(row))
        ((alert_id,),) = self.tables.rows(f"INSERT INTO alert ({columns}) VALUES ({marks}) RETURNING id", row)
        if found.jpeg:
            self._picture(alert_id, found.jpeg)
        if fate != "late":
            self._tell(alert_id, "opened", finding.reason, fate)

    def _still_so(self, finding: Finding) -> bool:
        """Whether it still lasts: then it is sent if its evidence is recent, however long ago it began.

        Silence has no evidence. It is sent for a device that was heard within the days for which a broker stores
        messages, so one that failed while the collector was off is reported, and one that was removed long ago is not.
        """
        hours = SILENCE_HOURS if finding.kind == "silent" else self.rules.news_hours
        return finding.kind not in NEWS and finding.to_ms >= self.now_ms - hours * HOUR_MS

    def _close(self, finding: Finding) -> None:
        known = self._last(finding.kind, finding.subject)
        if known is None or not (known.open or finding.withdrawn):
            return
        self.tables.many(
            "UPDATE alert SET until_ms = ?, closed_ms = ?, updated_ms = ?, ending = ? WHERE id = ?",
            [(max(finding.at_ms, known.at_ms), self.now_ms, self.now_ms, finding.reason, known.id)],
        )
        if finding.withdrawn:
            self.tables.many("UPDATE alert SET fate = 'withdrawn' WHERE id = ?", [(known.id,)])
        if known.fate == "told" and self.endings and (known.times == 1 or finding.withdrawn):
            self._tell(known.id, "closed", finding.reason, "told" if self._room() > 1 else "suppressed")

    def _last(self, kind: Kind, subject: Subject) -> Alert | None:
        rows = self.tables.rows(
            f"SELECT {COLUMNS} FROM alert WHERE site = ? AND kind = ? AND subject = ? ORDER BY at_ms DESC, id DESC"
            " LIMIT 1",
            (self.site, kind, subject.key),
        )
        return alert_of(rows[0]) if rows else None

    def _room(self) -> int:
        """How many messages may still be sent in this hour."""
        since_ms = self.now_ms - HOUR_MS
        query = "SELECT count(*) FROM telling WHERE site = ? AND created_ms > ? AND fate = 'told'"
        ((told,),) = self.tables.rows(query, (self.site, since_ms))
        return max(0, self.rules.messages_per_hour - int(told))

    def _tell(self, alert_id: int | None, event: str, text: str, fate: str = "told") -> None:
        ((telling_id,),) = self.tables.rows(
            "INSERT INTO telling (site, alert_id, event, created_ms, fate, text) VALUES (?, ?, ?, ?, ?, ?)"
            " RETURNING id",
            (self.site, alert_id, event, self.now_ms, fate, text),
        )
        if fate == "told" and self.channels:
            self.tables.many(
                "INSERT INTO delivery (telling_id, channel, state, attempts, due_ms, done_ms, error)"
                " VALUES (?, ?, 'waiting', 0, ?, NULL, '')",
                [(telling_id, channel, self.now_ms) for channel in self.channels],
            )

    def _picture(self, alert_id: int, jpeg: bytes) -> None:
        self.tables.many(
            "INSERT INTO alert_picture (alert_id, jpeg) VALUES (?, ?) ON CONFLICT DO NOTHING", [(alert_id, jpeg)]
        )


def _text(value: object) -> str:
    return _ENCODE(value).decode("utf-8")
