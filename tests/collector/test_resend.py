"""What a broker lost comes after all: a real device, a real mosquitto, a real collector, in a hurried time."""

import time
from pathlib import Path

import pytest

from collector.config import Mqtt
from collector.mqtt.subscriber import Subscriber
from collector.queries.devices import gaps
from collector.store.sqlite.store import SqliteStore
from edge.delivery.connection import Broker
from edge.delivery.outbox import Outbox
from edge.delivery.publisher import Publisher
from edge.wire.report import Report
from tests.collector.messages import NOON_MS, a_report
from tests.collector.mosquitto import binary, mosquitto

HURRY = 50
DEADLINE_S = 90.0


class HurriedClock:
    """A minute passes in little more than a second."""

    def real_ms(self) -> int:
        return NOON_MS + self.monotonic_ms()

    def monotonic_ms(self) -> int:
        return int(time.monotonic() * 1000 * HURRY)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / HURRY)


@pytest.mark.skipif(binary() is None, reason="mosquitto is not installed (Debian: mosquitto)")
def test_what_a_broker_acknowledged_and_lost_is_asked_for_and_what_the_device_holds_no_more_is_gone(
    tmp_path: Path,
) -> None:
    with (
        mosquitto() as broker,
        SqliteStore(tmp_path / "store.sqlite") as store,
        Outbox(tmp_path / "outbox.sqlite", keep_bytes=12_000, name_journal=lambda: "j1") as outbox,
    ):

        def make(seq: int) -> Report:
            return a_report(seq, journal="j1")

        there = Broker("127.0.0.1", broker.port, tls=False)
        with Publisher(there, outbox, site="bridge", device="mast-1", run="run-1") as device:
            for _ in range(60):
                outbox.append_report(make, now_ms=NOON_MS)
                device.deliver(timeout_s=60)  # nobody has ever subscribed: the broker forgets them
            held_from = outbox.state().seq_next - outbox.state().held
            assert 1 < held_from < 50, "some have been pushed out, and some not"
            collector = Subscriber(Mqtt(host="127.0.0.1", port=broker.port, tls=False), store, clock=HurriedClock())
            until = time.monotonic() + DEADLINE_S
            while not (found := gaps(store)) or not all(gap.missing.gone for gap in found):
                assert time.monotonic() < until, (collector.counts, found)
                collector.step(0.05)
                device.step(wait_s=0.05)
                if collector.subscriptions == 1 and outbox.state().seq_next == 61:
                    outbox.append_report(make, now_ms=NOON_MS)
            collector.close()
        held = outbox.state().held
        (lost,) = gaps(store)
    assert (lost.missing.first, lost.missing.last) == (1, 61 - held)
    assert collector.counts.stored == held
