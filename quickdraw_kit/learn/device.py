"""The device and the precision of a training run, and PyTorch's global settings during it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from quickdraw_kit.errors import UsageError


def resolve_device(name: str) -> str:
    """Resolve ``auto``, and check that any other device is available."""
    if name == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"

    # an allocation is the only test that works for every backend, whatever it raises
    try:
        return str(torch.empty(0, device=name).device)
    except (AssertionError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"device {name!r} is not available ({reason}): try auto or cpu") from error


def resolve_precision(precision: str, device: torch.device) -> str:
    """Resolve ``auto``: bfloat16 where the hardware multiplies in it, else float32."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if device.type != "cpu":
        return "float32"

    # private functions of PyTorch, which may go away: then float32, which is always right
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return "bfloat16" if any(getattr(torch.cpu, name, bool)() for name in names) else "float32"


@contextmanager
def torch_settings(seed: int, threads: int | None, device: str) -> Iterator[None]:
    """Set seed and threads; the caller's random state and threads are restored on exit."""
    threads_before = torch.get_num_threads()
    with torch.random.fork_rng([device] if device.startswith("cuda") else []):
        torch.manual_seed(seed)
        if threads is not None:
            torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(threads_before)
