"""`crossing-edge run`: the wiring of the service, on one screen."""

import logging
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from edge.build.live import LiveParts, open_camera
from edge.build.publishing import broker_of, info_of, outbox_of
from edge.build.stages import check_files
from edge.clock import Clock, SystemClock
from edge.config.loading import load_config
from edge.config.schema import Config
from edge.delivery.commands import compare
from edge.delivery.publisher import Publisher
from edge.delivery.sender import Sender
from edge.device.command_handlers import handlers_of
from edge.device.metrics import Metrics
from edge.device.service import Service
from edge.device.status_socket import StatusSocket
from edge.errors import InputError
from edge.vision.manifest import load_manifest

log = logging.getLogger(__name__)


def run_service(path: Path, *, clock: Clock | None = None, synced: Callable[[], bool] | None = None) -> None:
    """Until SIGTERM or SIGINT; SIGHUP reads the configuration again. InputError where it cannot begin.

    `clock`, and whether it is `synced`, are the machine's unless given, as in tests.
    """
    config = _read(path)
    assert config.camera is not None, "checked"
    state = state_folder(config, path)
    clock = clock or SystemClock()
    model = load_manifest(config.model.name).words
    with ExitStack() as stack:
        keep = config.keep
        outbox = stack.enter_context(
            outbox_of(keep, state / "outbox.sqlite", owner=f"{config.site}/{config.device}", patient=True)
        )
        metrics = None
        if config.metrics_port is not None:
            metrics = Metrics(config.metrics_port)
            stack.callback(metrics.close)
        camera, frame_clock = open_camera(config.camera, clock, synced=synced)
        stack.enter_context(camera)

        def publisher() -> Publisher:
            assert config.mqtt is not None, "only then is there a publisher"
            return Publisher(
                broker_of(config.mqtt),
                outbox,
                site=config.site,
                device=config.device,
                run=service.run,
                root=config.mqtt.root,
                info=info_of(service.config, service.run, model),
                home_assistant=config.mqtt.home_assistant or "",
                handlers={
                    "journal": compare(outbox),
                    **handlers_of(
                        strips=state / "strips",
                        snapshot=service.snapshot,
                        reload=service.reload,
                        apply_verdict=service.apply_verdict,
                        pictures_leave=keep.pictures_leave,
                    ),
                },
            )

        service = Service(
            config,
            read_config=lambda: _read(path),
            camera=camera,
            frame_clock=frame_clock,
            parts=LiveParts(state),
            clock=clock,
            outbox=outbox,
            sender=Sender(publisher if config.mqtt is not None else None),
            state=state,
            metrics=metrics,
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: service.stop())
        signal.signal(signal.SIGHUP, lambda *_: service.reload())
        with StatusSocket(state, service.status):
            service.work()


def state_folder(config: Config, path: Path) -> Path:
    """The folder of all that must survive a restart; created if it can be."""
    systemd = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    folder = Path(config.state or systemd or path.absolute().parent / "state")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:  # a disk that is not there yet: the outbox says so, and counting goes on
        log.warning("state folder %s: %s", folder, error.strerror)
    return folder


def _read(path: Path) -> Config:
    config = load_config(path)
    if config.camera is None:
        raise InputError(
            f"{path} names no camera, and `run` needs one: say camera: {{url: ...}}, or find and draw with it:"
            f" crossing-edge setup --config {path} --camera URL"
        )
    check_files(config)
    return config
