"""The service's loop over a film and a virtual clock: what is counted, when nobody looks, and what begins a new run."""

import json
import sqlite3
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import pytest

from edge.build.stages import build_detector, build_second_look
from edge.config.schema import Alerts, Config, Convoys, Line, Model, Zone
from edge.counting.crossing import Crossing
from edge.delivery.memory_buffer import MemoryBuffer
from edge.delivery.outbox import Outbox
from edge.delivery.sender import Sender
from edge.device.alert_publisher import AlertPublisher
from edge.device.command_handlers import handlers_of
from edge.device.metrics import Metrics
from edge.device.service import Service
from edge.device.status import ServiceStatus, text_of
from edge.errors import WorkError
from edge.vision.detector import OnnxDetector
from edge.vision.frame import Frame
from edge.vision.scene import SceneState, SceneWatcher
from edge.vision.second_look import SecondLook
from edge.wire.commands import Verdict, VerdictCommand
from edge.wire.device_messages import Total
from edge.wire.report import Report, decode, encode
from edge.wire.times import milliseconds_of, rfc3339
from tests.bright_squares import HEIGHT, SIDE, WIDTH, write_model

EPOCH_MS = 1_795_600_020_000
FRAME_MS = 100
LINES = {"deck": Line(start=(0.0, 0.5), end=(1.0, 0.5), a_to_b="down", b_to_a="up")}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@dataclass
class FilmState:
    open: bool = True
    reason: str = ""
    captured: int = 0
    dropped: int = 0
    reopened: int = 0
    abandoned: int = 0


@dataclass
class Film:
    """A camera, and the clocks with it: every `take` lets time go on. `script` says what each moment brings."""

    script: Iterator[Any]
    state: FilmState = field(default_factory=FilmState)
    monotonic: int = 5_000
    off_ms: int = 0
    is_synced: bool = True
    anchor_ms: int = EPOCH_MS
    service: Service = field(init=False)

    def take(self, wait_s: float) -> Frame | None:
        given = next(self.script, None)
        if given is None:
            self.service.stop()
            return None
        if callable(given):
            given(self)
            return None
        if isinstance(given, str):
            self.monotonic += round(1000 * wait_s)
            return None
        self.monotonic += FRAME_MS
        self.state.captured += 1
        return Frame(self.captured_ms(), given)

    # The clock of the machine.
    def real_ms(self) -> int:
        return self.anchor_ms + self.monotonic + self.off_ms

    def monotonic_ms(self) -> int:
        return self.monotonic

    def sleep(self, seconds: float) -> None:
        raise AssertionError("the service never sleeps")

    # The clock of the frames.
    def captured_ms(self) -> int:
        return self.anchor_ms + self.monotonic

    def offset_ms(self) -> int:
        return self.off_ms

    def synced(self) -> bool:
        return self.is_synced


class Parts:
    """The real detector; a scene that is dark when it is."""

    def detector(self, config: Config, width: int, height: int) -> OnnxDetector:
        return build_detector(config, width, height)

    def second_look(self, config: Config, width: int, height: int) -> SecondLook | None:
        return build_second_look(config, width, height)

    def scene(self, config: Config, width: int, height: int) -> "Parts":
        return self

    def update(self, frame: Frame) -> SceneState:
        return SceneState("dark" if frame.image.max() < 5 else "")


def passing(frames: int = 40, *, size: tuple[int, int] = (WIDTH, HEIGHT)) -> list[Any]:
    """A square drives down over the line and out of the picture."""
    pictures = []
    for number in range(frames):
        picture = np.full((size[1], size[0], 3), 30, np.uint8)
        y = number * 4
        picture[y : y + SIDE, 60 : 60 + SIDE] = 255
        pictures.append(picture)
    return pictures


def empty(frames: int) -> list[Any]:
    return [np.full((HEIGHT, WIDTH, 3), 30, np.uint8)] * frames


def dark(frames: int) -> list[Any]:
    return [np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * frames


def ask_to_reload(film: Film) -> None:
    film.service.reload()


def nothing(seconds: int) -> list[Any]:
    return ["nothing"] * (4 * seconds)


@dataclass
class Ended:
    """What a service left in its outbox."""

    reports: list[Report]
    others: list[tuple[str, Any]]
    service: Service
    total: Total | None

    def counted(self) -> int:
        return sum(
            n for r in self.reports for ways in (r.lines or {}).values() for of in ways.values() for n in of.values()
        )


def run(
    tmp_path: Path,
    manifest: Path,
    script: Sequence[Any],
    *,
    read: Any = None,
    outbox: Outbox | None = None,
    anchor_ms: int = EPOCH_MS,
    is_synced: bool = True,
    parts: "Parts | None" = None,
    metrics: Metrics | None = None,
    **changes: Any,
) -> Ended:
    config = Config(
        site="bridge", device="mast-1", lines=LINES, model=Model(name=str(manifest), threads=1, region="picture")
    )
    config = msgspec.structs.replace(config, **changes)
    film = Film(iter(script), anchor_ms=anchor_ms, is_synced=is_synced)
    kept = outbox or Outbox(tmp_path / "outbox.sqlite")
    with kept:
        service = Service(
            config,
            read_config=read or (lambda: config),
            camera=cast(Any, film),
            frame_clock=cast(Any, film),
            parts=cast(Any, parts or Parts()),
            clock=film,
            outbox=kept,
            sender=Sender(None),
            state=tmp_path,
            metrics=metrics,
        )
        film.service = service
        service.work()
        letters, total = kept.pending(10_000), kept.total()
    reports = [decode(letter.payload) for letter in letters if letter.address.endswith("/report")]
    others = [
        (letter.address.rsplit("/", 1)[-1], json.loads(letter.payload))
        for letter in letters
        if not letter.address.endswith("/report")
    ]
    return Ended(reports, others, service, total)


def test_a_vehicle_is_counted_and_the_open_bucket_goes_out_at_the_end(tmp_path: Path, manifest: Path) -> None:
    ended = run(tmp_path, manifest, [*empty(20), *passing(), *empty(10)])
    assert ended.counted() == 1
    lines = ended.reports[-1].lines
    assert lines is not None
    assert lines["deck"]["down"]["truck"] == 1
    assert {report.state for report in ended.reports} == {"partial"}
    assert 6_500 <= sum(report.watched_ms for report in ended.reports) <= 7_000


def test_a_convoy_is_a_letter_and_a_restart_in_its_middle_makes_two_that_say_so(tmp_path: Path, manifest: Path) -> None:
    convoys = Convoys(headway_s=10, vehicles_min=2)
    first = run(tmp_path, manifest, [*empty(150), *passing(), *passing(), *passing()], convoys=convoys)
    again = run(tmp_path, manifest, [*passing(), *passing(), *empty(450)], convoys=convoys, anchor_ms=EPOCH_MS + 60_000)
    told = [said for channel, said in again.others if channel == "convoy"]
    assert [(one["by_class"], one["began"], one["ended"]) for one in told] == [
        ({"truck": 3}, "headway", "unwatched"),
        ({"truck": 2}, "unwatched", "headway"),
    ]
    assert [(one["run"], one["number"]) for one in told] == [(first.service.run, 1), (again.service.run, 1)]
    assert [(one["line"], one["direction"], one["vehicles"]) for one in told] == [
        ("deck", "down", 3),
        ("deck", "down", 2),
    ]
    assert told[0]["gaps_ms"] == {"min": 4_000, "p50": 4_000, "max": 4_000}
    assert milliseconds_of(told[0]["until"]) - milliseconds_of(told[0]["since"]) == 8_000


def test_a_convoy_of_1970_is_moved_with_its_run_before_it_is_sent(tmp_path: Path, manifest: Path) -> None:
    def synchronise(film: Film) -> None:
        film.is_synced, film.off_ms = True, EPOCH_MS

    script = [*passing(), *passing(), *empty(450), synchronise, *empty(30)]
    ended = run(tmp_path, manifest, script, anchor_ms=0, is_synced=False, convoys=Convoys(headway_s=10, vehicles_min=2))
    [told] = [said for channel, said in ended.others if channel == "convoy"]
    assert EPOCH_MS < milliseconds_of(told["since"]) < milliseconds_of(told["until"]) < EPOCH_MS + 60_000


def test_where_the_camera_gives_nothing_the_buckets_are_blind_and_never_zero(tmp_path: Path, manifest: Path) -> None:
    ended = run(tmp_path, manifest, nothing(300))
    assert len(ended.reports) >= 5
    assert all(report.state == "blind" and report.lines is None for report in ended.reports)
    assert [said["kind"] for channel, said in ended.others if channel == "alert"] == ["blind"]


def test_a_camera_that_comes_back_is_watched_again(tmp_path: Path, manifest: Path) -> None:
    ended = run(tmp_path, manifest, [*empty(30), *nothing(120), *empty(10), *passing(), *empty(1_300)])
    assert ended.counted() == 1
    states = [report.state for report in ended.reports]
    assert "blind" in states
    assert "ok" in states
    watched_ms = sum(report.watched_ms for report in ended.reports)
    assert abs(watched_ms - (3_000 + 2_000 + 135_000)) <= 2_000
    assert [said["kind"] for channel, said in ended.others if channel == "alert"] == ["blind", "seeing"]


def test_a_dark_lens_sees_nothing(tmp_path: Path, manifest: Path) -> None:
    ended = run(tmp_path, manifest, dark(1_300))
    assert {report.state for report in ended.reports} == {"blind"}
    assert ended.others[0][1]["reason"] == "dark"


@pytest.mark.parametrize("step_ms", [3_600_000, -3_600_000])
def test_a_clock_that_steps_begins_a_new_run_and_loses_no_vehicle(tmp_path: Path, manifest: Path, step_ms: int) -> None:
    def step(film: Film) -> None:
        film.off_ms += step_ms

    ended = run(tmp_path, manifest, [*passing(), *empty(20), step, *empty(20), *passing(), *empty(20)])
    assert ended.counted() == 2
    assert len({report.run for report in ended.reports if report.lines}) == 2
    starts = [report.start_ms for report in ended.reports if report.lines]
    assert abs(max(starts) - min(starts)) >= 3_500_000


def test_a_boot_in_1970_that_synchronises_is_corrected_before_it_is_sent(tmp_path: Path, manifest: Path) -> None:
    def synchronise(film: Film) -> None:
        film.off_ms, film.is_synced = EPOCH_MS, True

    script = [*passing(), *empty(600), synchronise, *empty(20), *passing(), *empty(20)]
    ended = run(tmp_path, manifest, script, anchor_ms=0, is_synced=False)
    assert all(report.clock_synced and report.start_ms >= EPOCH_MS for report in ended.reports)
    assert ended.counted() == 2
    assert ended.total is not None
    assert ended.total.since >= "2026"


def test_who_crossed_before_the_clock_was_right_is_no_news_of_1970_afterwards(tmp_path: Path, manifest: Path) -> None:
    def synchronise(film: Film) -> None:
        film.off_ms, film.is_synced = EPOCH_MS, True

    script = [*empty(20), *passing(), *empty(20), synchronise, *empty(20), *passing(), *empty(20)]
    alerts = Alerts(classes=("truck",), quiet_days=1)
    ended = run(tmp_path, manifest, script, anchor_ms=0, is_synced=False, alerts=alerts)
    assert ended.counted() == 2
    assert [said["before"] for _, said in ended.others] == [None]


def test_another_resolution_begins_a_new_run_and_goes_on_counting(tmp_path: Path, manifest: Path) -> None:
    larger = passing(40, size=(WIDTH * 2, HEIGHT * 2))
    ended = run(tmp_path, manifest, [*passing(), *empty(20), *larger])
    assert len({report.run for report in ended.reports}) >= 2
    assert ended.counted() >= 1


def test_a_new_line_is_taken_and_another_camera_is_not(tmp_path: Path, manifest: Path) -> None:
    def read() -> Config:
        config = Config(site="bridge", device="mast-2", lines={"ramp": LINES["deck"]})
        return msgspec.structs.replace(config, model=Model(name=str(manifest), threads=1, region="picture"))

    script = [*passing(), *empty(20), ask_to_reload, *empty(20), *passing(), *empty(10)]
    ended = run(tmp_path, manifest, script, read=read)
    lines = [name for report in ended.reports for name in (report.lines or {})]
    assert set(lines) == {"deck", "ramp"}
    assert {report.device for report in ended.reports} == {"mast-1"}
    assert ended.service._troubles["configuration"] == "a restart is needed for device"


def test_a_configuration_that_is_wrong_leaves_everything_as_it_was(tmp_path: Path, manifest: Path) -> None:
    def read() -> Config:
        raise WorkError("edge.yaml: lines is missing")

    ended = run(tmp_path, manifest, [*empty(10), ask_to_reload, *empty(20), *passing()], read=read)
    assert ended.counted() == 1
    assert "stays as it was: edge.yaml: lines is missing" in ended.service._troubles["configuration"]


def test_the_first_of_a_rare_class_is_news_once(tmp_path: Path, manifest: Path) -> None:
    alerts = Alerts(classes=("truck",), quiet_days=1)
    script = [*passing(), *empty(20), *passing(), *empty(20)]
    ended = run(tmp_path, manifest, script, alerts=alerts)
    assert ended.counted() == 2
    [(channel, said)] = ended.others
    assert (channel, said["kind"], said["class"], said["before"], said["jpeg"]) == (
        "alert",
        "rare-class",
        "truck",
        None,
        "",
    )
    again = run(tmp_path, manifest, script, alerts=alerts)
    assert len(again.others) == 1, "the one of the first start; a restart is no news"


def test_a_rare_vehicle_that_a_person_denies_by_a_command_is_forgotten(tmp_path: Path, manifest: Path) -> None:
    answers: list[Any] = []
    pool = ThreadPoolExecutor(1)  # as the thread that sends

    def say(said: str) -> Any:
        def command(film: Film) -> None:
            [alert] = [json.loads(one.payload) for one in film.service._outbox.pending(99) if "alert" in one.address]
            names = {"site": "bridge", "device": "mast-1", "by": "li", "when": alert["at"], "label": alert["class"]}
            verdict = Verdict(run=alert["run"], line=alert["line"], at=alert["at"], said=said, **names)
            asked = VerdictCommand(id=f"v-{said}", verdict=verdict)
            verbs = handlers_of(
                strips=tmp_path,
                snapshot=bytes,
                reload=lambda: None,
                apply_verdict=film.service.apply_verdict,
                pictures_leave=False,
            )
            answers.append(pool.submit(verbs["verdict"], encode(asked)))

        return command

    alerts = Alerts(classes=("truck",), quiet_days=1)
    script = [*passing(), *empty(20), say("yes"), *empty(40), say("no"), *empty(40)]
    ended = run(tmp_path, manifest, script, alerts=alerts)
    pool.shutdown()
    assert [(one.result().id, one.result().ok) for one in answers] == [("v-yes", True), ("v-no", True)]
    assert ended.total is not None
    assert ended.total.last_seen == {}
    again = run(tmp_path, manifest, [*passing(), *empty(20)], alerts=alerts)
    assert [said["before"] for channel, said in again.others if channel == "alert"] == [None, None]


def test_while_the_disk_fails_counting_goes_on_and_all_is_reported_when_it_works(
    tmp_path: Path, manifest: Path
) -> None:
    folder = tmp_path / "disk"
    outbox = Outbox(folder / "outbox.sqlite", patient=True)
    script = [*passing(), *empty(1_300), lambda _: folder.mkdir(), *empty(30)]
    ended = run(tmp_path, manifest, script, outbox=outbox)
    assert ended.counted() == 1
    assert [report.seq for report in ended.reports] == list(range(1, len(ended.reports) + 1))


def test_the_status_names_a_disk_that_fails_and_what_was_counted_today(
    tmp_path: Path, manifest: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "disk"
    outbox = Outbox(folder / "outbox.sqlite", patient=True)
    found: list[dict[str, Any]] = []

    def ask(film: Film) -> None:
        found.append(json.loads(film.service.status()))

    script = [*passing(), *empty(1_300), ask, lambda _: folder.mkdir(), *empty(60), ask]
    run(tmp_path, manifest, script, outbox=outbox)
    failing, well = found
    assert (failing["broker"]["cause"], failing["outbox"]["unsent"]) == ("disk", None)
    assert "the folder must exist and be writable" in failing["broker"]["reason"]
    assert failing["outbox"]["waiting_in_memory"] > 0
    assert [line for line in caplog.messages if line.startswith("delivery: outbox")] == [
        f"delivery: {failing['broker']['reason']}"
    ]
    assert (well["broker"]["cause"], well["outbox"]["waiting_in_memory"]) == ("", 0)
    assert well["outbox"]["unsent"] > 0
    assert well["today"]["lines"]["deck"]["down"]["truck"] == 1
    assert well["broker"]["address"] == "", "no broker is configured"


def test_strips_are_kept_for_every_bucket_that_had_pictures(tmp_path: Path, manifest: Path) -> None:
    ended = run(tmp_path, manifest, [*passing(), *empty(700)])
    strips = sorted(path.name for path in (tmp_path / "strips").glob("deck-*.jpg"))
    assert len(strips) == len(ended.reports)


class FullFor(Outbox):
    """An outbox whose disk is full while `full`."""

    full = False

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if self.full:
            raise WorkError("database or disk is full")
        with super()._transaction() as database:
            yield database


def test_the_first_of_a_rare_class_on_a_full_disk_waits_with_its_picture_and_is_news_once(
    tmp_path: Path, manifest: Path
) -> None:
    outbox = FullFor(tmp_path / "outbox.sqlite")
    keep = msgspec.structs.replace(Config(lines=LINES).keep, pictures_leave=True)

    def set_full(full: bool) -> Any:
        return lambda _: setattr(outbox, "full", full)

    script = [*empty(5), set_full(True), *passing(), *empty(20), set_full(False), *empty(20), *passing(), *empty(20)]
    alerts = Alerts(classes=("truck",), quiet_days=1)
    ended = run(tmp_path, manifest, script, alerts=alerts, keep=keep, outbox=outbox)
    [(channel, said)] = ended.others
    assert (channel, said["kind"], said["class"], said["jpeg"] != "") == ("alert", "rare-class", "truck", True)


def test_a_clock_that_jumps_100_days_ahead_for_12_s_pushes_out_nothing(tmp_path: Path, manifest: Path) -> None:
    day_ms = 86_400_000

    def jump(days: int) -> Any:
        def step(film: Film) -> None:
            film.off_ms += days * day_ms
            film.service._outbox.sent(range(1, 100))

        return step

    outbox = Outbox(tmp_path / "outbox.sqlite", keep_ms=90 * day_ms)
    run(tmp_path, manifest, [*empty(650), jump(100), *empty(120), jump(-100), *empty(650)], outbox=outbox)
    with Outbox(tmp_path / "outbox.sqlite") as after:
        state = after.state()
        assert state.held == state.seq_next - 1
        assert (state.forgotten, state.dropped) == (0, 0)


def test_a_rare_vehicle_over_a_line_that_was_drawn_since_is_news_in_its_words(tmp_path: Path, manifest: Path) -> None:
    def read() -> Config:
        ramp = Line(start=(0.0, 0.5), end=(1.0, 0.5), a_to_b="onto", b_to_a="off")
        config = Config(site="bridge", device="mast-1", lines={"ramp": ramp}, alerts=Alerts(classes=("truck",)))
        return msgspec.structs.replace(config, model=Model(name=str(manifest), threads=1, region="picture"))

    ended = run(tmp_path, manifest, [*empty(20), ask_to_reload, *empty(20), *passing(), *empty(10)], read=read)
    [(_, said)] = ended.others
    assert (said["kind"], said["line"], said["direction"]) == ("rare-class", "ramp", "onto")


def test_a_crossing_that_waits_for_the_outbox_while_its_line_is_renamed_is_news_in_its_own_words(
    tmp_path: Path, manifest: Path
) -> None:
    folder, alerts = tmp_path / "disk", Alerts(classes=("truck",))

    def read() -> Config:
        ramp = Line(start=(0.0, 0.5), end=(1.0, 0.5), a_to_b="onto", b_to_a="off")
        config = Config(site="bridge", device="mast-1", lines={"ramp": ramp}, alerts=alerts)
        return msgspec.structs.replace(config, model=Model(name=str(manifest), threads=1, region="picture"))

    script = [*empty(20), *passing(), *empty(10), ask_to_reload, *empty(20), lambda _: folder.mkdir(), *empty(30)]
    outbox = Outbox(folder / "outbox.sqlite", patient=True)
    ended = run(tmp_path, manifest, script, read=read, outbox=outbox, alerts=alerts)
    [said] = [said for channel, said in ended.others if channel == "alert"]
    assert (said["line"], said["direction"], said["run"]) == ("deck", "down", ended.reports[0].run)


def test_crossings_beyond_those_that_may_wait_to_be_checked_for_rare_classes_are_counted(tmp_path: Path) -> None:
    film, folder = Film(iter(())), tmp_path / "disk"
    config = Config(site="bridge", device="mast-1", lines=LINES, alerts=Alerts(classes=("bus",)))
    crossings = [
        Crossing(
            track=number,
            line="deck",
            direction="a_to_b",
            crossed_ms=EPOCH_MS + number,
            label="bus",
            share=1.0,
            along=0.5,
        )
        for number in range(5)
    ]
    with Outbox(folder / "outbox.sqlite", patient=True) as outbox:
        alert_publisher = AlertPublisher("bridge/mast-1/alert", outbox, MemoryBuffer(outbox), film, unchecked_max=3)
        alert_publisher.add_crossings(crossings, "r1", config)
        assert alert_publisher.unjudged_lost == 2
        assert alert_publisher.failure.endswith("; 2 crossings were never checked")
        folder.mkdir()
        alert_publisher.check_waiting()
        [alert] = [json.loads(letter.payload) for letter in outbox.pending(10)]
        assert (alert["at"], alert_publisher.failure) == (rfc3339(EPOCH_MS + 2), "")


def test_the_status_and_the_metrics_tell_what_waited_when_the_last_process_ended(
    tmp_path: Path, manifest: Path
) -> None:
    told: dict[str, Any] = {}
    metrics = Metrics(0)

    def ask(film: Film) -> None:
        told["status"] = film.service.status()
        told["metrics"] = urllib.request.urlopen(f"http://127.0.0.1:{metrics.port}/metrics").read().decode()

    full = FullFor(tmp_path / "outbox.sqlite")
    run(tmp_path, manifest, [*empty(5), lambda _: setattr(full, "full", True), *empty(1_300)], outbox=full)
    run(tmp_path, manifest, [*empty(650), ask], metrics=metrics)
    metrics.close()
    status = msgspec.json.decode(told["status"], type=ServiceStatus)
    assert status.outbox.lost_before == status.outbox.dropped == 3
    assert "3 dropped (3 of them when the last process ended)" in text_of(status)
    assert 'crossing_letters_lost_before{kind="report"} 3' in told["metrics"].splitlines()
    assert "crossing_unjudged_lost 0" in told["metrics"].splitlines()
    assert "crossing_convoys_late 0" in told["metrics"].splitlines()


def test_a_reload_begins_one_run_and_no_more(tmp_path: Path, manifest: Path) -> None:
    def read() -> Config:
        config = Config(site="bridge", device="mast-1", lines={"ramp": LINES["deck"]})
        return msgspec.structs.replace(config, model=Model(name=str(manifest), threads=1, region="picture"))

    ended = run(tmp_path, manifest, [*empty(30), ask_to_reload, *empty(30)], read=read)
    seeing = [report for report in ended.reports if report.lines is not None]
    assert len({report.run for report in seeing}) == len(seeing) == 2


def test_another_zone_is_looked_at_with_another_region(tmp_path: Path, manifest: Path) -> None:
    zone = Zone(polygon=((0.1, 0.1), (0.9, 0.1), (0.9, 0.9)))

    def read() -> Config:
        config = Config(site="bridge", device="mast-1", lines=LINES, zones={"queue": zone})
        return msgspec.structs.replace(config, model=Model(name=str(manifest), threads=1, region="picture"))

    detectors: list[object] = []

    def note(film: Film) -> None:
        assert film.service is not None
        detectors.append(film.service._run.detector)

    run(tmp_path, manifest, [*empty(20), note, ask_to_reload, *empty(20), note], read=read)
    assert detectors[0] is not detectors[1]


def test_what_could_not_be_kept_is_told_until_the_disk_works(tmp_path: Path, manifest: Path) -> None:
    folder = tmp_path / "disk"
    said: list[str] = []

    def note(film: Film) -> None:
        assert film.service is not None
        said.append(film.service._troubles.get("letters", ""))

    script = [*passing(), *empty(20), note, lambda _: folder.mkdir(), *passing(), *empty(20), note]
    run(
        tmp_path, manifest, script, outbox=Outbox(folder / "outbox.sqlite", patient=True),
        alerts=Alerts(classes=("truck",), quiet_days=0),
    )  # fmt: skip
    assert "the folder must exist" in said[0]
    assert said[1] == ""


def test_a_model_that_cannot_be_read_is_told_and_not_read_for_every_frame(tmp_path: Path, manifest: Path) -> None:
    tried: list[int] = []

    class Broken(Parts):
        def detector(self, config: Config, width: int, height: int) -> OnnxDetector:
            tried.append(width)
            if len(tried) < 3:
                raise WorkError("the model cannot be read")
            return super().detector(config, width, height)

    said: list[str] = []

    def note(film: Film) -> None:
        assert film.service is not None
        said.append(film.service._troubles.get("detector", ""))

    ended = run(tmp_path, manifest, [*empty(150), note, *empty(150), note], parts=Broken())
    assert len(tried) == 3
    assert said == ["the model cannot be read", ""]
    assert 9_000 <= sum(report.watched_ms for report in ended.reports) <= 11_000


class RealParts(Parts):
    """With the scene watcher of a live run, too."""

    def scene(self, config: Config, width: int, height: int) -> SceneWatcher:  # type: ignore[override]
        return SceneWatcher(learn=True)


def rough(frames: int) -> list[Any]:
    """A road as a camera sees it."""
    chance = np.random.default_rng(3)
    levels = np.kron(chance.integers(30, 120, (HEIGHT // 8, WIDTH // 8), np.uint8), np.ones((8, 8), np.uint8))
    return [
        np.repeat(np.clip(levels + chance.integers(-4, 5, levels.shape), 0, 255).astype(np.uint8)[..., None], 3, axis=2)
        for _ in range(frames)
    ]


def test_what_goes_dark_was_not_watched_from_the_moment_that_it_did(tmp_path: Path, manifest: Path) -> None:
    ended = run(tmp_path, manifest, [*rough(300), *dark(900), *rough(100)], parts=RealParts())
    assert 30_000 + 7_000 <= sum(report.watched_ms for report in ended.reports) <= 30_000 + 10_000


def test_a_service_that_ends_with_a_symptom_pending_does_not_vouch_for_its_time(tmp_path: Path, manifest: Path) -> None:
    ended = run(tmp_path, manifest, [*rough(100), *dark(40)], parts=RealParts())
    assert 9_000 <= sum(report.watched_ms for report in ended.reports) <= 10_000


@pytest.mark.parametrize("step_ms", [3_600_000, -3_600_000])
def test_a_scene_is_watched_over_steps_of_the_clock(tmp_path: Path, manifest: Path, step_ms: int) -> None:
    def step(film: Film) -> None:
        film.off_ms += step_ms

    ended = run(tmp_path, manifest, [*rough(100), step, *rough(50), *dark(900), *rough(100)], parts=RealParts())
    assert 15_000 + 6_000 <= sum(report.watched_ms for report in ended.reports) <= 15_000 + 10_000
    ended = run(tmp_path, manifest, [*rough(100), *dark(20), step, *rough(100)], parts=RealParts())
    later = [report for report in ended.reports if report.run == ended.reports[-1].run]
    assert sum(report.watched_ms for report in later) >= 9_000


def test_a_detector_that_fails_while_a_symptom_is_pending_vouches_for_nothing(tmp_path: Path, manifest: Path) -> None:
    class Failing(RealParts):
        def detector(self, config: Config, width: int, height: int) -> OnnxDetector:
            made = super().detector(config, width, height)
            plain = made.detect
            times_ms: list[int] = []

            def detect(frame: Frame) -> Any:
                times_ms.append(frame.captured_ms)
                if frame.captured_ms - times_ms[0] >= 120 * FRAME_MS:
                    raise WorkError("the model fails")
                return plain(frame)

            made.detect = detect  # type: ignore[method-assign]
            return made

    ended = run(tmp_path, manifest, [*rough(100), *dark(40), *rough(300)], parts=Failing())
    assert 9_000 <= sum(report.watched_ms for report in ended.reports) <= 10_000
