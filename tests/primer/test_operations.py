"""The operations of the primer compared with loops, scipy and PyTorch."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import correlate

from quickdraw_kit.errors import UsageError
from quickdraw_kit.primer.operations import (
    conv1d,
    conv2d,
    conv2d_loops,
    conv3d,
    dense,
    flatten,
    max_pool2d,
    relu,
    softmax,
)
from tests.conftest import examples

CONVOLUTIONS = {1: conv1d, 2: conv2d, 3: conv3d}
TORCH = {1: torch.conv1d, 2: torch.conv2d, 3: torch.conv3d}
dtypes = st.sampled_from([np.float32, np.float64])


@st.composite
def cases(draw, axes: int):
    """An input, kernels and a bias that fit together."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    kernel = [draw(st.integers(1, 4)) for _ in range(axes)]
    space = [side + draw(st.integers(0, 6)) for side in kernel]
    channels, outputs = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    dtype = draw(dtypes)
    x = rng.normal(size=(channels, *space)).astype(dtype)
    weights = rng.normal(size=(outputs, channels, *kernel)).astype(dtype)
    return x, weights, rng.normal(size=outputs).astype(dtype)


@pytest.mark.parametrize("axes", [1, 2, 3])
@examples(60)
@given(data=st.data(), stride=st.integers(1, 3))
def test_valid_padding_agrees_with_torch(axes, data, stride):
    x, weights, bias = data.draw(cases(axes))
    ours = CONVOLUTIONS[axes](x, weights, bias, stride=stride)
    theirs = TORCH[axes](*map(torch.from_numpy, (x[None], weights, bias)), stride=stride)[0]
    assert ours.dtype == x.dtype
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-4)


# torch warns once that it copies the input for an even kernel
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("axes", [1, 2, 3])
@examples(40)
@given(data=st.data())
def test_same_padding_agrees_with_torch(axes, data):
    x, weights, bias = data.draw(cases(axes))
    ours = CONVOLUTIONS[axes](x, weights, bias, padding="same")
    assert ours.shape[1:] == x.shape[1:]
    theirs = TORCH[axes](*map(torch.from_numpy, (x[None], weights, bias)), padding="same")[0]
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-4)


@pytest.mark.parametrize("axes", [1, 2, 3])
@examples(40)
@given(data=st.data())
def test_one_channel_agrees_with_scipy(axes, data):
    x, weights, _ = data.draw(cases(axes))
    ours = CONVOLUTIONS[axes](x[0], weights[0, 0])
    np.testing.assert_allclose(ours, correlate(x[0], weights[0, 0], "valid"), atol=1e-4)


@examples(80)
@given(case=cases(2), stride=st.integers(1, 3), padding=st.sampled_from(["valid", "same"]))
def test_the_loops_and_the_matrix_product_are_equal(case, stride, padding):
    options = {"stride": stride, "padding": padding}
    slow, fast = (convolve(*case, **options) for convolve in (conv2d_loops, conv2d))
    assert slow.shape == fast.shape
    np.testing.assert_allclose(slow, fast, atol=1e-4)


@examples(40)
@given(st.integers(1, 60), st.integers(1, 9), st.integers(1, 5))
def test_same_padding_gives_one_output_per_stride(length, width, stride):
    ours = conv1d(np.ones(length), np.ones(width), stride=stride, padding="same")
    assert len(ours) == -(-length // stride)


@examples(40)
@given(st.integers(0, 99), st.integers(1, 4), st.integers(4, 9), st.integers(4, 9))
def test_pooling_agrees_with_torch(seed, size, height, width):
    x = np.random.default_rng(seed).normal(size=(2, height, width))
    theirs = torch.max_pool2d(torch.from_numpy(x), size)
    assert np.array_equal(max_pool2d(x, size), theirs.numpy())


@examples(40)
@given(st.integers(0, 99), st.integers(1, 40), st.integers(1, 9))
def test_dense_relu_flatten_and_softmax_agree_with_torch(seed, inputs, outputs):
    rng = np.random.default_rng(seed)
    x, weights, bias = (rng.normal(size=s) for s in (inputs, (outputs, inputs), outputs))
    tensors = [torch.from_numpy(each) for each in (x, weights, bias)]
    ours = dense(relu(x), weights, bias)
    theirs = torch.nn.functional.linear(torch.relu(tensors[0]), *tensors[1:])
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-12)
    np.testing.assert_allclose(softmax(100 * ours), torch.softmax(100 * theirs, 0), atol=1e-12)
    assert np.array_equal(flatten(weights), tensors[1].flatten().numpy())


def test_the_worked_example():
    x = np.array(
        [[1, 2, 0, 1, 2], [0, 1, 3, 1, 0], [2, 2, 1, 0, 1], [1, 0, 2, 1, 3], [2, 1, 0, 1, 2]]
    )
    for convolve in (conv2d, conv2d_loops):
        feature_map = convolve(x, np.array([[1, 0, -1]] * 3))
        assert feature_map.tolist() == [[-1, 3, 1], [-3, 1, 2], [2, 1, -3]]
        assert relu(feature_map).tolist() == [[0, 3, 1], [0, 1, 2], [2, 1, 0]]
        assert max_pool2d(relu(feature_map)).tolist() == [[3]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: conv2d(np.ones((2, 2)), np.ones((3, 3))), "larger than its input"),
        (lambda: conv2d(np.ones((2, 4, 4)), np.ones((1, 3, 2, 2))), "do not fit an input"),
        (lambda: conv2d(np.ones((4, 4)), np.ones((2, 2)), stride=0), "at least 1"),
        (lambda: conv2d(np.ones((4, 4)), np.ones((2, 2)), padding="full"), "valid or same"),
        (lambda: conv2d(np.ones((1, 4, 4)), np.ones((2, 1, 2, 2)), np.ones(3)), r"expected \(2,\)"),
        (lambda: max_pool2d(np.ones((3, 3)), 4), "do not fit into"),
        (lambda: dense(np.ones(3), np.ones((2, 4))), "do not fit an input"),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit_are_refused(call, message):
    with pytest.raises(UsageError, match=message):
        call()
