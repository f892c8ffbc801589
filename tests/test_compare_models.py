"""Two models on the same crossings: the confusion, the factors, and that the collector takes what is printed."""

import json
from math import exp, sqrt
from pathlib import Path

import pytest
import yaml

from collector.cli import main as collector
from collector.store.sqlite.store import SqliteStore
from edge.cli import main
from edge.counting.crossing import Crossing
from edge.offline.compare_models import ALL, NOT_FOUND, Comparison, table_of
from tests.bright_squares import WIDTH, Square, write_clip, write_model
from tests.collector.messages import NOON_MS
from tests.collector.test_alert_watch import said

LINE = f"0,64,{WIDTH},64"


def crossing(at_ms: int, label: str, *, line: str = "deck", direction: str = "a_to_b") -> Crossing:
    return Crossing(line=line, direction=direction, label=label, share=0.9, crossed_ms=at_ms, along=0.5, track=at_ms)


def test_crossings_are_paired_on_one_line_in_one_direction_within_a_second() -> None:
    found = Comparison("a", "b")
    first = [crossing(1_000, "car"), crossing(5_000, "car"), crossing(9_000, "truck"), crossing(20_000, "car")]
    second = [
        crossing(1_400, "car"),
        crossing(5_100, "truck", line="ramp"),
        crossing(9_500, "bus"),
        crossing(20_000, "car", direction="b_to_a"),
    ]
    found.add(first, second)
    assert found.confusion == {
        ("car", "car"): 1,
        ("car", NOT_FOUND): 2,
        ("truck", "bus"): 1,
        (NOT_FOUND, "truck"): 1,
        (NOT_FOUND, "car"): 1,
    }


def test_a_factor_is_a_ratio_of_counts_with_the_interval_of_paired_ones() -> None:
    found = Comparison("a", "b")
    found.confusion.update({("truck", "truck"): 40, ("truck", "car"): 10, ("car", "truck"): 30, ("car", "car"): 900})
    one = found.factor("truck")
    assert (one.before, one.after, one.both, one.factor) == (50, 70, 40, 1.4)
    spread = 1.959964 * sqrt((10 + 30) / (50 * 70))
    assert one.low == pytest.approx(1.4 * exp(-spread))
    assert one.high == pytest.approx(1.4 * exp(spread))
    whole = found.factor(ALL)
    assert (whole.factor, whole.low, whole.high) == (1.0, 1.0, 1.0), "every vehicle is found by both"
    assert found.factor("bus").factor is None
    assert "1.400 (" in table_of(found)


def another_model(folder: Path, model: Path) -> Path:
    """The same squares under another name of class, by a model of another name."""
    said = yaml.safe_load(model.read_text())
    said |= {"name": "other", "file": str(model.with_suffix(".onnx")), "labels": ["lorry"], "classes": {"lorry": "bus"}}
    path = folder / "other.yaml"
    path.write_text(yaml.safe_dump(said))
    return path


def test_a_clip_or_two_tapes_are_compared_and_the_collector_takes_the_factors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_model(tmp_path)
    other = another_model(tmp_path, model)
    squares = [Square(2, 10, 4), Square(6, 60, -4), Square(20, 10, 3)]
    clip = str(write_clip(tmp_path / "squares.mp4", squares))
    models = ["--from", str(model), "--to", str(other)]
    assert main(["compare-models", clip, "--line", LINE, *models, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["confusion"]["truck"] == {"bus": 3}
    assert told["classes"]["truck"] == {
        "before": 3, "after": 0, "both": 0, "factor": None, "low": None, "high": None,
    }  # fmt: skip
    assert told["classes"]["all"] == {"before": 3, "after": 3, "both": 3, "factor": 1.0, "low": 1.0, "high": 1.0}
    assert told["from"] != told["to"]
    assert main(["compare-models", clip, "--line", LINE, *models]) == 0
    assert "too few" in capsys.readouterr().out

    tapes = [str(tmp_path / "one.tape"), str(tmp_path / "two.tape")]
    for path, tape in ((model, tapes[0]), (other, tapes[1])):
        assert main(["replay", clip, "--line", LINE, "--model", str(path), "--tape", tape]) == 0
    capsys.readouterr()
    assert main(["compare-models", *tapes, "--line", LINE, "--json"]) == 0
    printed = capsys.readouterr().out
    assert json.loads(printed) == told, "a tape says by which model it was made"
    assert main(["compare-models", tapes[0], "--line", LINE]) == 2
    assert "of tapes exactly two are compared" in capsys.readouterr().err

    store, factors = tmp_path / "store.sqlite", tmp_path / "factors.json"
    factors.write_text(printed)
    with SqliteStore(store) as opened:
        opened.commit([said("info", run="run-1", version="1", model=told["from"])], now_ms=NOON_MS)
        opened.commit([said("info", run="run-2", version="1", model=told["to"])], now_ms=NOON_MS + 1)
    where = ["--store", str(store), "--site", "bridge", "--device", "mast-1"]
    assert collector(["models", *where, "--factors", str(factors), "--json"]) == 0
    out, err = capsys.readouterr()
    assert [one["class"] for one in json.loads(out)["factors"]] == ["all"]
    assert "note:" not in err, "both are what the device says of itself"
