"""Films that show nothing for a while, through the commands: what nobody could watch is blind and never zero."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.cli import main
from edge.errors import InputError
from edge.vision.tape import read_tape
from tests.bright_squares import HEIGHT, SIDE, WIDTH, write_model

Picture = NDArray[np.uint8]
LINE = f"0,64,{WIDTH},64"
CODECS = {"mp4": "mp4v", "avi": "MJPG"}
NOISE = np.random.default_rng(2)
LEVELS = np.random.default_rng(1).integers(30, 120, (HEIGHT // 8, WIDTH // 8), np.uint8)
ROAD = np.repeat(np.kron(LEVELS, np.ones((8, 8), np.uint8))[:, :, None], 3, axis=2)
LATE_MS = 1_500  # within which a symptom is noticed; the time before is watched


def seen(y: float | None = None) -> Picture:
    """As a camera sees the road: with noise, and with a vehicle whose upper edge is at `y`."""
    picture = ROAD.copy()
    if y is not None:
        picture[max(round(y), 0) : max(round(y) + SIDE, 0), 60 : 60 + SIDE] = 255
    return np.clip(picture + NOISE.integers(-4, 5, ROAD.shape), 0, 255).astype(np.uint8)


STILL = seen()


def road(_: float) -> Picture:
    return seen()


def passing(at_s: float) -> Picture:
    """A vehicle drives over the line once every ten seconds, in the first four of them."""
    return seen((at_s % 10) * 40 - SIDE)


def black(_: float) -> Picture:
    return np.zeros_like(ROAD)


def white(_: float) -> Picture:
    return np.full_like(ROAD, 253)


def covered(_: float) -> Picture:
    return np.clip(NOISE.normal(70, 1.5, ROAD.shape), 0, 255).astype(np.uint8)


def frozen(_: float) -> Picture:
    return STILL


Part = tuple[Callable[[float], Picture], float]
WRONG = {"dark": black, "over-exposed": white, "covered": covered, "frozen": frozen}


@pytest.fixture(autouse=True)
def _no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn of a result is tested in tests/test_charts.py; here it would be a third of the time."""
    monkeypatch.setattr("edge.offline.results.draw_summary", lambda *_, **__: None)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_model(tmp_path_factory.mktemp("model")))


def write_film(path: Path, *parts: Part, frames_per_second: float = 10.0) -> Path:
    """Each part shows its pictures for so many seconds."""
    codec = cv2.VideoWriter.fourcc(*CODECS[path.suffix[1:]])
    writer = cv2.VideoWriter(str(path), codec, frames_per_second, (WIDTH, HEIGHT))
    assert writer.isOpened(), "OpenCV can write this"
    began_s = 0.0
    for picture_at, for_s in parts:
        for number in range(round(for_s * frames_per_second)):
            writer.write(picture_at(began_s + number / frames_per_second))
        began_s += for_s
    writer.release()
    return path


def replayed(folder: Path, film: Path, model: str, *more: str) -> list[dict[str, Any]]:
    """The reports."""
    out = folder / "out"
    assert main(["replay", str(film), "--line", LINE, "--model", model, "--out", str(out), *more]) == 0
    return [json.loads(line) for line in (out / "reports.jsonl").read_text().splitlines()]


def counted(reports: list[dict[str, Any]]) -> int:
    return sum(
        number
        for report in reports
        for ways in (report["lines"] or {}).values()
        for labels in ways.values()
        for number in labels.values()
    )


@pytest.mark.parametrize("word", WRONG)
@pytest.mark.parametrize("suffix", CODECS)
def test_a_film_that_shows_nothing_is_blind_and_never_zero(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str, word: str, suffix: str
) -> None:
    film = write_film(tmp_path / f"film.{suffix}", (WRONG[word], 70))
    reports = replayed(tmp_path, film, model)
    watched_ms = 0 if word != "frozen" else 1_500  # the codec refines its first pictures
    assert sum(report["watched_ms"] for report in reports) <= watched_ms
    assert [report["state"] for report in reports][1:] == ["blind"]
    assert [report["lines"] is None for report in reports][1:] == [True]
    if word != "frozen":
        assert {report["state"] for report in reports} == {"blind"}
        assert "that is not zero" in capsys.readouterr().out
        summary = json.loads((tmp_path / "out" / "summary.json").read_text())
        assert (summary["watched_ms"], summary["lines"], summary["balance"]) == (0, None, None)
        rows = (tmp_path / "out" / "counts.csv").read_text().splitlines()[1:]
        assert all(row.endswith("," * 7) for row in rows)


@pytest.mark.parametrize("word", WRONG)
@pytest.mark.parametrize("rate", [1.0, 3.0, 10.0])
def test_the_time_of_the_symptom_is_not_watched_and_the_time_around_it_is(
    tmp_path: Path, model: str, word: str, rate: float
) -> None:
    film = write_film(tmp_path / "film.avi", (road, 20), (WRONG[word], 40), (road, 20), frames_per_second=rate)
    reports = replayed(tmp_path, film, model, "--bucket", "5")
    watched = [report["watched_ms"] for report in reports]
    assert [report["state"] for report in reports[4:12]] == ["blind"] * 8
    last_ms = round(80_000 - 1000 / rate)
    assert sum(watched[:4]) >= 20_000 - max(LATE_MS, 2 * round(1000 / rate))
    recovered_ms = 0 if word == "frozen" else 2_000  # how long a symptom has to be gone
    assert last_ms - 60_000 - recovered_ms - LATE_MS <= sum(watched[12:]) <= last_ms - 60_000


@pytest.mark.parametrize("word", WRONG)
def test_a_symptom_pending_at_the_end_vouches_for_nothing(tmp_path: Path, model: str, word: str) -> None:
    film = write_film(tmp_path / "film.avi", (road, 20), (WRONG[word], 4))
    watched_ms = sum(report["watched_ms"] for report in replayed(tmp_path, film, model))
    assert 20_000 - LATE_MS <= watched_ms <= 20_000


@pytest.mark.parametrize("word", WRONG)
def test_a_symptom_that_clears_takes_no_time(tmp_path: Path, model: str, word: str) -> None:
    film = write_film(tmp_path / "film.avi", (road, 10), (WRONG[word], 4), (road, 10))
    assert sum(report["watched_ms"] for report in replayed(tmp_path, film, model)) == 23_900


def test_a_road_on_which_nothing_happens_is_watched(tmp_path: Path, model: str) -> None:
    film = write_film(tmp_path / "film.mp4", (road, 60))
    assert sum(report["watched_ms"] for report in replayed(tmp_path, film, model)) == 59_900


def test_what_crossed_in_sight_is_counted_around_the_time_that_nobody_watched(tmp_path: Path, model: str) -> None:
    film = write_film(tmp_path / "film.avi", (passing, 20), (black, 20), (passing, 30))
    reports = replayed(tmp_path, film, model, "--bucket", "10")
    assert [report["state"] for report in reports] == ["ok", "ok", "blind", "blind", "partial", "ok", "ok"]
    assert counted(reports[:2]) == 2
    assert counted(reports[4:]) == 3


@pytest.mark.parametrize("every", ["1", "3"])
def test_a_video_and_its_tape_give_the_same_reports(tmp_path: Path, model: str, every: str) -> None:
    film = write_film(
        tmp_path / "film.mp4", (passing, 25), (frozen, 40), (passing, 15), (black, 20), (passing, 15), (covered, 4)
    )
    tape = tmp_path / "film.tape"
    once = replayed(tmp_path, film, model, "--bucket", "10", "--every", every, "--tape", str(tape))
    assert {report["state"] for report in once} == {"ok", "partial", "blind"}
    again = replayed(tmp_path, tape, model, "--bucket", "10")
    assert len({report.pop("run") for report in once}) == len({report.pop("run") for report in again}) == 1
    assert json.dumps(again) == json.dumps(once)
    header, frames = read_tape(tape)
    assert header.tape == 2
    assert {frame.blind for frame in frames} == {"", "frozen", "dark"}


def test_bench_looks_at_the_scene_and_asks_no_detector_where_nothing_can_be_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    film = write_film(tmp_path / "film.avi", (road, 5), (black, 15))
    capsys.readouterr()
    assert main(["bench", str(film), "--model", model, "--threads", "1", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["frames"] == 200
    assert 95 <= said["frames_blind"] <= 100
    assert said["stages_ms"]["scene"]["mean"] > 0


def truth_of(film: Path, crossings: list[float]) -> Path:
    truth = {
        "video": str(film),
        "line": [[0, 64], [WIDTH, 64]],
        "fps": 10.0,
        "frames": 500,
        "crossings": [{"frame": round(at_s * 10), "class": "truck", "direction": "a_to_b"} for at_s in crossings],
    }
    path = film.with_suffix(".json")
    path.write_text(json.dumps(truth))
    return path


def test_evaluate_tells_what_crossed_while_nobody_watched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    film = write_film(tmp_path / "film.avi", (passing, 20), (black, 20), (passing, 10))
    truth = truth_of(film, [1.6, 11.6, 25.0, 31.6, 41.6])
    capsys.readouterr()
    assert main(["evaluate", str(truth), "--model", model, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    for part in (said["total"], said["clips"][str(truth)]):
        assert (part["true"], part["found"], part["unwatched"]) == (5, 3, 2)
        assert part["elapsed_ms"] == 49_900
        assert 26_000 <= part["watched_ms"] <= 28_000
        assert part["watched_share"] == round(part["watched_ms"] / 49_900, 4)
    assert main(["evaluate", str(truth), "--model", model]) == 0
    assert "true crossings while nobody watched: 2" in capsys.readouterr().out


def test_a_tape_that_claims_a_symptom_for_too_long_is_refused(tmp_path: Path, model: str) -> None:
    film = write_film(tmp_path / "film.avi", (road, 1))
    tape = tmp_path / "film.tape"
    replayed(tmp_path, film, model, "--tape", str(tape), "--start", "2026-03-01T06:00:00Z")
    tape.write_text(tape.read_text().replace(',"boxes":[]', ',"boxes":[],"since":0', 1))
    with pytest.raises(InputError, match="since is 0"):
        list(read_tape(tape)[1])
    assert main(["replay", str(tape), "--line", LINE]) == 2
