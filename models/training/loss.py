"""The training loss: SimOTA's matching and the three losses of YOLOX.

A cell is told of a box when the box, judged by place and by what the network says at present, costs little
there (Ge et al., YOLOX, 2021: section 2.2). Two additions for labels that are not complete: of a box that may be
one of several classes only the others are told to be wrong, and that one of these to be right which the network
already holds for the likeliest; and cells that fall in an ignored region and in no box have no objectness loss.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy
from torch.nn.functional import one_hot

from models.training.network import cells, decode

BOX_WEIGHT = 5.0
CENTRE_CELLS = 2.5  # a cell this near to the centre of a box, in cells of its stride, may be told of it
COST_OF_OVERLAP = 3.0
KIND_WEIGHTS = (1.0, 3.0, 4.0, 3.0, 3.0, 3.0)  # cars are nine in ten boxes: without these a truck becomes a car
COST_OUTSIDE = 1e5
LARGEST_TELL = 10  # at most so many cells are told of one box


@dataclass(frozen=True, slots=True)
class Target:
    """One picture: boxes as centre and size, ignored regions as corners, all in pixels of the input."""

    boxes: Tensor  # (n, 4)
    classes: Tensor  # (n, kinds) bool: those that it may be
    ignore: Tensor  # (m, 4)


def detection_loss(raw: Tensor, targets: list[Target], height: int, width: int) -> tuple[Tensor, dict[str, float]]:
    """The loss of a batch, divided by the number of cells matched to a box, and its parts for the log."""
    corners, strides = cells(height, width)
    centres = (corners + 0.5) * strides[:, None]
    boxes = decode(raw, height, width)
    things, kinds = raw[..., 4], raw[..., 5:]
    box_loss = raw.new_zeros(())
    kind_loss = raw.new_zeros(())
    wanted = torch.zeros_like(things)
    judged = torch.ones_like(things)
    weights = raw.new_tensor(KIND_WEIGHTS)
    told = 0
    for number, target in enumerate(targets):
        if len(target.ignore):
            judged[number][inside(centres, target.ignore).any(1)] = 0.0
            corners_of = torch.cat(
                (
                    target.boxes[:, :2] - target.boxes[:, 2:] / 2,
                    target.boxes[:, :2] + target.boxes[:, 2:] / 2,
                ),
                1,
            )
            judged[number][inside(centres, corners_of).any(1)] = 1.0
        if not len(target.boxes):
            continue
        with torch.no_grad():
            chosen, owner, agreement = match(
                boxes[number].detach(),
                things[number].detach(),
                kinds[number].detach(),
                target,
                centres,
                strides,
            )
        told += len(chosen)
        wanted[number, chosen] = 1.0
        judged[number, chosen] = 1.0
        overlap = paired_overlap(boxes[number, chosen], target.boxes[owner])
        box_loss = box_loss + (1.0 - overlap.square()).sum()
        allowed = target.classes[owner]
        known = ~allowed.all(1)  # the others may be anything
        goal, judged_kinds = goals(kinds[number, chosen].detach(), allowed)
        each = cross_entropy(kinds[number, chosen], goal * agreement[:, None].to(kinds), reduction="none")
        weight = (goal * weights).sum(1)
        kind_loss = kind_loss + ((each * judged_kinds).sum(1) * weight)[known].sum()
    thing_loss = (cross_entropy(things, wanted, reduction="none") * judged).sum()
    scale = 1.0 / max(told, 1)
    parts = {
        "box": BOX_WEIGHT * box_loss.item() * scale,
        "thing": thing_loss.item() * scale,
        "kind": kind_loss.item() * scale,
        "told": told / len(targets),
    }
    return (BOX_WEIGHT * box_loss + thing_loss + kind_loss) * scale, parts


def match(  # noqa: PLR0917  # all are tensors of one picture
    boxes: Tensor, things: Tensor, kinds: Tensor, target: Target, centres: Tensor, strides: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Which cells are matched to which box: numbers of cells, their box, their present overlap with it."""
    middle, half = target.boxes[:, :2], target.boxes[:, 2:] / 2
    within = inside(centres, torch.cat((middle - half, middle + half), 1))
    near = ((centres[:, None] - middle[None]).abs() < CENTRE_CELLS * strides[:, None, None]).all(2)
    candidates = (within | near).any(1).nonzero()[:, 0]
    preferred = (within & near)[candidates]
    agreement = all_overlaps(boxes[candidates], target.boxes)
    score = (things[candidates, None].sigmoid() * kinds[candidates].sigmoid()).sqrt()
    nothing = -torch.log((1 - score).clamp(min=1e-6)).sum(1, keepdim=True)
    gain = torch.log(score.clamp(min=1e-6)) - torch.log((1 - score).clamp(min=1e-6))
    gains = gain[:, None].masked_fill(~target.classes[None], -torch.inf)  # cells, boxes, kinds
    kind_cost = nothing - gains.max(2).values  # binary cross entropy against the likeliest class that the box may have
    cost = kind_cost - COST_OF_OVERLAP * torch.log(agreement + 1e-8) + COST_OUTSIDE * ~preferred
    tellings = agreement.topk(min(LARGEST_TELL, len(candidates)), dim=0).values.sum(0).int().clamp(min=1)
    chosen = torch.zeros_like(cost, dtype=torch.bool)
    ranked = cost.argsort(0)
    for box, count in enumerate(tellings.tolist()):
        chosen[ranked[:count, box], box] = True
    shared = chosen.sum(1) > 1  # a cell is told of one box only: the cheapest
    if shared.any():
        cheapest = cost[shared].argmin(1)
        chosen[shared] = False
        chosen[shared.nonzero()[:, 0], cheapest] = True
    rows, owner = chosen.nonzero(as_tuple=True)
    return candidates[rows], owner, agreement[rows, owner]


def goals(kinds: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
    """Of the classes that a box may have, the likeliest at present is right; the other allowed ones are not judged."""
    likeliest = kinds.masked_fill(~allowed, -torch.inf).argmax(1)
    goal = one_hot(likeliest, kinds.shape[-1]).to(kinds)
    return goal, (~allowed | goal.bool()).to(kinds)


def inside(points: Tensor, corners: Tensor) -> Tensor:
    """(points, boxes): does the point lie in the box."""
    low = points[:, None] > corners[None, :, :2]
    high = points[:, None] < corners[None, :, 2:]
    return (low & high).all(2)


def all_overlaps(one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union of every pair; boxes as centre and size."""
    low = torch.maximum((one[:, :2] - one[:, 2:] / 2)[:, None], (other[:, :2] - other[:, 2:] / 2)[None])
    high = torch.minimum((one[:, :2] + one[:, 2:] / 2)[:, None], (other[:, :2] + other[:, 2:] / 2)[None])
    shared = (high - low).clamp(min=0).prod(2)
    return shared / (one[:, 2:].prod(1)[:, None] + other[:, 2:].prod(1)[None] - shared + 1e-9)


def paired_overlap(one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union, row by row; boxes as centre and size."""
    low = torch.maximum(one[:, :2] - one[:, 2:] / 2, other[:, :2] - other[:, 2:] / 2)
    high = torch.minimum(one[:, :2] + one[:, 2:] / 2, other[:, :2] + other[:, 2:] / 2)
    shared = (high - low).clamp(min=0).prod(1)
    return shared / (one[:, 2:].prod(1) + other[:, 2:].prod(1) - shared + 1e-9)
