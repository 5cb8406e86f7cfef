"""Learning-rate schedules, as a function of the step.

A function and not one of PyTorch's schedulers, which count along: a run that is resumed needs no
state of it.
"""

import math
from typing import Literal, TypeAlias

from quickdraw_kit.errors import UsageError

Schedule: TypeAlias = Literal["one-cycle", "cosine", "constant"]

# fractions of the highest rate; as `torch.optim.lr_scheduler.OneCycleLR` has them
_START, _END = 1 / 25, 1e-6
_MOMENTUM = 0.9
_MOMENTUM_AT_LOWEST, _MOMENTUM_AT_HIGHEST = 0.95, 0.85  # of one-cycle, at these learning rates


def rate_at(
    step: int, steps: int, *, schedule: Schedule, warmup_fraction: float
) -> tuple[float, float]:
    """Return the learning rate of a step, as a fraction of the highest, and the momentum."""
    last = max(steps - 1, 1)
    peak = warmup_fraction * last  # the step of the highest rate
    warming_up = step < peak
    linear = (step + 1) / (peak + 1)  # 1 at the peak, and not 0 in the first step
    progress = step / peak if warming_up else (step - peak) / max(last - peak, 1)

    match schedule:
        case "constant":
            return linear if warming_up else 1.0, _MOMENTUM
        case "cosine":
            return linear if warming_up else _anneal(1.0, _END, progress), _MOMENTUM
        case "one-cycle" if warming_up:
            momentum = _anneal(_MOMENTUM_AT_LOWEST, _MOMENTUM_AT_HIGHEST, progress)
            return _anneal(_START, 1.0, progress), momentum
        case "one-cycle":
            momentum = _anneal(_MOMENTUM_AT_HIGHEST, _MOMENTUM_AT_LOWEST, progress)
            return _anneal(1.0, _END, progress), momentum
        case _:
            raise UsageError(
                f"schedule is {schedule!r}, expected one of one-cycle, cosine, constant"
            )


def _anneal(first: float, last: float, progress: float) -> float:
    """Go from one number to another along half a cosine."""
    return last + (first - last) * (1 + math.cos(math.pi * min(progress, 1.0))) / 2
