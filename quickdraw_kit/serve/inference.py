"""Guesses for many players at once: what arrives while the model works is its next batch.

The model has a thread of its own, so that no browsing holds it up. The queue is bounded; a page
asks its next question when the last one is answered, so it holds one drawing of each player.
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

__all__ = ["BusyError", "Guess", "Guesser"]

_MOST_WAITING = 1024
_MOST_AT_ONCE = 64


class BusyError(QuickdrawError):
    """More drawings are waiting than the server takes."""


@dataclass(frozen=True, slots=True, eq=False)
class Guess:
    """What the model makes of a drawing."""

    probabilities: npt.NDArray[np.float32]
    image: npt.NDArray[np.uint8]

    def best(self, count: int) -> list[tuple[int, float]]:
        """Return the most likely labels and how likely they are."""
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(int(label), round(float(self.probabilities[label]), 4)) for label in order]


class Guesser:
    """A model that guesses drawings for whoever asks."""

    def __init__(self, model: Model) -> None:
        self.model = model
        if model.input_type == "images":
            model.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._style = model_style(model)
        self._waiting: asyncio.Queue[tuple[DrawingBatch, asyncio.Future[Guess]]] | None = None

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Answer while the block runs."""
        self._waiting = asyncio.Queue(_MOST_WAITING)
        with ThreadPoolExecutor(1, "guesses") as thread:
            worker = asyncio.create_task(self._answer(self._waiting, thread))
            try:
                yield
            finally:
                worker.cancel()
                await asyncio.gather(worker, return_exceptions=True)
                self._waiting = None

    async def guess(self, drawing: DrawingBatch) -> Guess:
        """Guess one raw drawing."""
        if self._waiting is None:
            raise RuntimeError("the guesser is not working: use `async with guesser.working()`")
        future: asyncio.Future[Guess] = asyncio.get_running_loop().create_future()
        try:
            self._waiting.put_nowait((drawing, future))
        except asyncio.QueueFull:
            raise BusyError(f"{_MOST_WAITING} drawings are waiting: try again") from None
        return await future

    async def _answer(
        self,
        waiting: "asyncio.Queue[tuple[DrawingBatch, asyncio.Future[Guess]]]",
        thread: ThreadPoolExecutor,
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            asked = [await waiting.get()]
            while len(asked) < _MOST_AT_ONCE and not waiting.empty():
                asked.append(waiting.get_nowait())
            try:
                drawings = [drawing for drawing, _ in asked]
                guesses = await loop.run_in_executor(thread, self.look, drawings)
            except Exception as error:  # every one of them must hear of it
                for _, future in asked:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), guess in zip(asked, guesses, strict=True):
                if not future.done():  # the browser may be gone
                    future.set_result(guess)

    def look(self, drawings: list[DrawingBatch]) -> list[Guess]:
        """Guess raw drawings, here and now."""
        simple = simplify(DrawingBatch.concat(drawings))
        images = rasterize(simple, self._style)
        seen = simple if self.model.input_type == "strokes" else images
        probabilities = self.model.probabilities(seen)
        if not np.isfinite(probabilities).all():
            raise QuickdrawError("the model answers with what is no number: train it anew")
        return [Guess(*pair) for pair in zip(probabilities, images, strict=True)]
