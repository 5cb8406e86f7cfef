"""`TrainConfig` checks its values, and its fingerprint has what the weights depend on."""

from dataclasses import fields, replace

import pytest

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.config import TrainConfig
from quickdraw_kit.options import decode, fields_of


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "epochs is 0, expected at least 1"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"learning_rate": 0}, "learning_rate is 0"),
        ({"weight_decay": -1}, "weight_decay is -1"),
        ({"weight_decay": float("inf")}, "weight_decay is inf"),
        ({"weight_decay": float("nan")}, "weight_decay is nan"),
        ({"label_smoothing": 1}, "label_smoothing is 1"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 1 << 64}, r"expected 0 to 2\*\*64 - 1"),
        ({"threads": 0}, "threads is 0"),
        ({"early_stopping_patience": 0}, "early_stopping_patience is 0"),
        ({"schedule": "step"}, "schedule is 'step', expected one of one-cycle"),
        ({"precision": "float16"}, "precision is 'float16'"),
        ({"ema_decay": 1.0}, "ema_decay is 1.0, expected at least 0 and below 1"),
        ({"max_grad_norm": 0.0}, "max_grad_norm is 0.0, expected over 0"),
        ({"class_balance": 2.0}, "class_balance is 2.0, expected 0 to 1"),
        ({"rotate": float("nan")}, "rotate is nan"),
        ({"val_fraction": 0.6, "test_fraction": 0.4}, "leave nothing to train on"),
    ],
)
def test_invalid_values(values, message):
    with pytest.raises(UsageError, match=message):
        TrainConfig(**values)
    if all(isinstance(value, int | str) for value in values.values()):
        with pytest.raises(UsageError, match=rf"\[train\].*{message}"):
            decode(TrainConfig, values, "[train]")


def test_every_option_has_help_and_defaults_to_none_are_explained():
    for field in fields_of(TrainConfig):
        assert field.meta is not None
        assert field.meta.description
        if field.default is None and field.name not in ("data", "out"):
            assert "by default" in field.meta.description, field.name


def test_the_fingerprint_has_what_the_weights_depend_on():
    config = TrainConfig()
    left_out = {"data", "out", "init_from", "checkpoint_steps", "tensorboard"}
    assert set(config.fingerprint()) == {field.name for field in fields(config)} - left_out
    moved = replace(config, data="elsewhere", out="there", checkpoint_steps=5, tensorboard=True)
    assert moved.fingerprint() == config.fingerprint()
    assert replace(config, seed=1).fingerprint() != config.fingerprint()
