"""The `health` message: rates, inference times, the board, the outbox, the clock."""

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge.clock import Clock
from edge.delivery.memory_buffer import MemoryBuffer
from edge.delivery.outbox import Outbox
from edge.delivery.outbox_totals import KindState, OutboxState
from edge.delivery.sender import Sender
from edge.device.machine import measure
from edge.errors import WorkError
from edge.vision.camera import CameraState
from edge.wire.device_messages import DeviceHealth, LettersHealth
from edge.wire.times import rfc3339

TIMES_MAX = 2_000  # inferences over which the percentiles are taken


class HealthMonitor:
    """Counts frames and inferences; `take` makes a `health` message of them and begins anew."""

    def __init__(self, clock: Clock, folder: Path) -> None:
        self._clock = clock
        self._folder = folder
        self._began_ms = clock.monotonic_ms()
        self._since_ms = self._began_ms
        self._cpu_s = measure(folder).cpu_s
        self._handled_before = 0
        self._inference_ms: deque[float] = deque(maxlen=TIMES_MAX)
        self.handled = 0
        self._inferred = 0

    def handled_frame(self, inference_ms: float | None) -> None:
        """Count a frame; `inference_ms` is the time of the detector, None where it was not run."""
        self.handled += 1
        if inference_ms is not None:
            self._inferred += 1
            self._inference_ms.append(inference_ms)

    def take(
        self,
        *,
        camera: CameraState,
        outbox: Outbox,
        buffer: MemoryBuffer,
        sender: Sender,
        **known: Any,
    ) -> DeviceHealth:
        """The `health` message of the time since the last one; `known` are further fields of it."""
        now_ms = self._clock.monotonic_ms()
        elapsed_s = max(now_ms - self._since_ms, 1) / 1000
        board = measure(self._folder)
        times = sorted(self._inference_ms)
        held = _state_of(outbox)
        health = DeviceHealth(
            as_of=rfc3339(self._clock.real_ms()),
            uptime_s=round((now_ms - self._began_ms) / 1000, 1),
            frames_captured=camera.captured,
            frames_handled=self.handled,
            frames_inferred=self._inferred,
            frames_dropped=camera.dropped,
            frames_per_second=round((self.handled - self._handled_before) / elapsed_s, 2),
            inference_ms_p50=_rank(times, 0.5),
            inference_ms_p95=_rank(times, 0.95),
            cpu_share=round((board.cpu_s - self._cpu_s) / elapsed_s, 3),
            memory_mb=board.memory_mb,
            threads=board.threads,
            files=board.files,
            temperature_c=board.temperature_c,
            throttling=None if board.throttling is None else list(board.throttling),
            disk_free_mb=board.disk_free_mb,
            outbox_unsent=held.unsent if held else None,
            outbox_held=held.held if held else None,
            outbox_bytes=held.bytes_held if held else None,
            outbox_dropped=held.dropped if held else None,
            outbox_forgotten=held.forgotten if held else None,
            letters=_letters_of(outbox, sender.refused, buffer.entries_waiting, buffer.lost_before),
            shelf_waiting=buffer.waiting,
            shelf_lost=buffer.lost,
            unsaid=sender.transient_dropped,
            camera="" if camera.open else camera.reason,
            camera_reopened=camera.reopened,
            camera_abandoned=camera.abandoned,
            failure=sender.failure.sentence if sender.failure else "",
            **known,
        )
        self._since_ms, self._cpu_s, self._handled_before = now_ms, board.cpu_s, self.handled
        self._inference_ms.clear()
        return health


def _rank(ordered: list[float], share: float) -> float | None:
    """A percentile by nearest rank."""
    return round(ordered[min(int(share * len(ordered)), len(ordered) - 1)], 2) if ordered else None


def _state_of(outbox: Outbox) -> OutboxState | None:
    try:
        return outbox.state()
    except WorkError:  # it is a trouble already
        return None


def _letters_of(
    outbox: Outbox, refused: Mapping[str, int], waiting: Mapping[str, int], lost_before: Mapping[str, int]
) -> dict[str, LettersHealth]:
    try:
        kinds = outbox.kinds()
    except WorkError:  # it is a trouble already
        kinds = {}
    found = {}
    for kind in sorted({*kinds, *refused, *waiting, *lost_before}):
        held = kinds.get(kind, KindState())
        found[kind] = LettersHealth(
            unsent=held.unsent,
            set_aside=held.set_aside,
            lost=held.lost,
            refused=refused.get(kind, 0),
            waiting=waiting.get(kind, 0),
            lost_before=lost_before.get(kind, 0),
        )
    return found
