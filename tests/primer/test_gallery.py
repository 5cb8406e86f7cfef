"""The kernels of the gallery do what is said of them."""

import numpy as np
import pytest

from quickdraw_kit.primer.gallery import KERNELS, apply_kernel

FLAT = np.full((9, 9), 100, np.uint8)
INSIDE = (slice(1, -1), slice(1, -1))


def test_on_a_flat_image_kernels_answer_with_their_sum():
    for name, kernel in KERNELS.items():
        answer = apply_kernel(FLAT, name)[INSIDE]
        np.testing.assert_allclose(answer, 100 * kernel.weights.sum(), atol=1e-9)


def test_identity_changes_nothing():
    image = np.random.default_rng(0).integers(0, 256, (9, 9), np.uint8)
    assert np.array_equal(apply_kernel(image, "identity"), image)


@pytest.mark.parametrize(("name", "axis"), [("Sobel vertical", 1), ("Sobel horizontal", 0)])
def test_sobel_answers_to_its_own_edges_only(name, axis):
    edge = np.zeros((9, 9), np.uint8)
    edge[(slice(None),) * axis + (slice(0, 4),)] = 255
    assert apply_kernel(edge, name)[INSIDE].max() == 4 * 255
    assert not apply_kernel(edge.T, name)[INSIDE].any()


def test_planes_of_a_colour_image_are_apart():
    image = np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)
    answer = apply_kernel(image, "box blur")
    for plane in range(3):
        assert np.array_equal(answer[..., plane], apply_kernel(image[..., plane], "box blur"))
