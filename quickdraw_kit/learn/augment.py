"""Augmentation of whole batches, on their device: one affine map for each image or drawing.

Translation, rotation, scale, shear and flip are one matrix. So an image is sampled once, whatever
is asked for, and the points of a drawing are mapped without sampling.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import affine_grid, grid_sample

from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.learn.data.sequences import PackedStrokes, transform_strokes

# Characters whose mirror image is the same character. A label of one character is that character;
# a longer label names a thing, which may be drawn either way round.
_SYMMETRIC = frozenset("08AHIMOTUVWXYilovwx")


def flippable_labels(label_names: tuple[str, ...]) -> tuple[bool, ...]:
    """Return, for each label, whether its images may be mirrored."""
    return tuple(len(name) != 1 or name in _SYMMETRIC for name in label_names)


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Random affine maps, drawn from the random numbers of the device; see `TrainConfig`."""

    translate: float = 0.0
    rotate: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    flippable: tuple[bool, ...] = ()  # for each label; empty: flip nothing

    @classmethod
    def from_config(cls, config: TrainConfig, label_names: tuple[str, ...]) -> "Augmentation":
        """Return the augmentation that a configuration asks for."""
        flippable = flippable_labels(label_names) if config.horizontal_flip else ()
        return cls(config.translate, config.rotate, config.scale, config.shear, flippable)

    def __bool__(self) -> bool:
        return any((self.translate, self.rotate, self.scale, self.shear, *self.flippable))

    def __call__(self, inputs: Any, labels: torch.Tensor) -> Any:
        """Augment a batch: images of shape (n, 1, side, side), or `PackedStrokes`."""
        if not self:
            return inputs
        matrices = self.draw_matrices(labels)
        if isinstance(inputs, PackedStrokes):
            return transform_strokes(inputs, matrices)
        grid = affine_grid(matrices, list(inputs.shape), align_corners=False)
        return grid_sample(inputs, grid, align_corners=False)  # what comes from outside is paper

    def draw_matrices(self, labels: torch.Tensor) -> torch.Tensor:
        """Draw an affine matrix for each label, shape (n, 2, 3), in a frame from -1 to 1."""
        count, device = len(labels), labels.device

        # always seven numbers, whatever is switched on: one setting does not move the others' draws
        draws = torch.rand(7, count, device=device)
        spread = draws[:6] * 2 - 1
        angle = spread[0] * math.radians(self.rotate)
        shear = torch.tan(spread[1] * math.radians(self.shear))
        size = torch.exp(spread[2] * math.log1p(self.scale))  # as often half as double
        sign = torch.ones(count, device=device)
        if self.flippable:
            allowed = torch.tensor(self.flippable, device=device)[labels]
            sign = torch.where(allowed & (draws[6] < 0.5), -sign, sign)

        # rotation x shear x flip, then the shift
        cos, sin = torch.cos(angle) * size, torch.sin(angle) * size
        shift_x, shift_y = spread[3] * (2 * self.translate), spread[4] * (2 * self.translate)
        rows = (
            torch.stack((cos * sign, cos * shear - sin, shift_x), dim=1),
            torch.stack((sin * sign, sin * shear + cos, shift_y), dim=1),
        )
        return torch.stack(rows, dim=1)
