"""Where a network is trained, and what of PyTorch a run sets for the while."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from quickdraw_kit.errors import UsageError

__all__ = ["resolve_device", "torch_settings"]


def resolve_device(name: str) -> str:
    """Say what ``auto`` means here, and that a device is there."""
    if name == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        return str(torch.empty(0, device=name).device)
    except (AssertionError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"device {name!r} is not there ({reason}): try auto or cpu") from error


@contextmanager
def torch_settings(seed: int, threads: int | None, device: str) -> Iterator[None]:
    """Seed and threads for the while; callers get their own back."""
    before = torch.get_num_threads()
    with torch.random.fork_rng([device] if device.startswith("cuda") else []):
        torch.manual_seed(seed)
        if threads is not None:
            torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)
