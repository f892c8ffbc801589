"""Starts the API and the dashboard beside the subscriber; imports them only if `http` is configured."""

from collections.abc import Iterator
from contextlib import contextmanager

from collector.api.live_board import LiveBoard
from collector.config import Configuration
from collector.domain.faults import Faults
from collector.mqtt.subscriber import Subscriber
from collector.store.opening import open_store
from edge.clock import SystemClock
from edge.errors import InputError


@contextmanager
def serving(configuration: Configuration, board: LiveBoard, subscriber: Subscriber, faults: Faults) -> Iterator[None]:
    """Serve the API and the dashboard inside the `with` block, if `http` is configured."""
    if configuration.http is None:
        yield
        return
    try:
        from collector.api.server import Api  # noqa: PLC0415  # an extra that not every collector needs
    except ModuleNotFoundError as error:
        raise InputError(f"`http` needs more: pip install 'crossing-monitor[collector]' ({error})") from error
    with Api(
        configuration.http,
        open_store=lambda write: open_store(
            configuration.store, write=write, password_file=configuration.store_password_file
        ),
        board=board,
        sites=configuration.sites,
        clock=SystemClock(),
        urge_resend=subscriber.urge_resend,
        faults=faults,
    ):
        yield
