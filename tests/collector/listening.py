"""A subscriber in a thread of its own, which owns its store, for tests beside it."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from collector.config import Mqtt
from collector.mqtt.subscriber import Subscriber
from collector.store.sqlite.store import SqliteStore


@contextmanager
def listening(mqtt: Mqtt, store: Path) -> Iterator[Subscriber]:
    """It runs; stopped and over at the end. Whatever ended it before is raised then."""
    made: Future[Subscriber] = Future()
    ended: Future[None] = Future()

    def run() -> None:
        try:
            with SqliteStore(store) as mine:
                made.set_result(Subscriber(mqtt, mine))
                made.result().run()
        except BaseException as error:
            ended.set_exception(error)
            if not made.done():
                made.set_exception(error)
        else:
            ended.set_result(None)

    threading.Thread(target=run, daemon=True).start()
    subscriber = made.result(10)
    try:
        yield subscriber
    finally:
        subscriber.stop()
        ended.result(20)
