"""What a broker does not take: messages that its ACL refuses, packets above its size, retained messages."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.delivery.connection import Broker, Message, packet_bytes
from edge.delivery.courier import Courier
from edge.delivery.dispatch import BLAMED_PROBE_MS, TAKEN_BACK, Dispatch
from edge.delivery.entry import Entry
from edge.delivery.outbox import Outbox
from edge.delivery.outbox_totals import KindState
from edge.delivery.publisher import Publisher
from edge.errors import WorkError
from edge.wire.device_messages import Alert, Info, LineInfo, encode_self
from edge.wire.report import Level, Report, ZoneReport
from tests.delivery.refusing_broker import NOT_AUTHORIZED, PAYLOAD_FORMAT_INVALID, Taken, limited_broker
from tests.delivery.reports import NOON_MS, a_report

INFO = Info(run="run-1", version="0.1.0", model="m", lines={"deck": LineInfo()}, classes=["car"], bucket_ms=60_000)
TOPIC = "crossing/v1/bridge/mast-1"


def publisher(port: int, outbox: Outbox, **given: Any) -> Publisher:
    broker = Broker("127.0.0.1", port, tls=False)
    courier = Courier(retry_wait_ms_min=10, retry_wait_ms_max=50)
    return Publisher(broker, outbox, site="bridge", device="mast-1", run="run-1", courier=courier, **given)


def step_until(ours: Publisher, done: Callable[[], object]) -> None:
    until_s = time.monotonic() + 60
    while time.monotonic() < until_s:
        if done():
            return
        ours.step(wait_s=0.02)
    raise AssertionError(f"it does not happen: {ours.failure}")


def channels(taken: Taken, channel: str) -> list[Any]:
    return [json.loads(said) for topic, said in taken.messages if topic == f"{TOPIC}/{channel}"]


def a_large_report(seq: int) -> Report:
    level = Level(mean=0.0, max=0, end=0)
    zones = {f"zone-{n}": ZoneReport(inside=level, standing=level) for n in range(20)}
    return msgspec.structs.replace(a_report(seq), zones=zones)


def post(outbox: Outbox, channel: str, payload: bytes = b"{}") -> None:
    outbox.append_message(f"bridge/mast-1/{channel}", payload, run="run-1", now_ms=NOON_MS)


def test_refused_crossings_before_the_reports_hold_nothing_up(tmp_path: Path) -> None:
    with (
        limited_broker(publish={"crossing": NOT_AUTHORIZED}) as (port, taken),
        Outbox(tmp_path / "o.sqlite") as outbox,
    ):
        for _ in range(100):
            post(outbox, "crossing")
        for _ in range(100):
            outbox.append_report(a_report, now_ms=NOON_MS)
        post(outbox, "alert")
        with publisher(port, outbox) as ours:
            step_until(ours, lambda: len(channels(taken, "report")) == 100 and channels(taken, "alert"))
            step_until(ours, lambda: outbox.kinds() == {"crossing": KindState(unsent=100)})
            assert ours.refused_times["crossing"] < 16, "the lane rests"
            step_until(ours, lambda: channels(taken, "status")[-1]["state"] == "degraded")
            reason = channels(taken, "status")[-1]["reason"]
            assert reason == f"broker 127.0.0.1:{port} refuses crossing letters: Not authorized"


def test_reports_whose_content_is_refused_let_the_others_pass(tmp_path: Path) -> None:
    rules: dict[str, int] = {"report": PAYLOAD_FORMAT_INVALID}
    with limited_broker(publish=rules) as (port, taken), Outbox(tmp_path / "o.sqlite") as outbox:
        for _ in range(70):
            outbox.append_report(a_report, now_ms=NOON_MS)
        with publisher(port, outbox) as ours:
            step_until(ours, lambda: ours.refused_times == {"report": 70})
            rules.clear()
            outbox.append_report(a_report, now_ms=NOON_MS)
            step_until(ours, lambda: channels(taken, "report"))
            assert outbox.kinds() == {"report": KindState(unsent=70)}


def test_letters_of_a_former_name_that_are_refused_are_declared_and_come_once_they_are_taken(tmp_path: Path) -> None:
    former = {f"crossing/v1/bridge/mast-1/{kind}": NOT_AUTHORIZED for kind in ("report", "crossing")}
    with Outbox(tmp_path / "o.sqlite", owner="bridge/mast-1") as outbox:
        for _ in range(100):
            outbox.append_report(a_report, now_ms=NOON_MS)
        post(outbox, "crossing")
        before = outbox.journal
    with (
        limited_broker(publish=former) as (port, taken),
        Outbox(tmp_path / "o.sqlite", owner="bridge/mast-9") as outbox,
    ):

        def renamed(seq: int) -> Report:
            return msgspec.structs.replace(a_report(seq), device="mast-9", journal=outbox.journal)

        courier = Courier(retry_wait_ms_min=10, retry_wait_ms_max=50, refused_wait_ms=10)
        broker = Broker("127.0.0.1", port, tls=False)
        names: dict[str, Any] = {"site": "bridge", "device": "mast-9", "run": "run-9"}
        with Publisher(broker, outbox, **names, courier=courier) as ours:
            outbox.append_report(renamed, now_ms=NOON_MS)
            lost = {"crossing": KindState(set_aside=1, lost=1), "report": KindState(set_aside=100, lost=100)}
            step_until(ours, lambda: outbox.kinds() == lost)
            assert outbox.resend([(1, 100)], journal=before).gone == ((1, 100),)
            sentence = "refuses bridge/mast-1/crossing, bridge/mast-1/report of a former name: set aside"
            step_until(ours, lambda: ours.delivery_failure is not None)
            step_until(ours, lambda: any(sentence in said.decode() for _, said in taken.messages))
            outbox.append_report(renamed, now_ms=NOON_MS)
            step_until(ours, lambda: outbox.state().unsent == 0)  # its own go on
            former.clear()
            outbox.append_report(renamed, now_ms=NOON_MS)
        again = Publisher(broker, outbox, **names, courier=courier)
        with again:
            step_until(again, lambda: len(channels(taken, "report")) == 100 and channels(taken, "crossing"))
            assert outbox.state().dropped == 0


def test_a_former_name_that_is_refused_is_tried_with_one_letter_on_a_connection(tmp_path: Path) -> None:
    address = "bridge/mast-1/report"
    with Outbox(tmp_path / "o.sqlite", owner="bridge/mast-1") as outbox:
        for _ in range(3):
            outbox.append_report(a_report, now_ms=NOON_MS)
    with Outbox(tmp_path / "o.sqlite", owner="bridge/mast-9") as outbox:
        courier = Courier(refused_wait_ms=1_000)
        dispatch = Dispatch(outbox, courier, name="bridge/mast-9", root="crossing/v1", trouble=lambda *_: None)

        def refuse_all(now_ms: int) -> int:
            courier.connected(now_ms)
            dispatch.begin()
            while dispatch.taking_back:
                dispatch.due(now_ms, busy=64)
            sent = dispatch.due(now_ms, busy=0)
            for token, (letter, _) in enumerate(sent):
                courier.published(token, letter, now_ms)
            for token, (letter, _) in enumerate(sent):
                courier.refused(token, now_ms, code=NOT_AUTHORIZED, reason="no")
                dispatch.refused(letter, now_ms)
            dispatch.due(now_ms, busy=0)
            courier.lost(now_ms, jitter=0)
            return len(sent)

        assert (refuse_all(0), dispatch.barred) == (3, set())
        assert (refuse_all(10_000), dispatch.barred) == (1, {address})
        assert outbox.state().dropped == 3
        assert (refuse_all(30_000), outbox.state().dropped) == (1, 3)


def test_a_letter_that_ended_connections_is_tried_again_and_comes_once_it_is_taken(tmp_path: Path) -> None:
    """By a broker that ends every connection at a crossing's letter, and later does so no more."""
    troubles: dict[str, str] = {}
    with Outbox(tmp_path / "o.sqlite", owner="bridge/mast-1") as outbox:
        for _ in range(2):
            post(outbox, "crossing")
        courier = Courier()
        dispatch = Dispatch(outbox, courier, name="bridge/mast-1", root="crossing/v1", trouble=troubles.__setitem__)

        def connection(now_ms: int, *, ends: bool) -> int:
            """How many letters went out on one connection."""
            courier.connected(now_ms)
            dispatch.begin()
            sent = 0
            while (due := dispatch.due(now_ms, busy=0)) or dispatch.taking_back:
                for token, (letter, _) in enumerate(due, sent):
                    courier.published(token, letter, now_ms)
                for token, (letter, _) in enumerate(due, sent):
                    sent += 1
                    if ends:
                        blamed = courier.broke(now_ms, alone=True, suspect=dispatch.tried)
                        if blamed is not None:
                            dispatch.blame(blamed, now_ms)
                        courier.lost(now_ms, jitter=0)
                        return sent
                    courier.acknowledged(token, now_ms)
                    dispatch.taken(letter)
                    dispatch.acknowledged([letter.number])
            courier.lost(now_ms, jitter=0)
            return sent

        for now_ms in range(0, 10_000, 1_000):
            connection(now_ms, ends=True)
        assert outbox.kinds() == {"crossing": KindState(set_aside=2, lost=2)}
        assert troubles["blamed"]
        assert connection(20_000, ends=True) == 0, "both are set aside"
        assert connection(7 * 3_600_000, ends=True) == 1, "one is tried, and ends the connection"
        assert connection(7 * 3_600_000 + 1_000, ends=True) == 0, "one break is enough"
        assert connection(14 * 3_600_000, ends=False) == 2, "it is taken, and so is the other"
        assert (outbox.addresses(), outbox.kinds()) == ([], {})
        assert troubles["blamed"] == ""


def test_a_blamed_letter_that_is_gone_keeps_no_other_from_being_tried(
    tmp_path: Path,
) -> None:
    with Outbox(tmp_path / "o.sqlite", owner="bridge/mast-1") as outbox:
        for _ in range(2):
            post(outbox, "crossing")
        courier = Courier()
        dispatch = Dispatch(outbox, courier, name="bridge/mast-1", root="crossing/v1", trouble=lambda *_: None)
        first, second = outbox.pending(2, address="bridge/mast-1/crossing")
        for letter in (first, second):
            dispatch.blame(letter, 0)
        courier.connected(0)
        dispatch.due(0, busy=0)
        assert outbox.kinds()["crossing"].set_aside == 2
        outbox.sent([first.number], generation=outbox.generation)

        def sent(now_ms: int) -> list[Entry]:
            due = dispatch.due(now_ms, busy=0)
            while dispatch.taking_back:
                due = dispatch.due(now_ms, busy=0)
            return [letter for letter, _ in due]

        assert sent(BLAMED_PROBE_MS) == []
        assert sent(2 * BLAMED_PROBE_MS) == [second]


def test_acknowledged_letters_that_cannot_be_noted_hold_nothing_up(tmp_path: Path) -> None:
    class Stuck(Outbox):
        """Its disk takes no notes."""

        def sent(self, *_: Any, **__: Any) -> None:
            raise WorkError("database or disk is full")

    with limited_broker() as (port, taken), Stuck(tmp_path / "o.sqlite") as outbox:
        for _ in range(200):
            outbox.append_report(a_report, now_ms=NOON_MS)
        with publisher(port, outbox) as ours:
            step_until(ours, lambda: len(channels(taken, "report")) == 200)
        assert outbox.state().unsent == 200


def test_the_limit_is_exact(tmp_path: Path) -> None:
    for size in (1, 50, 20_000):
        post_of = Message(f"{TOPIC}/crossing", b"x" * size)
        for packet_max, goes in ((packet_bytes(post_of), True), (packet_bytes(post_of) - 1, False)):
            with (
                limited_broker(packet_max=packet_max) as (port, taken),
                Outbox(tmp_path / f"{size}-{goes}.sqlite") as outbox,
            ):
                post(outbox, "crossing", post_of.payload)
                with publisher(port, outbox) as ours:
                    step_until(ours, lambda: not outbox.addresses())
                assert (f"{TOPIC}/crossing" in dict(taken.messages), taken.connections) == (goes, 1)


@pytest.mark.parametrize("says", [True, False])
def test_a_report_above_the_broker_s_packet_size_is_set_aside_and_declared(tmp_path: Path, says: bool) -> None:
    with (
        limited_broker(packet_max=1_500, says_packet_max=says) as (port, taken),
        Outbox(tmp_path / "o.sqlite") as outbox,
    ):
        for make in (a_report, a_large_report, a_report):
            outbox.append_report(make, now_ms=NOON_MS)
        with publisher(port, outbox) as ours:
            step_until(ours, lambda: len(channels(taken, "report")) == 2 and not outbox.addresses())
            assert outbox.kinds() == {"report": KindState(set_aside=1, lost=1)}
            assert outbox.resend([(1, 3)]).gone == ((2, 2),)
            step_until(ours, lambda: channels(taken, "status")[-1]["state"] == "degraded")
            assert "too large for it: report letters" in channels(taken, "status")[-1]["reason"]
    assert channels(taken, "total")[-1]["dropped"] == 1
    assert taken.connections == (1 if says else 2)
    with limited_broker() as (port, taken), Outbox(tmp_path / "o.sqlite") as outbox, publisher(port, outbox) as ours:
        step_until(ours, lambda: any(report["seq"] == 2 for report in channels(taken, "report")))
        assert outbox.state().dropped == 0


def test_a_letter_at_which_the_broker_ends_every_connection_without_a_word_is_set_aside(tmp_path: Path) -> None:
    with (
        limited_broker(packet_max=1_500, says_packet_max=False, says_why=False) as (port, taken),
        Outbox(tmp_path / "o.sqlite") as outbox,
    ):
        for make in (a_report, a_large_report, a_report, a_report):
            outbox.append_report(make, now_ms=NOON_MS)
        with publisher(port, outbox) as ours:
            step_until(ours, lambda: len(channels(taken, "report")) >= 3 and not outbox.addresses())
            assert outbox.kinds() == {"report": KindState(set_aside=1, lost=1)}
            assert outbox.resend([(1, 4)]).gone == ((2, 2),)
            step_until(ours, lambda: "without a word at report letters" in channels(taken, "status")[-1]["reason"])
        assert {report["seq"] for report in channels(taken, "report")} == {1, 3, 4}


def test_a_month_of_letters_set_aside_is_looked_at_in_slices_and_comes_where_it_fits(
    tmp_path: Path,
) -> None:
    longest = 0

    class Watched(Outbox):
        def retry_entries(self, fits: Callable[[Entry], bool], **given: Any) -> int | None:
            nonlocal longest
            looked = 0

            def counted(letter: Entry) -> bool:
                nonlocal looked
                looked += 1
                return fits(letter)

            last = super().retry_entries(counted, **given)
            longest = max(longest, looked)
            return last

    with Watched(tmp_path / "o.sqlite") as outbox:
        for _ in range(3 * TAKEN_BACK):
            outbox.append_report(a_report, now_ms=NOON_MS)
        post(outbox, "crossing", b"x" * 400)
        outbox.set_entries_aside(range(1, 3 * TAKEN_BACK + 2))
        for packet_max, comes in ((100, 0), (None, 3 * TAKEN_BACK)):
            with limited_broker(packet_max=packet_max) as (port, taken), publisher(port, outbox) as ours:
                if not comes:
                    with pytest.raises(WorkError, match="too large for it: crossing letters, report letters"):
                        ours.deliver(timeout_s=5)
                else:
                    assert ours.deliver(timeout_s=60) == comes + 1
                assert (len(channels(taken, "report")), outbox.state().dropped) == (comes, 3 * TAKEN_BACK - comes)
        assert longest == TAKEN_BACK


def test_an_alert_above_the_broker_s_packet_size_goes_without_its_picture(tmp_path: Path) -> None:
    alert = Alert(run="run-1", at="2026-11-22T06:01:00Z", kind="rare-class", reason="the first bus", jpeg="A" * 2_000)
    with limited_broker(packet_max=1_500) as (port, taken), Outbox(tmp_path / "o.sqlite") as outbox:
        post(outbox, "alert", encode_self(alert))
        with publisher(port, outbox) as ours:
            step_until(ours, lambda: channels(taken, "alert"))
        [said] = channels(taken, "alert")
        assert (said["jpeg"], said["reason"]) == ("", "the first bus (the picture is larger than the broker takes)")


def test_an_announcement_that_is_refused_is_named_by_its_topic(tmp_path: Path) -> None:
    with (
        limited_broker(publish={"config": NOT_AUTHORIZED}) as (port, _),
        Outbox(tmp_path / "o.sqlite") as outbox,
        publisher(port, outbox, info=INFO, home_assistant="ha") as ours,
    ):
        step_until(ours, lambda: ours.failure)
        assert "refused ha/device/bridge/mast-1/config of bridge/mast-1: Not authorized" in ours.failure


def test_what_is_retained_of_us_and_too_large_is_not_said_and_nothing_ends(tmp_path: Path) -> None:
    info = msgspec.structs.replace(INFO, lines={f"line-{n}": LineInfo() for n in range(40)})
    with limited_broker(packet_max=1_000) as (port, taken), Outbox(tmp_path / "o.sqlite") as outbox:
        outbox.append_report(a_report, now_ms=NOON_MS)
        with publisher(port, outbox, info=info, home_assistant="homeassistant") as ours:
            step_until(ours, lambda: not outbox.addresses())
            ours.set_trouble("long", "x" * 2_000)
            step_until(ours, lambda: channels(taken, "status")[-1]["state"] == "degraded")
            assert not ours.publish_transient("live", b"x" * 2_000)
        assert (taken.connections, channels(taken, "info")) == (1, [])


def test_sensors_are_announced_one_by_one_where_the_device_is_too_large_and_together_again_later(
    tmp_path: Path,
) -> None:
    def announced(packet_max: int | None) -> dict[str, bytes]:
        with limited_broker(packet_max=packet_max) as (port, taken), Outbox(tmp_path / "o.sqlite") as outbox:
            with publisher(port, outbox, info=INFO, home_assistant="ha") as ours:
                ours.connect(timeout_s=60)
            assert taken.connections == 1
            return {topic: said for topic, said in taken.messages if topic.startswith("ha/")}

    whole, apart = "ha/device/bridge/mast-1/config", "ha/sensor/bridge_mast-1/{}/config"
    assert [*announced(None)] == [whole]
    small = announced(1_500)
    assert small.pop(whole) == b""
    watched = json.loads(small[apart.format("watched")])
    assert watched["unique_id"] == "crossing_bridge_mast-1_watched"
    assert watched["dev"]["ids"] == ["crossing_bridge_mast-1"]
    assert announced(1_500) == small
    again = announced(None)
    assert json.loads(again.pop(whole))["cmps"]["watched"]["unique_id"] == watched["unique_id"]
    assert again == dict.fromkeys(small, b"")


def test_a_broker_that_retains_nothing_is_spoken_to_without_retaining(tmp_path: Path) -> None:
    with limited_broker(retains=False) as (port, taken), Outbox(tmp_path / "o.sqlite") as outbox:
        outbox.append_report(a_report, now_ms=NOON_MS)
        with publisher(port, outbox, info=INFO) as ours:
            step_until(ours, lambda: not outbox.addresses())
        assert (taken.connections, len(channels(taken, "report"))) == (2, 1)
