"""The summary chart: a picture that tells zero from blind, at ten seconds as at a month."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.counting.buckets import Bucket
from edge.counting.crossing import Crossing
from edge.errors import InputError, WorkError
from edge.offline.charts import bin_width_ms, draw_reliability, draw_summary, unwatched
from edge.offline.names_score import reliability
from edge.offline.scoring import Score
from edge.vision.drawing import CHART_COLOURS, Picture, bgr

MINUTE_MS, DAY_MS = 60_000, 86_400_000
MORNING_MS = 1_795_392_000_000


def minute(number: int, *, watched_ms: int = MINUTE_MS) -> Bucket:
    """The bucket of a minute after MORNING_MS, blind if not watched."""
    return Bucket(MORNING_MS + number * MINUTE_MS, MINUTE_MS, watched_ms, {"deck": {}} if watched_ms else None)


def crossing(second: float, direction: str = "a_to_b", label: str = "car", line: str = "deck") -> Crossing:
    at_ms = MORNING_MS + round(second * 1000)
    return Crossing(line, direction, label, share=1.0, crossed_ms=at_ms, along=0.5, track=1)


def opened(path: Path) -> Picture:
    picture = cv2.imread(str(path))
    assert picture is not None, "a picture can be read"
    return np.asarray(picture, np.uint8)


def pixels(picture: Picture, colour: str) -> int:
    return int((picture == bgr(colour)).all(axis=2).sum())


def test_time_not_watched_is_hatched_and_a_quiet_hour_is_not(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    quiet, blind = tmp_path / "quiet.png", tmp_path / "blind.png"
    draw_summary(quiet, [crossing(5)], [minute(n) for n in range(60)])
    draw_summary(blind, [crossing(5)], [minute(n, watched_ms=0 if 20 <= n < 40 else MINUTE_MS) for n in range(60)])
    ground = "#E4E4E4"
    hatched = np.argwhere((opened(blind) == bgr(ground)).all(axis=2))
    axis = opened(blind).shape[1] * 0.7
    assert pixels(opened(quiet), ground) < 50
    assert hatched[:, 1][hatched[:, 1] < 1100].max() - hatched[:, 1].min() > 0.2 * axis
    assert blind.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_directions_are_mirrored_around_zero(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rows = []
    for direction in ("a_to_b", "b_to_a"):
        draw_summary(tmp_path / "chart.png", [crossing(30, direction, "truck")], [minute(0)])
        truck = np.argwhere((opened(tmp_path / "chart.png") == bgr(CHART_COLOURS["truck"])).all(axis=2))
        bar = truck[truck[:, 1] < 1000]
        rows.append((bar[:, 0].min(), bar[:, 0].max()))
    assert rows[0][1] < rows[1][0]
    assert abs((rows[0][1] - rows[0][0]) - (rows[1][1] - rows[1][0])) <= 2


def test_a_side_of_the_axis_is_said_in_words_because_arrows_show_directions_in_the_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    words = {"deck": {"a_to_b": "outbound", "b_to_a": "inbound"}}
    draw_summary(tmp_path / "chart.svg", [crossing(1), crossing(2, "b_to_a")], [minute(0)], direction_words=words)
    picture = (tmp_path / "chart.svg").read_text()  # which has every text as a comment as well
    for text in ("outbound (above) 1    inbound (below) 1", "car  1 above, 1 below", "UTC, 2026-11-23"):
        assert text in picture
    assert not set("↑↓") & set(picture)


@pytest.mark.parametrize("span_ms", [10_000, 3_600_000, DAY_MS, 31 * DAY_MS])
def test_a_clip_and_a_month_are_both_legible(tmp_path: Path, span_ms: int) -> None:
    pytest.importorskip("matplotlib")
    bars = span_ms / bin_width_ms(span_ms)
    assert 10 <= bars <= 48
    crossings = [crossing(span_ms / 1000 * share, label="bus") for share in (0.01, 0.5, 0.99)]
    width_ms = min(span_ms, 3_600_000)
    buckets = [Bucket(MORNING_MS + start, width_ms, width_ms, {"deck": {}}) for start in range(0, span_ms, width_ms)]
    draw_summary(tmp_path / "chart.png", crossings, buckets)
    bus = (opened(tmp_path / "chart.png") == bgr(CHART_COLOURS["bus"])).all(axis=2).any(axis=0)
    assert int((np.diff(bus.astype(int)) == 1).sum()) == 3 + 1  # three bars and the legend's patch


def test_bars_are_round_and_never_more_than_48() -> None:
    widths_s = [bin_width_ms(span_s * 1000) // 1000 for span_s in (1, 10, 60, 3_600, 86_400, 7 * 86_400, 366 * 86_400)]
    assert widths_s == [1, 1, 2, 120, 1_800, 21_600, 8 * 86_400]


def test_unwatched_time_is_blind_buckets_and_the_holes_between_buckets() -> None:
    hour = [minute(0), minute(1, watched_ms=0), minute(2, watched_ms=0), minute(3, watched_ms=30_000), minute(6)]
    at = [MORNING_MS + n * MINUTE_MS for n in range(9)]
    assert unwatched(hour, (at[0], at[8])) == ([(at[1], at[3]), (at[4], at[6]), (at[7], at[8])], [(at[3], at[4])])


def test_a_bucket_that_began_before_the_run_is_judged_by_the_time_of_the_run() -> None:
    run = (MORNING_MS + 5_000, MORNING_MS + 15_000)
    assert unwatched([minute(0, watched_ms=10_000)], run) == ([], [])


def test_the_reliability_diagram_has_a_point_where_share_and_right_meet(tmp_path: Path) -> None:
    """Half of the sure names are wrong in one picture, and none in the other: the points lie that much lower."""
    pytest.importorskip("matplotlib")
    tops = []
    for right in (20, 10):
        of = tuple((0.9, number < right) for number in range(20))
        draw_reliability(tmp_path / "names.png", reliability(Score(shares=of)), title="one camera")
        line = np.argwhere((opened(tmp_path / "names.png") == bgr("#2A6F9E")).all(axis=2))
        line = line[line[:, 0] > 150]  # below the legend
        tops.append(line[:, 0].mean())
    height = opened(tmp_path / "names.png").shape[0]
    assert tops[1] - tops[0] > 0.15 * height


def test_a_reliability_diagram_of_nothing_is_a_picture_all_the_same(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    draw_reliability(tmp_path / "none.png", reliability(Score()))
    assert opened(tmp_path / "none.png").size > 0


def test_nothing_to_draw_is_a_picture_all_the_same(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name, lines in (("none.png", ()), ("quiet.png", ("deck", "ramp"))):
        draw_summary(tmp_path / name, [], [], lines=lines)
        assert opened(tmp_path / name).size > 0


def test_the_same_count_gives_the_same_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("one.png", "two.png"):
        draw_summary(tmp_path / name, [crossing(5), crossing(7, "b_to_a", "van")], [minute(0)], title="deck")
    assert (opened(tmp_path / "one.png") == opened(tmp_path / "two.png")).all()


def test_an_unknown_ending_and_a_missing_folder_are_said_in_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(InputError, match=r"allowed endings are \.png, \.svg, \.pdf"):
        draw_summary(tmp_path / "chart.gif", [], [])
    with pytest.raises(WorkError, match="cannot be written"):
        draw_summary(tmp_path / "absent" / "chart.png", [], [])
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_the_sentence_says_what_to_install(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['matplotlib'] = None\n"  # the import system's own way to say: not installed
        "from edge.offline.charts import draw_summary\n"
        "from edge.errors import WorkError\n"
        "try: draw_summary(sys.argv[1], [], [])\n"
        "except WorkError as said: print(said)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "chart.png")]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]).stdout
    assert "pip install 'crossing-monitor[charts]'" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("error")
def test_a_title_in_letters_that_the_font_lacks_is_no_warning(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    draw_summary(tmp_path / "chart.png", [crossing(30)], [minute(0)], title="大桥.mp4")
    assert opened(tmp_path / "chart.png").size > 0
