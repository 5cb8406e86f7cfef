"""Several processes that train one network: started by ``torchrun``, or a single one.

Each process takes its share of the rows of every batch, and reads no others; gradients are summed
over all processes before the step. So a step of n processes is the step that one process would make
with the whole batch, except for rounding, batch normalization (each process normalizes with its own
rows) and random draws. After the step, all processes have the same weights, to the bit. Tensors
travel as one vector: these networks are too small to overlap communication with computation.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist

from quickdraw_kit.errors import QuickdrawError, UsageError


@dataclass(frozen=True, slots=True)
class ProcessGroup:
    """The processes of a training run, seen from one of them."""

    rank: int = 0
    world_size: int = 1

    @property
    def is_rank_zero(self) -> bool:
        """Whether this process evaluates, writes and reports."""
        return self.rank == 0

    def all_reduce(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace tensors, in place, by their sums over all processes."""
        if self.world_size > 1 and tensors:
            vector = _flatten(tensors)
            with self._translate_errors():
                dist.all_reduce(vector)
            _unflatten(vector, tensors)

    def broadcast(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace tensors, in place, by those of rank 0."""
        if self.world_size > 1 and tensors:
            vector = _flatten(tensors)
            with self._translate_errors():
                dist.broadcast(vector, 0)
            _unflatten(vector, tensors)

    def barrier(self) -> None:
        """Wait for all processes."""
        if self.world_size > 1:
            with self._translate_errors():
                dist.barrier()

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:  # gloo and NCCL raise no more specific type
            reason = str(error).partition(". ")[0]
            raise QuickdrawError(
                f"process {self.rank} of {self.world_size} lost the connection to another process "
                f"({reason}); look for an earlier error of that process. Run the same command "
                "again to resume from the checkpoint."
            ) from error


@contextmanager
def join_process_group(device: str) -> Iterator[tuple[ProcessGroup, str]]:
    """Join the processes that ``torchrun`` started; yield the group and the device of this one.

    Without ``torchrun``, the group is this process alone. A group that the caller has initialized
    is used, and left as it is.
    """
    joined = dist.is_available() and dist.is_initialized()
    if not joined and int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ProcessGroup(), device
        return

    device_type = device.partition(":")[0]
    if device_type not in ("cpu", "cuda"):
        raise UsageError(
            f"device {device!r} does not support more than one process: use cpu or cuda"
        )
    if device == "cuda":  # one GPU for each process of a machine
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(device)

    if not joined:
        dist.init_process_group("nccl" if device_type == "cuda" else "gloo")
    try:
        yield ProcessGroup(dist.get_rank(), dist.get_world_size()), device
    finally:
        if not joined:
            dist.destroy_process_group()


def _flatten(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


def _unflatten(vector: torch.Tensor, tensors: Sequence[torch.Tensor]) -> None:
    # `torch.nn.utils.vector_to_parameters` would make the tensors views of the vector, which loses
    # their memory format; values are copied instead
    start = 0
    for tensor in tensors:
        values = vector[start : start + tensor.numel()]
        tensor.copy_(values.view(tensor.shape))
        start += tensor.numel()
