"""`Augmentation` draws the maps that were asked for, and applies them to images and strokes."""

import math

import numpy as np
import pytest
import torch

from quickdraw_kit.learn.augment import Augmentation, flippable_labels
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.learn.data.sequences import pack_strokes, transform_strokes
from quickdraw_kit.synthetic.generator import generate_drawings

MANY = torch.zeros(2000, dtype=torch.int64)


def blob(x: int, y: int) -> torch.Tensor:
    image = torch.zeros(1, 1, 28, 28)
    image[..., y - 1 : y + 2, x - 1 : x + 2] = 1
    return image


def center(images: torch.Tensor) -> torch.Tensor:
    """Center of mass of each image, in pixels from its middle."""
    axis = torch.arange(28) - 13.5
    mass = images[:, 0].sum(dim=(1, 2))
    x = (images[:, 0] * axis).sum(dim=(1, 2)) / mass
    y = (images[:, 0] * axis[:, None]).sum(dim=(1, 2)) / mass
    return torch.stack((x, y), dim=1)


def test_without_augmentation_images_are_unchanged():
    augment = Augmentation.from_config(TrainConfig(), ("cat", "dog"))
    images = torch.rand(3, 1, 28, 28)
    assert not augment
    assert augment(images, MANY[:3]) is images


def test_translation_is_uniform_up_to_its_maximum():
    torch.manual_seed(0)
    moved = center(Augmentation(translate=0.1)(blob(14, 14).expand(2000, -1, -1, -1), MANY))
    shift = moved - center(blob(14, 14))
    assert shift.abs().max() <= 2.8 + 1e-3
    assert shift.abs().max() > 2.7
    assert shift.mean(dim=0).abs().max() < 0.1
    assert shift.std(dim=0) == pytest.approx(np.full(2, 2.8 / math.sqrt(3)), rel=0.05)


def test_rotation_keeps_the_distance_from_the_center():
    torch.manual_seed(0)
    moved = center(Augmentation(rotate=20)(blob(20, 14).expand(500, -1, -1, -1), MANY[:500]))
    start = center(blob(20, 14))
    torch.testing.assert_close(moved.norm(dim=1), start.norm(dim=1).expand(500), atol=0.1, rtol=0)
    angles = torch.atan2(moved[:, 1], moved[:, 0]) - torch.atan2(start[:, 1], start[:, 0])
    assert 19 < math.degrees(angles.max()) < 20.5
    assert -20.5 < math.degrees(angles.min()) < -19


def test_scale_grows_as_often_as_it_shrinks():
    torch.manual_seed(0)
    maps = Augmentation(scale=0.25).draw_matrices(MANY)
    sizes = maps[:, 0, 0]
    assert sizes.min() >= 1 / 1.25
    assert sizes.max() <= 1.25
    assert sizes.log().mean().abs() < 0.01  # as often halved as doubled


def test_only_flippable_labels_are_mirrored():
    torch.manual_seed(0)
    augment = Augmentation(flippable=flippable_labels(("cat", "7")))
    labels = torch.tensor([0, 1]).repeat(500)
    mirrored = augment.draw_matrices(labels)[:, 0, 0] < 0
    assert mirrored[labels == 0].float().mean() == pytest.approx(0.5, abs=0.1)
    assert not mirrored[labels == 1].any()
    assert not Augmentation(flippable=flippable_labels(("2", "3")))


def test_flippable_labels():
    assert flippable_labels(("cat", "2", "8")) == (True, False, True)


def test_flipped_images_are_mirrored():
    half = torch.zeros(1, 1, 4, 4)
    half[..., :2] = 1
    flip = Augmentation(flippable=(True,))
    corners = {flip(half, torch.tensor([0]))[0, 0, 0, 0].item() for _ in range(64)}
    assert sorted(corners) == [0.0, 1.0]


def test_same_random_numbers_same_images():
    augment = Augmentation(translate=0.1, rotate=10, scale=0.1, shear=10, flippable=(True,))
    images = torch.rand(4, 1, 28, 28)
    results = []
    for _ in range(2):
        torch.manual_seed(3)
        results.append(augment(images, MANY[:4]))
    assert torch.equal(*results)


def test_each_drawing_moves_by_its_own_map():
    drawings = generate_drawings(["star", "line", "sun"], 2, raw=False)
    packed = pack_strokes(drawings)
    maps = torch.zeros(len(drawings), 2, 3)
    factors = torch.arange(1.0, len(drawings) + 1)
    maps[:, 0, 0] = maps[:, 1, 1] = factors
    maps[:, 0, 2] = 5
    moved = transform_strokes(packed, maps)
    expected = packed.points.clone()
    expected[:, :4] *= factors[packed.drawing][:, None]
    expected[:, 0] += 5
    torch.testing.assert_close(moved.points, expected)
