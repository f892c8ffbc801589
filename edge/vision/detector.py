"""The detector: an ONNX model and its manifest; detects the vehicles of a frame."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when the library loads; wheels from 1.29 on send by default

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as fault

from edge.counting.detection import CLASSES, DetectedFrame, Detection
from edge.counting.tracking import Track
from edge.errors import InputError, WorkError
from edge.vision.boxes import Boxes, Floats, suppress
from edge.vision.fitting import Fitting, Picture
from edge.vision.frame import Frame
from edge.vision.heads import head_of
from edge.vision.manifest import DetrDecodedSpec, InputSpec, Manifest
from edge.vision.region import Region, join_regions
from edge.vision.scale import LearnedScale

FAULTS = (  # ONNX Runtime's errors have no common base of their own
    fault.EPFail,
    fault.Fail,
    fault.InvalidArgument,
    fault.InvalidGraph,
    fault.InvalidProtobuf,
    fault.NoSuchFile,
    fault.NotImplemented,
    fault.RuntimeException,
)
_SIDE_PX_MIN = 1.0  # a box thinner than a pixel shows nothing

REVISION = 2  # of what is done to pictures and outputs: raise it when boxes change, or old tapes would be taken for new


class OnnxDetector:
    """Runs one model on the CPU. Not for use by two threads at once: it reuses its input buffer.

    `threads` work on one frame, `score_min` (0..1) is the least score of a detection. With `regions`
    (x1, y1, x2, y2 in pixels) only these parts of the picture go to the model, one run for each; boxes come back in
    pixels of the whole, and a vehicle that several regions show has one. With a `scale` it chooses other regions once
    it has followed enough tracks.

    Raises InputError if the model is none or is not what its manifest says: inputs, outputs and number of
    classes are compared, and it is run once.
    """

    def __init__(
        self,
        manifest: Manifest,
        threads: int = 1,
        score_min: float = 0.1,
        regions: Sequence[Region] = (),
        scale: LearnedScale | None = None,
    ) -> None:
        if threads < 1:
            raise InputError(f"threads is {threads}; allowed is 1 or more")
        if not 0 < score_min <= 1:
            raise InputError(f"score_min is {score_min}; allowed is above 0, at most 1")
        self.manifest = manifest
        self.score_min = score_min
        self.regions = tuple(regions)
        self._scale = scale
        self._fitting = Fitting(manifest.input)
        self._head = head_of(manifest)
        self._overlap = manifest.overlap
        self._class_of = np.zeros(max(manifest.class_of) + 1, dtype=np.intp)
        for number, label in manifest.class_of.items():
            self._class_of[number] = CLASSES.index(label)
        self._session = open_session(manifest.path, manifest.model_path, threads)
        self._feeds = self._check_inputs()
        self._outputs = self._check_outputs()
        self._try_once()

    def detect(self, frame: Frame) -> DetectedFrame:
        """Find the vehicles of one frame. Raises WorkError if the model fails."""
        height, width = frame.image.shape[:2]
        found = []
        for region in self.views(width, height):
            outputs = self.infer(self.prepare(frame.image, region))
            found.append((region, self.interpret(outputs, frame.image.shape, region)))
        return DetectedFrame(frame.captured_ms, join_regions(found, (width, height)))

    def follow(self, now_ms: int, tracks: Sequence[Track]) -> None:
        """The tracks after the last frame, from which sizes are learned."""
        regions = None if self._scale is None else self._scale.learn(now_ms, tracks)
        if regions is not None:
            self.regions = regions

    def begin_anew(self) -> None:
        """Another run begins, with other tracks."""
        if self._scale is not None:
            self._scale.forget()

    def views(self, width: int, height: int) -> tuple[Region, ...]:
        """The regions of a picture of that size; all of it where none are set. InputError if one leaves the picture."""
        for x1, y1, x2, y2 in self.regions:
            if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
                raise InputError(f"region is {x1},{y1},{x2},{y2}; allowed is within the picture, 0,0,{width},{height}")
        return self.regions or ((0, 0, width, height),)

    def prepare(self, image: Picture, region: Region | None = None) -> Floats:
        """Return the (1, 3, height, width) float32 input for a region of a (H, W, 3) uint8 BGR picture, or all of it.

        It is one buffer, overwritten by the next call.
        """
        if region is not None:
            x1, y1, x2, y2 = region
            image = image[y1:y2, x1:x2]
        return self._fitting.fit(image)

    def infer(self, tensor: Floats) -> list[NDArray[Any]]:
        """Run the model and return the outputs that its head asks for. Raises WorkError if it fails."""
        self._feeds[self.manifest.input.name] = tensor
        return run_model(self._session, self.manifest.model_path, self._outputs, self._feeds)

    def interpret(
        self, outputs: Sequence[NDArray[Any]], image_shape: Sequence[int], region: Region | None = None
    ) -> tuple[Detection, ...]:
        """Turn outputs for a region into detections in pixels of a picture of shape (H, W, ...), clipped to it.

        Corners have 2 decimals and scores 4, the best come first and ties are ordered by box, so equal
        outputs give equal tapes. Boxes thinner than a pixel are dropped.
        """
        height, width = image_shape[:2]
        left, top, right, bottom = region or (0, 0, width, height)
        found = self._head.decode(outputs, self.score_min)
        vehicles = Boxes(found.corners, found.scores, self._class_of[found.ids])
        boxes = suppress(vehicles, self._overlap.max, across_classes=self._overlap.across_classes)
        corners = self._fitting.back(boxes.corners, bottom - top, right - left)
        corners += np.array((left, top, left, top))
        corners = np.clip(corners, 0, (width, height, width, height)).round(2)
        scores = boxes.scores.astype(np.float64).round(4)
        sides = corners[:, 2:] - corners[:, :2]
        kept = np.flatnonzero((sides >= _SIDE_PX_MIN).all(axis=1))  # a NaN is not kept either
        labels = [CLASSES[number] for number in boxes.ids[kept].tolist()]
        rows = sorted(zip((-scores[kept]).tolist(), *corners[kept].T.tolist(), labels, strict=True))
        return tuple(Detection(x1, y1, x2, y2, -score, label) for score, x1, y1, x2, y2, label in rows)

    def _check_inputs(self) -> dict[str, NDArray[Any]]:
        """Return the feeds besides the picture; raise InputError if the model wants others."""
        spec, head, path = self.manifest.input, self.manifest.head, self.manifest.path
        inputs = other_inputs(path, spec, self._session)
        feeds: dict[str, NDArray[Any]] = {}
        if isinstance(head, DetrDecodedSpec):
            if inputs.pop(head.size_input, None) is None:
                raise InputError(f"{path}: head.size_input is {head.size_input!r}; the model has {_names(inputs)}")
            feeds[head.size_input] = np.array([[spec.width, spec.height]], dtype=np.int64)
        if inputs:
            raise InputError(f"{path}: the model has further inputs {_names(inputs)}; this head allows none")
        return feeds

    def _check_outputs(self) -> list[str]:
        """Return the names of the head's outputs; raise InputError if one is absent, or holds no numbers."""
        names = [node.name for node in self._session.get_outputs() if node.type.startswith("tensor(")]
        if not names:
            raise InputError(f"{self.manifest.path}: the model has no output of numbers (a tensor)")
        chosen = [name or names[0] for name in self._head.outputs]
        for name in chosen:
            if name not in names:
                raise InputError(f"{self.manifest.path}: head names the output {name!r}; the model has {_names(names)}")
        return chosen

    def _try_once(self) -> None:
        """Run the model on nothing; raise InputError if it fails or its head cannot decode what comes out."""
        path, spec = self.manifest.path, self.manifest.input
        try:
            outputs = self.infer(np.zeros((1, 3, spec.height, spec.width), dtype=np.float32))
        except WorkError as error:
            raise InputError(f"{path}: {error}") from error
        misfit = self._head.fault([output.shape for output in outputs])
        if misfit:
            raise InputError(f"{path}: head.kind does not fit the model: {misfit}")


def other_inputs(
    path: Path, spec: InputSpec, session: onnxruntime.InferenceSession, *, several: bool = False
) -> dict[str, Any]:
    """The inputs of a model besides the picture, by name; InputError if pictures as the manifest says do not fit it.

    `several`: pictures are given together, as many as there are; else one at a time.
    """
    inputs = {node.name: node for node in session.get_inputs()}
    picture = inputs.pop(spec.name, None)
    if picture is None:
        raise InputError(f"{path}: input.name is {spec.name!r}; the model has {_names(inputs)}")
    if picture.type != "tensor(float)":
        raise InputError(f"{path}: input {spec.name!r} is {picture.type}; allowed is tensor(float)")
    _check_shape(path, spec, list(picture.shape), several=several)
    return inputs


def _check_shape(path: Path, spec: InputSpec, shape: Sequence[int | str | None], *, several: bool) -> None:
    """Sides that are left open are no numbers."""
    allowed = "(n, 3, height, width)" if several else "(1, 3, height, width)"
    if len(shape) == 4 and shape[3] == 3 and shape[1] != 3:
        raise InputError(
            f"{path}: input {spec.name!r} is {shape}, colours last (NHWC); allowed is {allowed}, colours"
            " first: export the model so, or convert it with tf2onnx --inputs-as-nchw"
        )
    fixed = [side if isinstance(side, int) else None for side in shape]
    if len(shape) != 4 or fixed[0] not in ({None} if several else {1, None}) or fixed[1] not in {3, None}:
        what = "colour pictures, whose number n is left open" if several else "a colour picture"
        raise InputError(f"{path}: input {spec.name!r} is {shape}; allowed is {allowed}: {what}")
    for key, value, side in (("height", spec.height, fixed[2]), ("width", spec.width, fixed[3])):
        if side not in {value, None}:
            raise InputError(f"{path}: input.{key} is {value}; the model allows {side}")


def open_session(manifest: Path, model: Path, threads: int) -> onnxruntime.InferenceSession:
    """Open a model for the CPU; InputError, beginning with its manifest's path, if it is none."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # 2.8 times less CPU, paced
    options.log_severity_level = 4  # errors are raised
    try:
        return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except FAULTS as error:
        raise InputError(f"{manifest}: file is {model}, no ONNX model that runs: {line_of(error)}") from error


def run_model(
    session: onnxruntime.InferenceSession, path: Path, outputs: Sequence[str] | None, feeds: dict[str, Any]
) -> list[NDArray[Any]]:
    """What the model at `path` answers; WorkError where it fails, or answers NaN: not the same as seeing nothing."""
    try:
        answers: list[NDArray[Any]] = session.run(outputs, feeds)
    except FAULTS as error:
        raise WorkError(f"{path} failed: {line_of(error)}") from error
    if any(np.isnan(answer).any() for answer in answers if answer.dtype.kind == "f"):
        raise WorkError(f"{path} failed: its answer is no number (NaN)")
    return answers


def _names(names: Sequence[str] | dict[str, Any]) -> str:
    return ", ".join(map(repr, names)) or "no other"


def line_of(error: Exception) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split())
