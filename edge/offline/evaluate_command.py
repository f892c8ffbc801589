"""`crossing-edge evaluate`: the scores as a table or JSON, and pictures of every error."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from tqdm import tqdm

from edge.config.advice import explain_rate
from edge.config.loading import load_config
from edge.config.schema import Config, Line
from edge.counting.crossing import Crossing
from edge.counting.detection import CLASSES, UNCLASSIFIED
from edge.errors import InputError
from edge.offline.charts import check_chart, draw_reliability
from edge.offline.evaluate import (
    ClipResult,
    evaluate,
    pooled_of,
    rate_summary_of,
    summary_of,
    watch_summary_of,
    zone_summary_of,
)
from edge.offline.names_score import Reliability, names_score, reliability
from edge.offline.scoring import Event, HiddenScore, LevelScore, Score, Watch, ZoneScore, total, wilson_interval
from edge.offline.wrong_pictures import write_wrong
from edge.vision.recording import Recording
from edge.vision.strip import Mark, MarkKind, Strip, write_jpeg

_HIDDEN_MEANS = ("true_mean", "told_mean", "error")
ANYWHERE = {"line": Line(points=((0.0, 0.5), (1.0, 0.5)))}  # each truth file brings its own


@dataclass(frozen=True, slots=True)
class EvaluateRequest:
    """The options of the command line."""

    truths: Sequence[Path]
    config: Path | None
    model: str | None
    threads: int | None
    every: int
    tapes: Path | None
    pictures: Path | None
    wrong: Path | None
    reliability: Path | None
    json: bool


def run_evaluate(request: EvaluateRequest) -> None:
    """Score the clips; raises InputError or WorkError."""
    config = load_config(request.config) if request.config else Config(lines=ANYWHERE)
    model = config.model
    model = msgspec.structs.replace(model, name=request.model or model.name, threads=request.threads or model.threads)
    config = msgspec.structs.replace(config, model=model)
    for option, folder in (("--pictures", request.pictures), ("--wrong", request.wrong)):
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InputError(f"{option} {folder} cannot be written: {error.strerror}") from error
    if request.reliability:
        check_chart(request.reliability)
        if not request.reliability.parent.is_dir():
            raise InputError(f"--reliability {request.reliability} cannot be written: no such folder")
    results: list[ClipResult] = []
    with tqdm(total=len(request.truths), unit="clip", file=sys.stderr) as bar:
        for result in evaluate(request.truths, config, every=request.every, tapes=request.tapes):
            results.append(result)
            if request.pictures and result.line is not None:
                draw_errors(result, request.pictures / f"{_file_name(result, request.truths)}.jpg")
            bar.update()
    if request.reliability:
        draw_reliability(request.reliability, reliability(total(r.score for r in results)), title=_title(results))
    if request.wrong is not None:
        write_wrong([moment for result in results for moment in result.moments], request.wrong)
    lined = [result for result in results if result.line is not None]
    if request.json:
        summary: dict[str, Any] = {
            "total": summary_of(total(r.score for r in lined)) | watch_summary_of(_watch(lined)),
            "clips": {
                r.name: summary_of(r.score)
                | watch_summary_of(r.watch)
                | rate_summary_of(r.frames_per_second)
                | {"errors": _errors_of(r)}
                for r in lined
            },
            "pooled": {
                what: {
                    "errors": round(errors, 3),
                    "true": round(true, 3),
                    "error_share": round(errors / true, 4) if true else None,
                }
                for what, (errors, true) in pooled_of([z for r in results for z in r.zones.values()]).items()
            },
            "named": {
                r.name: {label: {"true": n, "right": k} for label, (n, k) in r.named.items()}
                for r in results
                if r.named
            },
            "zones": {r.name: {name: zone_summary_of(z) for name, z in r.zones.items()} for r in results if r.zones},
        }
        print(json.dumps(summary, sort_keys=True), flush=True)
    else:
        print(table_of(results), flush=True)


def _file_name(result: ClipResult, truths: Sequence[Path]) -> str:
    """The name of the truth file, with its folder where two are called so."""
    path = Path(result.name)
    return path.stem if sum(other.stem == path.stem for other in truths) == 1 else f"{path.parent.name}-{path.stem}"


def draw_errors(result: ClipResult, path: Path) -> None:
    """The clip's strip, with found, misnamed, missed and extra crossings marked."""
    assert result.line is not None, "there is a score of crossings"
    strip = Strip(result.line)
    for frame in Recording(result.video):
        strip.append(frame)
    write_jpeg(path, strip.render(marks_of(result), title=result.name))


def marks_of(result: ClipResult) -> list[Mark]:
    """The marks: pairs where they were counted, misses across the whole line."""
    marks: list[Mark] = []
    paired: tuple[tuple[MarkKind, tuple[tuple[int, int], ...]], ...] = (
        ("found", result.pairing.found),
        ("excused", result.pairing.excused),
    )
    for kind, pairs in paired:
        for row, column in pairs:
            crossing, truth = result.crossings[column], result.true[row]
            text, differs = f"{_arrow(truth)} {truth.label}", truth.label != crossing.label
            if differs:
                text += f" or {crossing.label}" if truth.label_uncertain else f", not {crossing.label}"
            wrong = kind == "found" and differs and not truth.label_uncertain  # as the score has it
            marks.append(Mark(crossing.crossed_ms, "misnamed" if wrong else kind, crossing.along, text))
    marks += [
        Mark(e.at_ms, "missed", None, f"{_arrow(e)} {e.label}") for e in (result.true[i] for i in result.pairing.missed)
    ]
    marks += [
        Mark(c.crossed_ms, "extra", c.along, f"{_arrow(c)} {c.label} #{c.track}")
        for c in (result.crossings[i] for i in result.pairing.extra)
    ]
    return marks


def table_of(results: Sequence[ClipResult]) -> str:
    """The scores for people: of crossings where there are any, and of zones."""
    lined = [result for result in results if result.line is not None]
    return "\n".join([*(_crossings(lined) if lined else ()), *_zones(results), *_named(results)]).lstrip("\n")


def _crossings(results: Sequence[ClipResult]) -> list[str]:
    columns = ("true", "found", "missed", "extra", "prec.", "recall", "F1", "dir.", "class", "total", "F1, 95%")
    width = max([len(r.name) for r in results] + [5])
    heads = " ".join(f"{c:>6}" for c in columns[:-1])
    rows = [f"{'clip':<{width}} {heads}{columns[-1]:>14} {'watched':>8} {'unwatched':>9}"]
    rows += [f"{r.name:<{width}} {_row(r.score)} {_watched(r.watch)}" for r in results]
    whole, watch = total(r.score for r in results), _watch(results)
    low, high = whole.f1_interval
    rows += [
        "-" * len(rows[0]),
        f"{'all':<{width}} {_row(whole)} {_watched(watch)}",
        "",
        f"F1 {whole.f1:.4f}, 95% interval {low:.4f} to {high:.4f}; direction errors {whole.direction_errors}; "
        f"error of the total {whole.total_error:+d}",
        f"watched {watch.watched_ms / 1000:.1f} of {watch.elapsed_ms / 1000:.1f} s; "
        f"true crossings while nobody watched: {watch.unwatched}",
        *_slowest(results),
        "",
        "class told (across) of true class (down), found crossings:",
        *_confusion(whole),
        *_names(whole),
        *_reliability(reliability(whole)),
    ]
    return rows


def _slowest(results: Sequence[ClipResult]) -> list[str]:
    """A sentence on the clip of the lowest frame rate."""
    rates = [(r.frames_per_second, r.name) for r in results if r.frames_per_second is not None]
    if not rates:
        return []
    rate, name = min(rates)
    return [f"lowest rate, of {name}: {explain_rate(rate)}"]


def _row(part: Score) -> str:
    low, high = part.f1_interval
    return (
        f"{part.true:>6} {part.found:>6} {part.missed:>6} {part.extra:>6} {part.precision:>6.3f} {part.recall:>6.3f} "
        f"{part.f1:>6.3f} {part.direction_errors:>6} {part.class_accuracy:>6.3f} {part.total_error:>+6} "
        f"{low:.3f}-{high:.3f}".rjust(13)
    )


def _watch(results: Sequence[ClipResult]) -> Watch:
    return sum((r.watch for r in results), Watch())


def _watched(part: Watch) -> str:
    share = "-" if part.share is None else f"{part.share:.1%}"
    return f"{share:>8} {part.unwatched:>9}"


def _confusion(part: Score) -> list[str]:
    told = [c for c in (*CLASSES, UNCLASSIFIED) if any(b == c for _, b in part.confusion)]
    true = [c for c in (*CLASSES, UNCLASSIFIED) if any(a == c for a, _ in part.confusion)]
    head = " " * 12 + " ".join(f"{c:>12}" for c in told)
    return [head, *(f"{a:<12}" + " ".join(f"{part.confusion[a, b]:>12}" for b in told) for a in true)]


def _names(part: Score) -> list[str]:
    """Accuracy of names, coarse and fine."""
    rows: list[str] = []
    for grain, names in (("coarse", names_score(part, coarse=True)), ("fine", names_score(part))):
        rows += [
            "",
            f"{grain} class right: {_share(names.right, names.judged)} found crossings of known class",
            f"{'class':<12} {'recall, 95%':>29} {'precision, 95%':>29} {'false names':>12} {'extra':>6}",
        ]
        rows += [
            f"{label:<12} {_share(one.right, one.true):>29} {_share(one.right, one.told):>29} "
            f"{one.false:>12} {one.extra:>6}"
            for label, one in names.classes.items()
        ]
    return rows


def _share(right: int, of: int) -> str:
    if not of:
        return "-"
    low, high = wilson_interval(right, of)
    return f"{right / of:.3f} ({low:.3f}-{high:.3f}) {right:>4} of {of:>4}"


def _reliability(part: Reliability) -> list[str]:
    """Whether the share of a crossing is the probability that its name is right."""
    if part.error is None:
        return []
    rows = [
        "",
        f"share told and names right, by groups of crossings; {part.unclassified} more were left unclassified:",
        f"{'share':>15} {'crossings':>10} {'mean share':>11} {'right, 95%':>29}",
    ]
    rows += [
        f"{f'{group.low:.3f}-{group.high:.3f}':>15} {group.crossings:>10} {group.share:>11.3f} "
        f"{_share(group.right, group.crossings):>29}"
        for group in part.groups
    ]
    return [
        *rows,
        f"expected calibration error {part.error:.3f}; by chance alone, {part.by_chance:.3f} of {part.named} crossings",
    ]


def _title(results: Sequence[ClipResult]) -> str:
    return results[0].name if len(results) == 1 else f"{len(results)} clips"


def _zones(results: Sequence[ClipResult]) -> list[str]:
    """Per zone, how far the numbers are off on average, and the median wait."""
    scored = [(f"{r.name} {name}", zone) for r in results for name, zone in r.zones.items()]
    if not scored:
        return []
    width = max([len(name) for name, _ in scored] + [4])
    heads = (
        f"{'zone':<{width}} {'inside':>7} {'error':>14} {'standing':>9} {'error':>14} {'wait p50':>9} {'counted':>15}"
    )
    rows = [
        f"{name:<{width}} {zone.inside.true_mean:>7.2f} {_error(zone.inside):>14} "
        f"{zone.standing.true_mean:>9.2f} {_error(zone.standing):>14} {_wait(zone)}"
        for name, zone in scored
    ]
    pooled = "; ".join(
        f"{what} {errors:.0f} of {true:.0f}" + (f" ({errors / true:.3f})" if true else "")
        for what, (errors, true) in pooled_of([zone for _, zone in scored]).items()
    )
    result = "vehicles in zones on average, and the mean absolute error; median wait in seconds:"
    return [
        *("", result, heads, *rows),
        f"pooled, the sum of absolute errors of the sum of true numbers: {pooled}",
        *_hidden([zone.hidden for _, zone in scored if zone.hidden is not None]),
    ]


def _hidden(scores: Sequence[HiddenScore]) -> list[str]:
    """Accuracy of the estimates of hidden vehicles, over all frames."""
    frames = sum(one.frames for one in scores)
    if not frames:
        return []
    true, told, error = (sum(one.frames * getattr(one, of) for one in scores) / frames for of in _HIDDEN_MEANS)
    held = sum(one.held for one in scores) / frames
    return [
        f"hidden_likely, an estimate, in {frames} frames: {told:.2f} told on average, {true:.2f} inside and not "
        f"counted; its 80% interval holds in {held:.1%}; inside with it is off by {error:.2f}"
    ]


def _named(results: Sequence[ClipResult]) -> list[str]:
    """On stills: how many of the vehicles of each class were named so."""
    rows = []
    for label in CLASSES:
        there, right = (sum(r.named.get(label, (0, 0))[place] for r in results) for place in (0, 1))
        if there:
            rows.append(f"{label} {right} of {there}")
    return [f"vehicles in stills told by their class, of those there: {', '.join(rows)}"] if rows else []


def _error(level: LevelScore) -> str:
    share = level.error_share
    return f"{level.error:.2f}" + ("" if share is None else f" ({share:.1%})")


def _wait(zone: ZoneScore) -> str:
    true, counted = (
        "-" if wait_ms is None else f"{wait_ms / 1000:.1f}" for wait_ms in (zone.true_p50_ms, zone.counted_p50_ms)
    )
    share = zone.p50_error_share
    return f"{true:>9} {counted + ('' if share is None else f' ({share:+.1%})'):>15}"


def _errors_of(result: ClipResult) -> list[dict[str, Any]]:
    missed = [("missed", result.true[i]) for i in result.pairing.missed]
    extra = [("extra", result.predicted[i]) for i in result.pairing.extra]
    return [
        {"kind": kind, "at_ms": event.at_ms, "direction": event.direction, "class": event.label}
        for kind, event in sorted([*missed, *extra], key=lambda error: error[1].at_ms)
    ]


def _arrow(event: Event | Crossing) -> str:
    return "a>b" if event.direction == "a_to_b" else "b>a"
