"""Guesses for many players at once: requests that arrive while the model runs are its next batch.

The model has its own thread, so browsing does not delay it. The queue is bounded; a page sends its
next request after the response to the last one, so there is at most one drawing per player in it.
"""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from quickdraw_kit.errors import QuickdrawError
from quickdraw_kit.learn.infer.preprocess import model_preprocessing
from quickdraw_kit.learn.models.model import Model
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.simplify import simplify

_MAX_BATCH = 64

_Queue: TypeAlias = "asyncio.Queue[tuple[DrawingBatch, asyncio.Future[Guess]]]"


class BusyError(QuickdrawError):
    """The queue of drawings is full."""


@dataclass(frozen=True, slots=True, eq=False)
class Guess:
    """The prediction for a drawing, and the bitmap that the model saw."""

    probabilities: npt.NDArray[np.float32]
    image: npt.NDArray[np.uint8]

    def best(self, count: int) -> list[tuple[int, float]]:
        """Return the most probable labels with their probabilities."""
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(int(label), round(float(self.probabilities[label]), 4)) for label in order]


class Guesser:
    """A model behind a queue of at most `max_waiting` drawings."""

    def __init__(self, model: Model, *, max_waiting: int = 1024) -> None:
        self.model = model
        self._max_waiting = max_waiting
        if model.input_type == "images":  # convolutions on a CPU are faster with channels last
            model.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._preprocessing = model_preprocessing(model)
        self._queue: _Queue | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Process the queue while the block runs."""
        self._queue = asyncio.Queue(self._max_waiting)
        with ThreadPoolExecutor(1, "guesses") as thread:
            worker = asyncio.create_task(self._process(self._queue, thread))
            try:
                yield
            finally:
                worker.cancel()
                await asyncio.gather(worker, return_exceptions=True)
                self._queue = None

    async def guess(self, drawing: DrawingBatch) -> Guess:
        """Put a raw drawing into the queue and wait for the guess; `BusyError` if it is full."""
        if self._queue is None:
            raise RuntimeError("the queue is not processed: use `async with guesser.running()`")
        future: asyncio.Future[Guess] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait((drawing, future))
        except asyncio.QueueFull:
            raise BusyError(f"{self._max_waiting} drawings are waiting: try again") from None
        return await future

    async def _process(self, queue: _Queue, thread: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        while True:
            # wait for one drawing, then take what else has arrived: a lone player never waits
            requests = [await queue.get()]
            while len(requests) < _MAX_BATCH and not queue.empty():
                requests.append(queue.get_nowait())

            drawings = [drawing for drawing, _ in requests]
            try:
                guesses = await loop.run_in_executor(thread, self.guess_batch, drawings)
            except Exception as error:  # every request gets it, and the loop goes on
                for _, future in requests:
                    if not future.done():
                        future.set_exception(error)
                continue

            for (_, future), guess in zip(requests, guesses, strict=True):
                if not future.done():  # the browser may have disconnected
                    future.set_result(guess)

    def guess_batch(self, drawings: list[DrawingBatch]) -> list[Guess]:
        """Guess raw drawings in this thread, as one batch."""
        simple = simplify(DrawingBatch.concat(drawings))
        images = self._preprocessing.from_strokes(simple)
        inputs = simple if self.model.input_type == "strokes" else images
        probabilities = self.model.probabilities(inputs)

        # NaN is not JSON, and sorting it would make a guess of it
        if not np.isfinite(probabilities).all():
            raise QuickdrawError(
                "the model returns NaN: train it again, for example with a lower learning rate"
            )
        return [Guess(*pair) for pair in zip(probabilities, images, strict=True)]
