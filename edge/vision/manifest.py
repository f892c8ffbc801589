"""The manifest: a YAML file beside a model that says what goes in, what comes out and what it means."""

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from edge.counting.detection import CLASSES
from edge.errors import InputError
from edge.typed_yaml import WrongError, convert, read_yaml

# The 80 classes of COCO 2017 in the order of every detector trained on it.
COCO = (
    "person",
    "bicycle",
    "car",
    "motorcycle",
    "airplane",
    "bus",
    "train",
    "truck",
    "boat",
    "traffic light",
    "fire hydrant",
    "stop sign",
    "parking meter",
    "bench",
    "bird",
    "cat",
    "dog",
    "horse",
    "sheep",
    "cow",
    "elephant",
    "bear",
    "zebra",
    "giraffe",
    "backpack",
    "umbrella",
    "handbag",
    "tie",
    "suitcase",
    "frisbee",
    "skis",
    "snowboard",
    "sports ball",
    "kite",
    "baseball bat",
    "baseball glove",
    "skateboard",
    "surfboard",
    "tennis racket",
    "bottle",
    "wine glass",
    "cup",
    "fork",
    "knife",
    "spoon",
    "bowl",
    "banana",
    "apple",
    "sandwich",
    "orange",
    "broccoli",
    "carrot",
    "hot dog",
    "pizza",
    "donut",
    "cake",
    "chair",
    "couch",
    "potted plant",
    "bed",
    "dining table",
    "toilet",
    "tv",
    "laptop",
    "mouse",
    "remote",
    "keyboard",
    "cell phone",
    "microwave",
    "oven",
    "toaster",
    "sink",
    "refrigerator",
    "book",
    "clock",
    "vase",
    "scissors",
    "teddy bear",
    "hair drier",
    "toothbrush",
)

_NO_MODELS = (
    (rb"version https://git-lfs", "is a pointer of Git LFS and not the model itself: `git lfs pull` brings it"),
    (rb"$", "is empty"),
    (
        rb"(?i:\s*<(?:!doctype|html|\?xml))",
        "is a web page or XML, as a download that failed or OpenVINO leave it",
    ),
    (rb"PK\x03\x04", "is a ZIP archive, as PyTorch (.pt) and Keras write them: export it to ONNX, or unpack it"),
    (rb"....TFL3", "is a model of TensorFlow Lite: convert it with tf2onnx"),
    (rb"\x89HDF", "is HDF5, as Keras writes it: convert it with tf2onnx"),
    (rb"\x80[\x02-\x05]", "is a pickle, as PyTorch writes them: export it to ONNX"),
    (rb".{7}\x00\{\"", "holds weights without a model (safetensors): export the model to ONNX"),
    (rb"RKNN|ftrt|7767517", "is compiled for RKNN, TensorRT or NCNN: take the ONNX model that it was made of"),
    (rb"\x1f\x8b", "is packed with gzip: unpack it"),
)
"""By their first bytes: files that people take for a model."""

_T = TypeVar("_T")
_Side = Annotated[int, msgspec.Meta(ge=32, le=4096)]
_Strides = Annotated[tuple[Annotated[int, msgspec.Meta(ge=1, le=256)], ...], msgspec.Meta(min_length=1)]
_Triple = tuple[float, float, float]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Positive = Annotated[float, msgspec.Meta(gt=0)]


class InputSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The picture input: a tensor (1, 3, height, width) float32 of (pixel * scale - mean) / deviation.

    `mean` and `deviation` stand in the model's colour order. `fit`: letterbox keeps the aspect at the top
    left and fills the rest with `pad` (a pixel value), centred does so in the middle, stretch fills all.
    """

    height: _Side
    width: _Side
    name: str = "images"
    colours: Literal["bgr", "rgb"] = "bgr"
    scale: _Positive = 1.0
    mean: _Triple = (0.0, 0.0, 0.0)
    deviation: tuple[_Positive, _Positive, _Positive] = (1.0, 1.0, 1.0)
    fit: Literal["letterbox", "centred", "stretch"] = "letterbox"
    pad: Annotated[int, msgspec.Meta(ge=0, le=255)] = 114


class _Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """What the outputs mean; heads.py describes each kind where it decodes it."""


class YoloxSpec(_Head, frozen=True, tag="yolox"):
    """`decoded`: the export already turned grid cells into pixels."""

    strides: _Strides = (8, 16, 32)
    decoded: bool = False


class NanodetSpec(_Head, frozen=True, tag="nanodet"):
    """`bins`: per side, which is reg_max + 1."""

    strides: _Strides = (8, 16, 32, 64)
    bins: Annotated[int, msgspec.Meta(ge=2, le=64)] = 8


class UltralyticsSpec(_Head, frozen=True, tag="ultralytics"):
    """No options."""


class EndToEndSpec(_Head, frozen=True, tag="end_to_end"):
    """No options."""


class DetrSpec(_Head, frozen=True, tag="detr"):
    """`boxes`, `logits`: names of outputs; softmax models have one more class, "no object", at the end."""

    boxes: str = "pred_boxes"
    logits: str = "pred_logits"
    activation: Literal["sigmoid", "softmax"] = "sigmoid"


class DetrDecodedSpec(_Head, frozen=True, tag="detr_decoded"):
    """`labels`, `boxes`, `scores`: outputs; `size_input`: the int64 input (1, 2) of width, height."""

    labels: str = "labels"
    boxes: str = "boxes"
    scores: str = "scores"
    size_input: str = "orig_target_sizes"


HeadSpec = YoloxSpec | NanodetSpec | UltralyticsSpec | EndToEndSpec | DetrSpec | DetrDecodedSpec


class Overlap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Boxes that overlap (intersection over union) by more than `max` show one vehicle."""

    max: _Share = 0.65
    across_classes: bool = True


MacsMillions = Annotated[float, msgspec.Meta(gt=0, le=1e9)]


class ModelDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys that every manifest has."""

    name: str
    version: str
    licence: str
    file: str
    input: InputSpec
    macs_millions: MacsMillions | None = None
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] | None = None


class _Document(ModelDocument, frozen=True, kw_only=True, forbid_unknown_fields=True):
    head: HeadSpec
    labels: Literal["coco"] | list[str] | dict[int, str]
    classes: dict[str, str] = {}
    class_weights: dict[str, Annotated[float, msgspec.Meta(gt=0, le=100)]] = {}
    overlap: Overlap = Overlap()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelManifest:
    """What every checked manifest has.

    `sha256` is that of the model file, whether the manifest states it or not. `macs_millions` are the
    multiply-accumulates of one picture, in millions, None where the manifest does not say.
    """

    path: Path
    model_path: Path
    name: str
    version: str
    licence: str
    sha256: str
    input: InputSpec
    macs_millions: float | None = None

    @property
    def words(self) -> str:
        """Name, version and the beginning of the sha256, as in `info`."""
        return f"{self.name} {self.version} {self.sha256[:12]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest(ModelManifest):
    """A checked manifest. `class_of`: the model's class id to one of CLASSES, only those that count.

    `class_count` is how many classes the model must score, None if the labels are a sparse mapping.
    `class_weights` multiply the scores of our classes when they are compared (the score itself stays): a model trained
    on few trucks calls them cars (logit adjustment, Menon et al. 2021). Heads that name one class a box ignore them.
    """

    head: HeadSpec
    class_of: dict[int, str]
    class_count: int | None
    class_weights: dict[str, float]
    overlap: Overlap


def load_manifest(name_or_path: str | Path) -> Manifest:
    """Read and check a manifest, given as a path to a YAML file or as the bare name of a model that ships.

    Raises InputError naming the key, what was found and what is allowed; also if the model file is missing
    or is not the one whose sha256 is stated. Whether the model fits is seen when the detector opens it.
    """
    path = path_of(name_or_path)
    document = read_document(path, _Document)
    labels = _labels(document)
    return Manifest(
        **model_of(path, document),
        head=document.head,
        class_of=_class_of(path, labels, document.classes),
        class_count=None if isinstance(document.labels, dict) else len(labels),
        class_weights=_class_weights(path, document.class_weights),
        overlap=document.overlap,
    )


def path_of(name_or_path: str | Path) -> Path:
    """The manifest that is meant: a path, or the bare name of a model that ships; InputError if there is none."""
    path = Path(name_or_path)
    if path.suffix not in {".yaml", ".yml"} and path.name == str(name_or_path):
        path = find_manifest(str(name_or_path))
    if not path.is_file():
        raise InputError(f"{path} does not exist; the manifest (YAML) of a model is expected")
    return path


def find_manifest(name: str) -> Path:
    """Return the manifest of a model that ships: in the installed package, else in the repository's models/.

    Raises InputError with the names that there are.
    """
    package = Path(str(files("edge")))
    folders = (package / "models", package.parent / "models")
    for folder in folders:
        path = folder / f"{name}.yaml"
        if path.is_file():
            return path
    known = sorted({path.stem for folder in folders for path in folder.glob("*.yaml")})
    raise InputError(
        f"no model is called {name!r}; allowed are the path of a manifest (.yaml) or one of: "
        f"{', '.join(known) or 'none ships here'}"
    )


def read_document(path: Path, kind: type[_T]) -> _T:
    """The YAML of a manifest as `kind`; InputError names the key, what was found and what is allowed."""
    try:
        return convert(read_yaml(path.read_text(encoding="utf-8"), str(path)), kind)
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not YAML: {error}") from error
    except WrongError as error:
        sentence = str(error)
        raise InputError(sentence if sentence.startswith(str(path)) else f"{path}: {sentence}") from error


def _class_weights(path: Path, weights: dict[str, float]) -> dict[str, float]:
    for kind in weights:
        if kind not in CLASSES:
            raise InputError(f"{path}: class_weights names {kind!r}; allowed are {', '.join(CLASSES)}")
    return weights


def _labels(document: _Document) -> dict[int, str]:
    if document.labels == "coco":
        return dict(enumerate(COCO))
    if isinstance(document.labels, dict):
        return document.labels
    return dict(enumerate(document.labels))


def _class_of(path: Path, labels: dict[int, str], classes: dict[str, str]) -> dict[int, str]:
    """Map ids to our classes; without `classes` every label that is one of ours stands for itself."""
    names = set(labels.values())
    for label, kind in classes.items():
        if label not in names:
            raise InputError(f"{path}: classes names {label!r}, which is none of the labels")
        if kind not in CLASSES:
            raise InputError(f"{path}: classes.{label} is {kind!r}; allowed are {', '.join(CLASSES)}")
    chosen = classes or {label: label for label in CLASSES}
    class_of = {number: chosen[label] for number, label in labels.items() if label in chosen}
    if not class_of or min(labels) < 0:
        raise InputError(
            f"{path}: labels is {', '.join(sorted(names)) or 'empty'}; one of ours is needed "
            f"(by name or through classes): {', '.join(CLASSES)}, with ids from 0"
        )
    return class_of


def model_of(path: Path, document: ModelDocument) -> dict[str, Any]:
    """The fields of ModelManifest, by the document in `path` and the model beside it.

    InputError if the model is absent, not the one stated, or by its first bytes something else than an ONNX model.
    """
    file, stated = document.file, document.sha256
    model_path = path.parent / file
    if not model_path.is_file():
        raise InputError(f"{path}: file is {file}, but {model_path} does not exist")
    content = model_path.read_bytes()
    for beginning, what in _NO_MODELS:
        if re.match(beginning, content, re.DOTALL):
            raise InputError(f"{path}: file is {file}, but {model_path} {what}; an ONNX model is expected")
    sha256 = hashlib.sha256(content).hexdigest()
    if stated not in {None, sha256}:
        raise InputError(f"{path}: sha256 is {stated}, but that of {model_path} is {sha256}")
    return {
        "path": path,
        "model_path": model_path,
        "name": document.name,
        "version": document.version,
        "licence": document.licence,
        "sha256": sha256,
        "input": document.input,
        "macs_millions": document.macs_millions,
    }
