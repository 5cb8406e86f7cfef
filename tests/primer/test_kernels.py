"""The named kernels have the effects that are written beside them."""

import numpy as np
import pytest

from quickdraw_kit.primer.kernels import KERNELS, apply_kernel

FLAT = np.full((9, 9), 100, np.uint8)
INSIDE = (slice(1, -1), slice(1, -1))


def test_on_a_flat_image_kernels_give_the_sum_of_their_weights():
    for name, kernel in KERNELS.items():
        response = apply_kernel(FLAT, name)[INSIDE]
        np.testing.assert_allclose(response, 100 * kernel.weights.sum(), atol=1e-9)


def test_identity_changes_nothing():
    image = np.random.default_rng(0).integers(0, 256, (9, 9), np.uint8)
    assert np.array_equal(apply_kernel(image, "identity"), image)


@pytest.mark.parametrize(("name", "axis"), [("Sobel vertical", 1), ("Sobel horizontal", 0)])
def test_sobel_responds_to_edges_of_one_direction_only(name, axis):
    edge = np.zeros((9, 9), np.uint8)
    edge[(slice(None),) * axis + (slice(0, 4),)] = 255
    assert apply_kernel(edge, name)[INSIDE].max() == 4 * 255
    assert not apply_kernel(edge.T, name)[INSIDE].any()


def test_planes_of_a_color_image_are_independent():
    image = np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)
    blurred = apply_kernel(image, "box blur")
    for plane in range(3):
        assert np.array_equal(blurred[..., plane], apply_kernel(image[..., plane], "box blur"))
