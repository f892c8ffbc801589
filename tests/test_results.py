"""What is left of a run: nothing of the user's is lost, no two runs are mixed, every crossing is marked once."""

import csv
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.config.schema import Config, Line
from edge.config.shapes import lines_of
from edge.counting.buckets import Bucket
from edge.counting.crossing import Crossing
from edge.errors import InputError, WorkError
from edge.offline.evaluate import ClipResult
from edge.offline.evaluate_command import marks_of
from edge.offline.replay import Outcome
from edge.offline.results import ResultFolder
from edge.offline.scoring import Event, pair, score
from edge.vision.frame import Frame
from edge.vision.strip import MARK_COLOURS, Mark

WIDTH_MS = 5_000
TABLES = ["convoys.csv", "counts.csv", "crossings.csv", "crossings.jsonl", "reports.jsonl"]
SUMMARY = "summary.json"


def results(path: Path, line: str = "deck") -> ResultFolder:
    return ResultFolder(path, Config(lines=lines_of([f"{line}=0.1,0.5,0.9,0.5"], 64, 48)), 64, 48)


def bucket(start_ms: int, *crossings: Crossing, line: str = "deck") -> Bucket:
    return Bucket(start_ms, WIDTH_MS, WIDTH_MS, {line: {}}, crossings)


def crossing(crossed_ms: int, line: str = "deck") -> Crossing:
    return Crossing(line, "a_to_b", "car", share=1.0, crossed_ms=crossed_ms, along=0.5, track=1)


def run(path: Path, *, line: str = "deck", start_ms: int = 0, crossings: tuple[Crossing, ...] = ()) -> None:
    """A replay of one bucket."""
    with results(path, line) as folder:
        watch(folder, start_ms)
        folder.close_bucket(bucket(start_ms, *crossings, line=line))
        folder.finish(Outcome(first_ms=start_ms, last_ms=start_ms + WIDTH_MS), [], {}, title="clip.mp4")


def watch(folder: ResultFolder, start_ms: int) -> None:
    for captured_ms in range(start_ms, start_ms + WIDTH_MS, 40):
        folder.see(Frame(captured_ms, np.full((48, 64, 3), 60, np.uint8)))


def names(folder: Path) -> list[str]:
    """Every file, without the summary, which needs an extra."""
    files = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in files if not name.endswith("summary.png"))


def rows_marked(path: Path) -> list[int]:
    """The rows below the head that hold the colour of a mark; JPEG is near enough."""
    picture = cv2.imread(str(path))
    assert picture is not None, "a strip can be read"
    near = np.abs(picture.astype(int) - MARK_COLOURS["counted"]).max(axis=2) < 40
    return [int(row) for row in np.flatnonzero(near.any(axis=1)) if row > 60]


def test_a_folder_of_the_user_beside_the_results_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "q.part").mkdir()
    (tmp_path / "q.part" / "thesis.txt").write_text("mine")
    run(tmp_path / "q")
    assert names(tmp_path) == [
        "q.part/thesis.txt",
        *[f"q/{name}" for name in TABLES],
        "q/strips/deck-1970-01-01T000000Z.jpg",
        f"q/{SUMMARY}",
    ]


def test_two_runs_into_one_folder_do_not_meet(tmp_path: Path) -> None:
    with results(tmp_path / "q") as one, results(tmp_path / "q") as two:
        watch(one, 0)
        watch(two, 0)
        for folder in (one, two):
            folder.close_bucket(bucket(0))
            folder.finish(Outcome(), [], {}, title="")
    assert names(tmp_path / "q") == [*TABLES, "strips/deck-1970-01-01T000000Z.jpg", SUMMARY]
    assert [path.name for path in tmp_path.iterdir()] == ["q"]


def test_results_of_an_earlier_run_make_room(tmp_path: Path) -> None:
    run(tmp_path / "q", line="ramp")
    (tmp_path / "q" / "summary.png").write_bytes(b"old")
    run(tmp_path / "q", start_ms=60_000)
    assert names(tmp_path / "q") == [*TABLES, "strips/deck-1970-01-01T000100Z.jpg", SUMMARY]
    assert not (tmp_path / "q" / "summary.png").exists() or (tmp_path / "q" / "summary.png").read_bytes() != b"old"


def test_a_failure_leaves_the_earlier_results_and_nothing_else(tmp_path: Path) -> None:
    run(tmp_path / "q")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(WorkError, match="breaks off"):
        fail(tmp_path / "q")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["q"]


def fail(path: Path) -> None:
    with results(path, "ramp") as folder:
        watch(folder, 0)
        folder.close_bucket(bucket(0, line="ramp"))
        raise WorkError("the video breaks off")


@pytest.mark.parametrize(
    "name", ["holiday.jpg", "strips/holiday.jpg", "strips/deck/1.jpg", "strips", ".hidden", "counts.csv/mine"]
)
def test_a_folder_that_holds_something_else_is_refused_and_left_as_it_was(tmp_path: Path, name: str) -> None:
    path = tmp_path / "q" / name
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="which no replay wrote; name a new folder or an empty one"):
        results(tmp_path / "q").__enter__()
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("file", "is a file; a folder is expected"),
        ("file/q", "does not exist"),
        ("no/q", "does not exist"),
        ("loop", "a folder is expected"),
        ("n" * 300, "cannot be written"),
        ("/", "which no replay wrote"),
    ],
)
def test_a_place_that_cannot_take_results_is_refused_before_anything_is_made(
    tmp_path: Path, name: str, reason: str
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "loop").symlink_to("loop")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match=reason):
        results(tmp_path / name).__enter__()
    assert sorted(tmp_path.iterdir()) == before


def test_the_folder_one_stands_in_takes_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "q").mkdir()
    monkeypatch.chdir(tmp_path / "q")
    run(Path())
    strip = "q/strips/deck-1970-01-01T000000Z.jpg"
    assert names(tmp_path) == [*[f"q/{name}" for name in TABLES], strip, f"q/{SUMMARY}"]


def test_a_late_crossing_is_marked_in_the_bucket_that_counts_it_at_the_upper_edge(tmp_path: Path) -> None:
    early, late = crossing(7_500), crossing(900)
    with results(tmp_path / "q") as folder:
        watch(folder, 0)
        watch(folder, WIDTH_MS)
        folder.close_bucket(bucket(0))
        folder.close_bucket(bucket(WIDTH_MS, early, late))
        folder.finish(Outcome(), [], {}, title="")
    strips = sorted((tmp_path / "q" / "strips").iterdir())
    assert rows_marked(strips[0]) == []
    rows = rows_marked(strips[1])
    assert rows[0] < 90  # at the upper edge
    assert rows[-1] > 200  # in the middle


def test_a_crossing_counted_in_a_time_without_frames_is_marked_all_the_same(tmp_path: Path) -> None:
    with results(tmp_path / "q") as folder:
        folder.close_bucket(bucket(0))
        folder.close_bucket(bucket(WIDTH_MS, crossing(900)))
        folder.finish(Outcome(), [], {}, title="")
    (strip,) = (tmp_path / "q" / "strips").iterdir()
    assert strip.name == "deck-1970-01-01T000005Z.jpg"
    assert rows_marked(strip)


def test_tables_hold_no_formula_and_begin_with_a_mark_on_request(tmp_path: Path) -> None:
    lines = {
        "deck": Line(start=(0.1, 0.5), end=(0.9, 0.5), a_to_b="=cmd()", b_to_a="zurück"),
        "-side": Line(points=((0, 0), (1, 1))),
    }
    for mark in (False, True):
        with ResultFolder(tmp_path / str(mark), Config(lines=lines), 64, 48, mark=mark) as folder:
            folder.close_bucket(bucket(0, crossing(900)))
            outcome = Outcome(crossings=[crossing(900)], buckets=[bucket(0, crossing(900))])
            folder.finish(outcome, [], {}, title="")
        for name in ("crossings.csv", "counts.csv"):
            text = (tmp_path / str(mark) / name).read_bytes()
            assert text.startswith("\ufeff".encode()) is mark
            rows = list(csv.DictReader(text.decode("utf-8-sig").splitlines()))
            assert rows[0]["direction_word"] == "'=cmd()"
        assert {(row["line"], row["direction_word"]) for row in rows} >= {("'-side", "a_to_b"), ("deck", "zurück")}


def test_a_wrong_class_is_marked_as_an_error_unless_the_truth_is_in_doubt() -> None:
    true = (
        Event("a_to_b", "car", 1_000),
        Event("a_to_b", "truck", 3_000),
        Event("b_to_a", "van", 5_000, label_uncertain=True),
        Event("b_to_a", "bus", 7_000, uncertain=True),
        Event("b_to_a", "bicycle", 9_000),
    )
    crossings = (
        crossing(1_000),
        crossing(3_040),
        *(replace(crossing(at), direction="b_to_a") for at in (5_000, 7_000)),
    )
    predicted = tuple(Event(c.direction, c.label, c.crossed_ms) for c in crossings)
    result = ClipResult(
        "clip",
        Path("clip.mp4"),
        ((0.0, 0.0), (9.0, 0.0)),
        true,
        crossings,
        predicted,
        pair(true, predicted),
        score(true, predicted),
    )
    assert marks_of(result) == [
        Mark(1_000, "found", 0.5, "a>b car"),
        Mark(3_040, "misnamed", 0.5, "a>b truck, not car"),
        Mark(5_000, "found", 0.5, "b>a van or car"),
        Mark(7_000, "excused", 0.5, "b>a bus, not car"),
        Mark(9_000, "missed", None, "b>a bicycle"),
    ]
