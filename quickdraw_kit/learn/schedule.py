"""How the learning rate goes, as a function of the step.

A function, not an object that counts along: a run that continues needs no state of it.
"""

import math

from quickdraw_kit.errors import UsageError

__all__ = ["SCHEDULES", "rate_at"]

SCHEDULES = ("one-cycle", "cosine", "constant")

_START, _END = 1 / 25, 1e-6  # of the highest rate
_CALM, _FAST = 0.95, 0.85  # momentum at the lowest and at the highest rate
_MOMENTUM = 0.9


def rate_at(step: int, steps: int, *, schedule: str, warmup_fraction: float) -> tuple[float, float]:
    """Return the learning rate of a step, as a share of the highest, and the momentum."""
    if schedule not in SCHEDULES:
        raise UsageError(f"no schedule {schedule!r}, expected one of {', '.join(SCHEDULES)}")
    last = max(steps - 1, 1)
    peak = warmup_fraction * last
    rising = step < peak
    if schedule == "constant":
        return (step + 1) / (peak + 1) if rising else 1.0, _MOMENTUM
    if schedule == "cosine" and rising:
        return (step + 1) / (peak + 1), _MOMENTUM
    part = step / peak if rising else (step - peak) / max(last - peak, 1)
    if schedule == "cosine":
        return _between(1.0, _END, part), _MOMENTUM
    if rising:
        return _between(_START, 1.0, part), _between(_CALM, _FAST, part)
    return _between(1.0, _END, part), _between(_FAST, _CALM, part)


def _between(first: float, last: float, part: float) -> float:
    """Go from one number to another along half a cosine."""
    return last + (first - last) * (1 + math.cos(math.pi * min(part, 1.0))) / 2
