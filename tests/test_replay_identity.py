"""A replayed report keeps its identity: whatever outboxes it passes through, the collector stores it once."""

import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.protocol.intake import LiveBucket, ReceivedResponse, RetainedCleared, decode_message
from collector.store.sqlite.store import SqliteStore
from edge.config.schema import Config, Line, Mqtt, Reporting
from edge.counting.buckets import Bucket
from edge.delivery.connection import Accepted, Acknowledged, Broker, Connection, Ended, Event, Message
from edge.errors import WorkError
from edge.offline.publishing import Reporter
from edge.offline.replay import Outcome, note, open_source, replay, run_of
from edge.wire.report import Health, Report, decode

TAPE = Path(__file__).parent / "golden" / "convoy.tape"
START_MS = 1_795_608_000_000
DAY_MS = 86_400_000
REPLAYS = 3
CONFIG = Config(
    device="mast-1",
    lines={"deck": Line(start=(0.5, 0.2), end=(0.5, 0.9))},
    report=Reporting(every_s=20),
    mqtt=Mqtt(host="nowhere", tls=False),
)


class Cut(Exception):  # noqa: N818  # no error: the process is killed here
    """SIGKILL."""


class Centre:
    """A broker and a collector in one: what is published is stored at once by the real intake."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.reports = 0
        self.last_report: int | None = None
        """After so many reports the device is killed: this one arrives, and its acknowledgement does not."""
        self.dead = False
        """The device was killed: nothing of what it still says arrives."""

    def connect(self, _: Broker, _client_id: str, *, will: Message, timeout_s: float) -> "CentreLink":
        assert not will.retain, "what the broker keeps of the device is the device's own"
        assert timeout_s >= 1.0, "time enough to connect"
        self.dead = False
        return CentreLink(self)


class CentreLink:
    """A device's end of a connection to it; implements edge.delivery.connection.Link."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        self._tokens = count(1)
        self._events: list[Event] = [Accepted(None)]

    def publish(self, message: Message) -> int:
        token = next(self._tokens)
        if self._centre.dead:
            return token
        item = decode_message(message.topic, message.payload)
        assert not isinstance(item, ReceivedResponse | RetainedCleared | LiveBucket), "a replay says what is kept"
        self._centre.store.commit([item], now_ms=START_MS)
        self._centre.reports += message.topic.endswith("/report")
        if self._centre.reports == self._centre.last_report:
            self._centre.dead = True
            raise Cut
        self._events.append(Acknowledged(token))
        return token

    def listen(self, topics: Sequence[str], *, needed: bool = True) -> None:
        assert topics, "a device listens to its commands"

    def events(self, wait_s: float) -> list[Event]:
        assert wait_s >= 0.0, "a wait is no debt"
        found, self._events = self._events, []
        return [Ended("killed")] if self._centre.dead else found

    def close(self, *, graceful: bool) -> None:
        assert isinstance(graceful, bool), "it is said how"


@cache
def buckets_of(number: int) -> tuple[str, tuple[tuple[Bucket, Health], ...]]:
    """The run of a replay and what it reports: the same tape, one day later each time."""
    start_ms = START_MS + number * DAY_MS
    source = open_source(TAPE, CONFIG, start_ms=start_ms)
    outcome, found = Outcome(), []
    for step, detected, _ in replay(source, CONFIG):
        note(outcome, step, detected)
        found += [(bucket, Health(frames=outcome.frames)) for bucket in step.buckets]
    assert len(found) >= 5, "there is something to cut off"
    return run_of(TAPE, CONFIG, start_ms, 1), tuple(found)


def replayed(number: int, centre: Centre, outbox: Path | None, *, cut_after: int | None = None) -> None:
    """One command, to its end or to its kill."""
    run, found = buckets_of(number)
    with suppress(Cut), Reporter(CONFIG, run, "m", publish=True, outbox=outbox, connect=centre.connect) as reporter:
        for index, (bucket, health) in enumerate(found):
            if index == cut_after:
                centre.dead = True
                raise Cut
            reporter.report(bucket, health)
            reporter.pump()
        reporter.finish()


def stored(store: SqliteStore) -> list[Report]:
    with store.reading() as reading:
        return sorted(
            (decode(payload) for (payload,) in reading.rows("SELECT payload FROM report", {})),
            key=lambda report: (report.run, report.seq),
        )


def pure(number: int) -> list[Report]:
    """What a replay reports, by itself."""
    run, found = buckets_of(number)
    with Reporter(CONFIG, run, "m", publish=False) as reporter:
        return [msgspec.structs.replace(reporter.report(*one), journal=run) for one in found]


@dataclass(frozen=True)
class Step:
    """A replay, or the deletion of an outbox."""

    number: int
    outbox: int | None
    cut_after: int | None = None
    delete: bool = False
    reports_max: int | None = None


steps = st.lists(
    st.builds(
        Step,
        number=st.integers(0, REPLAYS - 1),
        outbox=st.sampled_from([None, 0, 0, 1]),
        cut_after=st.sampled_from([None, None, 0, 1, 3]),
        delete=st.sampled_from([False, False, True]),
        reports_max=st.sampled_from([None, None, 1, 2, 4]),
    ),
    max_size=6,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=steps)
def test_whatever_outbox_it_passes_through_each_report_is_stored_once_and_none_is_refused(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as name, SqliteStore(Path(name) / "store.sqlite") as store:
        centre = Centre(store)
        outboxes = [Path(name) / f"{number}.outbox" for number in range(2)]
        begun = set()
        for step in steps:
            path = None if step.outbox is None else outboxes[step.outbox]
            if step.delete and path is not None:
                for file in Path(name).glob(f"{path.name}*"):
                    file.unlink()
            centre.last_report = None if step.reports_max is None else centre.reports + step.reports_max
            begun.add(step.number)
            replayed(step.number, centre, path, cut_after=step.cut_after)
        centre.last_report = None
        for number in begun:
            replayed(number, centre, outboxes[0])
        assert [refusal.reason for refusal in store.refusals()] == []
        expected = [report for number in begun for report in pure(number)]
        assert stored(store) == sorted(expected, key=lambda report: (report.run, report.seq))
        with store.reading() as reading:
            assert reading.rows("SELECT * FROM missing", {}) == []


def test_a_replay_has_another_client_id_than_the_device_and_than_other_replays() -> None:
    """Else the broker would end the connection of the live device under whose name its recording is replayed."""
    ids: list[str] = []

    def connect(_broker: Broker, client_id: str, **_: object) -> Connection:
        ids.append(client_id)
        raise WorkError("nobody is there")

    for run in ("replay-1", "replay-2"):
        with suppress(WorkError), Reporter(CONFIG, run, "m", publish=True, connect=connect) as reporter:
            reporter.finish()
    assert CONFIG.mqtt is not None
    device = f"{CONFIG.mqtt.root}.{CONFIG.site}.{CONFIG.device}"
    assert set(ids) == {f"{device}.replay-1", f"{device}.replay-2"}
