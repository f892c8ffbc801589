"""The command `crossing-collector run`: subscribes and stores, with the alerts and the API beside it."""

import argparse
import logging
import signal
import sys

from collector.alerts.channels import Channel, MqttChannel, apprise_channels
from collector.alerts.worker import AlertThread
from collector.api.live_board import LiveBoard
from collector.cli.serving import serving
from collector.config import Configuration, load
from collector.domain.faults import Faults
from collector.mqtt.subscriber import Subscriber
from collector.store.interface import Store
from collector.store.opening import open_store
from collector.store.packing import Packer
from edge.clock import SystemClock

_LOG = logging.getLogger("collector.cli.program")


def run(given: argparse.Namespace) -> None:
    """Until SIGTERM or SIGINT."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    configuration = load(given.config)
    with open_store(
        configuration.store,
        refusals_max=configuration.refusals_max,
        password_file=configuration.store_password_file,
        time_zones=configuration.time_zones,
        limits=configuration.limits,
    ) as store:
        board, faults = LiveBoard(SystemClock().real_ms), Faults()
        _sum_up(store)
        subscriber = Subscriber(
            configuration.mqtt,
            store,
            batch_max=configuration.batch_max,
            on_commit=board.committed,
            on_glimpse=board.take,
            between=Packer(store, configuration.retention, SystemClock()).step,
            faults=faults,
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: subscriber.stop())
        alerts = _alert_thread(configuration, subscriber, faults)
        if alerts is not None:
            alerts.start()
        try:
            with serving(configuration, board, subscriber, faults):
                subscriber.run()
        finally:
            if alerts is not None:
                alerts.stop()
        counts = subscriber.counts
        _LOG.info(
            "stopped: %d reports stored, %d came twice, %d messages refused",
            *(counts.stored, counts.duplicates, counts.refused),
        )


def _alert_thread(configuration: Configuration, subscriber: Subscriber, faults: Faults) -> AlertThread | None:
    """The thread that evaluates the alert rules; InputError where its channels cannot be made."""
    settings = configuration.alerts
    if not settings.enabled:
        return None
    channels: list[Channel] = []
    if settings.tell.mqtt:
        channels.append(MqttChannel(subscriber.publish, root=configuration.mqtt.root))
    if settings.tell.urls_file is not None:
        channels += apprise_channels(settings.tell.urls_file, pictures=settings.tell.pictures)
    return AlertThread(
        lambda: open_store(
            configuration.store,
            password_file=configuration.store_password_file,
            time_zones=configuration.time_zones,
        ),
        settings,
        configuration.sites,
        channels=channels,
        holder=configuration.mqtt.client_id,
        listening=lambda: subscriber.listening_ms,
        faults=faults,
    )


def _sum_up(store: Store) -> None:
    """Make the roll-ups that an older version never made, or that are in another time zone than the site has now."""
    behind = [state for state in store.rollups() if not state.complete or state.time_zone not in (None, state.wanted)]
    for state in behind:
        _LOG.info("summing up the reports of %s/%s, in the zone %s", state.site, state.device, state.wanted)
        store.rebuild(state.device_id)
    if behind:
        store.settle()
