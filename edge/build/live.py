"""Builds the parts of a live run from the configuration: camera, detector, second look, scene watcher."""

import hashlib
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.build.publishing import credential
from edge.build.stages import build_detector, build_second_look, still_time
from edge.clock import Clock
from edge.config.schema import Camera as CameraConfig
from edge.config.schema import Config
from edge.errors import InputError
from edge.vision.camera import Camera
from edge.vision.capture import Source
from edge.vision.clock import FrameClock
from edge.vision.detector import OnnxDetector
from edge.vision.frame import Frame
from edge.vision.http_picture import Address
from edge.vision.picture_file import jpeg_of
from edge.vision.scene import SceneState, SceneWatcher
from edge.vision.second_look import SecondLook
from edge.vision.still_camera import StillCamera, StillSource
from edge.vision.still_scene import StillScene

log = logging.getLogger(__name__)

REFERENCES_MAX = 8  # kept, so that an earlier drawing finds its reference picture again


def open_camera(
    config: CameraConfig, clock: Clock, *, synced: Callable[[], bool] | None = None
) -> tuple[Camera | StillCamera, FrameClock]:
    """The camera, not yet begun, and the clock of its frames. InputError where its password cannot be read."""
    password = ""
    if config.password_credential or config.password_file:
        path = credential("camera", config.password_credential) or Path(config.password_file)
        try:
            password = path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"camera: the password in {path} cannot be read: {error}") from error
        if not password:
            log.warning("camera: the password in %s is empty", path)
    frame_clock = FrameClock(clock, synced=synced)
    if config.every_s is not None:
        address = Address(
            config.url,
            username=config.username,
            password=password,
            timeout_s=config.open_timeout_s + config.stall_s,
            ca_file=config.ca_file,
        )
        return StillCamera(StillSource(address, config.every_s), clock, frame_clock), frame_clock
    source = Source(
        config.url,
        username=config.username,
        password=password,
        transport=config.transport,
        decoder=config.decoder,
        width=config.width,
        height=config.height,
        frames_per_second=config.frames_per_second,
        open_timeout_s=config.open_timeout_s,
        stall_s=config.stall_s,
        loop=config.loop,
    )
    return Camera(source, clock, frame_clock), frame_clock


class LiveParts:
    """Makes detector, second look and scene watcher of a run. Reference pictures lie in `folder`, one per drawing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def detector(self, config: Config, width: int, height: int) -> OnnxDetector:
        """The detector for a picture of that size."""
        return build_detector(config, width, height)

    def second_look(self, config: Config, width: int, height: int) -> SecondLook | None:
        """The second look for a picture of that size, if one is wanted."""
        return build_second_look(config, width, height, stills=still_time(config.camera) is not None)

    def scene(self, config: Config, width: int, height: int) -> "LiveScene":
        """The scene watcher for a picture of that size; without a reference yet, it takes one."""
        drawn = (config.lines, config.zones, config.reference, width, height)
        name = hashlib.sha256(msgspec.json.encode(drawn, order="sorted")).hexdigest()[:12]
        watching = SceneWatcher if still_time(config.camera) is None else StillScene
        return LiveScene(self._folder / f"reference-{name}.jpg", watching)


class LiveScene:
    """A scene watcher with the reference picture in `path`, which is taken where there is none."""

    def __init__(self, path: Path, watching: type[SceneWatcher] | type[StillScene] = SceneWatcher) -> None:
        self._path = path
        reference: NDArray[np.uint8] | None = None
        with suppress(OSError):  # one that cannot be read is taken anew
            if path.is_file():
                image = cv2.imread(str(path))
                reference = None if image is None else np.asarray(image, np.uint8)
        self._watcher = watching(reference, learn=True)

    def update(self, frame: Frame) -> SceneState:
        """The state after this frame, in the camera's time, which never steps."""
        had_reference = self._watcher.has_reference
        state = self._watcher.update(frame)
        if self._watcher.has_reference and not had_reference:
            self._keep_reference(frame)
        return state

    def _keep_reference(self, frame: Frame) -> None:
        part = self._path.with_suffix(".part.jpg")
        with suppress(OSError):  # a disk that fails costs the reference after a restart, and no count
            part.write_bytes(jpeg_of(frame.image, 90))  # not imwrite, which silently leaves a part of it on a full disk
            os.replace(part, self._path)  # noqa: PTH105  # the one that is atomic by name
            log.info("this picture is the reference from now on: %s", self._path)
            kept = sorted(self._path.parent.glob("reference-????????????.jpg"), key=lambda one: one.stat().st_mtime_ns)
            for old in kept[:-REFERENCES_MAX]:
                old.unlink()
