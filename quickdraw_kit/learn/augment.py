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
from quickdraw_kit.learn.sequence import PackedStrokes, transform_strokes

__all__ = ["Augmentation", "mirrors"]

# characters that are themselves in a mirror; a label of more than one character is a thing
_SYMMETRIC = frozenset("08AHIMOTUVWXYilovwx")


def mirrors(label_names: tuple[str, ...]) -> tuple[bool, ...]:
    """Tell of which labels a mirror image is another picture of the same.

    Parameters
    ----------
    label_names : tuple of str
        A single character is taken for a digit or a letter, anything longer for a thing.

    Returns
    -------
    tuple of bool
        In label order.

    Examples
    --------
    >>> mirrors(("cat", "2", "8"))
    (True, False, True)
    """
    return tuple(len(name) != 1 or name in _SYMMETRIC for name in label_names)


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Random affine maps, drawn from the random numbers of the device.

    Parameters
    ----------
    shift : float
        Share of the side, at most, either way.
    rotate, shear : float
        Degrees, at most, either way.
    scale : float
        Share of growing or shrinking, at most.
    flips : tuple of bool
        Labels that may be mirrored; empty for none.

    Examples
    --------
    >>> half = torch.zeros(1, 1, 4, 4)
    >>> half[..., :2] = 1
    >>> mirror = Augmentation(flips=(True,))
    >>> seen = {mirror.images(half, torch.tensor([0]))[0, 0, 0, 0].item() for _ in range(64)}
    >>> sorted(seen)
    [0.0, 1.0]
    """

    shift: float = 0.0
    rotate: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    flips: tuple[bool, ...] = ()

    @classmethod
    def of(cls, config: TrainConfig, label_names: tuple[str, ...]) -> "Augmentation":
        """Return what a configuration asks for.

        Parameters
        ----------
        config : TrainConfig
            The settings.
        label_names : tuple of str
            They say what may be mirrored.

        Returns
        -------
        Augmentation
            False when it would do nothing.

        Examples
        --------
        >>> bool(Augmentation.of(TrainConfig(), ("cat", "dog")))
        False
        """
        flips = mirrors(label_names) if config.flip else ()
        return cls(config.shift, config.rotate, config.scale, config.shear, flips)

    def __bool__(self) -> bool:
        return any((self.shift, self.rotate, self.scale, self.shear, *self.flips))

    def __call__(self, inputs: Any, labels: torch.Tensor) -> Any:
        """Augment a batch of images or of strokes.

        Parameters
        ----------
        inputs : torch.Tensor or PackedStrokes
            What `Model.inputs` returned.
        labels : torch.Tensor of int64, shape (n,)
            They say which may be mirrored.

        Returns
        -------
        torch.Tensor or PackedStrokes
            Of the same kind.
        """
        if not self:
            return inputs
        if isinstance(inputs, PackedStrokes):
            return transform_strokes(inputs, self.maps(labels))
        return self.images(inputs, labels)

    def maps(self, labels: torch.Tensor) -> torch.Tensor:
        """Draw a map for each label.

        Parameters
        ----------
        labels : torch.Tensor of int64, shape (n,)
            On the device where the maps are wanted.

        Returns
        -------
        torch.Tensor of float32, shape (n, 2, 3)
            Acts on (x, y, 1), where x and y go from -1 to 1 across the image.
        """
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
            torch.stack((cos * mirror, cos * lean - sin, spread[3] * (2 * self.shift)), dim=1),
            torch.stack((sin * mirror, sin * lean + cos, spread[4] * (2 * self.shift)), dim=1),
        )
        return torch.stack(rows, dim=1)

    def images(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Sample each image under a map of its own; what comes from outside is paper.

        Parameters
        ----------
        images : torch.Tensor of float32, shape (n, 1, side, side)
            Paper is 0.
        labels : torch.Tensor of int64, shape (n,)
            They say which may be mirrored.

        Returns
        -------
        torch.Tensor of float32, shape (n, 1, side, side)
        """
        grid = affine_grid(self.maps(labels), list(images.shape), align_corners=False)
        return grid_sample(images, grid, align_corners=False)
