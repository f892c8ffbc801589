"""The second look: a small classifier of one vehicle's picture, cut out of the frame at its own resolution.

Its manifest (YAML) says what goes in and what comes out, as a detector's does:

    name, version, licence, file, sha256
    input: {name, height, width, colours, scale, mean, deviation, pad}   # the crop lies centred, its proportions kept
    around: [0.05, 0.2]        # shares of the box's sides that are added on every side: one picture each
    mirrored: true             # every other of these pictures is mirrored, so that errors of one side even out
    labels: [...]              # one of our classes for each number that comes out
    macs_millions: 71          # multiply-accumulates of one picture, in millions; optional
    tail: {bus: {judged: 1200, above: [[0.5, 9], [0.9, 0]]}}   # measured: of so many vehicles of other classes, how
                               # many are called this with at least each probability; without it none is ever news
    tail_of: "0123456789ab"    # the beginning of the sha256 of the model with which that was measured
    judged:                    # optional: how it errs, told with `info`
      sha256: ...              # of the model file that was judged; of another one it is passed over
      told: {car: {car: 95, van: 5}, ...}    # true class: what so many vehicles of it are called, never learned from
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.counting.detection import CLASSES, UNCLASSIFIED, Detection
from edge.errors import InputError, WorkError
from edge.vision.boxes import Floats
from edge.vision.detector import open_session, other_inputs, run_model
from edge.vision.fitting import Picture
from edge.vision.manifest import InputSpec, ModelDocument, ModelManifest, model_of, path_of, read_document

_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


_True = Literal[CLASSES]  # type: ignore[valid-type]  # a Literal of our own words
_Told = Literal[(*CLASSES, UNCLASSIFIED)]  # type: ignore[valid-type]
_Vehicles = Annotated[int, msgspec.Meta(ge=0, le=10**9)]


class _Judged(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sha256: str
    told: dict[_True, dict[_Told, _Vehicles]]


class _Document(ModelDocument, frozen=True, kw_only=True, forbid_unknown_fields=True):
    labels: list[str]
    around: Annotated[tuple[_Share, ...], msgspec.Meta(min_length=1, max_length=4)] = (0.05, 0.2)
    mirrored: bool = False
    judged: _Judged | None = None
    tail_of: str = ""
    tail: dict[Literal[CLASSES], dict[str, Any]] = msgspec.field(default_factory=dict)  # type: ignore[valid-type]  # a Literal of our classes


@dataclass(frozen=True, slots=True, kw_only=True)
class NamingManifest(ModelManifest):
    """A checked manifest of a second look."""

    around: tuple[float, ...]
    mirrored: bool
    labels: tuple[str, ...]
    tail: Mapping[str, Mapping[str, Any]]
    """By class: `judged` and `above`, see `edge.counting.class_tail.Tail`."""
    judged: dict[str, dict[str, int]] = field(default_factory=dict)
    """True class -> what it is called -> vehicles; empty where nobody judged this very model."""

    @property
    def look_macs_millions(self) -> float | None:
        """Multiply-accumulates of a look at one vehicle, in millions; None where the manifest does not say."""
        return None if self.macs_millions is None else self.macs_millions * len(self.around)


def load_naming(name_or_path: str | Path) -> NamingManifest:
    """Read and check a manifest, by its path or the bare name of one that ships; InputError says what is wrong."""
    path = path_of(name_or_path)
    document = read_document(path, _Document)
    model = model_of(path, document)
    sha256 = model["sha256"]
    if sorted(document.labels) != sorted(CLASSES):
        raise InputError(
            f"{path}: labels is {', '.join(document.labels)}; each of {', '.join(CLASSES)} is needed, once"
        )
    if document.tail and not (document.tail_of and sha256.startswith(document.tail_of)):
        raise InputError(
            f"{path}: tail was measured with model {document.tail_of or '(tail_of is missing)'}, and this one is"
            f" {sha256[:12]}; measure it anew or leave it out"
        )
    return NamingManifest(
        **model,
        around=document.around,
        mirrored=document.mirrored,
        labels=tuple(document.labels),
        tail=document.tail,
        judged=document.judged.told if document.judged is not None and document.judged.sha256 == sha256 else {},
    )


class OnnxNamer:
    """Runs the classifier on the CPU; raises InputError if the model is not what its manifest says."""

    def __init__(self, manifest: NamingManifest, threads: int = 1) -> None:
        self.manifest = manifest
        self._order = [manifest.labels.index(label) for label in CLASSES]
        self._session = open_session(manifest.path, manifest.model_path, threads)
        spec = manifest.input
        if others := other_inputs(manifest.path, spec, self._session, several=True):
            raise InputError(
                f"{manifest.path}: the model has further inputs {', '.join(others)}; allowed is {spec.name!r}"
            )
        try:
            answers = self._infer(np.zeros((2, 3, spec.height, spec.width), np.float32))
        except WorkError as error:
            raise InputError(f"{manifest.path}: {error}") from error
        if answers.shape != (2, len(CLASSES)):
            raise InputError(
                f"{manifest.path}: the model gives {answers.shape}; allowed is one number for each of the labels"
            )

    def look(self, image: Picture, boxes: list[Detection]) -> list[tuple[float, ...]]:
        """The logarithms of the probabilities of CLASSES for each box of a (H, W, 3) BGR picture.

        Raises WorkError if the model fails.
        """
        if not boxes:
            return []
        height, width = image.shape[:2]
        inputs = []
        for box in boxes:
            for number, share in enumerate(self.manifest.around):
                x1, y1, x2, y2 = around((box.x1, box.y1, box.x2, box.y2), share, width, height)
                across = -1 if self.manifest.mirrored and number % 2 else 1
                inputs.append(fit(image[y1:y2, x1:x2][:, ::across], self.manifest.input))
        logits = self._infer(np.stack(inputs)).astype(np.float64)
        logits -= logits.max(axis=1, keepdims=True)
        logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        means = logs.reshape(len(boxes), len(self.manifest.around), -1).mean(axis=1)[:, self._order]
        return [tuple(row) for row in means.round(4).tolist()]

    def _infer(self, inputs: Floats) -> NDArray[np.float32]:
        return run_model(self._session, self.manifest.model_path, None, {self.manifest.input.name: inputs})[0]


def around(box: tuple[float, float, float, float], share: float, width: int, height: int) -> tuple[int, int, int, int]:
    """The box with `share` of its sides on every side, in whole pixels inside the picture."""
    x1, y1, x2, y2 = box
    dx, dy = share * (x2 - x1), share * (y2 - y1)
    left, top = min(max(0, int(x1 - dx)), width - 1), min(max(0, int(y1 - dy)), height - 1)
    return left, top, max(left + 1, min(width, int(x2 + dx + 1))), max(top + 1, min(height, int(y2 + dy + 1)))


def fit(crop: Picture, spec: InputSpec) -> Floats:
    """The (3, height, width) input of a BGR crop of any size: in the middle, shrunk by averaging."""
    height, width = crop.shape[:2]
    scale = min(spec.width / width, spec.height / height)
    size = max(1, int(width * scale)), max(1, int(height * scale))
    resized = cv2.resize(crop, size, interpolation=cv2.INTER_LINEAR if scale > 1 else cv2.INTER_AREA)
    square = np.full((spec.height, spec.width, 3), spec.pad, np.uint8)
    left, top = (spec.width - size[0]) // 2, (spec.height - size[1]) // 2
    square[top : top + size[1], left : left + size[0]] = resized
    ordered = square[..., ::-1] if spec.colours == "rgb" else square
    values = (ordered * np.float32(spec.scale) - np.array(spec.mean, np.float32)) / np.array(spec.deviation, np.float32)
    return np.ascontiguousarray(values.transpose(2, 0, 1), np.float32)
