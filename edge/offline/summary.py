"""The summary of a replay: counts, the balance of the two directions, queues; as text or JSON."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from edge.build.publishing import convoy_of
from edge.config.schema import Config
from edge.config.shapes import convoy_rules
from edge.counting.buckets import COUNTED_CLASSES
from edge.counting.convoys import Convoy, by_time
from edge.counting.crossing import DIRECTIONS
from edge.counting.zone_counts import ZoneCount, waits_of
from edge.offline.recording_start import Start, local_time
from edge.offline.replay import Outcome


@dataclass(frozen=True, slots=True)
class Origin:
    """The start of a recording, and whether it is complete.

    `part` says why it breaks off, and `end_unknown` why that is not known; "" where neither holds.
    """

    start: Start = Start()  # noqa: RUF009  # frozen
    part: str = ""
    end_unknown: str = ""
    time_zone: str = "UTC"


def summary_of(outcome: Outcome, config: Config, run: str, origin: Origin) -> dict[str, Any]:
    """Ready for JSON; null without watched time, never 0."""
    zone = origin.time_zone
    watched_ms = sum(bucket.watched_ms for bucket in outcome.buckets)
    watched = bool(watched_ms or outcome.crossings)
    found = {
        "run": run,
        "site": config.site,
        "device": config.device,
        "frames": outcome.frames,
        "first": local_time(outcome.first_ms, zone),
        "last": local_time(outcome.last_ms, zone),
        "recording": {
            "start": None if origin.start.at_ms is None else local_time(origin.start.at_ms, zone),
            "start_said_by": origin.start.said_by or None,
            "start_note": origin.start.note or None,
            "time_zone": zone,
            "part": origin.part or None,
            "end_unknown": origin.end_unknown or None,
        },
        "watched_ms": watched_ms,
        "lines": totals_of(outcome, config) if watched else None,
        "balance": balance_of(outcome, config) if watched else None,
    }
    if convoy_rules(config):
        found["convoys"] = [convoy_row(one, config) for one in by_time(outcome.convoys)] if watched else None
    if config.zones:
        found["zones"] = {name: zone_of(outcome, name) for name in config.zones}
    return found


def totals_of(outcome: Outcome, config: Config) -> dict[str, dict[str, dict[str, int]]]:
    """Line -> the user's word for the direction -> class -> vehicles."""
    counted = _counted(outcome)
    return {
        line: {word: {label: counted[line, way, label] for label in COUNTED_CLASSES} for way, word in words.items()}
        for line, words in config.direction_words.items()
    }


def balance_of(outcome: Outcome, config: Config) -> dict[str, dict[str, Any]]:
    """Per line: of each class, how many went out (a to b), came back (b to a), and are still over there.

    Fewer than none over there: some were there before the recording began, and came back.
    """
    counted = _counted(outcome)
    found: dict[str, dict[str, Any]] = {}
    for line, words in config.direction_words.items():
        ways = {label: [counted[line, way, label] for way in DIRECTIONS] for label in COUNTED_CLASSES}
        ways["all"] = [sum(numbers) for numbers in zip(*ways.values(), strict=True)]
        found[line] = {
            "out": words[DIRECTIONS[0]],
            "back": words[DIRECTIONS[1]],
            "classes": {
                label: {"out": out, "back": back, "over_there": out - back} for label, (out, back) in ways.items()
            },
        }
    return found


def convoy_row(convoy: Convoy, config: Config) -> dict[str, Any]:
    """A convoy as in its message, without run and number."""
    found = msgspec.to_builtins(convoy_of(convoy, "", 0, config))
    return {key: value for key, value in found.items() if key not in ("schema", "run", "number")}


def zone_of(outcome: Outcome, name: str) -> dict[str, Any] | None:
    """A zone over the whole recording; None without watched time."""
    known: list[tuple[int, ZoneCount]] = [
        (bucket.watched_ms, bucket.zones[name]) for bucket in outcome.buckets if bucket.zones and name in bucket.zones
    ]
    if not known:
        return None
    waits_ms = outcome.waits_ms.get(name, [])
    waits = waits_of(waits_ms)
    last = known[-1][1]

    def level(part: str, digits: int = 2) -> dict[str, float] | None:
        """Over the time in which it is known; None if it never is."""
        levels = [(for_ms, one) for for_ms, count in known if (one := getattr(count, part)) is not None]
        if not levels:
            return None
        mean = sum(for_ms * one.mean for for_ms, one in levels) / sum(for_ms for for_ms, _ in levels)
        return {"mean": round(mean, digits), "max": max(one.max for _, one in levels), "end": levels[-1][1].end}

    def number(part: str) -> int | None:
        """Vehicles in all; None on stills, where it is not known."""
        return None if last.left is None else sum(getattr(count, part) for _, count in known)

    return {
        "inside": level("inside"),
        "standing": level("standing"),
        "parked": last.parked,
        "entered": number("entered"),
        "left": number("left"),
        "lost": number("lost"),
        "waited": None if last.left is None else len(waits_ms),
        "wait_ms": asdict(waits) if waits else None,
        "expected_ms": asdict(last.expected_ms) if last.expected_ms else None,
        "queue_m": level("queue_m", 1),
        "hidden_likely": asdict(last.hidden_likely) if last.hidden_likely else None,
    }


def text_of(outcome: Outcome, config: Config, origin: Origin) -> str:
    """Small tables for people."""
    watched_s = sum(bucket.watched_ms for bucket in outcome.buckets) / 1000
    elapsed_s = (outcome.last_ms - outcome.first_ms) / 1000
    stills = any(bucket.pictures is not None for bucket in outcome.buckets)
    rows = [f"{outcome.frames} {'stills' if stills else 'frames'}, {elapsed_s:.1f} s, watched {watched_s:.1f} s"]
    rows += _origin_rows(origin)
    if not watched_s and not outcome.crossings:
        rows.append("Nothing could be seen, so nothing was counted: that is not zero.")
        return "\n".join(rows)
    for line, ways in totals_of(outcome, config).items():
        for word, classes in ways.items():
            parts = ", ".join(f"{n} {label}" for label, n in classes.items() if n)
            rows.append(f"{line:<12} {word:<12} {sum(classes.values()):>5}" + (f"   ({parts})" if parts else ""))
    for line, balance in balance_of(outcome, config).items():
        rows += _balance_rows(line, balance)
    if outcome.convoys:
        rows += ["", "convoys", *(_convoy_line(one, config, origin.time_zone) for one in by_time(outcome.convoys))]
    for name in config.zones:
        rows += _zone_rows(name, zone_of(outcome, name))
    return "\n".join(rows)


def _convoy_line(convoy: Convoy, config: Config, time_zone: str) -> str:
    word = config.direction_words[convoy.line][convoy.direction]
    parts = ", ".join(f"{number} {label}" for label, number in convoy.by_class.items())
    cut = " (the time before was not watched)" if convoy.began == "unwatched" else ""
    cut += " (the time after was not watched)" if convoy.ended == "unwatched" else ""
    gap_s = convoy.gaps.p50 / 1000
    return (
        f"{convoy.line:<12} {word:<12} {convoy.vehicles:>5}   ({parts})   {local_time(convoy.first_ms, time_zone)} to"
        f" {local_time(convoy.last_ms, time_zone)}, half of the headways up to {gap_s:.1f} s{cut}"
    )


def _origin_rows(origin: Origin) -> list[str]:
    start = origin.start
    if start.at_ms is None:
        rows = ["No start is known, so times are those since the beginning of 1970: --start says when it begins."]
    else:
        found = {"name": ", as its name says", "tape": ", as the tape says", "stills": ", as its pictures say"}.get(
            start.said_by, ""
        )
        rows = [f"It begins at {local_time(start.at_ms, origin.time_zone)} ({origin.time_zone}){found}."]
    if start.note:
        rows.append(f"Take care: {start.note}.")
    if origin.part:
        rows.append(f"THIS IS A PART: {origin.part}.")
    if origin.end_unknown:
        rows.append(f"Whether this is all that was recorded cannot be known: {origin.end_unknown}.")
    return rows


def _counted(outcome: Outcome) -> Counter[tuple[str, str, str]]:
    return Counter((c.line, c.direction, c.label) for c in outcome.crossings)


def _balance_rows(line: str, balance: dict[str, Any]) -> list[str]:
    """The classes that crossed; nothing where none did."""
    crossed = [(label, n) for label, n in balance["classes"].items() if n["out"] or n["back"]]
    if not crossed:
        return []
    heads = [balance["out"], balance["back"], "over there"]
    widths = [max(len(head), 5) for head in heads]
    rows = ["", f"balance of {line}".ljust(24) + "".join(f"  {h:>{w}}" for h, w in zip(heads, widths, strict=True))]
    for label, n in crossed:
        cells = [str(n["out"]), str(n["back"]), f"{n['over_there']:+d}" if n["over_there"] else "0"]
        rows.append(label.ljust(24) + "".join(f"  {cell:>{w}}" for cell, w in zip(cells, widths, strict=True)))
    return rows


def _zone_rows(name: str, zone: dict[str, Any] | None) -> list[str]:
    if zone is None:
        return ["", f"zone {name}: not watched"]
    rows = ["", f"zone {name}".ljust(24) + f"  {'mean':>7}  {'max':>7}  {'end':>7}"]
    for part, unit in (("inside", "vehicles inside"), ("standing", "of them standing"), ("queue_m", "queue in metres")):
        if zone[part] is not None:
            rows.append(unit.ljust(24) + "".join(f"  {zone[part][key]:>7}" for key in ("mean", "max", "end")))
    if zone["hidden_likely"] is not None:
        mean, low, high = (zone["hidden_likely"][key] for key in ("mean", "p10", "p90"))
        rows.append(f"estimate of those hidden at the end, beside these: {mean:.1f} (80%: {low} to {high})")
    if zone["left"] is None:
        rows.append("stills do not tell who came, left, waits or is parked")
        return rows
    went = f"{zone['entered']} entered, {zone['left']} left, {zone['lost']} lost from sight, {zone['parked']} parked"
    rows.append(went)
    if zone["wait_ms"] is not None:
        p50_s, p90_s, longest_s = (zone["wait_ms"][key] / 1000 for key in ("p50", "p90", "max"))
        rows.append(
            f"{zone['waited']} of those that left had waited: half of them up to {p50_s:.0f} s, "
            f"nine in ten up to {p90_s:.0f} s, the longest {longest_s:.0f} s"
        )
    if zone["expected_ms"] is not None:
        low_s, middle_s, high_s = (zone["expected_ms"][key] / 1000 for key in ("p10", "p50", "p90"))
        rows.append(
            f"expected wait of who joins the queue at the end: {middle_s:.0f} s (80%: {low_s:.0f} to {high_s:.0f} s)"
        )
    return rows
