"""The strip shows what crossed, where and when, and is split and bounded without a loss that nobody counts."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.errors import WorkError
from edge.vision.frame import Frame
from edge.vision.strip import MARK_COLOURS, Mark, MarkKind, Strip, write_jpeg

WIDTH, HEIGHT, STEP_MS = 200, 120, 100
LEVEL = [(10.0, 60.0), (190.0, 60.0)]
MORNING_MS = 1_795_392_000_000


def bar_over_the_line(
    frames: int = 60, *, left: int = 100, start_ms: int = 0, colour: tuple[int, int, int] = (255, 255, 255)
) -> list[Frame]:
    """A bar, 20 wide and 12 high, comes down 2 px a frame: it covers y = 60 in the frames 24 to 29."""
    made = []
    for number in range(frames):
        image = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
        image[2 * number : 2 * number + 12, left : left + 20] = colour
        made.append(Frame(start_ms + number * STEP_MS, image))
    return made


def strip_of(frames: list[Frame], **options: int) -> Strip:
    strip = Strip(LEVEL, columns=90, thickness_px=1, **options)
    for frame in frames:
        strip.append(frame)
    return strip


def coloured(picture: NDArray[np.uint8], kind: MarkKind) -> NDArray[np.intp]:
    """(n, 2) row and column of the pixels in the very colour of a kind, below the head."""
    found = np.argwhere((picture == MARK_COLOURS[kind]).all(axis=2))
    return found[found[:, 0] > 60]


def test_a_vehicle_is_a_blob_at_its_place_on_the_line_and_in_time() -> None:
    rows = strip_of(bar_over_the_line()).rows
    assert rows.shape == (60, 90, 3)
    lit = np.argwhere(rows[:, :, 0] > 200)
    assert (lit[:, 0].min(), lit[:, 0].max()) == (25, 30)
    assert (lit[:, 1].min(), lit[:, 1].max()) == (
        45,
        54,
    )  # x 100 to 120 of a line from 10 to 190, 2 px a column


def test_columns_are_even_by_length_along_a_polyline() -> None:
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[:, :50] = 255
    strip = Strip([(0, 20), (50, 20), (50, 110), (110, 110)], columns=200)  # the first quarter is lit
    strip.append(Frame(0, image))
    assert (strip.rows[0, :48, 0] > 200).all()
    assert (strip.rows[0, 145:, 0] == 0).all()


def test_reversing_the_line_mirrors_the_row() -> None:
    frame = bar_over_the_line()[27]
    forward, backward = (
        Strip(LEVEL, columns=90, thickness_px=1),
        Strip(LEVEL[::-1], columns=90, thickness_px=1),
    )
    forward.append(frame)
    backward.append(frame)
    assert (forward.rows[0] == backward.rows[0][::-1]).all()


def test_pixels_across_the_line_calm_noise() -> None:
    image = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    spread = []
    for thickness_px in (1, 5):
        strip = Strip(LEVEL, columns=180, thickness_px=thickness_px)
        strip.append(Frame(0, image))
        spread.append(float(strip.rows.std()))
    assert spread[1] < 0.6 * spread[0]


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(-500, 7_000), max_size=4).map(sorted))
def test_taking_at_any_times_gives_the_whole_in_parts(cuts: list[int]) -> None:
    frames = bar_over_the_line()
    whole, rest = strip_of(frames), strip_of(frames)
    parts = [rest.take(until_ms) for until_ms in cuts]
    for until_ms, part in zip(cuts, parts, strict=True):
        assert part.to_ms is None or part.to_ms < until_ms
    parts.append(rest)
    assert sum((part.times_ms for part in parts), ()) == whole.times_ms
    assert (np.concatenate([part.rows for part in parts]) == whole.rows).all()


def test_at_the_bound_the_oldest_half_gets_coarser_and_the_loss_is_counted() -> None:
    strip = strip_of(bar_over_the_line(), rows_max=40)
    assert len(strip) <= 40
    assert len(strip) + strip.thinned == 60
    assert (strip.from_ms, strip.to_ms) == (0, 59 * STEP_MS)
    steps = np.diff(strip.times_ms)
    assert steps[0] > STEP_MS
    assert (steps[len(steps) // 2 :] == STEP_MS).all()


def test_a_taken_strip_takes_the_count_of_thinned_rows_with_it() -> None:
    strip = strip_of(bar_over_the_line(), rows_max=40)
    taken = strip.take(10**9)
    assert taken.thinned > 0
    assert (strip.thinned, len(strip), strip.from_ms, strip.to_ms) == (0, 0, None, None)


@pytest.mark.parametrize("enlarge", [1, 2, None])
@pytest.mark.parametrize("kind", list(MARK_COLOURS))
def test_a_mark_stands_beside_its_blob(kind: MarkKind, enlarge: int | None) -> None:
    strip = Strip(LEVEL, columns=180)
    for frame in bar_over_the_line(colour=(255, 40, 0)):  # a blue that no mark has
        strip.append(frame)
    picture = strip.render([Mark(27 * STEP_MS, kind, 0.5556, "")], enlarge=enlarge)
    row, column = np.median(coloured(picture, kind), axis=0)
    blob = np.argwhere((picture[:, :, 0] > 248) & (picture[:, :, 2] < 60))
    blob = blob[blob[:, 0] > 60]
    row_of_blob, column_of_blob = (blob.min(axis=0) + blob.max(axis=0)) / 2
    assert abs(row - row_of_blob) < 8
    assert abs(column - column_of_blob) < 8


def test_a_mark_of_unknown_place_goes_across_the_whole_width() -> None:
    picture = strip_of(bar_over_the_line()).render([Mark(3_000, "missed", None, "car")])
    columns = coloured(picture, "missed")[:, 1]
    assert columns.max() - columns.min() > 0.9 * 90 * 4


def test_marks_of_one_moment_and_place_do_not_cover_each_other_even_at_the_edge() -> None:
    strip = strip_of(bar_over_the_line())
    one = len(coloured(strip.render([Mark(3_000, "extra", 1.0, "motorcycle")]), "extra"))
    both = [Mark(3_000, "extra", 1.0, "motorcycle"), Mark(3_050, "missed", 1.0, "motorcycle")]
    picture = strip.render(both)
    assert len(coloured(picture, "missed")) > 0.5 * one
    assert len(coloured(picture, "extra")) > 0.5 * one


def test_a_text_on_a_white_vehicle_has_a_dark_halo() -> None:
    strip = Strip(LEVEL)
    for number in range(60):
        strip.append(Frame(number * STEP_MS, np.full((HEIGHT, WIDTH, 3), 255, np.uint8)))
    with_text, without = (strip.render([Mark(3_000, "counted", 0.5, text)]) for text in ("a_to_b car", ""))
    changed = with_text[(with_text != without).any(axis=2)]
    assert (changed.max(axis=1) < 40).mean() > 0.4


def test_times_of_day_stand_under_the_word_utc_and_seconds_do_not() -> None:
    inked = [
        int((strip_of(bar_over_the_line(start_ms=start_ms)).render()[:45, :75] > 150).sum())
        for start_ms in (MORNING_MS, 0)
    ]
    assert inked[0] > inked[1] == 0


def test_only_the_time_asked_for_is_drawn() -> None:
    strip = strip_of(bar_over_the_line())
    marks = [Mark(1_000, "found", 0.2, ""), Mark(5_000, "found", 0.2, "")]
    late = strip.render(marks, from_ms=4_000, to_ms=5_900, enlarge=1)
    assert late.shape[0] < strip.render(marks, enlarge=1).shape[0]
    assert len(coloured(late, "found")) < len(coloured(strip.render(marks, enlarge=1), "found"))


def test_a_long_strip_stays_under_2500_pixels_and_its_vehicles_stay_in_sight() -> None:
    strip = Strip(LEVEL, columns=60)
    for number in range(6):
        for frame in bar_over_the_line(800, start_ms=MORNING_MS + number * 80_000):
            strip.append(frame)
    picture = strip.render(title="a very long title " * 20)
    assert picture.shape[0] <= 2_500
    assert picture[100:].max(axis=(1, 2)).max() > 200


def test_time_that_no_row_vouches_for_is_hatched() -> None:
    frames = bar_over_the_line(20, left=-40) + bar_over_the_line(20, left=-40, start_ms=60_000)
    broken = strip_of(frames).render(enlarge=1)
    whole = strip_of(bar_over_the_line(40, left=-40)).render(enlarge=1)
    assert broken.shape[0] > whole.shape[0]
    assert len(np.argwhere((broken[:, 80:160] == 120).all(axis=2))) > 100
    assert len(np.argwhere((whole[:, 80:160] == 120).all(axis=2))) == 0


def test_an_empty_strip_says_so_instead_of_looking_like_an_empty_road() -> None:
    strip = Strip(LEVEL)
    assert strip.rows.shape == (0, 384, 3)
    assert len(np.argwhere((strip.render() == 120).all(axis=2))) > 1_000


def test_a_jpeg_is_small_reads_back_and_a_failure_leaves_nothing(tmp_path: Path) -> None:
    picture = strip_of(bar_over_the_line()).render(enlarge=1)
    size = write_jpeg(tmp_path / "deck.jpg", picture)
    again = cv2.imread(str(tmp_path / "deck.jpg"))
    assert again is not None
    assert again.shape == picture.shape
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [size]
    with pytest.raises(WorkError, match="cannot be written"):
        write_jpeg(tmp_path / "absent" / "deck.jpg", picture)
    assert len(list(tmp_path.iterdir())) == 1
