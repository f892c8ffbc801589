"""Charts: the summary picture of a count, and the reliability diagram of names.

The summary has vehicles over time per line, direction and class, and those in the zones. The two directions are
mirrored around zero (a_to_b above, b_to_a below). Unwatched time is hatched grey: it never looks like zero.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from edge.counting.buckets import COUNTED_CLASSES, Bucket
from edge.counting.crossing import DIRECTIONS, Crossing
from edge.counting.parameters import DEFAULT
from edge.errors import InputError, WorkError
from edge.offline.names_score import Reliability
from edge.vision.drawing import CHART_COLOURS, DAY_MS, DirectionWords

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ENDINGS = (".png", ".svg", ".pdf")
_BINS_MAX = 48
_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
_WIDTHS_MS = tuple(1000 * s for s in _SECONDS)
_TICKS_MAX = 9
_SIDES = ("above", "below")  # in words: an arrow would be taken for the direction seen in the picture
_INK = "#222222"
_INSIDE = "#A9D3F0"
_STANDING = "#2A6F9E"
_BLIND: dict[str, Any] = {"facecolor": "#E4E4E4", "edgecolor": "#9A9A9A", "hatch": "////", "linewidth": 0.0}
_PARTIAL: dict[str, Any] = {"facecolor": "#F6F6F6", "edgecolor": "#C4C4C4", "hatch": "//", "linewidth": 0.0}

Span = tuple[int, int]


def draw_summary(
    path: str | Path,
    crossings: Sequence[Crossing],
    buckets: Sequence[Bucket],
    *,
    direction_words: DirectionWords | None = None,
    title: str = "",
    lines: Sequence[str] = (),
    zones: Sequence[str] = (),
    from_ms: int | None = None,
    to_ms: int | None = None,
    time_zone: str = "UTC",
) -> None:
    """Write the chart to `path` (.png, .svg or .pdf), complete or not at all.

    `lines` are drawn in this order, even without a crossing; those of buckets and crossings follow, and then how many
    vehicles were in each of `zones`. `from_ms`
    and `to_ms` are the first and last moment of the run where known, so that a clip of ten seconds
    fills the chart instead of its bucket of a minute. Times are those of `time_zone`.

    Raises WorkError where matplotlib is not installed or the file cannot be written, InputError for another
    ending.
    """
    path = Path(path)
    check_chart(path)
    names = list(lines)
    names += sorted({line for b in buckets for line in b.counts or {}} - set(names))
    names += sorted({c.line for c in crossings} - set(names))
    span = _span(crossings, buckets, from_ms, to_ms)
    names = names or ([] if zones else [""])  # without lines and zones, one chart that is empty
    charts = len(names) + len(zones)
    figure = _figure(11.0, 0.9 + 3.3 * charts)
    _draw(figure, names, crossings, buckets, zones=zones, span=span, words=direction_words or {}, time_zone=time_zone)
    figure.suptitle(title or "Crossings", x=0.01, ha="left", fontsize=13, fontweight="bold", color=_INK)
    _save(figure, path)


def draw_reliability(path: Path, part: Reliability, *, title: str = "") -> None:
    """Write the reliability diagram of names to `path` (.png, .svg or .pdf), complete or not at all.

    A point per group of crossings: how sure their names are said to be, on average, against how often they are right,
    with the 95% interval of that. Where the interval meets the diagonal, the share means what it says. Raises as
    `draw_summary` does.
    """
    check_chart(path)
    figure = _figure(6.4, 6.6)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#9A9A9A", linewidth=1.0, linestyle="--", zorder=1, label="share is share right")
    if part.groups:
        shares, rights = [group.share for group in part.groups], [group.right_share for group in part.groups]
        ends = [group.interval for group in part.groups]
        below = [right - low for right, (low, _) in zip(rights, ends, strict=True)]
        above = [high - right for right, (_, high) in zip(rights, ends, strict=True)]
        axes.errorbar(
            shares, rights, yerr=[below, above], color=_STANDING, marker="o", linewidth=1.4, capsize=3, zorder=2
        ).set_label(f"{part.named} named crossings, as many in each group")
    error = "no named crossing" if part.error is None else f"expected calibration error {part.error:.3f}"
    axes.set_title(f"{error}; {part.unclassified} unclassified", loc="left", fontsize=11, color=_INK)
    axes.set_xlabel("share: how sure the name is said to be", fontsize=10, color=_INK)
    axes.set_ylabel("names that are right, with 95% intervals", fontsize=10, color=_INK)
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.grid(color="#DDDDDD", linewidth=0.6, zorder=0.2)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=9, colors=_INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", frameon=False, fontsize=9.5, labelcolor=_INK)
    figure.suptitle(title or "Reliability of names", x=0.01, ha="left", fontsize=13, fontweight="bold", color=_INK)
    _save(figure, path)


def check_chart(path: Path) -> None:
    """InputError unless `path` names a picture that can be written, WorkError where matplotlib is not installed."""
    if path.suffix.lower() not in _ENDINGS:
        raise InputError(f"{path} does not say what picture to write; allowed endings are {', '.join(_ENDINGS)}")
    if importlib.util.find_spec("matplotlib") is None:
        raise WorkError("charts need matplotlib, which is not installed: pip install 'crossing-monitor[charts]'")


def _figure(width_inches: float, height_inches: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  # an extra, slow to load
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(width_inches, height_inches), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def bin_width_ms(span_ms: int) -> int:
    """The width of a bar: the least round one that needs no more than 48 bars, whole days beyond that."""
    for width_ms in _WIDTHS_MS:
        if span_ms <= width_ms * _BINS_MAX:
            return width_ms
    return ceil(span_ms / _BINS_MAX / DAY_MS) * DAY_MS


def unwatched(buckets: Sequence[Bucket], span: Span) -> tuple[list[Span], list[Span]]:
    """The unwatched and the partly watched parts of `span`, in order, neighbours joined."""
    blind: list[Span] = []
    partial: list[Span] = []
    reached = span[0]
    for bucket in sorted(buckets, key=lambda b: b.start_ms):
        start = max(bucket.start_ms, span[0])
        end = min(bucket.start_ms + bucket.width_ms, span[1])
        if end <= start:
            continue
        if start > reached:
            _join(blind, reached, start)
        if bucket.state == "blind":
            _join(blind, start, end)
        elif bucket.watched_ms < DEFAULT.buckets.ok_share * (end - start):
            _join(partial, start, end)
        reached = max(reached, end)
    if reached < span[1]:
        _join(blind, reached, span[1])
    return blind, partial


def _join(spans: list[Span], start: int, end: int) -> None:
    if spans and spans[-1][1] == start:
        start = spans.pop()[0]
    spans.append((start, end))


def _span(crossings: Sequence[Crossing], buckets: Sequence[Bucket], from_ms: int | None, to_ms: int | None) -> Span:
    """What the time axis covers: the run where it is known, else the buckets, and every crossing."""
    starts = [b.start_ms for b in buckets] if from_ms is None else [from_ms]
    ends = [b.start_ms + b.width_ms for b in buckets] if to_ms is None else [to_ms]
    starts += [c.crossed_ms for c in crossings]
    ends += [c.crossed_ms + 1 for c in crossings]
    start = min(starts, default=0)
    return start, max([*ends, start + 1000])


def _draw(
    figure: Figure,
    names: Sequence[str],
    crossings: Sequence[Crossing],
    buckets: Sequence[Bucket],
    *,
    zones: Sequence[str],
    span: Span,
    words: DirectionWords,
    time_zone: str,
) -> None:
    width_ms = bin_width_ms(span[1] - span[0])
    grid = figure.subplots(len(names) + len(zones), 1, sharex=True, squeeze=False)[:, 0]
    blind, partial = unwatched(buckets, span)
    for axes in grid:
        for spans, look in ((partial, _PARTIAL), (blind, _BLIND)):
            for start, end in spans:
                axes.axvspan(start, end, zorder=0.5, **look)
    for name, axes in zip(names, grid[: len(names)], strict=True):
        of_line = [c for c in crossings if c.line == name]
        _draw_bars(axes, of_line, span, width_ms)
        _dress(axes, name, of_line, width_ms, words)
        _draw_legend(axes, of_line, blind=bool(blind), partial=bool(partial))
    for zone, axes in zip(zones, grid[len(names) :], strict=True):
        _draw_zone(axes, zone, buckets, span)
    _draw_time(grid[-1], span, time_zone)


def _draw_zone(axes: Axes, name: str, buckets: Sequence[Bucket], span: Span) -> None:
    """Per bucket how many were inside and how many of them stood, on average, and the most that stood at once."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    known = []
    for bucket in buckets:
        start, end = max(bucket.start_ms, span[0]), min(bucket.start_ms + bucket.width_ms, span[1])
        if bucket.zones and name in bucket.zones and end > start:
            known.append((start, end - start, bucket.zones[name]))
    stood = [(start, wide, zone.standing) for start, wide, zone in known if zone.standing is not None]
    insides = [zone.inside.mean for _, _, zone in known]
    look: dict[str, Any] = {"align": "edge", "edgecolor": "white", "linewidth": 0.4, "zorder": 2}
    lefts, widths = [start for start, _, _ in known], [wide for _, wide, _ in known]
    axes.bar(lefts, insides, widths, color=_INSIDE, label="inside, on average", **look)
    lefts, widths = [start for start, _, _ in stood], [wide for _, wide, _ in stood]
    standings = [standing.mean for _, _, standing in stood]
    axes.bar(lefts, standings, widths, color=_STANDING, label="standing, on average", **look)
    most = [standing.max for _, _, standing in stood]
    axes.hlines(most, lefts, [a + b for a, b in zip(lefts, widths, strict=True)], color=_INK, zorder=3)
    axes.plot([], [], color=_INK, label="standing, at most")
    axes.set_ylim(0, 1.12 * max([1, *most, *insides]))
    title = f"zone {name}"
    if all(zone.left is not None for _, _, zone in known):  # not known of stills
        left, waited = (sum(getattr(zone, of) for _, _, zone in known) for of in ("left", "waited"))
        title += f":    {left} left, {waited} of them had waited"
    axes.set_title(title, loc="left", fontsize=11, color=_INK)
    axes.set_ylabel("vehicles", fontsize=10, color=_INK)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.6, zorder=0.2)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=9, colors=_INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=9.5, labelcolor=_INK)


def _draw_bars(axes: Axes, crossings: Sequence[Crossing], span: Span, width_ms: int) -> None:
    """Stacked bars, a_to_b upwards, b_to_a downwards."""
    counts = Counter((c.direction, c.label, c.crossed_ms // width_ms) for c in crossings)
    bins = range(span[0] // width_ms, (span[1] - 1) // width_ms + 1)
    lefts = [number * width_ms for number in bins]
    highest = 1
    for direction, sign in zip(DIRECTIONS, (1, -1), strict=True):
        bottoms = [0] * len(lefts)
        for label in COUNTED_CLASSES:
            heights = [sign * counts[direction, label, number] for number in bins]
            if any(heights):
                axes.bar(
                    lefts,
                    heights,
                    width=0.92 * width_ms,
                    bottom=bottoms,
                    align="edge",
                    color=CHART_COLOURS[label],
                    edgecolor="white",
                    linewidth=0.4,
                    zorder=2,
                )
                bottoms = [below + height for below, height in zip(bottoms, heights, strict=True)]
        highest = max(highest, *(abs(height) for height in bottoms))
    axes.set_ylim(-1.12 * highest, 1.12 * highest)


def _dress(axes: Axes, name: str, crossings: Sequence[Crossing], width_ms: int, words: DirectionWords) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: PLC0415

    totals = Counter(c.direction for c in crossings)
    parts = [
        f"{words.get(name, {}).get(direction, direction)} ({side}) {totals[direction]}"
        for direction, side in zip(DIRECTIONS, _SIDES, strict=True)
    ]
    axes.set_title(f"{name}:    {'    '.join(parts)}", loc="left", fontsize=11, color=_INK)
    axes.set_ylabel(f"vehicles per {_spell(width_ms)}", fontsize=10, color=_INK)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):.0f}"))
    axes.axhline(0, color=_INK, linewidth=1.0, zorder=3)
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.6, zorder=0.2)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=9, colors=_INK)
    axes.spines[["top", "right", "bottom"]].set_visible(False)


def _draw_legend(axes: Axes, crossings: Sequence[Crossing], *, blind: bool, partial: bool) -> None:
    """Each class with its totals, and what hatching means."""
    from matplotlib.patches import Patch  # noqa: PLC0415

    totals = Counter((c.label, c.direction) for c in crossings)
    entries = [
        Patch(
            color=CHART_COLOURS[label],
            label=f"{label}  "
            + ", ".join(
                f"{totals[label, direction]} {side}" for direction, side in zip(DIRECTIONS, _SIDES, strict=True)
            ),
        )
        for label in COUNTED_CLASSES
        if any(totals[label, direction] for direction in DIRECTIONS)
    ]
    if not entries:
        entries.append(Patch(facecolor="none", edgecolor="none", label="no crossing"))
    if partial:
        entries.append(Patch(**_PARTIAL, label="watched in part"))
    if blind:
        entries.append(Patch(**_BLIND, label="not watched"))
    axes.legend(
        handles=entries,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        frameon=False,
        fontsize=9.5,
        labelcolor=_INK,
    )


def _draw_time(axes: Axes, span: Span, time_zone: str) -> None:
    """Round moments: seconds of a recording that has no date, those of the time zone otherwise."""
    step_ms = next((w for w in _WIDTHS_MS if (span[1] - span[0]) / w <= _TICKS_MAX), 0)
    step_ms = step_ms or ceil((span[1] - span[0]) / _TICKS_MAX / DAY_MS) * DAY_MS
    zone = ZoneInfo(time_zone if span[0] >= DAY_MS else "UTC")
    offset = _moment(span[0], zone).utcoffset()
    ahead_ms = 0 if offset is None else round(offset.total_seconds() * 1000)  # so that ticks are round in the zone
    first_ms = -(-(span[0] + ahead_ms) // step_ms) * step_ms - ahead_ms
    ticks = list(range(first_ms, span[1] + 1, step_ms))
    if span[0] < DAY_MS:
        labels = [f"{at_ms // 1000}" for at_ms in ticks]
        caption = "seconds since the start"
    else:
        form = "%Y-%m-%d" if step_ms >= DAY_MS else "%H:%M" if step_ms >= 60_000 else "%H:%M:%S"
        labels = [f"{_moment(at_ms, zone):{form}}" for at_ms in ticks]
        first, last = f"{_moment(span[0], zone):%Y-%m-%d}", f"{_moment(span[1] - 1, zone):%Y-%m-%d}"
        caption = f"{time_zone}, {first}" if first == last else f"{time_zone}, {first} to {last}"
    axes.set_xlim(*span)
    axes.set_xticks(ticks, labels)
    axes.set_xlabel(caption, fontsize=10, color=_INK)


def _moment(at_ms: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, zone)


def _spell(width_ms: int) -> str:
    """`30 min`, `hour`: a width as it reads after "per"."""
    for unit, unit_ms in (("day", DAY_MS), ("hour", 3_600_000), ("min", 60_000), ("s", 1000)):
        if width_ms % unit_ms == 0:
            number = width_ms // unit_ms
            return unit if number == 1 else f"{number} {unit}{'s' if unit in ('day', 'hour') else ''}"
    return f"{width_ms} ms"


def _save(figure: Figure, path: Path) -> None:
    picture = BytesIO()
    with warnings.catch_warnings():  # the font lacks letters of names in Chinese and shows boxes
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        figure.savefig(picture, format=path.suffix.lower().removeprefix("."), facecolor="white")
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(picture.getvalue())
        part.replace(path)
    except OSError as fault:
        part.unlink(missing_ok=True)
        raise WorkError(f"{path} cannot be written: {fault.strerror}") from fault
