"""`rate_at` rises in the warm-up, falls to zero, and equals PyTorch's one-cycle schedule."""

import warnings
from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from quickdraw_kit.errors import UsageError
from quickdraw_kit.learn.schedule import Schedule, rate_at


@pytest.mark.parametrize(("steps", "warmup_fraction"), [(100, 0.3), (37, 0.5)])
def test_one_cycle_is_that_of_pytorch(steps, warmup_fraction):
    # its peak is half a step off: pct_start is chosen to move it to the step of ours
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        0.1,
        total_steps=steps,
        pct_start=(warmup_fraction * (steps - 1) + 1) / steps,
        final_div_factor=1e6 / 25,
    )
    for step in range(steps):
        rate, momentum = rate_at(step, steps, schedule="one-cycle", warmup_fraction=warmup_fraction)
        assert 0.1 * rate == pytest.approx(theirs.get_last_lr()[0], rel=1e-6, abs=1e-9)
        assert momentum == pytest.approx(optimizer.param_groups[0]["betas"][0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the optimizer makes no step
            theirs.step()


@given(
    schedule=st.sampled_from(get_args(Schedule)),
    steps=st.integers(1, 300),
    warmup_fraction=st.floats(0, 0.99),
)
def test_rises_then_falls(schedule, steps, warmup_fraction):
    rates = [
        rate_at(n, steps, schedule=schedule, warmup_fraction=warmup_fraction)[0]
        for n in range(steps)
    ]
    assert all(0 < rate <= 1 for rate in rates)
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    if schedule == "constant":
        assert rates[-1] == 1 or peak == steps - 1
    elif steps > 1 and warmup_fraction * (steps - 1) <= steps - 2:
        assert rates[-1] < 1e-5


def test_constant_stays_at_the_highest_rate():
    assert rate_at(5, 9, schedule="constant", warmup_fraction=0.0) == (1.0, 0.9)


def test_unknown_schedules_are_refused():
    with pytest.raises(UsageError, match="schedule is 'linear', expected one of one-cycle"):
        rate_at(0, 1, schedule="linear", warmup_fraction=0)
