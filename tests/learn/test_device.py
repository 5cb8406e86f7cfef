"""Devices and precisions are resolved, or refused with what to do."""

import pytest
import torch

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.device import resolve_device, resolve_precision


def test_a_device_that_is_available():
    assert resolve_device("cpu") == "cpu"
    assert resolve_device("auto") in ("cpu", "cuda", "mps")


def test_a_device_that_is_not_available():
    with pytest.raises(UsageError, match=r"device 'abacus' is not available .*try auto or cpu"):
        resolve_device("abacus")


def test_precision():
    cpu = torch.device("cpu")
    assert resolve_precision("float32", cpu) == "float32"
    assert resolve_precision("auto", cpu) in ("float32", "bfloat16")
    assert resolve_precision("auto", torch.device("mps")) == "float32"
