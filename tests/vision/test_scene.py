"""What is said of a picture: nothing of the clips as they are, the right word of altered ones, each in its time."""

from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.counting.parameters import DEFAULT
from edge.vision.frame import Frame
from edge.vision.scene import AFTER_MS, BACKGROUND, CLEAR_MS, EVERY_MS, SIZE, SceneWatcher
from tests.benchmarks.scene import ALTERED, pictures

PENDING_MS_MAX = DEFAULT.watched.pending_ms_max

CLIPS = sorted((Path(__file__).parents[1] / "clips").glob("*.mp4"))
SETTLE_MS = BACKGROUND * EVERY_MS
UTC_MS = 1_795_600_020_000

Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def day() -> list[Picture]:
    """Looks at a clip, small already: that is quicker."""
    clip = next(path for path in CLIPS if path.stem == "day")
    return [small(image) for _, image in islice(pictures(clip), 48)]


def small(image: Picture) -> Picture:
    return np.asarray(cv2.resize(image, SIZE, interpolation=cv2.INTER_AREA), np.uint8)


def altered(word: str, images: list[Picture]) -> list[Picture]:
    return images[20:21] if word == "frozen" else [ALTERED[word](image) for image in images]


class Watch:
    """A watcher, and what it said when, in milliseconds since the last `show` began."""

    def __init__(self, reference: Picture | None) -> None:
        self._watcher = SceneWatcher(reference)
        self._now_ms = UTC_MS

    def show(self, images: Iterator[Picture], for_ms: int, *, every_ms: int = EVERY_MS) -> list[tuple[int, str]]:
        began_ms = self._now_ms
        said = []
        while self._now_ms < began_ms + for_ms:
            state = self._watcher.update(Frame(self._now_ms, next(images)))
            said.append((self._now_ms - began_ms, state.blind))
            self._now_ms += every_ms
        return said


def words(said: list[tuple[int, str]]) -> set[str]:
    return {word for _, word in said}


def first(said: list[tuple[int, str]], word: str) -> int:
    return next(at_ms for at_ms, blind in said if blind == word)


@pytest.mark.parametrize("clip", CLIPS, ids=lambda path: path.stem)
def test_nothing_is_said_of_a_clip_as_it_is(clip: Path) -> None:
    watcher: SceneWatcher | None = None
    for at_ms, image in pictures(clip):
        shown = small(image)
        watcher = watcher or SceneWatcher(shown)
        assert watcher.update(Frame(at_ms, shown)).blind == ""


@pytest.mark.parametrize("word", AFTER_MS)
def test_a_symptom_counts_once_it_has_lasted_and_is_over_once_it_is_gone(word: str, day: list[Picture]) -> None:
    watch = Watch(day[0])
    images = cycle(day)
    wrong = cycle(altered(word, day))
    late_ms = SETTLE_MS if word == "moved" else 0  # a move shows in the background, which is a mean
    assert words(watch.show(images, SETTLE_MS)) == {""}
    said = watch.show(wrong, 40_000)
    assert words(said) == {"", word}
    assert AFTER_MS[word] <= first(said, word) <= AFTER_MS[word] + 2 * EVERY_MS + late_ms
    assert {blind for at_ms, blind in said if at_ms >= first(said, word)} == {word}
    said = watch.show(images, 40_000)
    clear_ms = 0 if word == "frozen" else CLEAR_MS
    assert clear_ms - EVERY_MS <= first(said, "") <= clear_ms + EVERY_MS + late_ms
    assert words([(at_ms, blind) for at_ms, blind in said if at_ms >= first(said, "")]) == {""}


@pytest.mark.parametrize("word", [word for word in AFTER_MS if word != "moved"])
def test_a_symptom_that_does_not_last_is_not_told(word: str, day: list[Picture]) -> None:
    watch = Watch(day[0])
    images = cycle(day)
    wrong = cycle(altered(word, day))
    for _ in range(3):
        assert words(watch.show(images, CLEAR_MS + EVERY_MS)) == {""}
        assert words(watch.show(wrong, AFTER_MS[word] - EVERY_MS)) == {""}


def test_a_symptom_lasts_in_time_and_not_in_frames(day: list[Picture]) -> None:
    dark = altered("dark", day)
    for every_ms in (40, 100, 1_000):
        said = Watch(day[0]).show(cycle(dark), 7_000, every_ms=every_ms)
        assert AFTER_MS["dark"] <= first(said, "dark") <= AFTER_MS["dark"] + 1_000


def test_a_picture_is_frozen_under_a_clock_that_goes_on(day: list[Picture]) -> None:
    stills = []
    for number in range(60):
        still = day[0].copy()
        still[4:12, 8 : 40 + 4 * number] = 255
        stills.append(still)
    assert "frozen" in words(Watch(day[0]).show(iter(stills), 30_000))


def test_a_camera_that_repeats_each_frame_for_seconds_is_not_frozen(day: list[Picture]) -> None:
    repeated = cycle([image for image in day for _ in range(6)])
    assert words(Watch(day[0]).show(repeated, 60_000)) == {""}


def test_without_a_reference_nothing_is_moved_or_defocused(day: list[Picture]) -> None:
    for word in ("moved", "defocused"):
        assert words(Watch(None).show(cycle(altered(word, day)), 60_000)) == {""}


@pytest.mark.parametrize(
    "clip", [path for path in CLIPS if path.stem in ("night", "convoy")], ids=lambda path: path.stem
)
def test_another_scene_and_another_light_are_not_a_move(clip: Path, day: list[Picture]) -> None:
    images = cycle([small(image) for _, image in islice(pictures(clip), 60)])
    assert "moved" not in words(Watch(day[0]).show(images, SETTLE_MS + AFTER_MS["moved"] + 10_000))


def since(watcher: SceneWatcher, frames: Iterator[tuple[int, Picture]]) -> list[tuple[int, str, int | None]]:
    said = []
    for at_ms, image in frames:
        state = watcher.update(Frame(at_ms, image))
        said.append((at_ms, state.blind, state.since_ms))
    return said


@pytest.mark.parametrize("every_ms", [100, 250, 1_000])
@pytest.mark.parametrize("word", ["dark", "over-exposed", "covered"])
def test_a_symptom_began_with_the_first_frame_that_may_show_it(word: str, every_ms: int, day: list[Picture]) -> None:
    wrong = altered(word, day)[0]
    film = [(at_ms, day[at_ms // every_ms % len(day)]) for at_ms in range(0, 10_000, every_ms)]
    film += [(at_ms, ALTERED[word](wrong)) for at_ms in range(10_000, 20_000, every_ms)]
    said = since(SceneWatcher(), iter(film))
    assert {began for at_ms, _, began in said if at_ms < 10_000} == {None}
    [began_ms] = {began for at_ms, _, began in said if at_ms >= 10_500}
    assert began_ms is not None
    assert 10_000 - EVERY_MS < began_ms <= 10_000
    told_ms = next(at_ms for at_ms, blind, _ in said if blind)
    assert 10_000 + AFTER_MS[word] <= told_ms <= 10_000 + AFTER_MS[word] + 2 * max(EVERY_MS, every_ms)


def test_a_freeze_began_with_the_first_of_the_same_pictures(day: list[Picture]) -> None:
    film = [(at_ms, day[at_ms // 250 % 20]) for at_ms in range(0, 10_000, 250)]
    film += [(at_ms, day[30]) for at_ms in range(10_000, 40_000, 250)]
    said = since(SceneWatcher(), iter(film))
    blind_ms, _, began_ms = next(one for one in said if one[1])
    assert began_ms is not None
    assert 10_000 - EVERY_MS <= began_ms <= 10_000
    assert AFTER_MS["frozen"] <= blind_ms - 10_000 <= AFTER_MS["frozen"] + 2 * EVERY_MS
    still = since(SceneWatcher(), ((at_ms, day[30]) for at_ms in range(0, 30_000, 250)))
    assert {began for at_ms, _, began in still if at_ms >= EVERY_MS} == {0}


def test_a_frozen_picture_that_is_coded_anew_in_every_group_of_pictures_is_frozen(day: list[Picture]) -> None:
    coded = [np.clip(day[30].astype(int) + shade, 0, 255).astype(np.uint8) for shade in range(7)]
    film = ((at_ms, coded[at_ms // EVERY_MS % 7]) for at_ms in range(0, 30_000, EVERY_MS))
    said = since(SceneWatcher(), film)
    assert said[-1][1:] == ("frozen", 0)


@pytest.mark.parametrize("every_ms", [100, 1_000, 10_000, 60_000])
@pytest.mark.parametrize("seed", range(4))
def test_a_symptom_is_decided_in_time_at_every_frame_rate(every_ms: int, seed: int, day: list[Picture]) -> None:
    chance = np.random.default_rng(seed)
    watcher, at_ms = SceneWatcher(day[0]), 0
    kinds = [*(np.asarray(change(day[5]), np.uint8) for change in ALTERED.values()), *day[:12]]
    for _ in range(60):
        image = kinds[chance.integers(len(kinds))]
        for _ in range(chance.integers(1, 12)):
            state = watcher.update(Frame(at_ms, image))
            assert state.since_ms is None or state.since_ms <= at_ms
            assert state.blind or state.since_ms is None or at_ms - state.since_ms <= PENDING_MS_MAX
            at_ms += int(every_ms * chance.choice((1, 1, 1, 5)))
