"""The crossing that an alert is about, for a verdict on it."""

from collector.alerts.alert import Alert
from collector.alerts.repository import alert
from collector.alerts.wording import HOUR_MS
from collector.store.interface import Reading
from collector.store.verdicts import Crossing
from edge.errors import InputError


def crossing_of(reading: Reading, alert_id: int) -> Crossing:
    """The crossing that an alert is about. InputError if there is no such alert, or if it is not about one vehicle."""
    one = alert(reading, alert_id)
    if one is None:
        raise InputError(f"there is no alert {alert_id}")
    device, line = (str(one.figures.get(name) or getattr(one.subject, name)) for name in ("device", "line"))
    if one.kind not in ("first", "likely") or not (device and line and one.subject.label):
        raise InputError(f"alert {alert_id} is not about one vehicle, so nobody can say what it was")
    run, at_ms = _noted(one) or _called(reading, one, device, line) or _reported(one, device)
    direction = str(one.figures.get("direction") or one.subject.direction)
    return Crossing(
        one.subject.site, device, run, line, at_ms, direction=direction, label=one.subject.label, alert=alert_id
    )


def _noted(one: Alert) -> tuple[str, int] | None:
    run, at_ms = one.figures.get("run"), one.figures.get("crossing_ms")
    return (str(run), int(at_ms)) if run and at_ms is not None else None


def _called(reading: Reading, one: Alert, device: str, line: str) -> tuple[str, int] | None:
    """Run and time of the vehicle from the device's alert, which are more precise than those of a report."""
    rows = reading.rows(
        "SELECT run, at_ms FROM device_alert JOIN device ON device.id = device_id"
        " WHERE site = :site AND device = :device AND kind = 'rare-class' AND line = :line AND class = :class"
        " AND at_ms BETWEEN :at - :near AND :at + :near ORDER BY abs(at_ms - :at) LIMIT 1",
        {
            "site": one.subject.site,
            "device": device,
            "line": line,
            "class": one.subject.label,
            "at": one.at_ms,
            "near": HOUR_MS,
        },
    )
    return (rows[0][0], rows[0][1]) if rows else None


def _reported(one: Alert, device: str) -> tuple[str, int]:
    for of in one.evidence:
        if of.device == device:
            return of.run, one.at_ms
    raise InputError(f"the reports behind alert {one.id} are not known, so nothing can be said of its vehicle yet")
