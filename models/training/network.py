"""YOLOX-Nano as one PyTorch module, with the parameter names of the published weights.

The architecture is Megvii's YOLOX-Nano (Ge et al., 2021, Apache-2.0): a CSP-Darknet of width 0.25 with
depthwise-separable filters, a path aggregation network and a decoupled head without anchors on strides 8,
16 and 32. Only the names of the parameters are kept from the original, so that its weights load; the text
is ours.
"""
# ruff: noqa: D102  # `forward` does what the class says

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from models.training.outputs import COCO_ROWS, LABELS, STRIDES

COCO_CLASSES = 80
VAN_BIAS = -1.5  # of a new van to the car that it begins as, in logits: vans are told by what is learned
WIDTH = 64  # channels of every branch of the head


class ConvNormAct(nn.Module):
    """Convolution without bias, batch normalisation, SiLU."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03)
        self.act = nn.SiLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.act(self.bn(self.conv(x)))
        return out


class Separable(nn.Module):
    """A 3x3 filter per channel, then a 1x1 mix of the channels."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.dconv = ConvNormAct(inputs, inputs, 3, stride, groups=inputs)
        self.pconv = ConvNormAct(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.pconv(self.dconv(x))
        return out


class Bottleneck(nn.Module):
    """A mix of the channels and a separable filter, added to what came in."""

    def __init__(self, channels: int, *, residual: bool) -> None:
        super().__init__()
        self.conv1 = ConvNormAct(channels, channels, 1)
        self.conv2 = Separable(channels, channels)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv2(self.conv1(x))
        return x + y if self.residual else y


class CrossStage(nn.Module):
    """Half of the channels pass the bottlenecks, half go round them."""

    def __init__(self, inputs: int, outputs: int, depth: int, *, residual: bool) -> None:
        super().__init__()
        half = outputs // 2
        self.conv1 = ConvNormAct(inputs, half, 1)
        self.conv2 = ConvNormAct(inputs, half, 1)
        self.conv3 = ConvNormAct(outputs, outputs, 1)
        self.m = nn.Sequential(*(Bottleneck(half, residual=residual) for _ in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv3(torch.cat((self.m(self.conv1(x)), self.conv2(x)), 1))
        return out


class PyramidPool(nn.Module):
    """The same features pooled over 5, 9 and 13 cells, side by side."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = ConvNormAct(channels, channels // 2, 1)
        self.m = nn.ModuleList(nn.MaxPool2d(size, 1, size // 2) for size in (5, 9, 13))
        self.conv2 = ConvNormAct(channels * 2, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        out: Tensor = self.conv2(torch.cat([x, *(pool(x) for pool in self.m)], 1))
        return out


class Stem(nn.Module):
    """Space to depth: four pixels become one of twelve channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = ConvNormAct(12, 16, 3)

    def forward(self, x: Tensor) -> Tensor:
        corners = (x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2])
        out: Tensor = self.conv(torch.cat(corners, 1))
        return out


class Darknet(nn.Module):
    """Features at strides 8, 16 and 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Stem()
        self.dark2 = nn.Sequential(Separable(16, 32, 2), CrossStage(32, 32, 1, residual=True))
        self.dark3 = nn.Sequential(Separable(32, 64, 2), CrossStage(64, 64, 3, residual=True))
        self.dark4 = nn.Sequential(Separable(64, 128, 2), CrossStage(128, 128, 3, residual=True))
        self.dark5 = nn.Sequential(Separable(128, 256, 2), PyramidPool(256), CrossStage(256, 256, 1, residual=False))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        eighth = self.dark3(self.dark2(self.stem(x)))
        sixteenth = self.dark4(eighth)
        return eighth, sixteenth, self.dark5(sixteenth)


class Pyramid(nn.Module):
    """Darknet, then coarse features flow down to the fine ones and back up."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Darknet()
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        self.lateral_conv0 = ConvNormAct(256, 128, 1)
        self.C3_p4 = CrossStage(256, 128, 1, residual=False)
        self.reduce_conv1 = ConvNormAct(128, 64, 1)
        self.C3_p3 = CrossStage(128, 64, 1, residual=False)
        self.bu_conv2 = Separable(64, 64, 2)
        self.C3_n3 = CrossStage(128, 128, 1, residual=False)
        self.bu_conv1 = Separable(128, 128, 2)
        self.C3_n4 = CrossStage(256, 256, 1, residual=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        eighth, sixteenth, thirtysecond = self.backbone(x)
        top = self.lateral_conv0(thirtysecond)
        middle = self.reduce_conv1(self.C3_p4(torch.cat((self.upsample(top), sixteenth), 1)))
        fine = self.C3_p3(torch.cat((self.upsample(middle), eighth), 1))
        medium = self.C3_n3(torch.cat((self.bu_conv2(fine), middle), 1))
        coarse = self.C3_n4(torch.cat((self.bu_conv1(medium), top), 1))
        return fine, medium, coarse


class Head(nn.Module):
    """Per stride: (x, y, log w, log h) in cells, objectness logit, class logits."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stems = nn.ModuleList(ConvNormAct(inputs, WIDTH, 1) for inputs in (64, 128, 256))
        self.cls_convs = nn.ModuleList(self._branch() for _ in STRIDES)
        self.reg_convs = nn.ModuleList(self._branch() for _ in STRIDES)
        self.cls_preds = nn.ModuleList(nn.Conv2d(WIDTH, classes, 1) for _ in STRIDES)
        self.reg_preds = nn.ModuleList(nn.Conv2d(WIDTH, 4, 1) for _ in STRIDES)
        self.obj_preds = nn.ModuleList(nn.Conv2d(WIDTH, 1, 1) for _ in STRIDES)

    @staticmethod
    def _branch() -> nn.Sequential:
        return nn.Sequential(Separable(WIDTH, WIDTH), Separable(WIDTH, WIDTH))

    def forward(self, features: tuple[Tensor, ...]) -> list[tuple[Tensor, Tensor, Tensor]]:
        maps = []
        for level, feature in enumerate(features):
            x = self.stems[level](feature)
            boxes = self.reg_convs[level](x)
            kinds = self.cls_convs[level](x)
            maps.append((self.reg_preds[level](boxes), self.obj_preds[level](boxes), self.cls_preds[level](kinds)))
        return maps


class YoloxNano(nn.Module):
    """`forward` gives logits (batch, cells, 4 + 1 + classes), the cells of stride 8 first, row by row."""

    def __init__(self, classes: int = len(LABELS)) -> None:
        super().__init__()
        self.backbone = Pyramid()
        self.head = Head(classes)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.head(self.backbone(x))
        return torch.cat([torch.cat(parts, 1).flatten(2) for parts in maps], 2).transpose(1, 2)


class ForExport(nn.Module):
    """The same network as the product reads it: objectness and class scores already through the sigmoid."""

    def __init__(self, network: YoloxNano) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        maps = self.network.head(self.network.backbone(x))
        rows = [torch.cat((box, thing.sigmoid(), kind.sigmoid()), 1).flatten(2) for box, thing, kind in maps]
        return torch.cat(rows, 2).transpose(1, 2)


def load_base(path: Path) -> YoloxNano:
    """The network with the COCO weights of `path`, the rows of our five classes copied out of the eighty."""
    state: dict[str, Tensor] = torch.load(path, map_location="cpu")["model"]
    rows = torch.tensor(COCO_ROWS)
    state = {name: value[rows] if "cls_preds" in name else value for name, value in state.items()}
    with_van(state)
    network = YoloxNano()
    network.load_state_dict(state)
    return network


def with_van(state: dict[str, Tensor]) -> None:
    """Gives weights of the first five classes a sixth, which begins as a car that is seldom meant."""
    for name, value in state.items():
        if ".cls_preds." in name and len(value) == len(COCO_ROWS):
            van = value[:1] + (VAN_BIAS if name.endswith(".bias") else 0.0)
            state[name] = torch.cat((value, van))


def load_network(path: Path) -> YoloxNano:
    """The averaged network of a checkpoint, or the base when the file holds the 80 classes of COCO."""
    state: dict[str, Tensor] = torch.load(path, map_location="cpu")["model"]
    if state["head.cls_preds.0.bias"].shape[0] == COCO_CLASSES:
        return load_base(path).eval()
    with_van(state)
    network = YoloxNano()
    network.load_state_dict(state)
    return network.eval()


def cells(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Corner (cells, 2) in cells as x, y, and stride (cells,) in pixels, in the order of `forward`."""
    corners, strides = [], []
    for stride in STRIDES:
        y, x = torch.meshgrid(torch.arange(height // stride), torch.arange(width // stride), indexing="ij")
        corners.append(torch.stack((x, y), 2).reshape(-1, 2).float())
        strides.append(torch.full((corners[-1].shape[0],), float(stride)))
    return torch.cat(corners), torch.cat(strides)


def decode(raw: Tensor, height: int, width: int) -> Tensor:
    """Boxes (batch, cells, 4) as centre x, centre y, width, height in pixels of the input."""
    corners, strides = cells(height, width)
    centre = (raw[..., :2] + corners) * strides[:, None]
    return torch.cat((centre, raw[..., 2:4].exp() * strides[:, None]), -1)
