"""Guesses for many players at once: requests that arrive while the model runs are its next batch.

The model has a thread of its own, so browsing does not delay it. The queue is bounded; a page sends
its next request when the last one is answered, so the queue holds one drawing per player.
"""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from quickdraw_kit.errors import QuickdrawError
from quickdraw_kit.learn.infer.predict import model_style
from quickdraw_kit.learn.models.model import Model
from quickdraw_kit.raster.render import rasterize
from quickdraw_kit.strokes.batch import DrawingBatch
from quickdraw_kit.strokes.simplify import simplify

_MAX_WAITING = 1024
_MAX_BATCH = 64


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
    """A model behind a queue."""

    def __init__(self, model: Model) -> None:
        self.model = model
        if model.input_type == "images":
            model.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._style = model_style(model)
        self._waiting: asyncio.Queue[tuple[DrawingBatch, asyncio.Future[Guess]]] | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Process the queue while the block runs."""
        self._waiting = asyncio.Queue(_MAX_WAITING)
        with ThreadPoolExecutor(1, "guesses") as thread:
            worker = asyncio.create_task(self._answer(self._waiting, thread))
            try:
                yield
            finally:
                worker.cancel()
                await asyncio.gather(worker, return_exceptions=True)
                self._waiting = None

    async def guess(self, drawing: DrawingBatch) -> Guess:
        """Guess a raw drawing: put it into the queue and wait."""
        if self._waiting is None:
            raise RuntimeError("the guesser is not working: use `async with guesser.working()`")
        future: asyncio.Future[Guess] = asyncio.get_running_loop().create_future()
        try:
            self._waiting.put_nowait((drawing, future))
        except asyncio.QueueFull:
            raise BusyError(f"{_MAX_WAITING} drawings are waiting: try again") from None
        return await future

    async def _answer(
        self,
        waiting: "asyncio.Queue[tuple[DrawingBatch, asyncio.Future[Guess]]]",
        thread: ThreadPoolExecutor,
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            requests = [await waiting.get()]
            while len(requests) < _MAX_BATCH and not waiting.empty():
                requests.append(waiting.get_nowait())
            try:
                drawings = [drawing for drawing, _ in requests]
                guesses = await loop.run_in_executor(thread, self.guess_now, drawings)
            except Exception as error:  # each request must get it
                for _, future in requests:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), guess in zip(requests, guesses, strict=True):
                if not future.done():  # the browser may have disconnected
                    future.set_result(guess)

    def guess_now(self, drawings: list[DrawingBatch]) -> list[Guess]:
        """Guess raw drawings in this thread, as one batch."""
        simple = simplify(DrawingBatch.concat(drawings))
        images = rasterize(simple, self._style)
        seen = simple if self.model.input_type == "strokes" else images
        probabilities = self.model.probabilities(seen)
        if not np.isfinite(probabilities).all():
            raise QuickdrawError("the model returns NaN: train it again")
        return [Guess(*pair) for pair in zip(probabilities, images, strict=True)]
