"""Several processes that train one network: started by ``torchrun``, or one alone.

Each process takes its part of every batch, and reads no other rows; the gradients of all are added
before the step. So a step of n processes is the step that one would have made with the whole batch,
but for rounding, for batch normalisation (each process normalises with its own rows) and for what
is drawn at random; and after it all have the same weights, to the bit. Everything travels as one
vector, for these networks are small: there is nothing to overlap.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist

from quickdraw_kit.errors import QuickdrawError, UsageError

__all__ = ["Team", "join_team"]


@dataclass(frozen=True, slots=True)
class Team:
    """The processes of a run, seen from one of them."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process measures, writes and reports."""
        return self.rank == 0

    def add(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace tensors by their sums over all processes."""
        if self.size > 1 and tensors:
            vector = torch.cat([tensor.reshape(-1) for tensor in tensors])
            with self._together():
                dist.all_reduce(vector)
            self._spread(vector, tensors)

    def follow(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace tensors by those of the leader."""
        if self.size > 1 and tensors:
            vector = torch.cat([tensor.reshape(-1) for tensor in tensors])
            with self._together():
                dist.broadcast(vector, 0)
            self._spread(vector, tensors)

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            with self._together():
                dist.barrier()

    @contextmanager
    def _together(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:  # the only kind that gloo and NCCL raise
            reason = str(error).partition(". ")[0]
            raise QuickdrawError(
                f"process {self.rank} of {self.size} lost another one, which may have said why "
                f"({reason}). The same command again goes on from the checkpoint."
            ) from error

    @staticmethod
    def _spread(vector: torch.Tensor, tensors: Sequence[torch.Tensor]) -> None:
        start = 0
        for tensor in tensors:
            part = vector[start : start + tensor.numel()]
            tensor.copy_(part.view(tensor.shape))
            start += tensor.numel()


@contextmanager
def join_team(device: str) -> Iterator[tuple[Team, str]]:
    """Join the processes that ``torchrun`` has started; a process of its own is a team of one."""
    joined = dist.is_available() and dist.is_initialized()
    if not joined and int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Team(), device
        return
    kind = device.partition(":")[0]
    if kind not in ("cpu", "cuda"):
        raise UsageError(f"device {device!r} works in one process only: use cpu or cuda")
    if kind == "cuda" and device == "cuda":
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(device)
    if not joined:
        dist.init_process_group("nccl" if kind == "cuda" else "gloo")
    try:
        yield Team(dist.get_rank(), dist.get_world_size()), device
    finally:
        if not joined:
            dist.destroy_process_group()
