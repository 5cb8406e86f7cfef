"""Augmentation of whole batches, where they are: one affine map for each image or drawing.

Shift, rotation, scale, shear and mirroring are one matrix, so an image is sampled once, however
many of them are asked for, and strokes are moved by the same kind of map without sampling at all.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import affine_grid, grid_sample

from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.learn.data.sequences import PackedStrokes, transform_strokes

__all__ = ["Augmentation", "mirrors"]

# characters that are themselves in a mirror; a label of more than one character is a thing
_SYMMETRIC = frozenset("08AHIMOTUVWXYilovwx")


def mirrors(label_names: tuple[str, ...]) -> tuple[bool, ...]:
    """Tell of which labels a mirror image is another picture of the same."""
    return tuple(len(name) != 1 or name in _SYMMETRIC for name in label_names)


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Random affine maps, drawn from the random numbers of the device."""

    translate: float = 0.0
    rotate: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    flips: tuple[bool, ...] = ()

    @classmethod
    def of(cls, config: TrainConfig, label_names: tuple[str, ...]) -> "Augmentation":
        """Return what a configuration asks for."""
        flips = mirrors(label_names) if config.horizontal_flip else ()
        return cls(config.translate, config.rotate, config.scale, config.shear, flips)

    def __bool__(self) -> bool:
        return any((self.translate, self.rotate, self.scale, self.shear, *self.flips))

    def __call__(self, inputs: Any, labels: torch.Tensor) -> Any:
        """Augment a batch of images or of strokes."""
        if not self:
            return inputs
        if isinstance(inputs, PackedStrokes):
            return transform_strokes(inputs, self.maps(labels))
        return self.images(inputs, labels)

    def maps(self, labels: torch.Tensor) -> torch.Tensor:
        """Draw a map for each label."""
        count, device = len(labels), labels.device
        draws = torch.rand(7, count, device=device)
        spread = draws[:6] * 2 - 1
        angle = spread[0] * math.radians(self.rotate)
        lean = torch.tan(spread[1] * math.radians(self.shear))
        size = torch.exp(spread[2] * math.log1p(self.scale))
        mirror = torch.ones(count, device=device)
        if self.flips:
            allowed = torch.tensor(self.flips, device=device)[labels]
            mirror = torch.where(allowed & (draws[6] < 0.5), -mirror, mirror)
        cos, sin = torch.cos(angle) * size, torch.sin(angle) * size
        rows = (
            torch.stack((cos * mirror, cos * lean - sin, spread[3] * (2 * self.translate)), dim=1),
            torch.stack((sin * mirror, sin * lean + cos, spread[4] * (2 * self.translate)), dim=1),
        )
        return torch.stack(rows, dim=1)

    def images(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Sample each image under a map of its own; what comes from outside is paper."""
        grid = affine_grid(self.maps(labels), list(images.shape), align_corners=False)
        return grid_sample(images, grid, align_corners=False)
