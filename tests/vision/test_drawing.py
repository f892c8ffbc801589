"""The annotated video: every frame is there and plays back, what counts is drawn, and nothing is left half-written."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.counting.crossing import DIRECTIONS, CountingLine, Crossing
from edge.counting.detection import CLASSES, Detection
from edge.counting.occupancy import Occupancy
from edge.counting.tracking import Track
from edge.counting.zone import Zone
from edge.errors import InputError, WorkError
from edge.vision.annotated_video import AnnotatedVideo
from edge.vision.drawing import (
    CHART_COLOURS,
    CLASS_COLOURS,
    Annotator,
    Picture,
    bgr,
    clock,
    heading,
    moment,
    walk,
)
from edge.vision.recording import Recording

SMALL = (320, 240)
DECK = CountingLine("deck", ((20.0, 150.0), (300.0, 150.0)))


def road(size: tuple[int, int] = SMALL) -> Picture:
    return np.full((size[1], size[0], 3), 90, np.uint8)


def truck(x: float = 200.0, y: float = 150.0, *, seen_ms: int = 0, number: int = 7) -> Track:
    votes = tuple(1.0 if label == "truck" else 0.0 for label in CLASSES)
    return Track(id=number, box=(x - 20.0, y - 40.0, x + 20.0, y), seen_ms=seen_ms, votes=votes)


def crossing(at_ms: int = 0, direction: str = "a_to_b") -> Crossing:
    return Crossing("deck", direction, "truck", share=1.0, crossed_ms=at_ms, along=0.6, track=7)


def pixels(picture: Picture, label: str) -> int:
    return int((picture == bgr(CLASS_COLOURS[label])).all(axis=2).sum())


@pytest.mark.parametrize(
    ("size", "drawn"),
    [((320, 240), (640, 480)), ((352, 288), (704, 576)), ((1920, 1080), (1920, 1080)), ((641, 361), (640, 360))],
)
def test_pictures_are_at_least_640_wide_and_even(size: tuple[int, int], drawn: tuple[int, int]) -> None:
    annotator = Annotator([DECK], size)
    picture = annotator.draw(road(size), [], [truck()], [], 0)
    assert (picture.shape, picture.dtype) == ((annotator.size[1], annotator.size[0], 3), np.uint8)
    assert (annotator.size[1], annotator.size[0] % 2) == (drawn[1], 0)
    assert drawn[0] < annotator.size[0] <= 1.7 * drawn[0], "the panel stands beside the picture"


def test_the_panel_hides_nothing_of_the_picture() -> None:
    """What moves at 640 x 360 is all to be seen, whatever the counts are, and however long the words."""
    size, lines = (640, 360), [CountingLine(f"line-{n}", ((10.0, 30.0 * n), (600.0, 30.0 * n))) for n in range(1, 9)]
    words = {line.name: {"a_to_b": "towards the far end of the valley", "b_to_a": "back"} for line in lines}
    annotator = Annotator(lines, size, words)
    plain = annotator.draw(road(size), [], [], [], 0)
    counted = [replace(crossing(), line=line.name, label=label) for line in lines for label in ("truck", "van")]
    annotator.draw(road(size), [], [], counted, 40)
    later = annotator.draw(road(size), [], [], [], 5_000)
    assert (later[:, :640] == plain[:, :640]).all()
    assert (later[:, 640:] != plain[:, 640:]).any()


def test_colours_are_those_of_the_pages_of_the_centre() -> None:
    style = Path(__file__).parents[2].joinpath("collector/dashboard/static/dashboard.css").read_text()
    pairs = dict(re.findall(r"--c-(\w+): light-dark\((#\w+, #\w+)\);", style))
    pairs["unclassified"] = pairs.pop("other")
    assert pairs == {label: f"{CHART_COLOURS[label]}, {CLASS_COLOURS[label]}" for label in CLASS_COLOURS}


def test_the_frame_itself_is_left_as_it_was() -> None:
    for size in (SMALL, (800, 600)):
        image = road(size)
        Annotator([DECK], size).draw(image, [Detection(5, 5, 50, 50, 0.9, "car")], [truck()], [crossing()], 0)
        assert (image == 90).all()


def test_a_track_has_the_colour_of_its_class_and_a_believed_one_has_less_of_it() -> None:
    seen = Annotator([DECK], SMALL).draw(road(), [], [truck()], [], 0)
    believed = Annotator([DECK], SMALL).draw(road(), [], [truck(seen_ms=-400)], [], 0)
    assert pixels(seen, "truck") > 2 * pixels(believed, "truck") > 0
    assert pixels(seen, "car") == 0


def test_small_vehicles_are_named_near_a_line_only_and_large_ones_anywhere() -> None:
    def filled(y: float, height: float) -> bool:
        """Whether there is an area in the class's colour, not just the outline of a box."""
        small = replace(truck(), box=(180.0, y - height, 196.0, y))
        row = Annotator([DECK], SMALL).draw(road(), [], [small], [], 0)[round(2 * (y - height)) - 3]
        return int((row == bgr(CLASS_COLOURS["truck"])).all(axis=1).sum()) > 36

    assert [filled(y, 10) for y in (60, 135, 145, 155, 165, 220)] == [False, False, True, True, False, False]
    assert [filled(y, 13) for y in (60, 220)] == [True, True]


def test_a_name_never_covers_that_of_a_nearer_vehicle() -> None:
    votes = tuple(1.0 if label == "bus" else 0.0 for label in CLASSES)
    farther = replace(truck(number=8), box=(184.0, 108.0, 218.0, 146.0), votes=votes)
    near, far, both = (
        Annotator([], SMALL).draw(road(), [], tracks, [], 0) for tracks in ([truck()], [farther], [truck(), farther])
    )
    name = slice(200, 219), slice(360, 400)
    assert (both[name] == near[name]).all()
    assert pixels(both, "bus") < pixels(far, "bus") - 300  # its box is there, its name is not


def test_a_trail_shows_where_a_track_came_from_and_goes_with_it() -> None:
    annotator = Annotator([], SMALL)
    for number in range(20):
        picture = annotator.draw(road(), [], [truck(60.0 + 8 * number, 200.0, seen_ms=number * 40)], [], number * 40)
    trail = picture[396:405, 124:300]  # of the enlarged picture, behind the box
    assert (trail != 90).any()
    gone = annotator.draw(road(), [], [], [], 900)
    assert (gone[396:405, :640] == 90).all()


def test_the_line_flashes_for_a_moment_after_a_crossing() -> None:
    annotator = Annotator([DECK], SMALL)
    before = annotator.draw(road(), [], [], [], 0)
    flash = annotator.draw(road(), [], [], [crossing(40)], 40)
    after = annotator.draw(road(), [], [], [], 2_000)
    line = slice(270, 330), slice(300, 560)  # the panel, which has changed for good, stands elsewhere
    assert (flash[line] != before[line]).any()
    assert (after[line] == before[line]).all()


def test_counts_add_up_per_line_direction_and_class() -> None:
    annotator = Annotator([DECK], SMALL)
    empty = annotator.draw(road(), [], [], [], 0)
    annotator.draw(road(), [], [], [crossing(), crossing()], 40)
    picture = annotator.draw(road(), [], [], [crossing(direction="b_to_a")], 80)
    assert annotator.counts == {("deck", "a_to_b", "truck"): 2, ("deck", "b_to_a", "truck"): 1}
    assert pixels(picture, "truck") > pixels(empty, "truck") == 0  # its row in the panel


@pytest.mark.parametrize(
    ("p2", "arrow"), [((9, 5), "↓"), ((5, 9), "←"), ((1, 5), "↑"), ((5, 1), "→"), ((9, 9), "↙"), ((9, 1), "↘")]
)
def test_the_arrow_goes_from_the_left_hand_side_of_the_line_to_its_right(p2: tuple[float, float], arrow: str) -> None:
    line = CountingLine("deck", ((5.0, 5.0), p2))
    opposite = dict(zip("→↘↓↙←↖↑↗", "←↖↑↗→↘↓↙", strict=True))
    assert [heading(line, direction) for direction in DIRECTIONS] == [arrow, opposite[arrow]]


def test_walking_a_polyline_is_even_by_length() -> None:
    places, directions = walk([(0, 0), (30, 0), (30, 10)], np.array([0.0, 0.5, 0.75, 0.875, 1.0]))
    assert places.tolist() == [[0, 0], [20, 0], [30, 0], [30, 5], [30, 10]]
    assert directions[[0, 3]].tolist() == [[1, 0], [0, 1]]


def test_a_recording_without_a_date_is_timed_in_seconds_and_a_time_of_day_says_its_zone() -> None:
    assert (clock(12_340), clock(1_795_443_000_000)) == ("12.3 s", "14:10:00 UTC")
    assert (moment(12_340), moment(1_795_443_000_000)) == ("12.3 s", "2026-11-23 14:10:00 UTC")


@pytest.mark.parametrize("name", ["out.mp4", "out.webm", "out.mkv", "out.avi", "OUT.MP4"])
def test_a_video_has_every_picture_and_plays_back(tmp_path: Path, name: str) -> None:
    annotator = Annotator([DECK], SMALL)
    with AnnotatedVideo(tmp_path / name, 12.5, annotator.size) as video:
        for number in range(30):
            at_ms = number * 80
            video.write(annotator.draw(road(), [], [truck(seen_ms=at_ms, y=100.0 + 3 * number)], [], at_ms), at_ms)
            assert not (tmp_path / name).exists()
    recording = Recording(tmp_path / name)
    assert ((recording.width, recording.height), recording.frames_per_second) == (annotator.size, 12.5)
    assert [frame.captured_ms for frame in recording] == [number * 80 for number in range(30)]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_failure_half_way_leaves_no_video_and_an_older_one_stays(tmp_path: Path) -> None:
    older = tmp_path / "out.mp4"
    older.write_bytes(b"older")
    with pytest.raises(AssertionError, match="the size announced"), AnnotatedVideo(older, 25.0, SMALL) as video:
        video.write(road((640, 480)), 0)
    assert older.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [older]


def test_a_disk_that_fills_up_is_noticed_though_the_encoder_keeps_silent(tmp_path: Path) -> None:
    program = (
        "import resource, sys, numpy as np\n"
        "from edge.errors import WorkError\n"
        "from edge.vision.annotated_video import AnnotatedVideo\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "noise = np.random.default_rng(1).integers(0, 256, (240, 320, 3), np.uint8)\n"
        "try:\n"
        "    with AnnotatedVideo(sys.argv[1], 25.0, (320, 240)) as video:\n"
        "        for number in range(60): video.write(np.roll(noise, 7 * number, axis=1), 40 * number)\n"
        "except WorkError as said: print(said)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "out.mp4")]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]).stdout
    assert "of 60 pictures arrived" in said
    assert list(tmp_path.iterdir()) == []


def test_a_video_without_a_picture_is_none(tmp_path: Path) -> None:
    with pytest.raises(WorkError, match="no picture"), AnnotatedVideo(tmp_path / "out.mp4", 25.0, SMALL):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("out.txt", "allowed endings are .mp4, .webm, .mkv, .avi"),
        ("out", "allowed endings"),
        ("no/out.mp4", "does not exist"),
    ],
)
def test_an_impossible_path_is_refused_in_one_sentence(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        AnnotatedVideo(tmp_path / name, 25.0, SMALL)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        AnnotatedVideo(tmp_path / "out.mp4", 25.0, SMALL)


def test_a_zone_is_tinted_and_says_who_is_in_it() -> None:
    zone = Zone("queue", ((60.0, 80.0), (260.0, 80.0), (260.0, 200.0), (60.0, 200.0)))

    def drawn(*occupancies: Occupancy) -> Picture:
        return Annotator([], SMALL, zones=[zone]).draw(road(), [], [], [], 0, occupancies)

    plain = Annotator([], SMALL).draw(road(), [], [], [], 0)
    tinted = drawn()
    assert (tinted[200:380, 200:500] != plain[200:380, 200:500]).any(axis=2).all()
    assert (tinted[:120, 320:] == plain[:120, 320:]).all()
    told = drawn(Occupancy("queue", ("truck",) * 7, standing=5, queue_m=81.0))
    assert (told[400:] != tinted[400:]).any()
    assert (told[:396] == tinted[:396]).all()
