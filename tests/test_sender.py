"""The thread that sends, over a real broker on the loopback."""

import time
from pathlib import Path

from collector.mqtt.demo_broker import demo_broker
from edge.delivery.connection import Broker
from edge.delivery.outbox import Outbox
from edge.delivery.publisher import Publisher
from edge.delivery.sender import Sender
from tests.delivery.reports import NOON_MS, a_report


def test_what_is_committed_just_before_the_end_is_sent_before_it(tmp_path: Path) -> None:
    """As the open bucket is."""
    with demo_broker() as port, Outbox(tmp_path / "outbox.sqlite") as outbox:

        def publisher() -> Publisher:
            broker = Broker("127.0.0.1", port, tls=False)
            return Publisher(broker, outbox, site="bridge", device="mast-1", run="run-1")

        sender = Sender(publisher)
        outbox.append_report(a_report, now_ms=NOON_MS)
        sender.start()
        until_s = time.monotonic() + 60
        while outbox.state().unsent and time.monotonic() < until_s:
            time.sleep(0.01)  # nothing announces that it is connected
        outbox.append_report(a_report, now_ms=NOON_MS)
        sender.stop()
        assert outbox.state().unsent == 0


def test_where_there_is_no_broker_the_end_waits_for_nothing(tmp_path: Path) -> None:
    with Outbox(tmp_path / "outbox.sqlite") as outbox:

        def publisher() -> Publisher:
            broker = Broker("127.0.0.1", 1, tls=False)
            return Publisher(broker, outbox, site="bridge", device="mast-1", run="run-1")

        sender = Sender(publisher)
        outbox.append_report(a_report, now_ms=NOON_MS)
        sender.start()
        sender.stop()
        assert outbox.state().unsent == 1
