"""The commands, from pixels to reports, with real parts: a video, an ONNX model, a broker, a collector."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from collector.cli import main as collector_main
from collector.mqtt.demo_broker import demo_broker
from edge.cli import main
from edge.counting.detection import DetectedFrame
from edge.offline.bench import STAGES
from edge.vision.tape import TapeHeader, write_tape
from tests.bright_squares import HEIGHT, WIDTH, Square, write_clip, write_model

LINE = f"0,64,{WIDTH},64"
SQUARES = [Square(2, 10, 4), Square(6, 60, -4), Square(20, 10, 3), Square(30, 110, -3), Square(34, 60, -5)]
DOWN, UP = 2, 3  # the arrow points right, so a_to_b is down
SCORE_KEYS = {"true", "found", "missed", "extra", "precision", "recall", "f1", "class_accuracy"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_model(tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_clip(tmp_path_factory.mktemp("clip") / "squares.mp4", SQUARES))


def replayed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """What `replay --json` says: one object and nothing else."""
    capsys.readouterr()
    assert main(["replay", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_replay_counts_every_vehicle_once_by_direction_and_class(
    capsys: pytest.CaptureFixture[str], clip: str, model: str
) -> None:
    said = replayed(capsys, clip, "--line", LINE, "--model", model)
    assert said["lines"]["line"]["a_to_b"]["truck"] == DOWN
    assert said["lines"]["line"]["b_to_a"]["truck"] == UP
    assert len(said["crossings"]) == DOWN + UP


def test_a_line_in_fractions_is_the_same_line(capsys: pytest.CaptureFixture[str], clip: str, model: str) -> None:
    pixels = replayed(capsys, clip, "--line", LINE, "--model", model)
    fractions = replayed(capsys, clip, "--line", f"0,{64 / HEIGHT},1,{64 / HEIGHT}", "--model", model)
    assert fractions == pixels


@pytest.mark.parametrize("every", ["2", "3"])
def test_fewer_frames_count_the_same(capsys: pytest.CaptureFixture[str], clip: str, model: str, every: str) -> None:
    said = replayed(capsys, clip, "--line", LINE, "--model", model, "--every", every)
    assert said["lines"]["line"]["a_to_b"]["truck"] == DOWN
    assert said["lines"]["line"]["b_to_a"]["truck"] == UP


def test_replaying_a_video_or_its_tape_twice_gives_the_same_bytes(tmp_path: Path, clip: str, model: str) -> None:
    common = ["--line", LINE, "--bucket", "5", "--start", "2026-03-01T23:59:57Z"]
    tape = tmp_path / "squares.tape"
    for name in ("one", "two"):
        arguments = ["replay", clip, *common, "--model", model, "--out", str(tmp_path / name), "--tape", str(tape)]
        assert main(arguments) == 0
    for name in ("three", "four"):
        assert main(["replay", str(tape), *common, "--model", model, "--out", str(tmp_path / name)]) == 0
    for file in ("reports.jsonl", "crossings.jsonl", "counts.csv", "crossings.csv"):
        contents = [(tmp_path / name / file).read_bytes() for name in ("one", "two", "three", "four")]
        assert contents[0] == contents[1]
        assert contents[2] == contents[3]
    assert (tmp_path / "one" / "crossings.jsonl").read_bytes() == (tmp_path / "three" / "crossings.jsonl").read_bytes()


def test_only_what_shapes_the_reports_names_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: str, model: str
) -> None:
    common = [clip, "--line", LINE, "--model", model]
    run = replayed(capsys, *common)["run"]
    assert replayed(capsys, *common, "--threads", "1")["run"] == run
    assert replayed(capsys, *common, "--broker", "127.0.0.1:1883")["run"] == run
    assert replayed(capsys, *common, "--every", "2")["run"] != run
    assert replayed(capsys, *common, "--bucket", "5")["run"] != run
    changed = tmp_path / "squares.yaml"
    weights = Path(model).with_suffix(".onnx")
    text = Path(model).read_text().replace("file: squares.onnx", f"file: {weights}")
    changed.write_text(text.replace("- truck", "- lorry") + "classes: {lorry: bus}\n")
    other = replayed(capsys, clip, "--line", LINE, "--model", str(changed))
    assert other["run"] != run
    assert other["lines"]["line"]["a_to_b"]["bus"] == DOWN


def test_a_tape_begins_when_it_says_unless_told_otherwise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: str, model: str
) -> None:
    tape = str(tmp_path / "squares.tape")
    replayed(capsys, clip, "--line", LINE, "--model", model, "--start", "2026-03-01T06:00:00Z", "--tape", tape)
    assert replayed(capsys, tape, "--line", LINE)["first"] == "2026-03-01T06:00:00Z"
    assert replayed(capsys, tape, "--line", LINE, "--start", "2027-01-01")["first"] == "2027-01-01T00:00:00Z"


def test_reports_say_how_many_frames_were_blind(tmp_path: Path) -> None:
    tape = tmp_path / "blind.tape"
    header = TapeHeader(width=WIDTH, height=HEIGHT, model="none", source="none", start_ms=0)
    write_tape(tape, header, [DetectedFrame(ms, (), "covered" if ms >= 3000 else "") for ms in range(0, 12_000, 100)])
    assert main(["replay", str(tape), "--line", LINE, "--bucket", "5", "--out", str(tmp_path / "out")]) == 0
    reports = [json.loads(line) for line in (tmp_path / "out" / "reports.jsonl").read_text().splitlines()]
    assert [report["state"] for report in reports] == ["partial", "blind", "blind"]
    assert [report["lines"] is None for report in reports] == [False, True, True]
    assert sum(report["health"]["frames_blind"] for report in reports) == 90
    assert sum(report["health"]["frames"] for report in reports) == 120


def test_a_terminated_replay_leaves_nothing(tmp_path: Path, clip: str, model: str) -> None:
    out, tape, video = tmp_path / "out", tmp_path / "x.tape", tmp_path / "x.mp4"
    command = [sys.executable, "-c", "import sys, edge.cli as c; sys.exit(c.main())", "replay", clip, "--line", LINE]
    command += ["--model", model, "--realtime", "--out", str(out), "--tape", str(tape), "--video", str(video)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 120
        while not any("tape" in path.name for path in tmp_path.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.01)  # nothing announces that it has begun
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 143
    assert list(tmp_path.iterdir()) == []


def test_out_holds_tables_strips_and_a_summary(tmp_path: Path, clip: str, model: str) -> None:
    out = tmp_path / "out"
    video = tmp_path / "annotated.mp4"
    arguments = ["replay", clip, "--line", f"deck={LINE}", "--model", model, "--bucket", "5"]
    assert main([*arguments, "--out", str(out), "--video", str(video)]) == 0
    names = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert {"reports.jsonl", "crossings.jsonl", "counts.csv", "crossings.csv", "summary.png"} <= names
    assert sorted(name for name in names if name.startswith("strips/")) == [
        "strips/deck-1970-01-01T000000Z.jpg",
        "strips/deck-1970-01-01T000005Z.jpg",
    ]
    assert video.stat().st_size > 1000
    reports = [json.loads(line) for line in (out / "reports.jsonl").read_text().splitlines()]
    counted = sum(n for r in reports for ways in r["lines"].values() for way in ways.values() for n in way.values())
    assert counted == DOWN + UP
    assert [report["seq"] for report in reports] == [1, 2]


def test_what_is_published_stands_in_the_collector_and_only_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: str, model: str
) -> None:
    store = tmp_path / "store.sqlite"
    configuration = tmp_path / "collector.yaml"
    with demo_broker() as port, collector_of(configuration, store, port) as collector:
        for _ in range(2):  # the same replay again is the same reports
            broker = ["--publish", "--broker", f"127.0.0.1:{port}"]
            start = ["--start", "2026-11-25T12:00:00Z"]
            replayed(capsys, clip, "--line", LINE, "--model", model, "--bucket", "5", *start, *broker)
        collector.terminate()  # it commits what it has in hand, and what it was sent is in its session
        assert collector.wait(timeout=60) == 0
        with collector_of(configuration, store, port):
            pass
    assert collector_main(["totals", "--store", str(store), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    counted = {total["direction"]: total["counts"]["truck"] for total in answer["totals"]}
    assert counted == {"a_to_b": DOWN, "b_to_a": UP}


@contextmanager
def collector_of(configuration: Path, store: Path, port: int) -> Iterator["subprocess.Popen[str]"]:
    """The real command in a process of its own, subscribed; ended at the end."""
    configuration.write_text(f"store: {store}\nmqtt: {{host: 127.0.0.1, port: {port}, tls: false}}\n")
    command = [sys.executable, "-c", "import sys, collector.cli as c; sys.exit(c.main())"]
    with subprocess.Popen(
        [*command, "run", "--config", str(configuration)], stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            assert any("subscribed at" in line for line in process.stderr)
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=60)


def test_evaluate_scores_against_the_truth_and_draws_every_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: str, model: str
) -> None:
    truth = {
        "video": clip,
        "line": [[0, 64], [WIDTH, 64]],
        "fps": 10.0,
        "frames": 80,
        "crossings": [
            {"frame": 12, "class": "truck", "direction": "a_to_b"},
            {"frame": 22, "class": "truck", "direction": "b_to_a"},
            {"frame": 34, "class": "van", "direction": "a_to_b"},
            {"frame": 47, "class": "truck", "direction": "b_to_a", "uncertain": True},
            {"frame": 70, "class": "truck", "direction": "a_to_b"},
        ],
    }
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(truth))
    pictures, tapes = tmp_path / "errors", tmp_path / "tapes"
    arguments = ["evaluate", str(path), "--model", model, "--json", "--tapes", str(tapes), "--pictures", str(pictures)]
    answers = []
    for _ in range(2):  # once with the detector, once from the tape
        capsys.readouterr()
        assert main(arguments) == 0
        answers.append(json.loads(capsys.readouterr().out))
    assert answers[0] == answers[1]
    total = answers[0]["total"]
    assert total.keys() >= SCORE_KEYS
    assert (total["true"], total["found"], total["missed"], total["extra"]) == (4, 3, 1, 1)
    assert total["class_accuracy"] == pytest.approx(2 / 3, abs=1e-4)
    assert answers[0]["clips"].keys() == {str(path)}
    assert (pictures / "truth.jpg").stat().st_size > 1000
    truck = total["names"]["coarse"]["classes"]["truck"]
    assert (truck["true"], truck["told"], truck["right"], truck["false"]) == (2, 3, 2, 1)
    assert truck["precision_interval_95"][0] < truck["precision"] < truck["precision_interval_95"][1]
    assert answers[0]["clips"][str(path)]["names"] == total["names"]
    assert total["reliability"]["named"] == 3


def test_evaluate_prints_each_class_and_draws_how_reliable_names_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: str, model: str
) -> None:
    crossings = [{"frame": 12, "class": "truck", "direction": "a_to_b"}]
    truth = {"video": clip, "line": [[0, 64], [WIDTH, 64]], "fps": 10.0, "frames": 80, "crossings": crossings}
    path, picture = tmp_path / "truth.json", tmp_path / "names.svg"
    path.write_text(json.dumps(truth))
    assert main(["evaluate", str(path), "--model", model, "--reliability", str(picture)]) == 0
    table = capsys.readouterr().out
    for heading in ("coarse class right: 1.000 (", "fine class right: 1.000 (", "expected calibration error"):
        assert heading in table
    assert "</svg>" in picture.read_text()
    for wrong in (tmp_path / "names.gif", tmp_path / "absent" / "names.png"):
        assert main(["evaluate", str(path), "--model", model, "--reliability", str(wrong)]) == 2
        assert str(wrong) in capsys.readouterr().err


def test_bench_times_every_stage(capsys: pytest.CaptureFixture[str], clip: str, model: str) -> None:
    assert main(["bench", clip, "--model", model, "--threads", "1", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["frames"] == 80
    assert list(said["stages_ms"]) == sorted(STAGES)
    assert said["frames_skipped"].keys() == {"still", "paced"}
    assert (said["stages_ms"]["names"], said["second_look"]) == (None, None), "this model brings names of its own"
    assert said["frames_per_second"] > 0
    assert said["cpu_s_per_video_minute"] > 0
    assert said["peak_rss_mb"] > 0


def test_bench_times_the_second_look_and_counts_its_work_beside_the_detectors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: str, model: str
) -> None:
    configuration = tmp_path / "edge.yaml"
    configuration.write_text(
        "lines: {deck: {from: [0.0, 0.5], to: [1.0, 0.5]}}\n"
        f"model: {{name: {model}, names: vehicle-names, threads: 1}}\n"
    )
    arguments = ["bench", clip, "--config", str(configuration)]
    assert main([*arguments, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    names = said["second_look"]
    assert said["stages_ms"]["names"]["mean"] > 0
    assert names["looks_per_crossing"] == round(names["looks"] / said["crossings"], 2)
    work = names["macs_millions_per_minute"]
    assert work["names"] == pytest.approx(10 * names["looks"] / said["crossings"] * 376, rel=0.01)
    assert (work["detection"], names["work_share"]) == (None, None), "the manifest of this detector is silent"
    assert main(arguments) == 0
    assert f"names: {names['looks']} looks at vehicles" in capsys.readouterr().out


CONFIGURATION = """site: bridge
device: mast-1
time_zone: Asia/Shanghai
lines:
  deck: {from: [0.0, 0.5], to: [1.0, 0.5], a_to_b: outbound, b_to_a: return}
report: {every_s: 5}
"""


def test_a_configuration_names_lines_and_directions_and_places_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: str, model: str
) -> None:
    path = tmp_path / "edge.yaml"
    path.write_text(CONFIGURATION)
    said = replayed(capsys, clip, "--config", str(path), "--model", model, "--start", "2026-03-01T08:00:00")
    assert said["first"] == "2026-03-01T08:00:00+08:00"
    assert said["lines"]["deck"]["outbound"]["truck"] == DOWN
    assert said["lines"]["deck"]["return"]["truck"] == UP


def test_check_says_what_is_in_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "edge.yaml"
    path.write_text(CONFIGURATION)
    assert main(["check", str(path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["configuration"]["report"]["every_s"] == 5
    assert said["configuration"]["counting"]["gap_ms"] == 2000
    assert len(said["warnings"]) == 1
    assert main(["check", str(path)]) == 0


def bad_inputs(folder: Path, clip: str, model: str) -> dict[str, tuple[list[str], int, str]]:
    """Name -> arguments, exit code, what the sentence must speak of."""
    (folder / "text.mp4").write_text("this is no video")
    whole = Path(clip).read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    (folder / "unknown.yaml").write_text(CONFIGURATION.replace("every_s", "evry_s"))
    (folder / "types.yaml").write_text(CONFIGURATION.replace("every_s: 5", "every_s: soon"))
    (folder / "list.yaml").write_text("- 1\n- 2\n")
    (folder / "broken.yaml").write_text("lines: {")
    manifest = Path(model).read_text()
    model_file = Path(model).with_suffix(".onnx")
    (folder / "shape.yaml").write_text(
        manifest.replace("height: 128", "height: 64").replace("file: squares.onnx", f"file: {model_file}")
    )
    (folder / "nofile.yaml").write_text(manifest.replace("squares.onnx", "nowhere.onnx"))
    header = TapeHeader(width=WIDTH, height=HEIGHT, model="none", source="none", start_ms=0)
    write_tape(folder / "empty.tape", header, [])
    write_tape(folder / "leap.tape", header, [DetectedFrame(0, ()), DetectedFrame(10**12, ())])
    (folder / "truth.json").write_text('{"video": "nowhere.mp4", "line": [[0, 1], [9, 1]], "fps": 25, "frames": 9}')
    fine = {"video": clip, "line": [[0, 64], [WIDTH, 64]], "fps": 10, "frames": 80, "crossings": []}
    (folder / "ok.json").write_text(json.dumps(fine))
    (folder / "long.json").write_text(json.dumps(fine | {"frames": 999}))
    (folder / "model.yaml").write_text(CONFIGURATION + "model: {name: nonesuch}\n")
    ok = ["--line", LINE, "--model", model]
    return {
        "missing video": (["replay", str(folder / "nowhere.mp4"), *ok], 2, "nowhere.mp4"),
        "not a video": (["replay", str(folder / "text.mp4"), *ok], 2, "text.mp4"),
        "cut video": (["replay", str(folder / "cut.mp4"), *ok], 2, "cut.mp4"),
        "line outside": (["replay", clip, "--line", "0,64,999,64", "--model", model], 2, "160x128"),
        "line of one point": (["replay", clip, "--line", "5,5,5,5", "--model", model], 2, "length"),
        "line of words": (["replay", clip, "--line", "a,b,c,d", "--model", model], 2, "a,b,c,d"),
        "no line": (["replay", clip, "--model", model], 2, "--line"),
        "start": (["replay", clip, *ok, "--start", "yesterday"], 2, "yesterday"),
        "unknown key": (["check", str(folder / "unknown.yaml")], 2, "every_s"),
        "wrong type": (["check", str(folder / "types.yaml")], 2, "report.every_s"),
        "no mapping": (["check", str(folder / "list.yaml")], 2, "list.yaml"),
        "no YAML": (["check", str(folder / "broken.yaml")], 2, "YAML"),
        "no configuration": (["check", str(folder / "nowhere.yaml")], 2, "nowhere.yaml"),
        "unknown model": (["replay", clip, "--line", LINE, "--model", "nonesuch"], 2, "nonesuch"),
        "model of other shape": (["replay", clip, "--line", LINE, "--model", str(folder / "shape.yaml")], 2, "height"),
        "model file missing": (["replay", clip, "--line", LINE, "--model", str(folder / "nofile.yaml")], 2, "nowhere"),
        "no truth": (["evaluate", str(folder / "truth.json"), "--model", model], 2, "crossings"),
        "no broker named": (["replay", clip, *ok, "--publish"], 2, "--broker"),
        "broker that refuses": (["replay", clip, *ok, "--publish", "--broker", "127.0.0.1:1"], 1, "127.0.0.1:1"),
        "bad broker": (["replay", clip, *ok, "--publish", "--broker", "localhost"], 2, "localhost"),
        "tape without frames": (["replay", str(folder / "empty.tape"), "--line", LINE], 2, "frames"),
        "tape that leaps": (["replay", str(folder / "leap.tape"), "--line", LINE], 2, "leaps"),
        "tapes in a file": (["evaluate", str(folder / "ok.json"), "--model", model, "--tapes", clip], 2, "--tapes"),
        "truth beyond the clip": (["evaluate", str(folder / "long.json"), "--model", model], 2, "999"),
        "start beyond the calendar": (["replay", clip, *ok, "--start", "9999-12-31T23:59:59Z"], 2, "--start"),
        "model of the configuration": (["check", str(folder / "model.yaml")], 2, "nonesuch"),
        "bucket": (["replay", clip, *ok, "--bucket", "1"], 2, "--bucket"),
        "tape to a missing folder": (["replay", clip, *ok, "--tape", str(folder / "no" / "x.tape")], 2, "x.tape"),
        "video to a missing folder": (["replay", clip, *ok, "--video", str(folder / "no" / "x.mp4")], 2, "no"),
    }


def test_bad_input_gets_one_clear_sentence_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clip: str, model: str
) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    for name, (arguments, code, word) in bad_inputs(folder, clip, model).items():
        out = tmp_path / "out"
        before = sorted(tmp_path.rglob("*"))
        capsys.readouterr()
        given = [*arguments, "--out", str(out)] if arguments[0] == "replay" else arguments
        assert main(given) == code, name
        said = capsys.readouterr()
        assert said.out == "", name
        sentences = [line for line in said.err.splitlines() if line.startswith("crossing-edge: ")]
        assert len(sentences) == 1, (name, said.err)
        assert word in sentences[0], (name, sentences[0])
        assert "Traceback" not in said.err, name
        after = [path for path in sorted(tmp_path.rglob("*")) if path != out]
        assert after == before, name
        if out.exists():
            assert not list(out.iterdir()), name


def test_a_video_that_breaks_off_fails_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    path = write_clip(tmp_path / "whole.avi", SQUARES)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    out = tmp_path / "out"
    assert main(["replay", str(path), "--line", LINE, "--model", model, "--out", str(out)]) == 1
    assert "breaks off" in capsys.readouterr().err
    assert not out.exists() or not list(out.iterdir())
