"""A still camera over real HTTP for a simulated day: night, outages, repeats, late pictures; what is told of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.build.live import LiveParts
from edge.config.schema import Camera, Config, Model, Plane, Zone
from edge.delivery.outbox import Outbox
from edge.delivery.sender import Sender
from edge.device.service import Service
from edge.vision.camera import CameraState
from edge.vision.clock import FrameClock
from edge.vision.frame import Frame
from edge.vision.http_picture import Address
from edge.vision.still_camera import StillCamera, StillSource
from edge.wire.report import Report, decode
from tests.bright_squares import HEIGHT, SIDE, WIDTH, write_model
from tests.still_server import Given, StillServer, png_of, serving

START_MS = 1_795_564_800_000  # a midnight
MINUTE_MS = 60_000
STEP_MS = 20_000  # of the simulated clock; so pictures are asked for 20 s after each minute
DAY = range(24 * 60)
PART = range(7 * 60 + 50, 12 * 60 + 50)  # with all that happens
SLOTS = (4, 40, 76)  # upper edges of the places in the queue
X = 60

NIGHT = {*range(5 * 60), *range(12 * 60 + 40, 12 * 60 + 50)}
OUTAGE = range(8 * 60, 8 * 60 + 30)
BACK = 8 * 60 + 32  # by a wait that doubles to five minutes: asked at 8:00, 01, 03, 07, 12, 17, 22, 27 and 32
UNCHANGED = range(10 * 60, 10 * 60 + 20)  # 304
AGAIN = range(11 * 60, 11 * 60 + 10)  # the same content in other bytes
LATE = range(12 * 60, 12 * 60 + 30)  # published 100 s after they were taken
MISSED = {*NIGHT, *OUTAGE, 8 * 60 + 30, 8 * 60 + 31, *UNCHANGED, *AGAIN, 12 * 60 + 28, 12 * 60 + 29}
"""Minutes of which no picture is seen. Of the late ones the last two: newer ones are there when they come."""


def queue_at(minute: int) -> dict[int, int]:
    """Vehicles by slot; the queue moves up every ten minutes, and is longer in the afternoon."""
    return {slot: minute // 10 + number for number, slot in enumerate(SLOTS[: 1 + minute // 600])}


def picture_of(minute: int) -> NDArray[np.uint8]:
    levels = np.random.default_rng(1).integers(30, 90, (HEIGHT // 8, WIDTH // 8), np.uint8)
    road = np.repeat(np.kron(levels, np.ones((8, 8), np.uint8))[:, :, None], 3, axis=2)
    road[50:60, 100:140] += np.random.default_rng(minute).integers(0, 9, (10, 40, 3), np.uint8)  # no two are the same
    if minute in NIGHT:
        return road // 8
    for slot, vehicle in queue_at(minute).items():
        road[slot : slot + SIDE, X : X + SIDE] = 255
        across, down = 4 * (vehicle % 5), 4 * (vehicle // 5 % 5)  # no two vehicles have it at one place
        road[slot + down : slot + down + 6, X + across : X + across + 6] = 60
    return road


def answer(now_ms: int, _path: str) -> Given:
    minute = (now_ms - START_MS) // MINUTE_MS
    if minute in OUTAGE:
        return Given(status=503) if minute < OUTAGE[15] else Given(hangs_up=True)
    if minute in UNCHANGED:
        minute, now_ms = UNCHANGED[0] - 1, START_MS + UNCHANGED[0] * MINUTE_MS - MINUTE_MS + STEP_MS
    if minute in LATE:
        now_ms -= 2 * MINUTE_MS
        minute -= 2
    made_ms, level = now_ms, 1
    if minute in AGAIN:
        level, minute = 1 + minute % 9, AGAIN[0] - 1
    return Given(png_of(picture_of(minute), level=level), made_ms=made_ms, etag=f'"{made_ms}"')


@dataclass
class World:
    """The machine's clock, and the camera's thread in step with it: `take` lets time go on."""

    still: StillCamera
    server: StillServer
    until_ms: int
    monotonic: int = 0
    stop: Callable[[], None] = lambda: None

    @property
    def state(self) -> CameraState:
        return self.still.state

    def take(self, wait_s: float) -> Frame | None:
        self.monotonic += STEP_MS
        self.server.now_ms = self.real_ms()
        if self.server.now_ms >= self.until_ms:
            self.stop()
            return None
        self.still.poll()
        return self.still.take(0.0)

    def real_ms(self) -> int:
        return START_MS + self.monotonic

    def monotonic_ms(self) -> int:
        return self.monotonic

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing sleeps")


@dataclass(frozen=True)
class Reported:
    minutes: range
    reports: list[Report]


@pytest.fixture(scope="module", params=[PART, pytest.param(DAY, marks=pytest.mark.slow)], ids=["part", "day"])
def reported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Reported:
    minutes: range = request.param
    folder = tmp_path_factory.mktemp("day")
    manifest = write_model(folder)
    fractions = tuple((x / WIDTH, y / HEIGHT) for x, y in ((40, 1), (120, 1), (120, 127), (40, 127)))
    plane = Plane(points=fractions, metres=((0, 0), (40, 0), (40, 63), (0, 63)))  # type: ignore[arg-type]
    config = Config(
        site="bridge",
        device="mast-1",
        camera=Camera(url="http://127.0.0.1/still.jpg", every_s=60),
        zones={"queue": Zone(polygon=fractions, standing_after_s=10, plane=plane)},
        model=Model(name=str(manifest), threads=1, region="picture"),
    )
    with serving(answer) as server, Outbox(folder / "outbox.sqlite") as outbox:
        until_ms = START_MS + (minutes[-1] + 6) * MINUTE_MS
        world = World(None, server, until_ms, minutes[0] * MINUTE_MS)  # type: ignore[arg-type]
        frame_clock = FrameClock(world, synced=lambda: True)
        world.still = StillCamera(StillSource(Address(server.url), 60.0), world, frame_clock)
        service = Service(
            config,
            read_config=lambda: config,
            camera=cast(Any, world),
            frame_clock=frame_clock,
            parts=LiveParts(folder),
            clock=world,
            outbox=outbox,
            sender=Sender(None),
            state=folder,
        )
        world.stop = service.stop
        service.work()
        letters = outbox.pending(10_000)
    found = [decode(letter.payload) for letter in letters if letter.address.endswith("/report")]
    end_ms = START_MS + (minutes[-1] + 1) * MINUTE_MS
    return Reported(minutes, [report for report in found if report.start_ms < end_ms])


def test_every_minute_is_reported_once_and_says_how_much_of_it_a_picture_vouches_for(reported: Reported) -> None:
    minutes, reports = reported.minutes, reported.reports
    assert [report.start_ms for report in reports] == [START_MS + minute * MINUTE_MS for minute in minutes]
    expected = []
    for minute in minutes:
        own, before = minute not in MISSED, minute - 1 in minutes and minute - 1 not in MISSED
        watched_ms = STEP_MS * before + (MINUTE_MS - STEP_MS) * own
        expected.append((watched_ms, "partial" if watched_ms else "blind", own + before))
    assert [(report.watched_ms, report.state, report.pictures) for report in reports] == expected


def test_the_queue_is_told_by_what_pictures_show_and_not_beyond(reported: Reported) -> None:
    seen = [minute for minute in reported.minutes if minute not in MISSED]
    for minute, report in zip(reported.minutes, reported.reports, strict=True):
        if report.state == "blind":
            assert report.lines is None
            assert report.zones is None
            continue
        assert report.lines == {}
        assert isinstance(report.zones, dict)
        zone = report.zones["queue"]
        assert (zone.entered, zone.left, zone.lost, zone.waited, zone.wait_ms, zone.parked) == (None,) * 6
        if minute in MISSED:
            continue
        inside = len(queue_at(minute))
        assert (zone.inside.end, zone.by_class["truck"]) == (inside, inside)
        before = max((one for one in seen if one < minute), default=None)
        if before is None or minute - before > 2:  # nothing to compare with
            assert zone.standing is None
            continue
        still = [slot for slot, vehicle in queue_at(minute).items() if queue_at(before).get(slot) == vehicle]
        assert zone.standing is not None
        assert (minute, zone.standing.end) == (minute, len(still))
        assert zone.queue_m is not None
        length_m = (max(still) - min(still)) / 2 + 12.0 if still else 0.0  # two pixels are a metre
        assert zone.queue_m.end == pytest.approx(length_m, abs=0.1)


def test_it_is_one_run_in_one_journal(reported: Reported) -> None:
    assert {report.run for report in reported.reports} == {reported.reports[0].run}
    assert all(report.pictures is not msgspec.UNSET for report in reported.reports)
