"""Alerts of several kinds for the pages to show: open and over, noted by somebody and not, one with a picture."""

from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from PIL import Image

from collector.alerts.alert import Figures, Kind, Subject
from collector.alerts.lifecycle import AlertLifecycle, ProvenFinding
from collector.alerts.repository import acknowledge, alerts
from collector.alerts.rules.finding import Finding
from collector.alerts.settings import Rules
from collector.domain.scope import Scope
from collector.queries.evidence import evidence
from collector.store.sqlite.store import SqliteStore

FRAMES = Path(__file__).parents[1] / "scenes" / "scenes.jpg"
FRAME = (974, 32, 1450, 272)
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


@dataclass(frozen=True)
class Noted:
    """`before_ms` and `lasts_ms`: where it lies before the end of the store; `note`: somebody has acknowledged it."""

    kind: Kind
    subject: Subject
    before_ms: int
    lasts_ms: int
    reason: str
    figures: Figures = field(default_factory=dict)
    ending: str = ""
    note: str = ""
    has_picture: bool = False


BRIDGE, PASS, GATE, FORD = "friendship-bridge", "mountain-pass", "harbour-gate", "river-ford"
ALL = (
    Noted("first", Subject(site=GATE, device="gate-1", line="barrier", direction="out of port", label="bus"),
          4 * DAY_MS, HOUR_MS, "The first bus out of port over barrier for 4 years, of which 93 % were watched.",
          {"quiet_days": 1_461, "watched_share": 0.93}, note="A school on a visit."),
    Noted("resumption", Subject(site=FORD, line="ford", direction="west", label="truck"), 3 * DAY_MS, HOUR_MS,
          "2 trucks west over ford from 09:00 to 10:00, the first for 5 days of which 96 % were watched.",
          {"quiet_days": 5, "watched_share": 0.96}, note="The river has fallen."),
    Noted("queue", Subject(site=GATE, device="gate-1", zone="lane-a"), 20 * HOUR_MS, 3 * HOUR_MS,
          "14.2 vehicles stand in lane-a (gate-1), 10 or more for 2 h (100 % watched), at most 17; nine in ten of those"
          " that left had waited up to 52 min.", {"standing": 14.2, "most": 17, "limit": 10, "wait_p90_ms": 3_120_000},
          ending="3 stand in lane-a now, fewer than 10."),
    Noted("surge", Subject(site=BRIDGE, line="deck", direction="outbound", label="truck"), 5 * HOUR_MS, 2 * HOUR_MS,
          "94 trucks outbound over deck in 2 h (99 % watched), 71 % more than the usual 55 of these hours in 4 past"
          " weeks (median; 4.8 times the usual spread of 8).",
          {"number": 94, "usual": 55, "spread": 8, "weeks": 4, "watched_share": 0.99},
          note="The fair begins on Friday."),
    Noted("blind", Subject(site=PASS, device="hut-1"), 47 * 60_000, 47 * 60_000,
          "hut-1 has seen nothing for 47 minutes: no contrast.", {"blind_minutes": 47}),
    Noted("first", Subject(site=BRIDGE, device="mast-1", line="deck", direction="return", label="motorcycle"),
          15 * 60_000, 15 * 60_000,
          "A motorcycle crossed deck, return, the first after 31 days without one, of which 97 % were watched.",
          {"quiet_days": 31, "watched_share": 0.97}, has_picture=True),
)  # fmt: skip


def note_alerts(store: SqliteStore, end_ms: int) -> None:
    """Put all of them into the store, oldest first, with the reports behind them."""
    for one in ALL:
        from_ms, site = end_ms - one.before_ms, one.subject.site
        scope = Scope(site=site, device=one.subject.device or None)
        with store.reading() as reading:
            found = evidence(reading, scope, from_ms, from_ms + one.lasts_ms)
        finding = Finding(kind=one.kind, subject=one.subject, at_ms=from_ms, reason=one.reason, figures=one.figures)
        over = Finding(kind=one.kind, subject=one.subject, at_ms=from_ms + one.lasts_ms, reason=one.ending, over=True)
        with store.writing() as tables:
            ledger = AlertLifecycle(tables, site, Rules(), now_ms=from_ms + one.lasts_ms)
            ledger.take([ProvenFinding(finding, tuple(found), _frame() if one.has_picture else None)])
            ledger.take([ProvenFinding(over)] if one.ending else [])
        if one.note:
            with store.reading() as reading:
                newest = alerts(reading, Scope(site=site), limit=1)[0]
            acknowledge(store, newest.id, by="night shift", note=one.note, now_ms=from_ms + one.lasts_ms)


def _frame() -> bytes:
    """One frame of the scenes, as a device would send it."""
    jpeg = BytesIO()
    Image.open(FRAMES).crop(FRAME).save(jpeg, "JPEG", quality=70)
    return jpeg.getvalue()
